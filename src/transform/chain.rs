//! The steps so far, as a chain of named SELECTs, and the columns that they leave.

use serde_json::Value;

use super::Unconverted;
use crate::{
    engine::Engine,
    fault::{Code, Fault},
    name::{ColumnName, SheetName, nearest},
    value::Column,
};

/// The row number that some steps need to keep the rows' order; no column can have this name.
pub(super) const ROW: &str = "\"#row\"";

pub(super) struct Chain<'a> {
    pub(super) engine: &'a mut Engine,
    /// `"#0" AS (…)` and so on, each over the one before.
    links: Vec<String>,
    /// After the last link.
    pub(super) columns: Vec<Column>,
    /// Of the step under way, from 1.
    position: usize,
    pub(super) is_dry: bool,
    checks: Vec<Check>,
    pub(super) notes: Vec<String>,
}

/// A conversion that some cells may not survive.
struct Check {
    step: usize,
    /// The name of the link whose rows are converted.
    link: String,
    column: String,
    to: String,
    /// True for the cells that don't convert.
    fails: String,
    /// Whether such a cell ends the transform, rather than becoming null.
    strict: bool,
}

impl<'a> Chain<'a> {
    pub(super) fn new(engine: &'a mut Engine, sheet: &SheetName, is_dry: bool) -> Result<Chain<'a>, Fault> {
        let mut chain = Chain {
            engine,
            links: Vec::new(),
            columns: Vec::new(),
            position: 1,
            is_dry,
            checks: Vec::new(),
            notes: Vec::new(),
        };
        chain.push(&format!("SELECT * FROM {}", sheet.quoted()))?;
        Ok(chain)
    }

    /// Adds a link, once DuckDB has bound it.
    pub(super) fn push(&mut self, select: &str) -> Result<(), Fault> {
        // Bound by itself first: a link over it would number names that come twice.
        let bound = if self.links.is_empty() { select.to_owned() } else { self.over(select) };
        self.columns = self.engine.columns(&bound)?;
        // `NOT MATERIALIZED`, or a link that is read twice would be held in memory whole.
        let link = format!("\"#{}\" AS NOT MATERIALIZED (\n{select}\n)", self.links.len());
        self.links.push(link);
        if let Some(twice) = first_double(&self.columns) {
            return Err(Fault::new(Code::InvalidArguments, format!("two columns would be named `{twice}`"))
                .hint("give one of them another name"));
        }
        Ok(())
    }

    pub(super) fn end_step(&mut self) {
        self.position += 1;
    }

    /// The last link, as a table.
    pub(super) fn last(&self) -> String {
        format!("\"#{}\" AS this", self.links.len().saturating_sub(1))
    }

    /// The last link with its rows numbered.
    pub(super) fn numbered(&self) -> String {
        format!("(SELECT *, row_number() OVER () AS {ROW} FROM {}) AS this", self.last())
    }

    /// A SELECT over the links, whole.
    pub(super) fn over(&self, select: &str) -> String {
        format!("WITH {}\n{select}", self.links.join(",\n"))
    }

    /// Answers of a SELECT over the links.
    pub(super) fn look(&mut self, select: &str) -> Result<Vec<Vec<Value>>, Fault> {
        let sql = self.over(select);
        self.engine.rows(&sql)
    }

    /// The one number that a SELECT answers.
    pub(super) fn number(&mut self, select: &str) -> Result<u64, Fault> {
        let rows = self.look(select)?;
        Ok(rows.first().and_then(|row| row.first()).and_then(Value::as_u64).unwrap_or_default())
    }

    /// The column of this name, else of this name in another case.
    pub(super) fn column(&self, name: &str) -> Result<Column, Fault> {
        self.find(name).cloned().ok_or_else(|| {
            let fault = Fault::new(Code::ColumnNotFound, format!("no column `{name}`"));
            match nearest(name, self.columns.iter().map(|column| column.name.as_str())).first() {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault.hint(format!("there are {}", shown(&self.columns))),
            }
        })
    }

    pub(super) fn find(&self, name: &str) -> Option<&Column> {
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| self.columns.iter().find(|column| column.name.to_lowercase() == name.to_lowercase()))
    }

    pub(super) fn chosen(&self, names: &[String]) -> Result<Vec<Column>, Fault> {
        names.iter().map(|name| self.column(name)).collect()
    }

    /// All columns, each as `write` has it; those that it leaves out as they are.
    pub(super) fn with(&self, write: impl Fn(&Column) -> Option<String>) -> String {
        let item = |column: &Column| {
            let name = quoted(column);
            write(column).map_or_else(|| name.clone(), |sql| format!("{sql} AS {name}"))
        };
        self.columns.iter().map(item).collect::<Vec<_>>().join(", ")
    }

    /// Remembers a conversion of a column of the last link.
    pub(super) fn will_convert(&mut self, column: &Column, to: &str, fails: String, strict: bool) {
        let link = self.last();
        self.checks.push(Check {
            step: self.position,
            link,
            column: column.name.clone(),
            to: to.to_owned(),
            fails,
            strict,
        });
    }

    /// The cells that became null, or would not convert.
    pub(super) fn unconverted(&mut self) -> Result<Vec<Unconverted>, Fault> {
        let is_dry = self.is_dry;
        self.failures(|check| is_dry || !check.strict)
    }

    /// A fault that names the cells for which a strict conversion failed, if that is what happened.
    pub(super) fn strict_failure(&mut self) -> Result<Option<Fault>, Fault> {
        let failures = self.failures(|check| check.strict)?;
        Ok(failures.first().map(|bad| {
            let Unconverted { step, column, to, n_cells, examples } = bad;
            let examples: Vec<String> = examples.iter().map(|it| format!("`{it}`")).collect();
            Fault::new(
                Code::InvalidArguments,
                format!("step {step}: {n_cells} cells of `{column}` can't become {to}, such as {}", examples.join(", ")),
            )
            .hint("mend them with a step before (`replace`, `parse_numbers`, `parse_dates`), or add `\"on_error\": \"null\"`")
        }))
    }

    fn failures(&mut self, is_wanted: impl Fn(&Check) -> bool) -> Result<Vec<Unconverted>, Fault> {
        let checks: Vec<Check> = std::mem::take(&mut self.checks);
        let mut found = Vec::new();
        for check in checks.iter().filter(|check| is_wanted(check)) {
            let Check { link, fails, .. } = check;
            let n_cells = self.number(&format!("SELECT count(*) FROM {link} WHERE {fails}"))?;
            if n_cells == 0 {
                continue;
            }
            let cell = ColumnName(&check.column).quoted();
            let examples = self.look(&format!(
                "SELECT DISTINCT left(CAST({cell} AS VARCHAR), 60) FROM {link} WHERE {fails} ORDER BY 1 LIMIT 3"
            ))?;
            let examples = examples.iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
            let (column, to) = (check.column.clone(), check.to.clone());
            found.push(Unconverted { step: check.step, column, to, n_cells, examples });
        }
        self.checks = checks;
        Ok(found)
    }
}

pub(super) fn quoted(column: &Column) -> String {
    ColumnName(&column.name).quoted()
}

/// Columns as a select list.
pub(super) fn list(columns: &[Column]) -> String {
    columns.iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// A JSON value as a literal of SQL.
pub(super) fn literal(value: &Value) -> Result<String, Fault> {
    match value {
        Value::Null => Ok("NULL".to_owned()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(value) => Ok(value.to_string()),
        Value::String(text) => Ok(text_literal(text)),
        Value::Array(_) | Value::Object(_) => {
            Err(Fault::new(Code::InvalidArguments, format!("{value} is no value of a cell"))
                .hint("give a text, a number, true, false or null"))
        }
    }
}

pub(super) fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The name of a column that is to be made.
pub(super) fn new_name(name: &str) -> Result<String, Fault> {
    if name.trim().is_empty() || name.starts_with('#') || name.contains('\0') {
        return Err(Fault::new(Code::InvalidArguments, format!("`{name}` can't name a column"))
            .hint("use a name of letters, such as `total`"));
    }
    Ok(ColumnName(name).quoted())
}

fn first_double(columns: &[Column]) -> Option<&str> {
    let mut seen = std::collections::HashSet::new();
    columns.iter().find(|column| !seen.insert(column.name.to_lowercase())).map(|column| column.name.as_str())
}

fn shown(columns: &[Column]) -> String {
    let names: Vec<String> = columns.iter().take(30).map(|column| format!("`{}`", column.name)).collect();
    names.join(", ")
}
