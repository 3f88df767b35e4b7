//! The rows that a test looks at, as subqueries, and the faults of columns and rows that don't fit it.

use serde_json::Value;

use super::{Group, Outcome, Question};
use crate::{
    engine::Engine,
    fault::{Code, Fault},
    name::ColumnName,
    stats::{
        number, real,
        sql::{self, is_numeric},
        whole,
    },
    value::Column,
};

/// Groups that one test may compare.
const MAX_GROUPS: u64 = 500;

pub(super) struct Sample<'a> {
    engine: &'a mut Engine,
    pub(super) question: &'a Question,
    /// The rows that meet the condition, as a subquery.
    rows: String,
    n_rows: f64,
}

/// One group of values.
#[derive(Debug, Clone)]
pub(super) struct Values {
    pub(super) name: String,
    pub(super) n: f64,
    pub(super) mean: f64,
    /// What the mean is more than `mean`, beyond a double's digits.
    rest: f64,
    pub(super) variance: f64,
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Values {
    pub(super) fn is_constant(&self) -> bool {
        self.min >= self.max
    }

    /// How much the mean is over that of `other`, or over a number: exact also where both are large.
    pub(super) fn over(&self, other: &Values) -> f64 {
        (self.mean - other.mean) + (self.rest - other.rest)
    }

    pub(super) fn over_number(&self, number: f64) -> f64 {
        (self.mean - number) + self.rest
    }

    /// As the reply shows it.
    pub(super) fn group(&self) -> Group {
        let finite = |x: f64| x.is_finite().then_some(x);
        Group {
            name: self.name.clone(),
            n: whole(self.n),
            mean: finite(self.mean),
            median: finite(self.median),
            sd: finite(self.variance.sqrt()),
            expected: None,
        }
    }
}

/// Independent groups of one quantity.
pub(super) struct Grouped {
    /// A subquery with columns `g` (text) and `v` (double).
    pub(super) sql: String,
    pub(super) groups: Vec<Values>,
    n_all: f64,
}

impl Grouped {
    pub(super) fn n(&self) -> f64 {
        self.groups.iter().map(|group| group.n).sum()
    }

    pub(super) fn fill(&self, mut outcome: Outcome) -> Outcome {
        outcome.n = whole(self.n());
        outcome.n_dropped = whole(self.n_all - self.n());
        outcome.groups = self.groups.iter().map(Values::group).collect();
        outcome
    }
}

const WHERE: &str = "`where` is one condition of SQL on the sheet's columns, such as `amount > 0 AND region = 'north'`";

impl<'a> Sample<'a> {
    pub(super) fn open(engine: &'a mut Engine, question: &'a Question) -> Result<Sample<'a>, Fault> {
        let sheet = question.sheet.quoted();
        let condition = question.condition.trim();
        let rows = if condition.is_empty() {
            sheet
        } else {
            engine
                .expression(condition)
                .map_err(|fault| Fault::new(fault.code, format!("`where`: {}", fault.message)).hint(WHERE))?;
            // The line break ends a comment that the condition may end with.
            format!("(SELECT * FROM {sheet} WHERE ({condition}\n))")
        };
        let mut sample = Sample { engine, question, rows, n_rows: 0.0 };
        let count = format!("SELECT count(*) FROM {}", sample.rows);
        sample.n_rows = sample.single(&count).map(|row| number(row.first())).map_err(|fault| {
            if condition.is_empty() || ![Code::InvalidSql, Code::ColumnNotFound].contains(&fault.code) {
                return fault;
            }
            Fault::new(fault.code, format!("`where`: {}", fault.message)).hint(WHERE)
        })?;
        if sample.n_rows == 0.0 {
            let which = if condition.is_empty() { "the sheet has no rows" } else { "no row meets `where`" };
            return Err(unfit(which).hint("look at the sheet with `describe_sheet`"));
        }
        Ok(sample)
    }

    pub(super) fn answers(&mut self, sql: &str) -> Result<Vec<Vec<Value>>, Fault> {
        self.engine.answers(sql)
    }

    pub(super) fn single(&mut self, sql: &str) -> Result<Vec<Value>, Fault> {
        self.answers(sql)?.into_iter().next().ok_or_else(|| Fault::internal("an aggregate without a row"))
    }

    /// The columns, which must be `N` numeric ones.
    pub(super) fn numeric<const N: usize>(&self, which: &str) -> Result<[&'a Column; N], Fault> {
        let columns: Vec<&Column> = self.question.columns.iter().collect();
        let columns: [&Column; N] = columns.try_into().map_err(|columns: Vec<&Column>| wrong(which, columns.len()))?;
        self.must_all_be_numeric()?;
        Ok(columns)
    }

    pub(super) fn must_all_be_numeric(&self) -> Result<(), Fault> {
        self.question.columns.iter().try_for_each(must_be_numeric)?;
        distinct(&self.question.columns)
    }

    /// A subquery of the rows where every column has a finite value: `v0`, `v1`, … as doubles.
    pub(super) fn complete(&self, columns: &[&Column]) -> String {
        let list: Vec<String> =
            (0..).zip(columns).map(|(idx, column)| format!("{} AS v{idx}", as_double(column))).collect();
        let all: Vec<String> = (0..columns.len()).map(|idx| format!("isfinite(v{idx})")).collect();
        format!("(SELECT * FROM (SELECT {} FROM {}) WHERE {})", list.join(", "), self.rows, all.join(" AND "))
    }

    /// A subquery of the rows where every column has a value: `a`, `b` as text.
    pub(super) fn categories(&self, columns: &[&Column]) -> String {
        let names = ["a", "b"];
        let list: Vec<String> =
            names.iter().zip(columns).map(|(name, column)| format!("{} AS {name}", as_text(column))).collect();
        let all: Vec<String> = names.iter().zip(columns).map(|(name, _)| format!("{name} IS NOT NULL")).collect();
        format!("(SELECT * FROM (SELECT {} FROM {}) WHERE {})", list.join(", "), self.rows, all.join(" AND "))
    }

    /// Rows that `n` of were used.
    pub(super) fn fill(&self, mut outcome: Outcome, n: f64) -> Outcome {
        outcome.n = whole(n);
        outcome.n_dropped = whole(self.n_rows - n);
        outcome
    }

    /// One numeric column split by `group_by`, or several numeric columns, each a group.
    pub(super) fn grouped(&mut self, n_least: usize, n_most: usize, which: &str) -> Result<Grouped, Fault> {
        let columns = &self.question.columns;
        self.must_all_be_numeric()?;
        let (sql, n_all, order) = match (&self.question.group_by, columns.as_slice()) {
            (Some(by), [column]) => {
                let (sql, n_all) = self.split(column, by)?;
                (sql, n_all, self.question.groups.clone())
            }
            (None, several) if several.len() >= 2 => {
                let list: Vec<String> = several
                    .iter()
                    .map(|column| {
                        format!(
                            "SELECT {} AS g, {} AS v FROM {}",
                            sql::text(&column.name),
                            as_double(column),
                            self.rows
                        )
                    })
                    .collect();
                let names = several.iter().map(|column| column.name.clone()).collect();
                let n_columns = u64::try_from(several.len()).unwrap_or(u64::MAX);
                (list.join(" UNION ALL "), self.n_rows * real(n_columns), names)
            }
            (Some(_), several) => return Err(wrong(which, several.len())),
            (None, several) => {
                return Err(wrong(which, several.len()).hint(format!("this test takes {which}")));
            }
        };
        let sql = format!("(SELECT g, v FROM ({sql}) WHERE g IS NOT NULL AND isfinite(v))");
        let mut groups = self.values(&sql)?;
        if !order.is_empty() {
            let place = |name: &str| order.iter().position(|it| it == name);
            groups.sort_by_key(|group| place(&group.name));
            if let Some(missing) = order.iter().find(|name| !groups.iter().any(|group| group.name == **name)) {
                return Err(unfit(format!("the group `{missing}` has no values")).hint(values_hint(self.question)));
            }
        }
        if groups.len() < n_least || groups.len() > n_most {
            return Err(self.wrong_groups(&groups, n_least, n_most));
        }
        Ok(Grouped { sql, groups, n_all })
    }

    /// One column's values by the values of another, and how many there are.
    fn split(&mut self, column: &Column, by: &Column) -> Result<(String, f64), Fault> {
        let groups: Vec<String> = self.question.groups.iter().map(|group| sql::text(group)).collect();
        let only = if groups.is_empty() {
            String::new()
        } else {
            format!(" WHERE {} IN ({})", as_text(by), groups.join(", "))
        };
        let sql = format!("SELECT {} AS g, {} AS v FROM {}{only}", as_text(by), as_double(column), self.rows);
        let count = format!("SELECT count(*), count(DISTINCT g) FROM ({sql})");
        let row = self.single(&count)?;
        let n_groups = number(row.get(1));
        if n_groups > real(MAX_GROUPS) {
            return Err(unfit(format!("`{}` has {n_groups} different values, too many for groups", by.name))
                .hint("group by a column with few values, or name some of them in `groups`"));
        }
        Ok((sql, number(row.first())))
    }

    fn values(&mut self, sql: &str) -> Result<Vec<Values>, Fault> {
        // About the means, or large values would take the digits.
        let answers = self.answers(&format!(
            "WITH _d AS {sql}, _m AS (SELECT g, favg(v) AS m FROM _d GROUP BY g) \
             SELECT g, count(*), any_value(m), fsum(v - m), fsum((v - m) * (v - m)), median(v), min(v), max(v) \
             FROM _d JOIN _m USING (g) GROUP BY g ORDER BY g"
        ))?;
        let groups: Vec<Values> = answers
            .iter()
            .map(|row| {
                let (n, sum, squares) = (number(row.get(1)), number(row.get(3)), number(row.get(4)));
                Values {
                    name: row.first().and_then(Value::as_str).unwrap_or_default().to_owned(),
                    n,
                    mean: number(row.get(2)),
                    rest: sum / n,
                    // Of a single value there is none.
                    variance: if n > 1.0 { (squares - sum * sum / n) / (n - 1.0) } else { f64::NAN },
                    median: number(row.get(5)),
                    min: number(row.get(6)),
                    max: number(row.get(7)),
                }
            })
            .collect();
        match groups.iter().find(|it| !it.mean.is_finite() || (it.n > 1.0 && !it.variance.is_finite())) {
            Some(group) => Err(too_large(&format!("the values of `{}`", group.name))),
            None => Ok(groups),
        }
    }

    /// Values of a subquery's column `v`, all one group.
    pub(super) fn one(&mut self, sql: &str, name: &str) -> Result<Values, Fault> {
        let all = format!("(SELECT {} AS g, v FROM {sql})", sql::text(name));
        self.values(&all)?
            .into_iter()
            .next()
            .ok_or_else(|| unfit(format!("`{name}` has no numbers here")).hint("look at it with `describe_sheet`"))
    }

    fn wrong_groups(&self, groups: &[Values], n_least: usize, n_most: usize) -> Fault {
        let names: Vec<String> = groups.iter().take(12).map(|group| format!("`{}`", group.name)).collect();
        let by = self.question.group_by.as_ref().map_or("the columns", |by| by.name.as_str());
        let message = format!("`{by}` gives {} groups with values: {}", groups.len(), names.join(", "));
        if groups.len() < n_least {
            return unfit(message).hint(format!("at least {n_least} are needed"));
        }
        unfit(message)
            .hint(format!("name the {n_most} to compare in `groups`, or use `anova` or `kruskal_wallis` for more"))
    }
}

/// A fault of arguments or values that a test can't take.
pub(super) fn unfit(message: impl Into<String>) -> Fault {
    Fault::new(Code::InvalidArguments, message)
}

/// A fault of numbers whose squares are no doubles.
pub(super) fn too_large(what: &str) -> Fault {
    unfit(format!("{what} are too large to compute with"))
        .hint("divide the columns by a larger unit first: `transform_sheet` with `derive`")
}

/// Fails where fewer than `least` values are there to test.
pub(super) fn must_have(n: f64, least: f64, what: &str) -> Result<(), Fault> {
    if n >= least {
        return Ok(());
    }
    Err(unfit(format!("{what} has {n} usable values, and this test needs {least}"))
        .hint("rows with nulls are left out: use more rows, or another column"))
}

pub(super) fn constant(name: &str) -> Fault {
    unfit(format!("all values of `{name}` are equal, so there is nothing to test"))
        .hint("use a column that varies, or other rows (`where`)")
}

fn wrong(which: &str, n_found: usize) -> Fault {
    unfit(format!("{n_found} columns do not fit this test")).hint(format!("it takes {which}"))
}

fn must_be_numeric(column: &Column) -> Result<(), Fault> {
    if is_numeric(&column.type_name) {
        return Ok(());
    }
    Err(unfit(format!("`{}` is {}, not numeric", column.name, column.type_name)).hint(
        "use a numeric column; for categories use `group_by` or `chi_square`; cast text that holds numbers first",
    ))
}

fn distinct(columns: &[Column]) -> Result<(), Fault> {
    let twice = (1..).zip(columns).find(|(next, column)| columns.iter().skip(*next).any(|other| other == *column));
    match twice {
        Some((_, column)) => Err(unfit(format!("`{}` is named twice", column.name)).hint("name different columns")),
        None => Ok(()),
    }
}

fn values_hint(question: &Question) -> String {
    match &question.group_by {
        Some(by) => format!("`describe_sheet` shows the values of `{}`", by.name),
        None => "leave `groups` out, or name the columns".to_owned(),
    }
}

fn as_double(column: &Column) -> String {
    format!("CAST({} AS DOUBLE)", ColumnName(&column.name).quoted())
}

fn as_text(column: &Column) -> String {
    format!("CAST({} AS VARCHAR)", ColumnName(&column.name).quoted())
}
