//! What a transform needs of DuckDB: binding SQL for its columns, and writing rows.

use std::path::Path;

use serde_json::Value;

use super::{
    Engine, Page, PageRequest,
    convert::{PARQUET, UNBOUNDED, described},
    fault, guard, literal, version,
};
use crate::{
    fault::{Code, Fault},
    name::ColumnName,
    value::Column,
};

impl Engine {
    /// The columns of checked SQL, without running it.
    pub fn columns(&mut self, sql: &str) -> Result<Vec<Column>, Fault> {
        let sql = self.allowed(sql)?;
        let rows = self.run(&format!("DESCRIBE {sql}"), &UNBOUNDED)?.rows;
        Ok(rows.iter().filter_map(|row| described(row.get())).collect())
    }

    /// All rows of checked SQL whose answer is small.
    pub fn rows(&mut self, sql: &str) -> Result<Vec<Vec<Value>>, Fault> {
        let sql = self.allowed(sql)?;
        let rows = self.run(&sql, &UNBOUNDED)?.rows;
        rows.iter().map(|row| serde_json::from_str(row.get()).map_err(Fault::internal)).collect()
    }

    /// Writes the rows of checked SQL, in their order, to a version file. Answers its columns and its number of rows.
    pub fn write_version(&mut self, sql: &str, file: &Path) -> Result<(Vec<Column>, u64), Fault> {
        let sql = self.allowed(sql)?;
        let connection = self.connection()?;
        let armed = self.interrupts.arm(&connection);
        let copy = format!("COPY ({sql}\n) TO {} ({PARQUET})", literal(file));
        let n_rows = connection.execute(&copy, []).map_err(fault)?;
        drop(armed);
        let columns = self.run(&format!("DESCRIBE SELECT * FROM {}", version(file)), &UNBOUNDED)?.rows;
        let columns = columns.iter().filter_map(|row| described(row.get())).collect();
        Ok((columns, u64::try_from(n_rows).unwrap_or(u64::MAX)))
    }

    /// The first rows of a version file.
    pub fn rows_of_file(&self, file: &Path, list: &str, page: &PageRequest) -> Result<Page, Fault> {
        let sql = format!("SELECT {list} FROM {} LIMIT {}", version(file), page.max_rows);
        self.run(&sql, page)
    }

    /// The SQL once it is checked, its sheets made readable.
    fn allowed(&mut self, sql: &str) -> Result<String, Fault> {
        let allowed = guard::check(&self.keeper, sql, &self.manifest)?;
        for sheet in &allowed.sheets {
            self.view(sheet)?;
        }
        Ok(allowed.sql)
    }
}

/// A select list with a cast for each column whose type a Parquet file does not hold as it is, and what that means.
///
/// Whole numbers beyond 64 bits become `wide`: DuckDB would write them as doubles. Those of `durations` become text.
pub fn storable(columns: &[Column], wide: &str, durations: &[Column]) -> (Vec<String>, Vec<String>) {
    let mut notes = Vec::new();
    let list = columns.iter().map(|column| {
        let (name, kind) = (ColumnName(&column.name).quoted(), &column.type_name);
        if durations.contains(column) {
            notes.push(format!(
                "`{}` is kept as text: a file can't hold durations that are negative or finer than milliseconds",
                column.name
            ));
            return format!("CAST({name} AS VARCHAR) AS {name}");
        }
        let stored = stored(kind, wide);
        if stored == *kind {
            return name;
        }
        if stored == "VARCHAR" && !kind.starts_with("ENUM") {
            notes.push(format!("`{}` is kept as text: a file can't hold {kind}", column.name));
        } else if wide != "BIGINT" {
            notes.push(format!("`{}` is kept as {stored}: it holds numbers beyond 64 bits", column.name));
        }
        format!("CAST({name} AS {stored}) AS {name}")
    });
    (list.collect(), notes)
}

/// Whether its whole numbers may be beyond 64 bits.
pub fn is_wide(kind: &str) -> bool {
    stored(kind, "BIGINT") != stored(kind, "DECIMAL(38,0)")
}

fn stored(kind: &str, wide: &str) -> String {
    const UNHELD: &[&str] = &["UHUGEINT", "BIGNUM", "UNION(", "VARIANT", "GEOMETRY", "TIME_NS", "BIT", "ENUM("];
    if UNHELD
        .iter()
        .any(|it| kind == *it || kind.starts_with(&format!("{it}[")) || it.ends_with('(') && kind.contains(it))
    {
        return "VARCHAR".to_owned();
    }
    if kind == "HUGEINT" || kind.starts_with("HUGEINT[") {
        return kind.replacen("HUGEINT", wide, 1);
    }
    // Inside a struct or a map: a type is behind a name or in front of the end, and never inside quotes.
    let mut whole = String::new();
    for (part, is_quoted) in kind.split('"').zip([false, true].into_iter().cycle()) {
        let quote = if is_quoted { "\"" } else { "" };
        let mut part = part.to_owned();
        for end in [",", ")", "["] {
            for start in [" ", "MAP("] {
                part = part.replace(&format!("{start}HUGEINT{end}"), &format!("{start}{wide}{end}"));
            }
        }
        whole.extend([quote, &part, quote]);
    }
    whole
}

/// Whether DuckDB says that a cell could not be converted.
pub fn is_conversion(fault: &Fault) -> bool {
    fault.code == Code::InvalidSql
        && ["Conversion", "Invalid Input", "Out of Range"].iter().any(|it| fault.message.starts_with(it))
}
