//! Is a version file what was written? Its name says: it is the SHA-256 of its content.

use std::{
    cell::RefCell,
    collections::HashMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    digest::{N_DIGITS, copy_hashed},
    fault::{Code, Fault},
};

/// The files that were found sound, with the state of each that was. A file is read again once that has changed.
#[derive(Default)]
pub(super) struct Sound(RefCell<HashMap<PathBuf, (Option<SystemTime>, u64)>>);

impl Sound {
    /// Fails with `sheet_damaged` where the file is gone, or not what its name says. Files with other names pass.
    pub(super) fn check(&self, file: &Path) -> Result<(), Fault> {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(sum) = name.strip_suffix(".parquet").filter(|stem| is_sum(stem)) else { return Ok(()) };
        let state = fs::metadata(file).map(|found| (found.modified().ok(), found.len()));
        let state = state.map_err(|error| unreadable(&name, &error))?;
        if self.0.borrow().get(file) == Some(&state) {
            return Ok(());
        }
        let hashed = File::open(file).and_then(|mut open| copy_hashed(&mut open, &mut io::sink()));
        let (found, _) = hashed.map_err(|error| unreadable(&name, &error))?;
        if found != sum {
            return Err(damaged(format!("the version file `{name}` is damaged: its content is not what was written")));
        }
        self.0.borrow_mut().insert(file.to_owned(), state);
        Ok(())
    }
}

/// The same fault, saying first whose file it is.
pub fn of_sheet(fault: Fault, sheet: &str) -> Fault {
    if fault.code != Code::SheetDamaged || fault.message.starts_with("the sheet") {
        return fault;
    }
    Fault { message: format!("the sheet `{sheet}` can't be read: {}", fault.message), ..fault }
}

fn is_sum(stem: &str) -> bool {
    stem.len() == N_DIGITS && stem.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn unreadable(name: &str, error: &io::Error) -> Fault {
    if error.kind() == io::ErrorKind::NotFound {
        return damaged(format!("the version file `{name}` is missing"));
    }
    damaged(format!("the version file `{name}` can't be read: {error}"))
}

fn damaged(message: String) -> Fault {
    Fault::new(Code::SheetDamaged, message).hint(
        "other sheets are not affected; import its file again, go back with `restore_version`, or have \
         `quire doctor --repair` run",
    )
}
