//! What is suspicious about a query: filters on values that a column does not hold, and joins that multiply rows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{number, sql, whole};
use crate::{
    engine::{
        Engine,
        outline::{Block, ColumnRef, Filter, Outline, Test},
    },
    fault::Fault,
    name::{ColumnName, SheetName},
    value::Column,
};

/// A query that was looked at and not run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Review {
    /// Of its result.
    pub columns: Vec<Column>,
    pub sheets: Vec<SheetName>,
    /// Whether its rows depend on the time or on chance.
    pub is_volatile: bool,
    /// Of the outermost SELECT.
    pub limit: Option<u64>,
    pub is_ordered: bool,
    /// In words, each with what to do.
    pub findings: Vec<String>,
}

/// Filters and joins that are looked into.
const MAX_LOOKED_INTO: usize = 8;
/// Different values that a misspelt one is compared with.
const MAX_COMPARED: u32 = 20_000;

/// Checks and binds `sql`, and looks into what it filters and joins. Fails as the query itself would before its first row.
pub fn run(engine: &mut Engine, sql: &str) -> Result<Review, Fault> {
    let outline = engine.outline(sql)?;
    let mut findings = Vec::new();
    for block in &outline.blocks {
        let sheets = Sheets::of(engine, block)?;
        for filter in block.filters.iter().take(MAX_LOOKED_INTO) {
            findings.extend(unheld(engine, &sheets, filter)?);
        }
        if block.counts {
            findings.extend(multiplied(engine, &sheets, block)?);
        }
    }
    findings.dedup();
    let Outline { columns, sheets, is_volatile, limit, is_ordered, .. } = outline;
    Ok(Review { columns, sheets: sheets.into_iter().collect(), is_volatile, limit, is_ordered, findings })
}

/// The sheets of one SELECT, by the names they have there.
struct Sheets(Vec<(String, SheetName, Vec<Column>)>);

/// A column that was found.
struct Found<'a> {
    alias: &'a str,
    sheet: &'a SheetName,
    column: &'a Column,
}

impl Sheets {
    fn of(engine: &mut Engine, block: &Block) -> Result<Sheets, Fault> {
        let mut sheets = Vec::new();
        for (alias, sheet) in &block.tables {
            let columns = engine.columns(&format!("SELECT * FROM {}", sheet.quoted()))?;
            sheets.push((alias.clone(), sheet.clone(), columns));
        }
        Ok(Sheets(sheets))
    }

    /// The column meant; none where that is not clear.
    fn find(&self, wanted: &ColumnRef) -> Option<Found<'_>> {
        let mut found =
            self.all(&wanted.column).filter(|it| wanted.table.as_ref().is_none_or(|table| it.alias == table));
        let first = found.next()?;
        if found.next().is_none() { Some(first) } else { None }
    }

    fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = Found<'a>> {
        self.0.iter().filter_map(move |(alias, sheet, columns)| {
            let column = columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))?;
            Some(Found { alias, sheet, column })
        })
    }
}

impl Found<'_> {
    fn quoted(&self) -> String {
        ColumnName(&self.column.name).quoted()
    }
}

/// A filter that no row can pass, and the values that may be meant.
fn unheld(engine: &mut Engine, sheets: &Sheets, filter: &Filter) -> Result<Option<String>, Fault> {
    let Some(found) = sheets.find(&filter.column).filter(|found| found.column.type_name == "VARCHAR") else {
        return Ok(None);
    };
    let (column, sheet, literal) = (found.quoted(), found.sheet.quoted(), sql::text(&filter.literal));
    let condition = match filter.test {
        Test::Equal => format!("{column} = {literal}"),
        Test::EqualFolded => format!("lower({column}) = {literal} OR upper({column}) = {literal}"),
        Test::Like => format!("{column} LIKE {literal}"),
        Test::LikeFolded => format!("{column} ILIKE {literal}"),
    };
    if !engine.answers(&format!("SELECT 1 FROM {sheet} WHERE {condition} LIMIT 1"))?.is_empty() {
        return Ok(None);
    }
    let wanted = sql::text(&filter.literal.trim_matches('%').to_lowercase());
    let near = engine.answers(&format!(
        "SELECT v FROM (SELECT DISTINCT {column} AS v FROM {sheet} WHERE {column} IS NOT NULL LIMIT {MAX_COMPARED}) \
         ORDER BY lower(trim(v)) = {wanted} DESC, contains(lower(v), {wanted}) DESC, \
         jaro_winkler_similarity(lower(v), {wanted}) DESC, v LIMIT 3"
    ))?;
    let near: Vec<String> =
        near.into_iter().flatten().filter_map(|it| it.as_str().map(|it| format!("{it:?}"))).collect();
    let held =
        if near.is_empty() { "it holds no values".to_owned() } else { format!("the nearest are {}", near.join(", ")) };
    let name = &found.column.name;
    Ok(Some(format!("`{}`.`{name}` holds no value like {:?}; {held}", found.sheet, filter.literal)))
}

/// Joins over keys that repeat, where that changes what is counted or added up.
fn multiplied(engine: &mut Engine, sheets: &Sheets, block: &Block) -> Result<Vec<String>, Fault> {
    let mut findings = Vec::new();
    for (left, right, keys) in joins(sheets, block).into_iter().take(MAX_LOOKED_INTO) {
        let of = |side: fn(&(String, String)) -> &String| keys.iter().map(|key| side(key).clone()).collect::<Vec<_>>();
        let n_left = most_rows(engine, &left.1, &of(|key| &key.0))?;
        let n_right = most_rows(engine, &right.1, &of(|key| &key.1))?;
        let named = keys.iter().map(|(a, b)| format!("`{}`.`{a}` = `{}`.`{b}`", left.1, right.1));
        let named = named.collect::<Vec<_>>().join(" AND ");
        let sums = |alias: &str| {
            block
                .summed
                .iter()
                .filter_map(|it| sheets.find(it))
                .find(|it| it.alias == alias)
                .map(|it| it.column.name.clone())
        };
        let repeated = match (n_left > 1, n_right > 1) {
            (true, true) => {
                findings.push(format!(
                    "the join on {named} multiplies rows: a key has up to {n_left} rows on the left and {n_right} on the right, \
                     so counts and sums count rows more than once; aggregate one side first, or join on more columns"
                ));
                continue;
            }
            (false, true) => sums(&left.0).map(|column| (&left.1, column, n_right)),
            (true, false) => sums(&right.0).map(|column| (&right.1, column, n_left)),
            (false, false) => None,
        };
        if let Some((sheet, column, n_rows)) = repeated {
            findings.push(format!(
                "the join on {named} repeats each row of `{sheet}` up to {n_rows} times, so a sum or average of its `{column}` \
                 counts values more than once; aggregate before joining"
            ));
        }
    }
    Ok(findings)
}

type Side = (String, SheetName);
/// The sides, and the columns of each that are to be equal.
type Join = (Side, Side, Vec<(String, String)>);

/// Pairs of sheets with the columns that are to be equal, unquoted.
fn joins(sheets: &Sheets, block: &Block) -> Vec<Join> {
    let mut joins: Vec<Join> = Vec::new();
    let mut add = |a: &Found<'_>, b: &Found<'_>| {
        let (a, b) = if a.alias <= b.alias { (a, b) } else { (b, a) };
        let side = |it: &Found<'_>| (it.alias.to_owned(), it.sheet.clone());
        let key = (a.column.name.clone(), b.column.name.clone());
        match joins.iter_mut().find(|(left, right, _)| left.0 == a.alias && right.0 == b.alias) {
            Some((.., keys)) => keys.push(key),
            None => joins.push((side(a), side(b), vec![key])),
        }
    };
    for (left, right) in &block.equal {
        if let (Some(left), Some(right)) = (sheets.find(left), sheets.find(right))
            && left.alias != right.alias
        {
            add(&left, &right);
        }
    }
    for name in &block.using {
        let found: Vec<Found<'_>> = sheets.all(name).collect();
        if let [left, right] = found.as_slice() {
            add(left, right);
        }
    }
    joins
}

/// Rows of the commonest key.
fn most_rows(engine: &mut Engine, sheet: &SheetName, columns: &[String]) -> Result<u64, Fault> {
    let list = columns.iter().map(|column| ColumnName(column).quoted()).collect::<Vec<_>>().join(", ");
    let set = columns.iter().map(|column| format!("{} IS NOT NULL", ColumnName(column).quoted())).collect::<Vec<_>>();
    let answers = engine.answers(&format!(
        "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM {} WHERE {} GROUP BY {list})",
        sheet.quoted(),
        set.join(" AND ")
    ))?;
    let first: Option<&Value> = answers.first().and_then(|row| row.first());
    Ok(whole(number(first)))
}
