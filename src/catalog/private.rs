//! Files and folders that only their owner may read.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    path::Path,
};

/// Creates a folder, and those above it that are missing, for its owner alone.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens a file to write, and creates it for its owner alone where there is none.
pub(super) fn open_or_create(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Makes it last what files a folder has. Only Unix can sync one; elsewhere the file system's journal has to do.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the Unix twin can fail")]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// The same for a folder and those above it, up to one of them.
pub(super) fn sync_folders(folder: &Path, up_to: &Path) -> io::Result<()> {
    folder.ancestors().take_while(|it| it.starts_with(up_to)).try_for_each(sync_folder)
}

/// Takes what others may do with a file or a folder of ours away from them; answers whether they could do anything.
#[cfg(unix)]
pub(super) fn keep_private(path: &Path) -> io::Result<bool> {
    use std::{fs, os::unix::fs::PermissionsExt};

    let mut permissions = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        metadata => metadata?.permissions(),
    };
    let mode = permissions.mode();
    let own = mode & 0o700;
    if mode & 0o777 == own {
        return Ok(false);
    }
    permissions.set_mode(own);
    fs::set_permissions(path, permissions)?;
    Ok(true)
}

/// Elsewhere the folder of the user's profile keeps others out.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the Unix twin can fail")]
pub(super) fn keep_private(_path: &Path) -> io::Result<bool> {
    Ok(false)
}
