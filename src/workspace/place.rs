//! Where an export may go, and how a finished file gets there: whole, or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::roots::Roots;
use crate::{
    export::Format,
    fault::{Code, Fault},
};

/// A file to be written, whose folder exists and may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    path: PathBuf,
    overwrite: bool,
}

impl Target {
    /// Checks a caller's path.
    ///
    /// The extension must be the format's, so that no export can pass for a script or a configuration file.
    pub(super) fn parse(path: &Path, format: Format, overwrite: bool, roots: &Roots) -> Result<Target, Fault> {
        let path = roots.allow_new(path)?;
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if extension != format.name() {
            return Err(Fault::new(
                Code::InvalidArguments,
                format!("`{}` does not end in `.{}`", path.display(), format.name()),
            )
            .hint("let `path` end in .csv, .xlsx, .parquet or .json, and leave `format` out or make it the same"));
        }
        let target = Target { path, overwrite };
        target.check_free()?;
        Ok(target)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the finished file to its place. On another file system it is copied beside the target first.
    pub(super) fn fill(&self, finished: &Path) -> Result<(), Fault> {
        self.check_free()?;
        let failed = |error: io::Error| self.failed(&error);
        // Windows syncs only a handle that may write.
        OpenOptions::new().write(true).open(finished).and_then(|file| file.sync_all()).map_err(failed)?;
        if self.overwrite
            && let Ok(old) = fs::metadata(&self.path)
        {
            fs::set_permissions(finished, old.permissions()).map_err(failed)?;
        }
        match self.put(finished) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                // Another file system, or one without hard links.
                let beside = Beside::copy_of(finished, &self.path).map_err(failed)?;
                self.put(&beside.0).or_else(|error| self.put_without_links(&beside.0, error)).map_err(failed)?;
            }
            outcome => outcome.map_err(failed)?,
        }
        sync_folder(&self.path).map_err(failed)
    }

    /// Gives the file its name, in one step. A link, unlike a rename, never replaces a file.
    fn put(&self, file: &Path) -> io::Result<()> {
        if self.overwrite { fs::rename(file, &self.path) } else { fs::hard_link(file, &self.path) }
    }

    /// Some file systems (FAT, some network folders) have no hard links: look, then rename.
    fn put_without_links(&self, file: &Path, error: io::Error) -> io::Result<()> {
        if self.overwrite {
            return Err(error);
        }
        if fs::symlink_metadata(&self.path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(file, &self.path)
    }

    /// Nothing is there, or a plain file that may be replaced.
    fn check_free(&self) -> Result<(), Fault> {
        let Ok(there) = fs::symlink_metadata(&self.path) else { return Ok(()) };
        if !there.is_file() {
            let what = if there.is_dir() {
                "a folder"
            } else if there.is_symlink() {
                "a symbolic link"
            } else {
                "no plain file"
            };
            return Err(Fault::new(Code::PathNotAllowed, format!("`{}` is {what}", self.path.display()))
                .hint("export to another name"));
        }
        if self.overwrite { Ok(()) } else { Err(self.exists()) }
    }

    fn exists(&self) -> Fault {
        Fault::new(Code::Conflict, format!("`{}` exists", self.path.display()))
            .hint("export to another name, or set `overwrite` to replace the file")
    }

    fn failed(&self, error: &io::Error) -> Fault {
        let kind = error.kind();
        if kind == io::ErrorKind::AlreadyExists {
            return self.exists();
        }
        let message = format!("`{}` can't be written: {error}", self.path.display());
        if [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem].contains(&kind) {
            Fault::new(Code::PathNotAllowed, message).hint("export to a folder that you may write to")
        } else {
            Fault::new(Code::StorageFailed, message).hint("check that there is room on the disk")
        }
    }
}

/// A copy beside the target, removed on drop unless it was renamed.
struct Beside(PathBuf);

impl Beside {
    fn copy_of(finished: &Path, target: &Path) -> io::Result<Beside> {
        let name = format!(".quire-{}.tmp", uuid::Uuid::new_v4().simple());
        let beside = Beside(target.with_file_name(name));
        let mut copy = OpenOptions::new().write(true).create_new(true).open(&beside.0)?;
        io::copy(&mut File::open(finished)?, &mut copy)?;
        copy.set_permissions(fs::metadata(finished)?.permissions())?;
        copy.sync_all()?;
        Ok(beside)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Makes the name last. Only Unix can sync a folder.
fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(folder: &Path, overwrite: bool) -> Target {
        Target { path: folder.join("out.csv"), overwrite }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let finished = folder.path().join("finished");
        fs::write(&finished, "new").unwrap();
        fs::write(folder.path().join("out.csv"), "old").unwrap();
        let target = target(folder.path(), false);
        assert_eq!(target.put(&finished).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(target.fill(&finished).unwrap_err().code, Code::Conflict);
        assert_eq!(fs::read_to_string(folder.path().join("out.csv")).unwrap(), "old");
    }

    #[test]
    fn a_copy_from_another_file_system_leaves_nothing_but_the_target() {
        let folder = tempfile::tempdir().unwrap();
        let finished = folder.path().join("finished");
        fs::write(&finished, "new").unwrap();
        for overwrite in [false, true] {
            let target = target(folder.path(), overwrite);
            let beside = Beside::copy_of(&finished, &target.path).unwrap();
            target.put(&beside.0).unwrap();
            drop(beside);
            assert_eq!(names(folder.path()), ["finished", "out.csv"]);
            assert_eq!(fs::read_to_string(&target.path).unwrap(), "new");
        }
    }
}
