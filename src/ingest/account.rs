//! What a table's reading decided, for the receipt: where things are, why, and what else it could have been.

use chrono::{NaiveDate, NaiveDateTime};
use serde_json::{Value, json};

use super::{
    build::{Built, GROUP, Plan, PlannedColumn},
    layout::{Claim, LeftOut, Structure},
    merges::Merges,
    reading::Reading,
    receipt::{ColumnNote, Decision},
    show,
};

/// What the receipt says of a table besides its issues.
pub(super) struct Told {
    pub(super) notes: Vec<String>,
    pub(super) column_notes: Vec<ColumnNote>,
    pub(super) decisions: Vec<Decision>,
}

/// Totals that are told one by one.
const MAX_TOTALS: usize = 40;

pub(super) fn told(plan: &Plan, built: &Built) -> Told {
    let structure = &plan.structure;
    let name = |col_idx: u32| plan.columns.iter().find(|it| it.col_idx == col_idx).map(|it| it.name.clone());
    let footnote = |mark: &str| {
        let text = built.notes.iter().find_map(|(_, text)| text.strip_prefix(mark)).map(str::trim);
        text.filter(|text| !text.is_empty())
            .map_or_else(|| format!("footnote mark {mark}"), |text| format!("{mark} {text}"))
    };
    let column_notes = structure.column_notes.iter().filter_map(|(col_idx, note)| {
        let note = note.strip_prefix("mark ").map_or_else(|| note.clone(), footnote);
        Some(ColumnNote { column: name(*col_idx)?, note })
    });
    let is_told =
        |col_idx| structure.column_notes.iter().any(|(it, note)| *it == col_idx && note.starts_with("unit: "));
    let units = plan.columns.iter().filter(|column| !is_told(column.col_idx)).filter_map(|column| {
        let note = format!("unit: {}", column.unit()?);
        Some(ColumnNote { column: column.name.clone(), note })
    });
    let is_told_here = |column: &PlannedColumn| column.unit().is_some() || is_told(column.col_idx);
    let shown = plan.columns.iter().filter(|column| !is_told_here(column)).filter_map(|column| {
        let is_number = matches!(column.verdict.reading, Reading::Integer | Reading::Decimal { .. } | Reading::Double);
        let note = column.format.as_ref().filter(|_| is_number)?.note.clone()?;
        Some(ColumnNote { column: column.name.clone(), note })
    });
    let hidden = plan.columns.iter().filter(|column| {
        structure.markup.as_ref().is_some_and(|markup| column.col_idx != GROUP && markup.hides_column(column.col_idx))
    });
    let hidden = hidden.map(|column| ColumnNote {
        column: column.name.clone(),
        note: "the column is hidden in the workbook".to_owned(),
    });
    let mut decisions = vec![region(plan, built), header(structure)];
    decisions.extend(built.merges.iter().flat_map(Merges::told));
    decisions.extend(totals(structure));
    decisions.extend(structure.groups.map(|column| Decision {
        about: "groups".to_owned(),
        decided: format!("rows with a cell in column {} alone are the groups of those below", show::letters(column)),
        because: "they have no values, and several rows follow each".to_owned(),
        confidence: 80,
        alternatives: Vec::new(),
    }));
    decisions.extend(structure.decisions.iter().cloned().map(|mut decision| {
        if let Some(name) = structure.may_repeat.and_then(name).filter(|_| decision.about == "fill") {
            decision.alternatives = vec![format!("filled from above: {}", offer(&[filled_forward(&name)]))];
        }
        decision
    }));
    decisions.extend(built.types.iter().cloned());
    decisions.extend(if structure.is_transposed { transposed(&plan.columns) } else { cross_table(&plan.columns) });
    Told {
        notes: built.notes.iter().map(|(row, text)| format!("row {row}: {text}")).collect(),
        column_notes: column_notes.chain(units).chain(shown).chain(hidden).collect(),
        decisions,
    }
}

fn region(plan: &Plan, built: &Built) -> Decision {
    let structure = &plan.structure;
    let top = structure.header_rows.first().copied().unwrap_or(built.first_data_row).max(1);
    let bottom = built.last_data_row.max(structure.header_rows.last().copied().unwrap_or(top));
    let of_file = || plan.columns.iter().map(|column| column.col_idx).filter(|it| *it != GROUP);
    let (left, right) = (of_file().min().unwrap_or(0), of_file().max().unwrap_or(0));
    let n_around = built.notes.len();
    let because = match n_around {
        0 => "all filled rows belong to the table".to_owned(),
        n => format!("{n} rows around it are titles or notes"),
    };
    Decision {
        about: "region".to_owned(),
        decided: format!("{}:{}", show::address(left, top), show::address(right, bottom)),
        because,
        confidence: if n_around == 0 { 95 } else { 85 },
        alternatives: Vec::new(),
    }
}

fn header(structure: &Structure) -> Decision {
    let rows = &structure.header_rows;
    let shown = rows.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let decided = match rows.as_slice() {
        [] => "no row".to_owned(),
        [row] => format!("row {row}"),
        _ => format!("rows {shown}, joined from the top"),
    };
    let (because, confidence) = match (structure.is_fixed, structure.is_plain, rows.len()) {
        (true, ..) => ("it was asked for", 100),
        (_, _, 0) => ("the first row is of the same types as those below it", 75),
        (_, true, 1) => ("it names every column, and the rows below hold other things", 90),
        (_, true, _) => ("the first names every column, and the others go on over columns of values", 85),
        (_, false, 1) => ("it is the last row of words above the first row of values", 75),
        (_, false, _) => ("rows of words above the first row of values, below titles", 80),
    };
    let alternatives = match rows.as_slice() {
        [] => vec![format!("row {}", structure.first_data_row)],
        [_] => vec!["no row".to_owned()],
        [first, .., last] => vec![format!("row {last} alone"), format!("row {first} alone")],
    };
    let confidence = if structure.seen.is_empty() || structure.is_fixed { confidence } else { confidence.max(95) };
    let because = if structure.is_listed { "the workbook's own table says it" } else { because };
    let because = [because].into_iter().chain(structure.seen.iter().copied().filter(|_| !structure.is_fixed));
    let because = because.collect::<Vec<_>>().join("; ");
    Decision { about: "header".to_owned(), decided, because, confidence, alternatives }
}

/// Steps as `transform_sheet` takes them.
pub(super) fn offer(steps: &[Value]) -> String {
    format!("transform_sheet with the steps {}", Value::from(steps))
}

pub(super) fn filled_forward(name: &str) -> Value {
    json!({"op": "fill", "columns": [name], "method": "forward"})
}

fn totals(structure: &Structure) -> impl Iterator<Item = Decision> {
    structure.totals.iter().take(MAX_TOTALS).map(|total| {
        let is_out = structure.left_out.get(&total.number) == Some(&LeftOut::Total);
        let (does, other) = if is_out { ("left out", "kept") } else { ("kept", "left out") };
        let what = match total.claim {
            Claim::Sum => "sum",
            Claim::Mean => "mean",
        };
        let words = if total.label.is_empty() { "no words".to_owned() } else { format!("its words `{}`", total.label) };
        let because = match (total.n_agreeing, total.disagreeing.len()) {
            (0, 0) => words,
            (n, 0) => format!("{words}; {n} of its values are the {what} of other rows"),
            (n, m) => format!("{words}; {n} of its values are the {what} of other rows, {m} are not"),
        };
        Decision {
            about: "totals".to_owned(),
            decided: format!("row {} {does}", total.number),
            because,
            confidence: if total.n_agreeing > 0 { 95 } else { 70 },
            alternatives: vec![other.to_owned()],
        }
    })
}

/// Fields down and records across: each column holds one of everything.
fn transposed(columns: &[PlannedColumn]) -> Option<Decision> {
    let [fields, records @ ..] = columns else { return None };
    let names: Vec<&str> = records.iter().map(|column| column.name.as_str()).collect();
    let is_taken = |it: &str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(it));
    let free = |wanted: &str| if is_taken(wanted) { format!("{wanted}_") } else { wanted.to_owned() };
    let (record, value) = (free("record"), free("value"));
    let steps = [
        json!({"op": "unpivot", "columns": names, "name": record, "value": value}),
        json!({"op": "pivot", "by": [record], "column": fields.name, "values": value, "aggregate": "any_value"}),
    ];
    Some(Decision {
        about: "shape".to_owned(),
        decided: format!("kept as it is: fields go down column `{}`, and each other column is one record", fields.name),
        because: "every row is of one kind, and the rows are of several".to_owned(),
        confidence: 70,
        alternatives: vec![
            format!("one row for each record: {}", offer(&steps)),
            format!("one row for each value: {}", offer(steps.get(..1).unwrap_or_default())),
        ],
    })
}

/// Least columns that make a table one of years or months across.
const ACROSS: usize = 3;

/// Columns of numbers that are headed by years, quarters or months hold one thing, and their names another.
fn cross_table(columns: &[PlannedColumn]) -> Option<Decision> {
    let is_number = |reading| matches!(reading, Reading::Integer | Reading::Decimal { .. } | Reading::Double);
    let periods: Vec<(&PlannedColumn, &str)> = columns
        .iter()
        .filter(|column| is_number(column.verdict.reading))
        .filter_map(|column| Some((column, period(&column.name)?)))
        .collect();
    let name = periods.first().map(|(_, period)| *period)?;
    let names: Vec<&str> =
        periods.iter().filter(|(_, period)| *period == name).map(|(column, _)| column.name.as_str()).collect();
    if names.len() < ACROSS || names.len() * 2 < columns.len().saturating_sub(1) {
        return None;
    }
    let (first, last) = (names.first()?, names.last()?);
    let is_taken = |it: &str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(it));
    let free = |wanted: &str| if is_taken(wanted) { format!("{wanted}_") } else { wanted.to_owned() };
    let step = json!({"op": "unpivot", "columns": names, "name": free(name), "value": free("value")});
    Some(Decision {
        about: "shape".to_owned(),
        decided: format!("kept as it is: columns `{first}` to `{last}` are one {name} each"),
        because: format!("{} columns of numbers are headed by it", names.len()),
        confidence: 60,
        alternatives: vec![format!("one row for each {name}: {}", offer(&[step]))],
    })
}

/// What kind of period a column's name is.
fn period(name: &str) -> Option<&'static str> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let name = name.trim().to_lowercase();
    let digits = name.strip_suffix(".0").unwrap_or(&name);
    let is_year = |text: &str| text.len() == 4 && text.parse::<u32>().is_ok_and(|year| (1_700..2_200).contains(&year));
    if is_year(digits) {
        return Some("year");
    }
    let word = name.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    if NaiveDate::parse_from_str(&name, "%Y-%m-%d").is_ok()
        || NaiveDateTime::parse_from_str(&name, "%Y-%m-%d %H:%M:%S").is_ok()
    {
        return Some("date");
    }
    let fiscal = name.strip_prefix("fy").map(|rest| rest.trim_start_matches(['-', ' ', '/']));
    if fiscal.is_some_and(|rest| is_year(rest) || (rest.len() == 2 && rest.parse::<u8>().is_ok())) {
        return Some("year");
    }
    if name
        .split_once('-')
        .is_some_and(|(year, month)| is_year(year) && month.len() == 2 && month.parse::<u8>().is_ok_and(|it| it < 13))
    {
        return Some("month");
    }
    let is_month =
        word == "sept" || MONTHS.iter().any(|month| *month == word || (word.len() == 3 && month.starts_with(word)));
    let is_quarter = name.starts_with('q') && name.chars().nth(1).is_some_and(|c| ('1'..='4').contains(&c));
    if is_quarter { Some("quarter") } else { (is_month && name.len() < 15).then_some("month") }
}

#[cfg(test)]
mod tests {
    use super::period;

    #[test]
    fn periods_are_known_by_their_names() {
        let found = [
            "1999",
            "2001.0",
            "Jan",
            "September",
            "Q3 2024",
            "mark",
            "amount",
            "May 2024",
            "2024-01-31",
            "FY 2024",
            "2024-02",
        ]
        .map(period);
        let expect = ["year", "year", "month", "month", "quarter", "", "", "month", "date", "year", "month"];
        assert_eq!(found.map(Option::unwrap_or_default), expect);
    }
}
