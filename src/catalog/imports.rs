//! Committing what an import made, and finding what was imported before.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::{
    Catalog, CatalogError, Change, Identity, ImportedSheet, NewSheet, NewSource, Publish, Sheet, UserId, immediate,
    now, sheets, to_json,
    versions::{self, Lineage},
};
use crate::name::SheetName;

impl Catalog {
    /// Commits the reading of a file: `publish` puts its version files into place, and the catalog names them, or neither.
    ///
    /// The same path or name is the same source; failing that, the same bytes in the same format are, and a newly given
    /// path becomes its path if the one before is gone. Sheets are matched by title; those that are gone from the file
    /// keep their last version. A sheet with steps gets two versions: its rows as read, and what the steps made of them
    /// (`NewSheet::replay`).
    pub fn commit_import(
        &self,
        user: UserId,
        source: &NewSource,
        new_sheets: Vec<NewSheet>,
        publish: Publish<'_>,
    ) -> Result<Vec<ImportedSheet>, CatalogError> {
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        publish()?;
        let source_id = put_source(&tx, user, source)?;
        let known = sheets::of_source(&tx, user, source_id)?;
        let titles: Vec<&str> = new_sheets.iter().map(|new| new.title.as_str()).collect();
        let matched = matched(known, source, &titles);
        let mut done = Vec::with_capacity(new_sheets.len());
        for (new, known) in new_sheets.into_iter().zip(matched) {
            match known {
                Some(sheet) => done.push(update_sheet(&tx, &sheet, new)?),
                None if source.is_refresh && (source.is_picked() || was_deleted(&tx, source_id, &new.title)?) => {}
                None => done.push(insert_sheet(&tx, user, source_id, &new)?),
            }
        }
        if done.iter().any(|(_, change)| matches!(change, Change::New | Change::Changed)) {
            sheets::bump_generation(&tx, user)?;
        }
        let imported = done
            .into_iter()
            .map(|(id, change)| Ok(ImportedSheet { sheet: sheets::by_id(&tx, user, id)?, change }))
            .collect::<Result<_, CatalogError>>()?;
        tx.commit()?;
        Ok(imported)
    }

    /// The live sheets that an import of these tables would find, in the order of the titles.
    pub fn match_import(
        &self,
        user: UserId,
        source: &NewSource,
        titles: &[&str],
    ) -> Result<Vec<Option<Sheet>>, CatalogError> {
        let conn = self.reads();
        let known = match known_source(&conn, user, source)? {
            Some(id) => sheets::of_source(&conn, user, id)?,
            None => Vec::new(),
        };
        Ok(matched(known, source, titles))
    }

    /// The live sheets of the source with this path or name, in the file's order; empty when there is none.
    pub fn find_source(&self, user: UserId, identity: &Identity) -> Result<Vec<Sheet>, CatalogError> {
        let conn = self.reads();
        match source_by_identity(&conn, user, identity)? {
            Some(id) => sheets::of_source(&conn, user, id),
            None => Ok(Vec::new()),
        }
    }

    /// Whether an import of this source would bring back a sheet that was deleted.
    pub fn has_deleted(&self, user: UserId, identity: &Identity) -> Result<bool, CatalogError> {
        let conn = self.reads();
        let sql =
            "SELECT EXISTS (SELECT 1 FROM sheets d WHERE source_id = ?1 AND deleted_at IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM sheets WHERE source_id = ?1 AND title = d.title AND deleted_at IS NULL))";
        match source_by_identity(&conn, user, identity)? {
            Some(id) => Ok(conn.prepare_cached(sql)?.query_row([id], |row| row.get(0))?),
            None => Ok(false),
        }
    }
}

pub(super) fn source_by_identity(
    conn: &Connection,
    user: UserId,
    identity: &Identity,
) -> Result<Option<i64>, CatalogError> {
    Ok(conn
        .prepare_cached("SELECT id FROM sources WHERE user_id = ?1 AND kind = ?2 AND identity = ?3")?
        .query_row((user.0, identity.kind(), identity.text()), |row| row.get(0))
        .optional()?)
}

/// A source with live sheets and these bytes, read in the same way; the one read last where there are several. Read in
/// another way the bytes are sheets of their own, so that those under the other name stay what they are.
fn source_by_hash(conn: &Connection, user: UserId, new: &NewSource) -> Result<Option<i64>, CatalogError> {
    Ok(conn
        .prepare_cached(
            "SELECT id FROM sources o WHERE user_id = ?1 AND sha256 = ?2 AND format = ?3 AND options = ?4
             AND EXISTS (SELECT 1 FROM sheets WHERE source_id = o.id AND deleted_at IS NULL)
             ORDER BY updated_at DESC, id DESC LIMIT 1",
        )?
        .query_row((user.0, &new.sha256, &new.format, to_json(&new.options)?), |row| row.get(0))
        .optional()?)
}

/// The source that this is another reading of: by its path or name, else by its bytes.
fn known_source(conn: &Connection, user: UserId, new: &NewSource) -> Result<Option<i64>, CatalogError> {
    match source_by_identity(conn, user, &new.identity)? {
        Some(id) => Ok(Some(id)),
        None => source_by_hash(conn, user, new),
    }
}

fn put_source(conn: &Connection, user: UserId, new: &NewSource) -> Result<i64, CatalogError> {
    let (options, issues) = (to_json(&new.options)?, to_json(&new.issues)?);
    let same_identity = source_by_identity(conn, user, &new.identity)?;
    let Some(id) = known_source(conn, user, new)? else {
        conn.execute(
            "INSERT INTO sources (user_id, kind, identity, sha256, n_bytes, modified_ns, format, options, issues,
             linked, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
            rusqlite::params![
                user.0,
                new.identity.kind(),
                new.identity.text(),
                new.sha256,
                new.n_bytes,
                new.modified_ns,
                new.format,
                options,
                issues,
                new.linked,
                now(),
            ],
        )?;
        return Ok(conn.last_insert_rowid());
    };
    // That one worksheet is read differently does not unlink the others of a workbook that was imported whole.
    let sql = "SELECT options ->> '$.sheet' IS NULL FROM sources WHERE id = ?1";
    let was_whole: bool = conn.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
    let options = match new.options.as_object() {
        Some(fields) if was_whole && same_identity.is_some() && new.is_picked() => {
            let mut whole = fields.clone();
            whole.insert("sheet".to_owned(), serde_json::Value::Null);
            to_json(&whole)?
        }
        _ => options,
    };
    conn.execute(
        "UPDATE sources SET sha256 = ?2, n_bytes = ?3, format = ?4, options = ?5, issues = ?6, updated_at = ?7
         WHERE id = ?1",
        (id, &new.sha256, new.n_bytes, &new.format, options, issues, now()),
    )?;
    // The same bytes under another path or name are the same sheets, and these stay what they were: a linked file stays
    // linked, and a name can have its next version. Only a file that was moved takes its sheets along.
    if same_identity.is_some() || (matches!(new.identity, Identity::Path(_)) && is_gone(conn, id)?) {
        conn.execute(
            "UPDATE sources SET kind = ?2, identity = ?3, modified_ns = ?4, linked = ?5 WHERE id = ?1",
            (id, new.identity.kind(), new.identity.text(), new.modified_ns, new.linked),
        )?;
    }
    Ok(id)
}

/// Which of a source's sheets the tables are, by their titles.
fn matched(mut known: Vec<Sheet>, source: &NewSource, titles: &[&str]) -> Vec<Option<Sheet>> {
    // A worksheet that was asked for by its name is no other one.
    let only_one = known.len() == 1 && titles.len() == 1 && !source.is_picked();
    let mut find = |title: &&str| {
        let found = known.iter().position(|sheet| only_one || sheet.title == *title);
        found.map(|idx| known.remove(idx))
    };
    titles.iter().map(&mut find).collect()
}

/// Whether a source is a linked file that is no longer there.
fn is_gone(conn: &Connection, source_id: i64) -> Result<bool, CatalogError> {
    let sql = "SELECT identity FROM sources WHERE id = ?1 AND kind = 'path'";
    let path: Option<String> = conn.prepare_cached(sql)?.query_row([source_id], |row| row.get(0)).optional()?;
    Ok(path.is_some_and(|path| Path::new(&path).try_exists().is_ok_and(|exists| !exists)))
}

fn update_sheet(conn: &Connection, sheet: &Sheet, new: NewSheet) -> Result<(i64, Change), CatalogError> {
    conn.execute(
        "UPDATE sheets SET title = ?2, hidden = ?3, position = ?4 WHERE id = ?1",
        (sheet.id, &new.title, new.hidden, new.position),
    )?;
    if let Some(last) = versions::newest_reading(conn, sheet.id)?.filter(|last| last.file == new.version.file) {
        // The same rows, perhaps read in another way.
        conn.execute(
            "UPDATE versions SET issues = ?2, layout = ?3 WHERE id = ?1",
            (last.id, to_json(&new.version.issues)?, new.version.layout.as_ref().map(to_json).transpose()?),
        )?;
        return Ok((sheet.id, Change::Same));
    }
    let current = sheet.version.number;
    if let Some(replay) = &new.replay {
        versions::check_current(sheet, replay.steps_of)?;
    } else if !sheet.version.steps.is_empty() {
        // Steps that were added while the file was read.
        return Err(CatalogError::Conflict { sheet: sheet.name.clone(), based_on: current - 1, current });
    }
    let reading_id = versions::insert(conn, sheet.id, &new.version, &Lineage::of_reading(Some(current)))?;
    match new.replay.map(|replay| replay.outcome) {
        None => versions::make_current(conn, sheet.id, reading_id)?,
        Some(Ok(version)) => {
            let reading = versions::newest_reading(conn, sheet.id)?.map(|reading| reading.number);
            let lineage = Lineage { based_on: reading, reading, steps: version.steps.clone() };
            let id = versions::insert(conn, sheet.id, &version, &lineage)?;
            versions::make_current(conn, sheet.id, id)?;
        }
        Some(Err(why)) => {
            conn.execute("UPDATE sheets SET held = ?2 WHERE id = ?1", (sheet.id, why))?;
            return Ok((sheet.id, Change::Held));
        }
    }
    Ok((sheet.id, Change::Changed))
}

fn was_deleted(conn: &Connection, source_id: i64, title: &str) -> Result<bool, CatalogError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sheets WHERE source_id = ?1 AND title = ?2 AND deleted_at IS NOT NULL)";
    Ok(conn.prepare_cached(sql)?.query_row((source_id, title), |row| row.get(0))?)
}

fn insert_sheet(
    conn: &Connection,
    user: UserId,
    source_id: i64,
    new: &NewSheet,
) -> Result<(i64, Change), CatalogError> {
    let name = free_name(conn, user, &new.suggested)?;
    conn.execute(
        "INSERT INTO sheets (user_id, source_id, name, title, hidden, position, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (user.0, source_id, name.as_str(), &new.title, new.hidden, new.position, now()),
    )?;
    let id = conn.last_insert_rowid();
    let version_id = versions::insert(conn, id, &new.version, &Lineage::of_reading(None))?;
    versions::make_current(conn, id, version_id)?;
    Ok((id, Change::New))
}

/// The wanted name, numbered if a live sheet has it.
pub(super) fn free_name(conn: &Connection, user: UserId, wanted: &SheetName) -> Result<SheetName, CatalogError> {
    let taken = sheets::names(conn, user)?;
    // A long name cut before its number can end in two underscores, which no title gives: pass it through again.
    let normal = |name: &SheetName| SheetName::from_title(name.as_str());
    Ok(normal(&wanted.clone().made_unique(|name| taken.iter().any(|other| other == normal(name).as_str()))))
}
