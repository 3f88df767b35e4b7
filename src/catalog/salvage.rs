//! A damaged catalog: what is wrong with it, and a new one of all rows that can still be read.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use rusqlite::{Connection, OpenFlags, types::Value};

use super::{
    CatalogError,
    copy::{COPY, FILE, lost},
    now, private, schema,
    settle::{self, MADE, REPAIRED, remove},
};

pub(super) const IN_USE: &str = "in-use.lock";

/// Tables that can be made again, or are of no use without what is lost.
const CACHES: &[&str] = &["results", "profiles", "kept_rows"];
/// Tables that grow and shrink with every call and log-in, and say nothing of what a catalog knows.
const PASSING: &[&str] = &["queries", "sessions", "refresh_tokens", "tokens_spent"];

/// What was saved of a damaged catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    pub origin: Origin,
    /// Tables that could not be read to their end, or had rows that are of no use without others that are lost.
    pub cut: Vec<String>,
    pub knows: Knows,
    /// What the copy knows, where it was not what the new one is made of.
    pub copy: Option<Knows>,
    /// Version files that the new catalog does not name, which are now in `aside`.
    pub n_versions_aside: usize,
    /// The same of uploads.
    pub n_originals_aside: usize,
}

/// What the rows of a new catalog come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Damaged,
    /// The copy of the last sweep, made at that time.
    Copy(SystemTime),
    /// There was nothing to read.
    Nothing,
}

/// How much is in a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knows {
    pub n_users: u64,
    pub n_sheets: u64,
    pub n_versions: u64,
    /// Of all tables but caches and what passes.
    n_rows: u64,
}

/// Held as long as a process has the catalog open; an exclusive one says that none has.
///
/// A repair that was killed when its catalog was whole is brought to its end first.
pub(super) fn in_use(folder: &Path) -> Result<File, CatalogError> {
    let file = private::open_or_create(&folder.join(IN_USE))?;
    if settle::is_left(folder) {
        file.lock()?;
        settle::finish_left(folder)?;
        file.unlock()?;
    }
    file.lock_shared()?;
    Ok(file)
}

/// What is wrong with the catalog of a data folder; empty where nothing is, or where there is none yet.
///
/// Fails where that can't be told, as while another process holds the file, or where it may not be read.
pub fn problems(folder: &Path) -> Result<Vec<String>, CatalogError> {
    if settle::is_left(folder) {
        drop(in_use(folder)?);
    }
    if let Some(lost) = lost(folder)? {
        return Ok(vec![lost]);
    }
    let file = folder.join(FILE);
    // An empty one is a fresh database, and is made anew.
    if !file.is_file() {
        return Ok(Vec::new());
    }
    match check(&file) {
        Err(error @ (CatalogError::Damaged(_) | CatalogError::Text(_) | CatalogError::Sql(_))) => {
            Ok(vec![error.to_string()])
        }
        outcome => outcome,
    }
}

fn check(file: &Path) -> Result<Vec<String>, CatalogError> {
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.busy_timeout(schema::BUSY_TIMEOUT)?;
    // Nobody but a newer Quire can say what is wrong with its catalog.
    let found = schema::at_most_known(&conn)?;
    let mut problems: Vec<String> =
        conn.prepare("PRAGMA integrity_check(20)")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    problems.retain(|problem| problem != "ok");
    let unreadable: u64 = match found {
        0 => 0,
        _ => conn.query_row(&format!("SELECT count(*) FROM versions WHERE {UNREADABLE}"), [], |row| row.get(0))?,
    };
    if unreadable > 0 {
        problems.push(format!("{unreadable} versions whose description can't be read"));
    }
    Ok(problems)
}

const UNREADABLE: &str = "NOT json_valid(columns) OR NOT json_valid(issues) OR NOT json_valid(made_by)
     OR NOT json_valid(steps) OR (layout IS NOT NULL AND NOT json_valid(layout))";

/// Makes a new catalog of the rows of the damaged or lost one that can be read, or of those of the last sweep's copy:
/// of whichever knows more. Both are kept in the folder `aside`, and so are the files that the new one does not name.
///
/// The new one takes the place of the old one when it is whole, so a kill leaves one or the other, the old one with its
/// log; and no process can import while files are moved.
///
/// Fails with `InUse` while any process has the data folder open.
pub fn salvage(folder: &Path, aside: &Path) -> Result<Salvaged, CatalogError> {
    let in_use = private::open_or_create(&folder.join(IN_USE))?;
    if in_use.try_lock().is_err() {
        return Err(CatalogError::InUse);
    }
    private::create_folder(aside)?;
    let (file, copy) = (folder.join(FILE), folder.join(COPY));
    let wal = folder.join(format!("{FILE}-wal"));
    for from in [&file, &wal, &copy].into_iter().filter(|from| from.is_file()) {
        let to = aside.join(from.file_name().unwrap_or_default());
        fs::copy(from, &to)?;
        // Windows syncs only a handle that may write.
        private::open_or_create(&to)?.sync_all()?;
    }
    private::sync_folders(aside, folder)?;
    let [of_rows, of_copy] = MADE;
    // One that a writer did not come to fill is opened by none: SQLite would take what is beside it away.
    let is_empty = fs::metadata(&file).is_ok_and(|it| it.len() == 0);
    let damaged = if is_empty { None } else { made_of(&file, folder, of_rows)? };
    let copied = made_of(&copy, folder, of_copy)?;
    let copied_at = fs::metadata(&copy).and_then(|it| it.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let is_better =
        |damaged: &Made, copied: &Made| damaged.cut.is_empty() || damaged.knows.n_rows >= copied.knows.n_rows;
    let (origin, made, other) = match (damaged, copied) {
        (Some(damaged), Some(copied)) if is_better(&damaged, &copied) => (Origin::Damaged, damaged, Some(copied)),
        (damaged, Some(copied)) => (Origin::Copy(copied_at), copied, damaged),
        (Some(damaged), None) => (Origin::Damaged, damaged, None),
        (None, None) => (Origin::Nothing, Made::new(None, folder, &folder.join(of_rows))?, None),
    };
    private::open_or_create(&made.file)?.sync_all()?;
    fs::rename(&made.file, folder.join(REPAIRED))?;
    private::sync_folder(folder)?;
    let moved = settle::settle(folder, aside)?;
    let copy = other.filter(|_| origin == Origin::Damaged).map(|other| other.knows);
    Ok(Salvaged {
        origin,
        cut: made.cut,
        knows: made.knows,
        copy,
        n_versions_aside: moved.n_versions,
        n_originals_aside: moved.n_originals,
    })
}

/// A new catalog file of the rows of one that can be read at all.
fn made_of(source: &Path, folder: &Path, name: &str) -> Result<Option<Made>, CatalogError> {
    let Some(source) = readable(source) else { return Ok(None) };
    schema::at_most_known(&source)?;
    Made::new(Some(&source), folder, &folder.join(name)).map(Some)
}

/// A new catalog in a file that is not yet the folder's.
struct Made {
    file: PathBuf,
    cut: Vec<String>,
    knows: Knows,
}

impl Made {
    fn new(source: Option<&Connection>, folder: &Path, file: &Path) -> Result<Made, CatalogError> {
        for ending in ["", "-wal", "-shm"] {
            remove(&PathBuf::from(format!("{}{ending}", file.display())))?;
        }
        drop(private::open_or_create(file)?);
        let mut conn = schema::fresh(file)?;
        conn.execute_batch("PRAGMA foreign_keys = OFF")?;
        let tx = conn.transaction()?;
        let mut tables: Vec<String> = tx
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        tables.retain(|table| !CACHES.contains(&table.as_str()));
        let mut cut = Vec::new();
        let mut n_copied = Vec::new();
        for table in &tables {
            if let Some(source) = source
                && !copy_table(source, &tx, table)?
            {
                cut.push(table.clone());
            }
            n_copied.push(count(&tx, table)?);
        }
        make_whole(&tx, folder)?;
        let mut n_rows = 0;
        for (table, n_copied) in tables.iter().zip(n_copied) {
            let n_left = count(&tx, table)?;
            if n_left < n_copied && !cut.contains(table) {
                cut.push(table.clone());
            }
            n_rows += if PASSING.contains(&table.as_str()) { 0 } else { n_left };
        }
        let knows = Knows {
            n_users: count(&tx, "users")?,
            n_sheets: count(&tx, "sheets")?,
            n_versions: count(&tx, "versions")?,
            n_rows,
        };
        tx.commit()?;
        // All of it into the one file that is renamed.
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(Made { file: file.to_owned(), cut, knows })
    }
}

fn count(conn: &Connection, table: &str) -> rusqlite::Result<u64> {
    conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
}

/// A database whose list of tables can be read.
fn readable(file: &Path) -> Option<Connection> {
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
    let n_tables: i64 =
        conn.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'versions'", [], |row| row.get(0)).ok()?;
    let any: rusqlite::Result<i64> = conn.query_row("SELECT count(*) FROM users NOT INDEXED", [], |row| row.get(0));
    (n_tables == 1 && any.is_ok_and(|n_users| n_users > 0)).then_some(conn)
}

/// Copies the rows that can be read, from the front and, where that stops, from the back. Whether those were all.
fn copy_table(from: &Connection, to: &Connection, table: &str) -> Result<bool, CatalogError> {
    let columns_of = |conn: &Connection| -> rusqlite::Result<Vec<String>> {
        conn.prepare("SELECT name FROM pragma_table_info(?1)")?.query_map([table], |row| row.get(0))?.collect()
    };
    let known = columns_of(to)?;
    let Ok(mut columns) = columns_of(from) else { return Ok(false) };
    columns.retain(|column| known.contains(column));
    if columns.is_empty() {
        // A table of a later schema than the file's.
        return Ok(true);
    }
    let list = columns.join(", ");
    let marks = vec!["?"; columns.len()].join(", ");
    let insert = format!("INSERT OR IGNORE INTO {table} ({list}) VALUES ({marks})");
    let mut all = true;
    for order in ["", "ORDER BY rowid DESC"] {
        let select = format!("SELECT {list} FROM {table} NOT INDEXED {order}");
        // A table without row ids has but one way through it.
        let Ok(mut statement) = from.prepare(&select) else { return Ok(false) };
        let mut rows = statement.query([])?;
        loop {
            match rows.next() {
                Ok(Some(row)) => {
                    let values = (0..columns.len()).map(|idx| row.get::<_, Value>(idx)).collect::<Result<Vec<_>, _>>();
                    // A row that is not what the table takes is lost, and the others are not.
                    let is_kept =
                        values.is_ok_and(|values| to.execute(&insert, rusqlite::params_from_iter(values)).is_ok());
                    all &= is_kept;
                }
                Ok(None) if order.is_empty() => return Ok(all),
                Ok(None) => return Ok(false),
                Err(_) => break,
            }
        }
    }
    Ok(false)
}

/// Drops and mends what names rows that are lost.
fn make_whole(conn: &Connection, folder: &Path) -> Result<(), CatalogError> {
    conn.execute_batch(&format!(
        "DELETE FROM versions WHERE {UNREADABLE};
         DELETE FROM versions WHERE sheet_id NOT IN (SELECT id FROM sheets);
         UPDATE sheets SET version_id = (SELECT id FROM versions v WHERE v.sheet_id = sheets.id ORDER BY number DESC LIMIT 1)
         WHERE version_id IS NULL OR version_id NOT IN (SELECT id FROM versions WHERE sheet_id = sheets.id);
         DELETE FROM sheets WHERE version_id IS NULL OR user_id NOT IN (SELECT id FROM users);
         INSERT OR IGNORE INTO sources (id, user_id, kind, identity, sha256, n_bytes, format, options, issues, linked,
             created_at, updated_at)
         SELECT source_id, user_id, 'name', 'recovered-' || source_id, '', 0, 'csv', '{{}}', '[]', 0, created_at, created_at
         FROM sheets WHERE source_id NOT IN (SELECT id FROM sources WHERE json_valid(options) AND json_valid(issues));
         DELETE FROM sources WHERE user_id NOT IN (SELECT id FROM users);
         DELETE FROM refresh_tokens WHERE session_id NOT IN (SELECT id FROM sessions);"
    ))?;
    // What hangs on something else that is lost.
    let broken: Vec<(String, Option<i64>)> = conn
        .prepare("PRAGMA foreign_key_check")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (table, rowid) in broken {
        if let Some(rowid) = rowid {
            conn.execute(&format!("DELETE FROM {table} WHERE rowid = ?1"), [rowid])?;
        }
    }
    conn.execute("UPDATE users SET generation = generation + 1", [])?;
    let n_users: i64 = conn.query_row("SELECT count(*) FROM users", [], |row| row.get(0))?;
    if n_users == 0
        && let [key] = keys(folder)?.as_slice()
    {
        let sql = "INSERT INTO users (key, is_local, created_at) VALUES (?1, 1, ?2)";
        conn.execute(sql, (key, now()))?;
    }
    Ok(())
}

/// Names of the workspaces' folders.
fn keys(folder: &Path) -> Result<Vec<String>, CatalogError> {
    let entries = match fs::read_dir(folder.join("workspaces")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    Ok(folders.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
}
