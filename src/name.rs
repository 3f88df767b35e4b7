//! Names of sheets and columns: parsed once, valid ever after.

use std::{borrow::Borrow, collections::HashSet, fmt};

use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};

/// The name of a sheet: SQL-safe without quotes, lower case, at most 63 characters, unique in its workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SheetName(String);

/// Longest sheet name, in characters.
const MAX_CHARS: usize = 63;

/// Words that `select * from WORD` can't take unquoted.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "anti",
    "any",
    "array",
    "as",
    "asc",
    "asof",
    "asymmetric",
    "at",
    "authorization",
    "binary",
    "both",
    "by",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "default",
    "deferrable",
    "desc",
    "describe",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "glob",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lambda",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "pivot",
    "pivot_longer",
    "pivot_wider",
    "placing",
    "positional",
    "primary",
    "qualify",
    "references",
    "returning",
    "right",
    "select",
    "semi",
    "show",
    "similar",
    "some",
    "summarize",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "unpack",
    "unpivot",
    "using",
    "values",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

impl SheetName {
    /// A name from a title such as a file's stem or a worksheet's name: `Sales 2024 (EU)` becomes `sales_2024_eu`.
    pub fn from_title(title: &str) -> SheetName {
        let mut name = String::new();
        for c in title.chars().flat_map(char::to_lowercase) {
            if c.is_alphanumeric() {
                name.push(c);
            } else if !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
        }
        let mut name: String = name.trim_end_matches('_').chars().take(MAX_CHARS).collect();
        if name.is_empty() || RESERVED.contains(&name.as_str()) {
            name.insert_str(0, "sheet_");
        } else if name.starts_with(char::is_numeric) {
            name.insert(0, '_');
        }
        SheetName(name.trim_end_matches('_').chars().take(MAX_CHARS).collect())
    }

    /// This name if it is free, else the first free one of `name_2`, `name_3`, …
    #[must_use]
    pub fn made_unique(self, taken: impl Fn(&SheetName) -> bool) -> SheetName {
        let mut candidate = self.clone();
        let mut n = 2_u64;
        while taken(&candidate) {
            let suffix = format!("_{n}");
            let stem: String = self.0.chars().take(MAX_CHARS - suffix.len()).collect();
            candidate = SheetName(stem + &suffix);
            n += 1;
        }
        candidate
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As an identifier in SQL.
    pub fn quoted(&self) -> String {
        quote(&self.0)
    }
}

impl TryFrom<String> for SheetName {
    type Error = Fault;

    fn try_from(text: String) -> Result<SheetName, Fault> {
        let name = SheetName::from_title(&text);
        if name.0 == text.to_lowercase() {
            return Ok(name);
        }
        Err(Fault::new(Code::InvalidArguments, format!("`{text}` can't name a sheet"))
            .hint(format!("use `{name}`: letters, digits and `_`, not starting with a digit")))
    }
}

impl From<SheetName> for String {
    fn from(name: SheetName) -> String {
        name.0
    }
}

impl Borrow<str> for SheetName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SheetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Characters of a column's name. A longer one is text, in the wrong place.
pub const MAX_COLUMN_NAME: usize = 1_000;

/// A column's name in SQL: quoted, whatever it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnName<'a>(pub &'a str);

impl ColumnName<'_> {
    /// The name as it can be written without quotes: `Unit price (EUR)` becomes `unit_price_eur`.
    pub fn friendly(&self) -> String {
        let mut name = String::new();
        for c in self.0.chars().flat_map(char::to_lowercase) {
            if c.is_alphanumeric() {
                name.push(c);
            } else if !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
        }
        let name = name.trim_end_matches('_');
        if name.starts_with(char::is_numeric) { format!("_{name}") } else { name.to_owned() }
    }

    /// As an identifier in SQL.
    pub fn quoted(&self) -> String {
        quote(self.0)
    }
}

/// The words of a text in lower case: whatever sheets a statement of SQL may name are among them.
pub fn words(text: &str) -> HashSet<String> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Of `names`, the ones most like `wanted`, best first, at most three: for "did you mean".
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut scored: Vec<(f64, &str)> = names
        .into_iter()
        .map(|name| (likeness(&wanted, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

fn likeness(wanted: &str, name: &str) -> f64 {
    if name.contains(wanted) || wanted.contains(name) { 0.95 } else { strsim::jaro_winkler(wanted, name) }
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
