//! [`Draft`]: a file that takes another's place when it is complete, and leaves it alone otherwise.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::disk::snapshot::error::SaveKind;
use crate::ground::random::random_key;

/// A new file beside the one that it is to replace. Dropped before it is published, it is removed.
pub(crate) struct Draft {
    path: PathBuf,
    target: PathBuf,
    file: Option<File>,
}

impl Draft {
    /// Creates the new file. Where `target` is a link, it is for the file that the link names.
    pub(crate) fn create(target: &Path) -> Result<Draft, SaveKind> {
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        let old = fs::metadata(&target).ok();
        if old.as_ref().is_some_and(|old| !old.is_file()) {
            return Err(SaveKind::NotAFile);
        }
        let name = target.file_name().ok_or(SaveKind::NotAFile)?;
        let mut draft_name = OsString::from(".");
        draft_name.push(name);
        draft_name.push(format!(".{}.tmp", random_key().simple()));
        let path = target.with_file_name(draft_name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(SaveKind::io("create a new file beside it"))?;
        let draft = Draft {
            path,
            target,
            file: Some(file),
        };
        if let Some(old) = old {
            // Who could not read the old one cannot read the new one either.
            fs::set_permissions(&draft.path, old.permissions())
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
        self.file = None;
        fs::rename(&self.path, &self.target).map_err(SaveKind::io("put the new file in its place"))?;
        // There is nothing to remove any more.
        self.path = PathBuf::new();
        sync_folder(&self.target).map_err(SaveKind::io("write the folder to the disk"))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.file = None;
        if !self.path.as_os_str().is_empty() {
            // If even that fails there is nobody to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A rename survives a loss of power only when the folder was written, too.
#[cfg(unix)]
fn sync_folder(target: &Path) -> std::io::Result<()> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

/// Other systems cannot open a folder, and write the rename by themselves.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}
