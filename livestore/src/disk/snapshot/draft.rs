//! [`Draft`]: a file that takes another's place when it is complete, and leaves it alone otherwise.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{self, Path, PathBuf};

use crate::disk::snapshot::error::SaveKind;
use crate::ground::random::random_key;

/// A new file beside the one that it is to replace. Dropped before it is published, it is removed. While it is written it
/// is locked, so a draft that is not is one of a process that was killed.
pub(crate) struct Draft {
    /// `None` when there is nothing to remove any more.
    path: Option<PathBuf>,
    target: PathBuf,
    file: Option<File>,
}

/// Most systems take names of so many bytes.
const LONGEST_NAME: usize = 255;

/// What a draft's name has behind that of its target: a dot, eight digits, and `.tmp`.
const END: usize = 13;

/// So many links that lead to each other are a circle.
const MANY_LINKS: usize = 40;

impl Draft {
    /// Creates the new file. Where `target` is a link, it is for the file that the link names, whether it is there or not.
    pub(crate) fn create(target: &Path) -> Result<Draft, SaveKind> {
        // Wherever the process goes meanwhile.
        let target = path::absolute(target).map_err(|_| SaveKind::NotAFile)?;
        let target = follow(target).map_err(SaveKind::io("follow the link"))?;
        let old = fs::metadata(&target).ok();
        if old.as_ref().is_some_and(|old| !old.is_file()) {
            return Err(SaveKind::NotAFile);
        }
        let name = target.file_name().ok_or(SaveKind::NotAFile)?.to_string_lossy();
        let mut most = name.len().min(LONGEST_NAME - ".".len() - END);
        while !name.is_char_boundary(most) {
            most -= 1;
        }
        let begin = format!(".{}", &name[..most]);
        remove_orphans(&target, &begin);
        let (path, file) = loop {
            let path = target.with_file_name(format!("{begin}.{:08x}.tmp", random_key().as_fields().0));
            if let Some(file) = claim(&path).map_err(SaveKind::io("create a new file beside it"))? {
                break (path, file);
            }
        };
        let draft = Draft {
            path: Some(path),
            target,
            file: Some(file),
        };
        if let (Some(old), Some(path)) = (old, &draft.path) {
            // Who could not read the old one cannot read the new one either.
            fs::set_permissions(path, old.permissions())
                .map_err(SaveKind::io("give the new file the permissions of the old one"))?;
        }
        Ok(draft)
    }

    pub(crate) fn file(&self) -> Result<&File, SaveKind> {
        self.file.as_ref().ok_or(SaveKind::Interrupted)
    }

    /// Makes the file durable and gives it its place, in one step for everybody who looks.
    pub(crate) fn publish(mut self) -> Result<(), SaveKind> {
        self.file()?
            .sync_all()
            .map_err(SaveKind::io("write the new file to the disk"))?;
        // Not every system renames a file that is open.
        if cfg!(not(unix)) {
            self.file = None;
        }
        if let Some(path) = &self.path {
            fs::rename(path, &self.target).map_err(SaveKind::io("put the new file in its place"))?;
        }
        self.path = None;
        sync_folder(&self.target).map_err(SaveKind::io("write the folder to the disk"))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Some systems remove no file that is open.
        self.file = None;
        if let Some(path) = &self.path {
            // If even that fails there is nobody to tell.
            let _ = fs::remove_file(path);
        }
    }
}

/// Creates the file of a draft, and locks it. `None` if somebody who looks for orphans came between the two: then it is gone,
/// or about to be.
fn claim(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    match file.try_lock() {
        // Whoever removes it has had the lock until then.
        Ok(()) => Ok(fs::symlink_metadata(path).is_ok().then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        // Where there are no locks, drafts are not removed either.
        Err(TryLockError::Error(_)) => Ok(Some(file)),
    }
}

/// The file that a path is about, where it is a link or a link to one.
fn follow(mut path: PathBuf) -> io::Result<PathBuf> {
    for _ in 0..MANY_LINKS {
        match fs::read_link(&path) {
            // From where the link is.
            Ok(to) => path = path.parent().map_or(to.clone(), |folder| folder.join(&to)),
            // It is none, or there is nothing.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("it leads to itself"))
}

/// Removes drafts of processes that were killed. If that fails, they are in nobody's way.
fn remove_orphans(target: &Path, begin: &str) {
    let Some(Ok(files)) = target.parent().map(fs::read_dir) else {
        return;
    };
    for file in files.flatten() {
        let name = file.file_name();
        let is_draft = name.to_str().and_then(|name| {
            let id = name
                .strip_prefix(begin)?
                .strip_prefix('.')?
                .strip_suffix(".tmp")?;
            Some(id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
        });
        if is_draft != Some(true) {
            continue;
        }
        let Ok(orphan) = OpenOptions::new().write(true).open(file.path()) else {
            continue;
        };
        if orphan.try_lock().is_ok() {
            // Locked until it is gone.
            let _ = fs::remove_file(file.path());
        }
    }
}

/// A rename survives a loss of power only when the folder was written, too.
#[cfg(unix)]
fn sync_folder(target: &Path) -> io::Result<()> {
    let folder = target.parent().unwrap_or(target);
    File::open(folder)?.sync_all()
}

/// Other systems cannot open a folder, and write the rename by themselves.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
