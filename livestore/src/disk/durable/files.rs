//! [`Files`]: what is asked of the file system, so that a test can put one there that forgets.
//!
//! POSIX promises little about what is left after a loss of power: of a file, any part of what was written since its last
//! sync; of a folder, any of the names that were given or taken since its own. So a file is synced before it is renamed,
//! and the folder is synced before anything relies on a name in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The files of one folder.
pub(crate) trait Files: Send + 'static {
    type File: OnDisk;

    /// Makes an empty file, in place of one that has the name.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens a file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Opens a file that may be somebody else's.
    fn open_to_read(&self, name: &str) -> io::Result<Self::File>;

    fn list(&self) -> io::Result<Vec<String>>;

    /// Gives a file another name, in place of one that has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// When this returns, the names are on disk as they were.
    fn sync(&self) -> io::Result<()>;
}

/// An open file.
pub(crate) trait OnDisk: Send {
    fn len(&self) -> io::Result<u64>;

    /// Reads up to so many bytes; none only at the end.
    fn read_at(&mut self, at: u64, into: &mut [u8]) -> io::Result<usize>;

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts it, or adds zeros.
    fn set_len(&mut self, len: u64) -> io::Result<()>;

    /// When this returns, its bytes are on disk, and its length as far as it takes to read them.
    fn sync(&mut self) -> io::Result<()>;

    /// Whether it still has a name.
    fn is_there(&self) -> io::Result<bool>;
}

/// A folder of the system's.
pub(crate) struct Folder {
    path: PathBuf,
    /// To sync it takes no further file: a process may have all open that it may. `None` where a folder cannot be opened as
    /// a file, and its list is the system's concern.
    list: Option<File>,
}

impl Folder {
    /// The path must not depend on where the process is.
    pub(crate) fn open(path: PathBuf) -> io::Result<Folder> {
        let list = match cfg!(unix) {
            true => Some(File::open(&path)?),
            false => None,
        };
        Ok(Folder { path, list })
    }
}

impl Files for Folder {
    type File = File;

    fn create(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).read(true).write(true);
        options.open(self.path.join(name))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.path.join(name))
    }

    fn open_to_read(&self, name: &str) -> io::Result<File> {
        File::open(self.path.join(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for file in fs::read_dir(&self.path)? {
            // Ours are all of plain letters.
            if let Ok(name) = file?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        self.list.as_ref().map_or(Ok(()), File::sync_all)
    }
}

impl OnDisk for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&mut self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.seek(SeekFrom::Start(at))?;
        loop {
            match self.read(into) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(at))?;
        self.write_all(bytes)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn is_there(&self) -> io::Result<bool> {
        #[cfg(unix)]
        return Ok(std::os::unix::fs::MetadataExt::nlink(&self.metadata()?) > 0);
        // Elsewhere a file that is open keeps its name.
        #[cfg(not(unix))]
        Ok(true)
    }
}

/// Makes a folder and those that it is in. They are on disk when this returns.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
    fs::create_dir_all(path)?;
    for made in missing.iter().rev() {
        if let Some(parent) = made.parent() {
            Folder::open(parent.to_owned())?.sync()?;
        }
    }
    Ok(())
}

/// Reads a file from its beginning, up to some length.
pub(crate) struct Reading<'a, F> {
    file: &'a mut F,
    at: u64,
    len: u64,
}

impl<'a, F: OnDisk> Reading<'a, F> {
    pub(crate) fn new(file: &'a mut F, len: u64) -> Reading<'a, F> {
        Reading { file, at: 0, len }
    }
}

impl<F: OnDisk> Read for Reading<'_, F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.len - self.at)
            .unwrap_or(usize::MAX)
            .min(into.len());
        let read = self.file.read_at(self.at, &mut into[..most])?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Writes a file from its beginning.
pub(crate) struct Writing<F> {
    pub(crate) file: F,
    at: u64,
}

impl<F: OnDisk> Writing<F> {
    pub(crate) fn new(file: F) -> Writing<F> {
        Writing { file, at: 0 }
    }
}

impl<F: OnDisk> Write for Writing<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(self.at, bytes)?;
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
