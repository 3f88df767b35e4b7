//! Putting a repaired catalog in the place of the old one, so that a kill at any instant leaves one or the other.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use super::{
    CatalogError,
    copy::{self, COPY, FILE},
    private, sweep,
};

/// A new catalog that is whole and the folder's from the moment that it has this name: what is left to do is done by the
/// next process that opens the folder, before it looks at the old one.
pub(super) const REPAIRED: &str = "catalog.db.repaired";
/// Those of the rows of the damaged one, and of its copy, while they are made.
pub(super) const MADE: [&str; 2] = ["catalog.db.of-rows", "catalog.db.of-copy"];

/// Files that the new catalog does not name, which were moved aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SetAside {
    pub n_versions: usize,
    pub n_originals: usize,
}

/// Whether a repair was killed after its catalog was whole.
pub(super) fn is_left(folder: &Path) -> bool {
    folder.join(REPAIRED).is_file()
}

/// The same, brought to its end. To be called only while no other process has the data folder open.
pub(super) fn finish_left(folder: &Path) -> Result<(), CatalogError> {
    if is_left(folder) {
        settle(folder, &copy::aside(folder))?;
    }
    Ok(())
}

/// Moves the files that the repaired catalog does not name aside, and makes it the folder's. Each step may be done again.
pub(super) fn settle(folder: &Path, aside: &Path) -> Result<SetAside, CatalogError> {
    let repaired = folder.join(REPAIRED);
    let done = set_aside(folder, &repaired, aside)?;
    for name in [FILE, REPAIRED] {
        for ending in ["-wal", "-shm"] {
            // The damaged one's would be read into the new one.
            remove(&folder.join(format!("{name}{ending}")))?;
        }
    }
    fs::rename(&repaired, folder.join(FILE))?;
    private::sync_folder(folder)?;
    // It is in `aside`; the next one is of the new catalog.
    remove(&folder.join(COPY))?;
    for made in MADE {
        for ending in ["", "-wal", "-shm"] {
            remove(&folder.join(format!("{made}{ending}")))?;
        }
    }
    Ok(done)
}

fn set_aside(folder: &Path, catalog: &Path, aside: &Path) -> Result<SetAside, CatalogError> {
    let conn = Connection::open_with_flags(catalog, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let named = sweep::referenced(&conn)?;
    drop(conn);
    let mut done = SetAside::default();
    let none = HashSet::new();
    for workspace in entries(&folder.join("workspaces"))? {
        let key = workspace.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let files = named.get(key);
        let versions = files.map_or(&none, |it| &it.versions);
        let originals = files.map_or(&none, |it| &it.originals);
        done.n_versions += move_others(folder, &workspace.join("versions"), versions, aside)?;
        done.n_originals += move_others(folder, &workspace.join("originals"), originals, aside)?;
    }
    Ok(done)
}

/// Moves the files whose stem is not named to the same place below `aside`; answers how many.
fn move_others(folder: &Path, place: &Path, named: &HashSet<String>, aside: &Path) -> io::Result<usize> {
    let mut n_moved = 0;
    let to = aside.join(place.strip_prefix(folder).unwrap_or(place));
    for file in entries(place)? {
        let is_named = file.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| named.contains(stem));
        if let Some(name) = file.file_name().filter(|_| !is_named) {
            private::create_folder(&to)?;
            fs::rename(&file, to.join(name))?;
            n_moved += 1;
        }
    }
    if n_moved > 0 {
        private::sync_folders(&to, folder)?;
    }
    Ok(n_moved)
}

/// What is in a folder, which need not be there.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => Ok(Vec::new()),
        found => found?.map(|entry| Ok(entry?.path())).collect(),
    }
}

/// Removes a file, which need not be there.
pub(super) fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
