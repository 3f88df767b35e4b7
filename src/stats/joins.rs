//! Which columns of different sheets hold the same values, so that a join over them fits.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{number, sql, whole};
use crate::{
    engine::Engine,
    fault::Fault,
    name::{ColumnName, SheetName},
};

/// Two columns to compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    pub left: End,
    pub right: End,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    pub sheet: SheetName,
    pub column: String,
    pub type_name: String,
    pub n_distinct: u64,
    pub min: Value,
    pub max: Value,
    /// Whether no two rows have the same value.
    pub is_key: bool,
}

/// A pair that fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlap {
    pub left: String,
    pub right: String,
    /// Different values of the side with fewer, and how many of them the other has.
    pub n_values: u64,
    pub n_shared: u64,
    /// The sides whose values tell rows apart.
    pub keys: Vec<SheetName>,
}

/// Different values of a side that are looked for in the other.
const N_LOOKED_FOR: u64 = 2_000;

/// Whether two columns may be compared with `=`, going by their types and names alone.
pub fn may_fit(left: &End, right: &End) -> bool {
    let (few, many) = (left.n_distinct.min(right.n_distinct), left.n_distinct.max(right.n_distinct));
    // Numbers overlap by chance, those that count rows above all: their names must agree. Dates of different grain are
    // looked at in `run`.
    let is_free = matches!(kind(&left.type_name), Some("text" | "date")) && (left.is_key || right.is_key || few >= 3);
    kind(&left.type_name) == kind(&right.type_name)
        && kind(&left.type_name).is_some()
        && few >= 2
        && ranges_meet(left, right)
        && many > 0
        && (names_agree(left, right) || is_free)
}

/// Words that say what kind of thing a column is, and not of what.
const GENERIC: &[&str] =
    &["code", "id", "idx", "index", "key", "name", "no", "nr", "nummer", "num", "number", "ref", "uid", "rank"];

/// Whether the names of two columns have a word in common; a column that is only called `id` goes by its sheet's name.
fn names_agree(left: &End, right: &End) -> bool {
    let words = |name: &str| -> BTreeSet<String> {
        let split = split_case(name);
        let words = split.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 1);
        let one = |word: &str| word.strip_suffix('s').filter(|it| it.chars().count() > 2).unwrap_or(word).to_owned();
        words.filter(|word| !GENERIC.contains(word)).map(one).collect()
    };
    let of =
        |end: &End| Some(words(&end.column)).filter(|it| !it.is_empty()).unwrap_or_else(|| words(end.sheet.as_str()));
    of(left).intersection(&of(right)).next().is_some()
}

/// Lower case, `CustomerID` as `customer id`.
fn split_case(name: &str) -> String {
    let mut split = String::new();
    let mut was_lower = false;
    for c in name.chars() {
        if was_lower && c.is_uppercase() {
            split.push(' ');
        }
        was_lower = c.is_lowercase() || c.is_ascii_digit();
        split.extend(c.to_lowercase());
    }
    split
}

/// Whether the smallest and largest values leave room for one in common. Long texts are compared as far as profiles
/// show them.
fn ranges_meet(left: &End, right: &End) -> bool {
    let is_below = |high: &Value, low: &Value| match (high, low) {
        (Value::String(high), Value::String(low)) => {
            let end = high.find('…').unwrap_or(high.len());
            let shown = high.get(..end).unwrap_or_default();
            shown < low.as_str() && (end == high.len() || !low.starts_with(shown))
        }
        _ => number(Some(high)) < number(Some(low)),
    };
    !is_below(&left.max, &right.min) && !is_below(&right.max, &left.min)
}

/// Types that are joined on, by what compares with what.
fn kind(type_name: &str) -> Option<&'static str> {
    match type_name {
        "VARCHAR" => Some("text"),
        _ if sql::is_moment(type_name) => Some("date"),
        _ if sql::is_number(type_name) && !matches!(type_name, "FLOAT" | "DOUBLE") => Some("number"),
        _ => None,
    }
}

/// The stretch of time that each of a column's values stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grain {
    Instant,
    Day,
    Month,
    Year,
}

impl Grain {
    fn of(engine: &mut Engine, end: &End) -> Result<Grain, Fault> {
        let (column, sheet) = (ColumnName(&end.column).quoted(), end.sheet.quoted());
        let is = |part: &str| format!("bool_and({column} = date_trunc('{part}', {column}))");
        let answers = engine.answers(&format!("SELECT {}, {}, {} FROM {sheet}", is("year"), is("month"), is("day")))?;
        let holds = |idx: usize| answers.first().and_then(|row| row.get(idx)) == Some(&Value::Bool(true));
        Ok(match (holds(0), holds(1), holds(2)) {
            (true, ..) => Grain::Year,
            (_, true, _) => Grain::Month,
            (.., true) => Grain::Day,
            _ => Grain::Instant,
        })
    }

    fn cut(self, column: &str) -> String {
        match self {
            Grain::Instant => column.to_owned(),
            Grain::Day => format!("date_trunc('day', {column})"),
            Grain::Month => format!("date_trunc('month', {column})"),
            Grain::Year => format!("date_trunc('year', {column})"),
        }
    }
}

/// Of the pairs, those where at least half of the values that are looked for are found, best first.
pub fn run(engine: &mut Engine, pairs: &[Pair]) -> Result<Vec<Overlap>, Fault> {
    let mut found = Vec::new();
    for pair in pairs {
        let (few, many) = if pair.left.n_distinct <= pair.right.n_distinct {
            (&pair.left, &pair.right)
        } else {
            (&pair.right, &pair.left)
        };
        let (mut a, mut b) = (ColumnName(&few.column).quoted(), ColumnName(&many.column).quoted());
        let mut grain = None;
        if kind(&few.type_name) == Some("date") {
            let (ours, theirs) = (Grain::of(engine, few)?, Grain::of(engine, many)?);
            let coarser = ours.max(theirs);
            if ours != theirs {
                (a, b) = (coarser.cut(&a), coarser.cut(&b));
                grain = Some(coarser);
            } else if !names_agree(few, many) {
                continue;
            }
        }
        let answers = engine.answers(&format!(
            "WITH _few AS MATERIALIZED (SELECT DISTINCT {a} AS v FROM {} WHERE {a} IS NOT NULL LIMIT {N_LOOKED_FOR}) \
             SELECT (SELECT count(*) FROM _few), (SELECT count(*) FROM _few WHERE v IN (SELECT {b} FROM {} WHERE {b} IS NOT NULL))",
            few.sheet.quoted(),
            many.sheet.quoted()
        ))?;
        let count = |idx: usize| whole(number(answers.first().and_then(|row| row.get(idx))));
        let (n_values, n_shared) = (count(0), count(1));
        if n_shared >= 2 && n_shared * 2 >= n_values {
            let name = |end: &End| {
                let name = format!("{}.{}", end.sheet.quoted(), ColumnName(&end.column).quoted());
                grain.map_or(name.clone(), |grain| grain.cut(&name))
            };
            let keys = [&pair.left, &pair.right].into_iter().filter(|end| end.is_key).map(|end| end.sheet.clone());
            let (left, right, keys) = (name(&pair.left), name(&pair.right), keys.collect());
            found.push(Overlap { left, right, n_values, n_shared, keys });
        }
    }
    found.sort_by(|a, b| {
        let share = |it: &Overlap| it.n_shared.saturating_mul(1_000) / it.n_values.max(1);
        (b.keys.len().min(1), share(b), &a.left, &a.right).cmp(&(a.keys.len().min(1), share(a), &b.left, &b.right))
    });
    Ok(found)
}
