//! [`Stack`]: how much of its thread's stack serde may take.

use std::io::{self, Read, Write};
use std::ptr;

/// How much stack a thread needs that writes or reads records. It is address space; memory is taken for what is used.
pub(crate) const STACK: usize = 64 << 20;

/// How much of it a value may take when it is written or read back. A program that was built without optimisation takes
/// more for the same value.
pub(in crate::slot::record) const WRITTEN_STACK: usize = 12 << 20;

/// How much when it is read.
pub(in crate::slot::record) const READ_STACK: usize = 40 << 20;

/// How far the stack may grow from where something began.
#[derive(Clone, Copy)]
pub(in crate::slot::record) struct Stack {
    began: usize,
    limit: usize,
}

impl Stack {
    pub(in crate::slot::record) fn from_here(limit: usize) -> Stack {
        Stack {
            began: stack_pointer(),
            limit,
        }
    }

    #[inline]
    fn check(self) -> io::Result<()> {
        match self.began.abs_diff(stack_pointer()) <= self.limit {
            true => Ok(()),
            false => Err(io::Error::other("the value is nested too deep for the stack")),
        }
    }
}

/// About where the stack ends now.
#[inline(always)]
fn stack_pointer() -> usize {
    let here = 0_u8;
    ptr::from_ref(std::hint::black_box(&here)).addr()
}

/// Looks at the stack whenever something is read or written.
pub(in crate::slot::record) struct Watched<T> {
    pub(in crate::slot::record) of: T,
    pub(in crate::slot::record) stack: Stack,
}

impl Read for Watched<&[u8]> {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stack.check()?;
        self.of.read(buf)
    }

    #[inline]
    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        self.stack.check()?;
        self.of.read_exact(buf)
    }
}

impl Write for Watched<&mut Vec<u8>> {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_all(buf)?;
        Ok(buf.len())
    }

    #[inline]
    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        self.stack.check()?;
        match buf {
            // Most are, and it takes no call.
            [byte] => self.of.push(*byte),
            _ => self.of.extend_from_slice(buf),
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
