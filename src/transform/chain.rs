//! The steps so far, as a chain of named SELECTs, and the columns that they leave.

use serde_json::{Map, Value, json};

use super::Unconverted;
use crate::{
    engine::{Engine, expression::Expression},
    fault::{Code, Fault},
    name::{ColumnName, SheetName, nearest},
    value::Column,
};

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
    /// The fields that the step under way found out for a column.
    found: Vec<(String, Map<String, Value>)>,
    /// The steps before it as they are kept: with what they found out.
    pub(super) kept: Vec<Value>,
}

/// Most conversions that are told with examples; the others are counted.
const MAX_UNCONVERTED: usize = 20;

/// A conversion that some cells may not survive.
struct Check {
    step: usize,
    /// The place of the link whose rows are converted.
    link: usize,
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
            found: Vec::new(),
            kept: Vec::new(),
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

    /// What a step found out about a column, so that it does the same to other rows.
    pub(super) fn found(&mut self, column: &Column, fields: Map<String, Value>) {
        self.found.push((column.name.clone(), fields));
    }

    /// Ends the step that was given as `step`. It is kept with what it found out, once for all columns that are alike.
    pub(super) fn end_step(&mut self, step: &Value) {
        self.position += 1;
        let mut groups: Vec<(Map<String, Value>, Vec<String>)> = Vec::new();
        for (column, fields) in std::mem::take(&mut self.found) {
            match groups.iter_mut().find(|(others, _)| *others == fields) {
                Some((_, columns)) => columns.push(column),
                None => groups.push((fields, vec![column])),
            }
        }
        for (fields, columns) in &groups {
            let mut step = step.clone();
            if let Some(step) = step.as_object_mut() {
                for alias in ["column", "type"] {
                    step.remove(alias);
                }
                step.insert("columns".to_owned(), json!(columns));
                step.extend(fields.clone());
            }
            self.kept.push(step);
        }
        if groups.is_empty() {
            self.kept.push(step.clone());
        }
    }

    /// The last link, as a table.
    pub(super) fn last(&self) -> String {
        format!("\"#{}\" AS this", self.links.len().saturating_sub(1))
    }

    /// The last link with its rows numbered.
    pub(super) fn numbered(&self) -> String {
        format!("(SELECT *, row_number() OVER () AS {} FROM {}) AS this", self.row(), self.last())
    }

    /// Whether no step has changed the sheet so far.
    pub(super) fn is_bare(&self) -> bool {
        self.links.len() == 1
    }

    /// The name, quoted, of the number of a row, which some steps need to keep the rows' order.
    pub(super) fn row(&self) -> String {
        self.beside(ROW)
    }

    /// A name, quoted, that no column has, made from this one.
    pub(super) fn beside(&self, name: &str) -> String {
        ColumnName(&name_beside(name, &self.columns)).quoted()
    }

    /// A user's expression, its calls that depend on the order of the rows following the row number.
    pub(super) fn ordered(&self, expr: &str) -> Result<Expression, Fault> {
        self.engine.ordered_expression(expr, &name_beside(ROW, &self.columns))
    }

    /// A table of the last link, its rows numbered where `is_numbered`.
    pub(super) fn table(&self, is_numbered: bool) -> String {
        if is_numbered { self.numbered() } else { self.last() }
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

    /// Answers of a SELECT over the links up to this one: those behind it need not be checked and bound again.
    fn look_at(&mut self, link: usize, select: &str) -> Result<Vec<Vec<Value>>, Fault> {
        let links: Vec<&str> = self.links.iter().take(link + 1).map(String::as_str).collect();
        self.engine.rows(&format!("WITH {}\n{select}", links.join(",\n")))
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
        let link = self.links.len().saturating_sub(1);
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
        let mut found = self.failures(|check| is_dry || !check.strict)?;
        let n_more = found.len().saturating_sub(MAX_UNCONVERTED);
        found.truncate(MAX_UNCONVERTED);
        if n_more > 0 {
            self.notes.push(format!("{n_more} more columns have cells that don't convert"));
        }
        Ok(found)
    }

    /// A fault that names the cells for which a strict conversion failed, if that is what happened.
    pub(super) fn strict_failure(&mut self) -> Result<Option<Fault>, Fault> {
        let failures = self.failures(|check| check.strict)?;
        Ok(failures.first().map(|bad| {
            let examples: Vec<String> = bad.examples.iter().map(|it| format!("`{it}`")).collect();
            let message =
                format!("step {}: {} can't become {}, such as {}", bad.step, bad.cells(), bad.to, examples.join(", "));
            Fault::new(Code::InvalidArguments, message).hint(
                "mend them with a step before (`replace`, `parse_numbers`, `parse_dates`), or add `\"on_error\": \"null\"`",
            )
        }))
    }

    /// Counts over each link at once; examples of the first ones only.
    fn failures(&mut self, is_wanted: impl Fn(&Check) -> bool) -> Result<Vec<Unconverted>, Fault> {
        let checks: Vec<Check> = std::mem::take(&mut self.checks);
        let wanted: Vec<&Check> = checks.iter().filter(|check| is_wanted(check)).collect();
        let mut found: Vec<Unconverted> = Vec::new();
        for of_link in wanted.chunk_by(|one, other| one.link == other.link) {
            let Some(Check { link, .. }) = of_link.first() else { continue };
            let counts: Vec<String> =
                of_link.iter().map(|check| format!("count(*) FILTER (WHERE {})", check.fails)).collect();
            let counts = self.look_at(*link, &format!("SELECT {} FROM \"#{link}\" AS this", counts.join(", ")))?;
            for (check, n_cells) in of_link.iter().zip(counts.iter().flatten().map(Value::as_u64)) {
                let Some(n_cells @ 1..) = n_cells else { continue };
                let examples = if found.len() < MAX_UNCONVERTED {
                    self.examples(*link, &ColumnName(&check.column).quoted(), &check.fails)?
                } else {
                    Vec::new()
                };
                let (column, to) = (check.column.clone(), check.to.clone());
                found.push(Unconverted { step: check.step, column, to, n_cells, examples });
            }
        }
        self.checks = checks;
        Ok(found)
    }

    /// Some different cells of the last link for which a condition holds.
    pub(super) fn some_cells(&mut self, cell: &str, condition: &str) -> Result<Vec<String>, Fault> {
        self.examples(self.links.len().saturating_sub(1), cell, condition)
    }

    /// Some different cells of a link for which a condition holds.
    fn examples(&mut self, link: usize, cell: &str, condition: &str) -> Result<Vec<String>, Fault> {
        let select = format!(
            "SELECT DISTINCT left(CAST({cell} AS VARCHAR), 60) FROM \"#{link}\" AS this WHERE {condition} ORDER BY 1 LIMIT 3"
        );
        let rows = self.look_at(link, &select)?;
        Ok(rows.iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// Computes every cell of a SELECT over the links, so that what would fail fails; answers its number of rows.
    pub(super) fn compute(&mut self, select: &str) -> Result<u64, Fault> {
        // DuckDB leaves out what a count alone has no need of.
        self.number(&format!("SELECT count(*), bit_xor(hash(\"#all\")) FROM ({select}) AS \"#all\""))
    }
}

/// What the number of a row is called, if no column is called so.
pub(super) const ROW: &str = "#row";

/// A name that none of the columns has.
pub(super) fn name_beside(name: &str, columns: &[Column]) -> String {
    let mut name = name.to_owned();
    while columns.iter().any(|column| column.name.eq_ignore_ascii_case(&name)) {
        name.push('#');
    }
    name
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
