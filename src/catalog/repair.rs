//! Which versions are in which files, and dropping those whose file is damaged.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    io,
};

use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

use super::{Catalog, CatalogError, NewVersion, immediate, sheets, versions};

/// A version, live or of a deleted sheet, and where its rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionFile {
    /// Of the user: the name of the folder.
    pub key: String,
    pub sheet: String,
    pub number: u64,
    pub is_current: bool,
    /// Of a sheet that was deleted and could be restored.
    pub is_deleted: bool,
    /// The SHA-256 of the Parquet file, which is its name.
    pub file: String,
    sheet_id: i64,
    user_id: i64,
}

impl VersionFile {
    /// Whether both are versions of one sheet.
    pub fn is_beside(&self, other: &VersionFile) -> bool {
        self.sheet_id == other.sheet_id
    }
}

/// What dropping damaged versions of a sheet came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    pub key: String,
    pub sheet: String,
    /// Numbers of the versions that are gone.
    pub dropped: Vec<u64>,
    /// The version whose rows are current again, where the current one was damaged.
    pub back_to: Option<u64>,
    /// No version is left: the damaged one stays, so that the sheet keeps its place; one that was deleted goes for good.
    pub is_lost: bool,
    /// It could be restored after it was deleted.
    pub was_deleted: bool,
}

impl Catalog {
    /// All versions of all users, by sheet and number.
    pub fn version_files(&self) -> Result<Vec<VersionFile>, CatalogError> {
        version_files(&self.reads())
    }

    /// The names of all users' folders.
    pub fn user_keys(&self) -> Result<HashSet<String>, CatalogError> {
        let conn = self.reads();
        let mut statement = conn.prepare("SELECT key FROM users")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Drops the versions whose files are bad; a sheet whose current one is goes back to its newest good version.
    ///
    /// `suspects` were found to be bad some time ago. `is_bad` looks at the file of one again and moves it aside if it
    /// still is, while no one can commit: none that another process has stored anew is dropped, and none that was moved
    /// away comes to be named. What sheets and versions name the files is asked again, too.
    pub fn drop_versions(
        &self,
        suspects: &[VersionFile],
        is_bad: &mut dyn FnMut(&VersionFile) -> io::Result<bool>,
    ) -> Result<Vec<Mended>, CatalogError> {
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        let mut looked: HashMap<(&str, &str), bool> = HashMap::new();
        for it in suspects {
            let place = (it.key.as_str(), it.file.as_str());
            if let Entry::Vacant(unseen) = looked.entry(place) {
                unseen.insert(is_bad(it)?);
            }
        }
        let mut bad = version_files(&tx)?;
        bad.retain(|it| looked.get(&(it.key.as_str(), it.file.as_str())) == Some(&true));
        let mut sheet_ids: Vec<(i64, i64)> = bad.iter().map(|it| (it.sheet_id, it.user_id)).collect();
        sheet_ids.sort_unstable();
        sheet_ids.dedup();
        let mut mended = Vec::new();
        for (sheet_id, user_id) in sheet_ids {
            let of_sheet: Vec<&VersionFile> = bad.iter().filter(|it| it.sheet_id == sheet_id).collect();
            let numbers: HashSet<u64> = of_sheet.iter().map(|it| it.number).collect();
            let Some(first) = of_sheet.first() else { continue };
            let mut done = Mended {
                key: first.key.clone(),
                sheet: first.sheet.clone(),
                dropped: Vec::new(),
                back_to: None,
                is_lost: false,
                was_deleted: first.is_deleted,
            };
            let current: Option<u64> = tx
                .query_row(
                    "SELECT v.number FROM sheets s JOIN versions v ON v.id = s.version_id WHERE s.id = ?1",
                    [sheet_id],
                    |row| row.get(0),
                )
                .optional()?;
            let Some(current) = current else { continue };
            if numbers.contains(&current) {
                let mut good: Vec<u64> = tx
                    .prepare("SELECT number FROM versions WHERE sheet_id = ?1 ORDER BY number")?
                    .query_map([sheet_id], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                good.retain(|number| !numbers.contains(number));
                done.back_to = good.pop();
            }
            if let Some(number) = done.back_to {
                let Some(old) = versions::version(&tx, sheet_id, number)? else { continue };
                let lineage =
                    versions::Lineage { based_on: Some(number), reading: Some(old.reading), steps: old.steps.clone() };
                let again = NewVersion::again(old, json!({"tool": "doctor", "version": number}));
                let id = versions::insert(&tx, sheet_id, &again, &lineage)?;
                versions::make_current(&tx, sheet_id, id)?;
            }
            for version in &of_sheet {
                if version.number == current && done.back_to.is_none() {
                    done.is_lost = true;
                    continue;
                }
                tx.execute("DELETE FROM versions WHERE sheet_id = ?1 AND number = ?2", (sheet_id, version.number))?;
                done.dropped.push(version.number);
            }
            if done.is_lost && done.was_deleted {
                tx.execute("DELETE FROM sheets WHERE id = ?1", [sheet_id])?;
            }
            // A linked file is read again before the next query, whatever it was when it was read last.
            tx.execute(
                "UPDATE sources SET modified_ns = NULL WHERE linked = 1 AND id = (SELECT source_id FROM sheets WHERE id = ?1)",
                [sheet_id],
            )?;
            sheets::bump_generation(&tx, super::UserId(user_id))?;
            mended.push(done);
        }
        tx.commit()?;
        Ok(mended)
    }
}

fn version_files(conn: &Connection) -> Result<Vec<VersionFile>, CatalogError> {
    let mut statement = conn.prepare(
        "SELECT u.key, s.name, v.number, v.id IS s.version_id, v.file, s.id, u.id, s.deleted_at IS NOT NULL
         FROM versions v JOIN sheets s ON s.id = v.sheet_id JOIN users u ON u.id = s.user_id ORDER BY s.id, v.number",
    )?;
    let of = |row: &rusqlite::Row<'_>| {
        Ok(VersionFile {
            key: row.get(0)?,
            sheet: row.get(1)?,
            number: row.get(2)?,
            is_current: row.get(3)?,
            file: row.get(4)?,
            sheet_id: row.get(5)?,
            user_id: row.get(6)?,
            is_deleted: row.get(7)?,
        })
    };
    Ok(statement.query_map([], of)?.collect::<Result<_, _>>()?)
}
