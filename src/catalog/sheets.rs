//! Reading sheets and their versions, and deleting a sheet.

use rusqlite::{Connection, OptionalExtension, Row};

use super::{
    Catalog, CatalogError, DeletedSheet, Identity, LinkedSource, Manifest, Outdated, Sheet, SheetPage, Source, UserId,
    Version, from_json, immediate, now,
};
use crate::name::{SheetName, nearest};

/// Live sheets `s` of user `?1`, with their source `o` and current version `v`.
const LIVE: &str = "FROM sheets s JOIN sources o ON o.id = s.source_id JOIN versions v ON v.id = s.version_id
     WHERE s.user_id = ?1 AND s.deleted_at IS NULL";

/// The same of deleted ones.
const DELETED: &str = "FROM sheets s JOIN sources o ON o.id = s.source_id JOIN versions v ON v.id = s.version_id
     WHERE s.user_id = ?1 AND s.deleted_at IS NOT NULL";

const SHEET: &str = "SELECT s.id, s.name, s.title, s.hidden, s.position,
     o.id AS source_id, o.kind, o.identity, o.sha256, o.n_bytes AS source_n_bytes, o.modified_ns, o.format, o.options,
     o.issues AS source_issues, o.linked,
     v.id AS version_id, v.number, v.n_rows, v.columns, v.issues, v.layout, v.file, v.n_bytes, v.made_by,
     v.based_on, v.reading, v.steps, v.author, v.pinned, v.created_at, s.deleted_at";

/// Sheets with `?2` in their name, title, file or column names, or all. SQLite's own `lower` knows ASCII only.
const SEARCH: &str = "AND (?2 IS NULL OR instr(s.name, ?2) > 0 OR instr(lower_case(s.title), ?2) > 0
     OR instr(lower_case(o.identity), ?2) > 0 OR EXISTS (
         SELECT 1 FROM json_each(v.columns) c WHERE instr(lower_case(c.value ->> '$.name'), ?2) > 0))";

impl Catalog {
    /// A page of the live sheets, by name. `search` is a part of a name, title, file or column; `after` the last name of the page before.
    pub fn sheets(
        &self,
        user: UserId,
        search: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<SheetPage, CatalogError> {
        let search = search.map(str::to_lowercase);
        let mut conn = self.reads();
        // One snapshot for both statements.
        let tx = conn.transaction()?;
        let n_total: u64 =
            tx.query_row(&format!("SELECT count(*) {LIVE} {SEARCH}"), (user.0, &search), |row| row.get(0))?;
        let mut sheets: Vec<Sheet> = tx
            .prepare_cached(&format!("{SHEET} {LIVE} {SEARCH} AND s.name > ?3 ORDER BY s.name LIMIT ?4"))?
            .query_map((user.0, &search, after.unwrap_or(""), u64::from(limit) + 1), sheet_of)?
            .collect::<Result<_, _>>()?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = sheets.len() > limit;
        sheets.truncate(limit);
        Ok(SheetPage { sheets, n_total, more })
    }

    /// The live sheet of this name, whatever its case.
    pub fn sheet(&self, user: UserId, name: &str) -> Result<Sheet, CatalogError> {
        by_name(&self.reads(), user, name)
    }

    /// The linked files of live sheets; cheap enough to ask before every query.
    pub fn linked_sources(&self, user: UserId) -> Result<Vec<LinkedSource>, CatalogError> {
        let conn = self.reads();
        let mut statement = conn.prepare_cached(
            "SELECT o.id, o.identity, o.n_bytes, o.modified_ns, o.options, s.name, s.held
             FROM sources o JOIN sheets s ON s.source_id = o.id
             WHERE o.user_id = ?1 AND o.linked = 1 AND s.deleted_at IS NULL ORDER BY o.id, s.position",
        )?;
        let mut rows = statement.query([user.0])?;
        let mut linked: Vec<LinkedSource> = Vec::new();
        while let Some(row) = rows.next()? {
            let path: String = row.get(1)?;
            if linked.last().is_none_or(|last| last.path != path) {
                let (n_bytes, modified_ns, options) = (row.get(2)?, row.get(3)?, from_json(row, "options")?);
                let (sheets, held) = (Vec::new(), Vec::new());
                linked.push(LinkedSource { path, n_bytes, modified_ns, options, sheets, held });
            }
            if let Some(last) = linked.last_mut() {
                let name = name_of(row, 5)?;
                last.held.extend(row.get::<_, Option<String>>(6)?.map(|why| (name.clone(), why)));
                last.sheets.push(name);
            }
        }
        Ok(linked)
    }

    /// Grows whenever the set of live sheets or one's current version changes; cheap enough to ask before every query.
    pub fn generation(&self, user: UserId) -> Result<u64, CatalogError> {
        generation_of(&self.reads(), user)
    }

    /// The live sheets and their files, by name.
    pub fn manifest(&self, user: UserId) -> Result<Manifest, CatalogError> {
        let mut conn = self.reads();
        let tx = conn.transaction()?;
        let files = tx
            .prepare_cached(&format!("SELECT s.name, v.file {LIVE} ORDER BY s.name"))?
            .query_map([user.0], |row| Ok((name_of(row, 0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        Ok(Manifest { generation: generation_of(&tx, user)?, files })
    }

    /// All versions that are kept, newest first.
    pub fn versions(&self, user: UserId, sheet_id: i64) -> Result<Vec<Version>, CatalogError> {
        let conn = self.reads();
        let mut statement = conn.prepare_cached(
            "SELECT v.id AS version_id, v.* FROM versions v JOIN sheets s ON s.id = v.sheet_id
             WHERE s.user_id = ?1 AND v.sheet_id = ?2 ORDER BY v.number DESC",
        )?;
        let versions = statement.query_map((user.0, sheet_id), version_of)?.collect::<Result<_, _>>()?;
        Ok(versions)
    }

    /// The live sheet of this name, else the one of this handle that was deleted last.
    pub fn sheet_or_deleted(&self, user: UserId, handle: &str) -> Result<Sheet, CatalogError> {
        find(&self.reads(), user, handle)
    }

    /// The sheets that can be restored, those deleted last first.
    pub fn deleted_sheets(&self, user: UserId) -> Result<Vec<DeletedSheet>, CatalogError> {
        let conn = self.reads();
        let mut taken = names(&conn, user)?;
        let mut statement = conn.prepare_cached(&format!("{SHEET} {DELETED} ORDER BY s.deleted_at DESC, s.id DESC"))?;
        let sheets: Vec<Sheet> = statement.query_map([user.0], sheet_of)?.collect::<Result<_, _>>()?;
        let deleted = sheets.into_iter().map(|sheet| {
            let name = sheet.name.to_string();
            let handle = if taken.contains(&name) { format!("{name}#{}", sheet.id) } else { name.clone() };
            taken.push(name);
            DeletedSheet { handle, n_rows: sheet.version.n_rows, deleted_at: sheet.deleted_at.unwrap_or_default() }
        });
        Ok(deleted.collect())
    }

    /// The live sheets that were made from a sheet whose rows were read again since; cheap enough to ask before every
    /// query.
    pub fn outdated(&self, user: UserId) -> Result<Vec<Outdated>, CatalogError> {
        let conn = self.reads();
        let mut statement = conn.prepare_cached(
            "SELECT s.name, b.name, r.made_by ->> '$.from.version' AS made_from
             FROM sources o JOIN sheets s ON s.source_id = o.id JOIN versions v ON v.id = s.version_id
             JOIN versions r ON r.sheet_id = s.id AND r.number = v.reading
             JOIN sheets b ON b.user_id = s.user_id AND b.name = r.made_by ->> '$.from.sheet'
             JOIN versions c ON c.id = b.version_id
             WHERE o.user_id = ?1 AND o.kind = 'sheet' AND s.deleted_at IS NULL AND b.deleted_at IS NULL
             AND c.reading > made_from ORDER BY s.name",
        )?;
        let of_row =
            |row: &Row<'_>| Ok(Outdated { name: name_of(row, 0)?, base: name_of(row, 1)?, made_from: row.get(2)? });
        let outdated = statement.query_map([user.0], of_row)?.collect::<Result<_, _>>()?;
        Ok(outdated)
    }

    /// Takes a sheet out of the workspace; its name is free at once, its rows are swept after 30 days.
    pub fn delete_sheet(&self, user: UserId, name: &str) -> Result<Sheet, CatalogError> {
        // Its name means this sheet to the calls up to now.
        self.write_log()?;
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        let sheet = by_name(&tx, user, name)?;
        tx.execute("UPDATE sheets SET deleted_at = ?2 WHERE id = ?1", (sheet.id, now()))?;
        bump_generation(&tx, user)?;
        tx.commit()?;
        Ok(sheet)
    }
}

/// To be called in every transaction that changes which files the live sheets have.
pub(super) fn bump_generation(conn: &Connection, user: UserId) -> Result<(), CatalogError> {
    conn.execute("UPDATE users SET generation = generation + 1 WHERE id = ?1", [user.0])?;
    Ok(())
}

pub(super) fn by_id(conn: &Connection, user: UserId, id: i64) -> Result<Sheet, CatalogError> {
    let found =
        conn.prepare_cached(&format!("{SHEET} {LIVE} AND s.id = ?2"))?.query_row((user.0, id), sheet_of).optional()?;
    found.ok_or_else(|| CatalogError::SheetNotFound { name: id.to_string(), nearest: Vec::new() })
}

pub(super) fn of_source(conn: &Connection, user: UserId, source_id: i64) -> Result<Vec<Sheet>, CatalogError> {
    let sheets = conn
        .prepare_cached(&format!("{SHEET} {LIVE} AND s.source_id = ?2 ORDER BY s.position, s.id"))?
        .query_map((user.0, source_id), sheet_of)?
        .collect::<Result<_, _>>()?;
    Ok(sheets)
}

/// The names of the live sheets.
pub(super) fn names(conn: &Connection, user: UserId) -> Result<Vec<String>, CatalogError> {
    let names = conn
        .prepare_cached("SELECT name FROM sheets WHERE user_id = ?1 AND deleted_at IS NULL ORDER BY name")?
        .query_map([user.0], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(names)
}

/// The live sheet of this name, else the deleted one of this name or `name#id`, the last deleted first.
pub(super) fn find(conn: &Connection, user: UserId, handle: &str) -> Result<Sheet, CatalogError> {
    let not_found = match by_name(conn, user, handle) {
        Err(error @ (CatalogError::SheetNotFound { .. } | CatalogError::SheetDeleted(_))) => error,
        other => return other,
    };
    let deleted = conn
        .prepare_cached(&format!(
            "{SHEET} {DELETED} AND ?2 IN (s.name, s.name || '#' || s.id) ORDER BY s.deleted_at DESC, s.id DESC LIMIT 1"
        ))?
        .query_row((user.0, handle.to_lowercase()), sheet_of)
        .optional()?;
    deleted.ok_or(not_found)
}

pub(super) fn by_name(conn: &Connection, user: UserId, name: &str) -> Result<Sheet, CatalogError> {
    let found = conn
        .prepare_cached(&format!("{SHEET} {LIVE} AND s.name = ?2"))?
        .query_row((user.0, name.to_lowercase()), sheet_of)
        .optional()?;
    if let Some(sheet) = found {
        return Ok(sheet);
    }
    if deleted_handle(conn, user, name)?.is_some() {
        return Err(CatalogError::SheetDeleted(name.to_lowercase()));
    }
    let names = names(conn, user)?;
    let nearest = nearest(name, names.iter().map(String::as_str)).into_iter().map(str::to_owned).collect();
    Err(CatalogError::SheetNotFound { name: name.to_owned(), nearest })
}

/// `name#id` of the sheet of this name that was deleted last.
pub(super) fn deleted_handle(conn: &Connection, user: UserId, name: &str) -> Result<Option<String>, CatalogError> {
    let handle = conn
        .prepare_cached(
            "SELECT name || '#' || id FROM sheets WHERE user_id = ?1 AND name = ?2 AND deleted_at IS NOT NULL
             ORDER BY deleted_at DESC, id DESC LIMIT 1",
        )?
        .query_row((user.0, name.to_lowercase()), |row| row.get(0))
        .optional()?;
    Ok(handle)
}

fn generation_of(conn: &Connection, user: UserId) -> Result<u64, CatalogError> {
    Ok(conn.prepare_cached("SELECT generation FROM users WHERE id = ?1")?.query_row([user.0], |row| row.get(0))?)
}

fn sheet_of(row: &Row<'_>) -> rusqlite::Result<Sheet> {
    Ok(Sheet {
        id: row.get("id")?,
        name: name_of(row, 1)?,
        title: row.get("title")?,
        hidden: row.get("hidden")?,
        position: row.get("position")?,
        source: Source {
            id: row.get("source_id")?,
            identity: match row.get_ref("kind")?.as_str()? {
                "path" => Identity::Path(row.get("identity")?),
                "sheet" => Identity::Sheet(row.get("identity")?),
                _ => Identity::Name(row.get("identity")?),
            },
            sha256: row.get("sha256")?,
            n_bytes: row.get("source_n_bytes")?,
            modified_ns: row.get("modified_ns")?,
            format: row.get("format")?,
            options: from_json(row, "options")?,
            issues: from_json(row, "source_issues")?,
            linked: row.get("linked")?,
        },
        version: version_of(row)?,
        deleted_at: row.get("deleted_at")?,
    })
}

pub(super) fn version_of(row: &Row<'_>) -> rusqlite::Result<Version> {
    let has_layout = row.get_ref("layout")? != rusqlite::types::ValueRef::Null;
    Ok(Version {
        id: row.get("version_id")?,
        number: row.get("number")?,
        n_rows: row.get("n_rows")?,
        columns: from_json(row, "columns")?,
        issues: from_json(row, "issues")?,
        layout: if has_layout { Some(from_json(row, "layout")?) } else { None },
        file: row.get("file")?,
        n_bytes: row.get("n_bytes")?,
        made_by: from_json(row, "made_by")?,
        based_on: row.get("based_on")?,
        reading: row.get("reading")?,
        steps: from_json(row, "steps")?,
        author: row.get("author")?,
        pinned: row.get("pinned")?,
        created_at: row.get("created_at")?,
    })
}

pub(super) fn name_of(row: &Row<'_>, index: usize) -> rusqlite::Result<SheetName> {
    SheetName::try_from(row.get::<_, String>(index)?)
        .map_err(|fault| rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, Box::new(fault)))
}
