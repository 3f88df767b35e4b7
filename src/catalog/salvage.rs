//! A damaged catalog: what is wrong with it, and a new one of all rows that can still be read.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, types::Value};

use super::{Catalog, CatalogError, now, private, schema};

const FILE: &str = "catalog.db";
/// The newest whole copy, made by sweeps.
const COPY: &str = "catalog.db.copy";
const IN_USE: &str = "in-use.lock";

/// Tables that can be made again, or are of no use without what is lost.
const CACHES: &[&str] = &["results", "profiles", "kept_rows"];

/// What was saved of a damaged catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Whether rows come from the copy of the last sweep, the damaged file itself being unreadable.
    pub is_from_copy: bool,
    /// Tables that could not be read to their end.
    pub cut: Vec<String>,
    pub n_sheets: u64,
    pub n_versions: u64,
}

/// Held as long as a process has the catalog open; an exclusive one says that none has.
pub(super) fn in_use(folder: &Path) -> io::Result<File> {
    let file = private::open_or_create(&folder.join(IN_USE))?;
    file.lock_shared()?;
    Ok(file)
}

/// What is wrong with the catalog of a data folder; empty where nothing is, or where there is none yet.
pub fn problems(folder: &Path) -> Vec<String> {
    let file = folder.join(FILE);
    // An empty one is a fresh database, and is made anew.
    if !file.is_file() {
        return Vec::new();
    }
    check(&file).unwrap_or_else(|error| vec![error.to_string()])
}

fn check(file: &Path) -> Result<Vec<String>, CatalogError> {
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.busy_timeout(schema::BUSY_TIMEOUT)?;
    let mut problems: Vec<String> =
        conn.prepare("PRAGMA integrity_check(20)")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    problems.retain(|problem| problem != "ok");
    let unreadable: u64 = match schema::version(&conn)? {
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

impl Catalog {
    /// Keeps a copy of the catalog for the day that it is damaged; none of a damaged one. Whether it is sound.
    pub fn keep_copy(&self, folder: &Path) -> Result<bool, CatalogError> {
        if !self.check()?.problems.is_empty() {
            return Ok(false);
        }
        // One at a time, so that what a killed process left is replaced by the next.
        let lock = private::open_or_create(&folder.join(format!("{COPY}.lock")))?;
        if lock.try_lock().is_err() {
            return Ok(true);
        }
        let partial = folder.join(format!("{COPY}.partial"));
        let _ = fs::remove_file(&partial);
        drop(private::open_or_create(&partial)?);
        // Not one of ours: what reads may not do it, and what writes would hold up others.
        let source = Connection::open_with_flags(folder.join(FILE), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        source.busy_timeout(schema::BUSY_TIMEOUT)?;
        let copied = source.execute("VACUUM INTO ?1", [partial.to_string_lossy()]);
        if let Err(error) =
            copied.map_err(CatalogError::from).and_then(|_| Ok(fs::rename(&partial, folder.join(COPY))?))
        {
            let _ = fs::remove_file(&partial);
            return Err(error);
        }
        Ok(true)
    }
}

/// Moves the catalog into the folder `aside`, and makes a new one of its rows that can be read; of those of the last
/// sweep's copy, where none can.
///
/// Fails with `Busy` while any process has the data folder open.
pub fn salvage(folder: &Path, aside: &Path) -> Result<Salvaged, CatalogError> {
    let in_use = private::open_or_create(&folder.join(IN_USE))?;
    if in_use.try_lock().is_err() {
        return Err(CatalogError::InUse);
    }
    private::create_folder(aside)?;
    for ending in ["", "-wal", "-shm"] {
        let name = format!("{FILE}{ending}");
        match fs::rename(folder.join(&name), aside.join(&name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    let mut conn = schema::prepare(folder, &folder.join(FILE))?;
    conn.execute_batch("PRAGMA foreign_keys = OFF")?;
    let mut salvaged = Salvaged::default();
    let source = readable(&aside.join(FILE)).or_else(|| {
        salvaged.is_from_copy = true;
        readable(&folder.join(COPY))
    });
    let tx = conn.transaction()?;
    if let Some(source) = source {
        let tables: Vec<String> = tx
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for table in tables.iter().filter(|table| !CACHES.contains(&table.as_str())) {
            if !copy_table(&source, &tx, table)? {
                salvaged.cut.push(table.clone());
            }
        }
    }
    make_whole(&tx, folder)?;
    let count = |table: &str| tx.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
    (salvaged.n_sheets, salvaged.n_versions) = (count("sheets")?, count("versions")?);
    tx.commit()?;
    Ok(salvaged)
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
