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
    let same_name = left.column.eq_ignore_ascii_case(&right.column);
    // Numbers overlap by chance: they need a name in common, or that one of them is a key.
    let is_text = left.type_name == "VARCHAR";
    let words = |name: &str| {
        name.to_lowercase().split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let shares_a_word = words(&left.column).intersection(&words(&right.column)).any(|word| word.chars().count() > 1);
    kind(&left.type_name) == kind(&right.type_name)
        && kind(&left.type_name).is_some()
        && few >= 2
        && ranges_meet(left, right)
        && many > 0
        && (same_name || shares_a_word || is_text && (left.is_key || right.is_key || few >= 3))
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
        "DATE" => Some("date"),
        _ if sql::is_number(type_name) && !matches!(type_name, "FLOAT" | "DOUBLE") => Some("number"),
        _ => None,
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
        let (a, b) = (ColumnName(&few.column).quoted(), ColumnName(&many.column).quoted());
        let answers = engine.answers(&format!(
            "WITH _few AS MATERIALIZED (SELECT DISTINCT {a} AS v FROM {} WHERE {a} IS NOT NULL LIMIT {N_LOOKED_FOR}) \
             SELECT (SELECT count(*) FROM _few), (SELECT count(*) FROM _few WHERE v IN (SELECT {b} FROM {} WHERE {b} IS NOT NULL))",
            few.sheet.quoted(),
            many.sheet.quoted()
        ))?;
        let count = |idx: usize| whole(number(answers.first().and_then(|row| row.get(idx))));
        let (n_values, n_shared) = (count(0), count(1));
        if n_shared >= 2 && n_shared * 2 >= n_values {
            let name = |end: &End| format!("{}.{}", end.sheet.quoted(), ColumnName(&end.column).quoted());
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
