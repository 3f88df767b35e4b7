//! Versions of a sheet: what a transform makes, and going back to an old one.

use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value as Json, json};

use super::{
    Catalog, CatalogError, Identity, NewVersion, Publish, Restored, Sheet, UserId, Version, immediate, imports, now,
    sheets, to_json,
};
use crate::name::SheetName;

/// What a version comes from.
pub(super) struct Lineage {
    pub(super) based_on: Option<u64>,
    /// None for a reading, which is its own.
    pub(super) reading: Option<u64>,
    /// All steps from the reading on.
    pub(super) steps: Vec<Json>,
}

impl Lineage {
    /// Of rows as they were read.
    pub(super) fn of_reading(based_on: Option<u64>) -> Lineage {
        Lineage { based_on, reading: None, steps: Vec::new() }
    }
}

impl Catalog {
    /// Commits a new version of a sheet that builds on version `based_on`; a conflict when another came first.
    pub fn commit_version(
        &self,
        user: UserId,
        sheet_id: i64,
        based_on: u64,
        new: &NewVersion,
        publish: Publish<'_>,
    ) -> Result<Version, CatalogError> {
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        let sheet = sheets::by_id(&tx, user, sheet_id)?;
        check_current(&sheet, based_on)?;
        publish()?;
        let lineage = Lineage {
            based_on: Some(based_on),
            reading: Some(sheet.version.reading),
            steps: [sheet.version.steps, new.steps.clone()].concat(),
        };
        let id = insert(&tx, sheet_id, new, &lineage)?;
        make_current(&tx, sheet_id, id)?;
        sheets::bump_generation(&tx, user)?;
        let version = sheets::by_id(&tx, user, sheet_id)?.version;
        tx.commit()?;
        Ok(version)
    }

    /// Commits what a transform made of `from` as a sheet of its own.
    pub fn commit_derived(
        &self,
        user: UserId,
        from: &Sheet,
        name: &SheetName,
        new: &NewVersion,
        publish: Publish<'_>,
    ) -> Result<Sheet, CatalogError> {
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        if sheets::names(&tx, user)?.iter().any(|taken| taken == name.as_str()) {
            return Err(CatalogError::NameTaken(name.clone()));
        }
        publish()?;
        let source_id = source_of(&tx, user, &Identity::Sheet(from.name.to_string()))?;
        tx.execute(
            "INSERT INTO sheets (user_id, source_id, name, title, hidden, position, created_at)
             VALUES (?1, ?2, ?3, ?3, 0, 0, ?4)",
            (user.0, source_id, name.as_str(), now()),
        )?;
        let sheet_id = tx.last_insert_rowid();
        let steps = [from.version.steps.clone(), new.steps.clone()].concat();
        let id = insert(&tx, sheet_id, new, &Lineage { based_on: None, reading: None, steps })?;
        make_current(&tx, sheet_id, id)?;
        sheets::bump_generation(&tx, user)?;
        let sheet = sheets::by_id(&tx, user, sheet_id)?;
        tx.commit()?;
        Ok(sheet)
    }

    /// Makes the rows of version `number` the current ones again, as a new version; a deleted sheet lives again first.
    ///
    /// Without a number: the version before the current one, or a deleted sheet as it was. Where another sheet has come
    /// from the deleted one's file since, that one stays linked to it. `is_sound` says whether a version's file, by its
    /// hash, can still be read.
    pub fn restore(
        &self,
        user: UserId,
        handle: &str,
        number: Option<u64>,
        is_sound: &dyn Fn(&str) -> bool,
    ) -> Result<Restored, CatalogError> {
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        let sheet = sheets::find(&tx, user, handle)?;
        let has_successor = sheet.deleted_at.is_some() && has_successor(&tx, &sheet)?;
        if has_successor {
            part_from_source(&tx, &sheet)?;
        }
        if sheet.deleted_at.is_some() {
            let name = imports::free_name(&tx, user, &sheet.name)?;
            tx.execute("UPDATE sheets SET deleted_at = NULL, name = ?2 WHERE id = ?1", (sheet.id, name.as_str()))?;
        }
        let current = &sheet.version;
        let deleted = sheets::deleted_handle(&tx, user, sheet.name.as_str())?;
        let number = match number {
            Some(number) => number,
            None if sheet.deleted_at.is_some() => current.number,
            None => before(&tx, &sheet)?.ok_or_else(|| CatalogError::NothingBefore {
                sheet: sheet.name.clone(),
                number: current.number,
                deleted: deleted.clone(),
            })?,
        };
        let is_change = number != current.number || sheet.deleted_at.is_some();
        if number != current.number {
            let old = version(&tx, sheet.id, number)?
                .ok_or_else(|| CatalogError::VersionNotFound { sheet: sheet.name.clone(), number })?;
            let (reading, steps) = (Some(old.reading), old.steps.clone());
            let lineage = Lineage { based_on: Some(current.number), reading, steps };
            if !is_sound(&old.file) {
                return Err(CatalogError::VersionDamaged { sheet: sheet.name.clone(), number });
            }
            let again = NewVersion::again(old, json!({"tool": "restore_version", "version": number}));
            let id = insert(&tx, sheet.id, &again, &lineage)?;
            make_current(&tx, sheet.id, id)?;
        }
        sheets::bump_generation(&tx, user)?;
        let sheet = sheets::by_id(&tx, user, sheet.id)?;
        tx.commit()?;
        Ok(Restored { sheet, number, is_change, is_parted: has_successor })
    }
}

impl NewVersion {
    /// The rows of an old version once more.
    pub(super) fn again(old: Version, made_by: Json) -> NewVersion {
        NewVersion {
            n_rows: old.n_rows,
            columns: old.columns,
            issues: old.issues,
            layout: old.layout,
            file: old.file,
            n_bytes: old.n_bytes,
            made_by,
            steps: Vec::new(),
        }
    }
}

/// The number of the version that was current before. Rows that steps were replayed on came with their reading.
fn before(conn: &Connection, sheet: &Sheet) -> Result<Option<u64>, CatalogError> {
    let current = &sheet.version;
    if current.made_by.get("replayed").is_none() {
        return Ok(current.based_on);
    }
    Ok(version(conn, sheet.id, current.reading)?.map_or(current.based_on, |reading| reading.based_on))
}

/// Whether a live sheet is the same table of the same source.
fn has_successor(conn: &Connection, sheet: &Sheet) -> Result<bool, CatalogError> {
    if matches!(sheet.source.identity, Identity::Sheet(_)) {
        return Ok(false);
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM sheets WHERE source_id = ?1 AND title = ?2 AND deleted_at IS NULL)";
    Ok(conn.prepare_cached(sql)?.query_row((sheet.source.id, &sheet.title), |row| row.get(0))?)
}

/// Gives a sheet a source of its own, which no import finds.
fn part_from_source(conn: &Connection, sheet: &Sheet) -> Result<(), CatalogError> {
    conn.execute(
        "INSERT INTO sources (user_id, kind, identity, sha256, n_bytes, format, options, issues, linked, created_at,
         updated_at) SELECT user_id, 'name', identity || ' (earlier, sheet ' || ?2 || ')', '', n_bytes, format, options,
         issues, 0, created_at, updated_at FROM sources WHERE id = ?1",
        (sheet.source.id, sheet.id),
    )?;
    conn.execute("UPDATE sheets SET source_id = ?2 WHERE id = ?1", (sheet.id, conn.last_insert_rowid()))?;
    Ok(())
}

pub(super) fn check_current(sheet: &Sheet, based_on: u64) -> Result<(), CatalogError> {
    let current = sheet.version.number;
    if current == based_on {
        return Ok(());
    }
    Err(CatalogError::Conflict { sheet: sheet.name.clone(), based_on, current })
}

/// Adds a version under the sheet's next number; answers its id.
pub(super) fn insert(
    conn: &Connection,
    sheet_id: i64,
    new: &NewVersion,
    lineage: &Lineage,
) -> Result<i64, CatalogError> {
    conn.execute(
        "INSERT INTO versions (sheet_id, number, based_on, n_rows, columns, issues, layout, file, n_bytes, made_by,
         reading, steps, author, created_at)
         SELECT s.id, n.next, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, coalesce(?10, n.next), ?11, coalesce(u.email, 'local'), ?12
         FROM sheets s JOIN users u ON u.id = s.user_id,
              (SELECT coalesce(max(number), 0) + 1 AS next FROM versions WHERE sheet_id = ?1) n
         WHERE s.id = ?1",
        rusqlite::params![
            sheet_id,
            lineage.based_on,
            new.n_rows,
            to_json(&new.columns)?,
            to_json(&new.issues)?,
            new.layout.as_ref().map(to_json).transpose()?,
            new.file,
            new.n_bytes,
            to_json(&new.made_by)?,
            lineage.reading,
            to_json(&lineage.steps)?,
            now(),
        ],
    )?;
    Ok(conn.last_insert_rowid())
}

pub(super) fn make_current(conn: &Connection, sheet_id: i64, version_id: i64) -> Result<(), CatalogError> {
    // What was held back stays so until the rows come from the newest reading.
    conn.execute(
        "UPDATE sheets SET version_id = ?2, held = CASE
             WHEN (SELECT reading FROM versions WHERE id = ?2) < (
                 SELECT max(number) FROM versions WHERE sheet_id = ?1 AND reading = number)
             THEN held END
         WHERE id = ?1",
        (sheet_id, version_id),
    )?;
    Ok(())
}

/// The last version of a sheet that holds rows as they were read.
pub(super) fn newest_reading(conn: &Connection, sheet_id: i64) -> Result<Option<Version>, CatalogError> {
    Ok(conn
        .prepare_cached(
            "SELECT id AS version_id, * FROM versions WHERE sheet_id = ?1 AND reading = number
             ORDER BY number DESC LIMIT 1",
        )?
        .query_row([sheet_id], sheets::version_of)
        .optional()?)
}

pub(super) fn version(conn: &Connection, sheet_id: i64, number: u64) -> Result<Option<Version>, CatalogError> {
    Ok(conn
        .prepare_cached("SELECT id AS version_id, * FROM versions WHERE sheet_id = ?1 AND number = ?2")?
        .query_row((sheet_id, number), sheets::version_of)
        .optional()?)
}

/// The source that stands for a sheet that others are made from.
fn source_of(conn: &Connection, user: UserId, identity: &Identity) -> Result<i64, CatalogError> {
    if let Some(id) = imports::source_by_identity(conn, user, identity)? {
        return Ok(id);
    }
    conn.execute(
        "INSERT INTO sources (user_id, kind, identity, sha256, n_bytes, format, options, issues, linked, created_at,
         updated_at) VALUES (?1, ?2, ?3, '', 0, 'sheet', '{}', '[]', 0, ?4, ?4)",
        (user.0, identity.kind(), identity.text(), now()),
    )?;
    Ok(conn.last_insert_rowid())
}
