//! An allocator that counts what it is asked for, for programs that measure memory.
//!
//! Bytes are those that were asked for; an allocator adds to them what it needs for itself.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The system's allocator, which counts what it is asked for.
#[derive(Debug)]
pub struct Counting;

static BYTES: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);
static BLOCKS: AtomicU64 = AtomicU64::new(0);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

fn add(bytes: usize) {
    ALLOCATIONS.fetch_add(1, Relaxed);
    let now = BYTES.fetch_add(bytes as u64, Relaxed) + bytes as u64;
    PEAK.fetch_max(now, Relaxed);
}

/// How many bytes there are now.
pub fn bytes() -> u64 {
    BYTES.load(Relaxed)
}

/// How many there were at most since [`forget_peak`].
pub fn peak() -> u64 {
    PEAK.load(Relaxed)
}

/// How many blocks there are now.
pub fn blocks() -> u64 {
    BLOCKS.load(Relaxed)
}

/// How often it was asked so far.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Relaxed)
}

/// Counts from here on.
pub fn forget_peak() {
    PEAK.store(bytes(), Relaxed);
}

#[allow(
    unsafe_code,
    reason = "an allocator cannot be written without; it hands everything to the system's"
)]
// SAFETY: each method passes its arguments on to the system's allocator, whose contract is the same.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        BLOCKS.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as u64, Relaxed);
        BLOCKS.fetch_sub(1, Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // It may have both for a while.
        add(size);
        BYTES.fetch_sub(layout.size() as u64, Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(block, layout, size) }
    }
}
