//! What a table's reading decided, for the receipt: where things are, why, and what else it could have been.

use super::{
    build::{Built, GROUP, Plan, PlannedColumn},
    evidence::Reading,
    layout::{Claim, LeftOut, Structure},
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
    let mut decisions = vec![region(plan, built), header(structure)];
    decisions.extend(totals(structure));
    decisions.extend(structure.groups.map(|column| Decision {
        about: "groups".to_owned(),
        decided: format!("rows with a cell in column {} alone are the groups of those below", show::letters(column)),
        because: "they have no values, and several rows follow each".to_owned(),
        confidence: 80,
        alternatives: Vec::new(),
    }));
    decisions.extend(structure.decisions.iter().cloned());
    decisions.extend(built.types.iter().cloned());
    decisions.extend(cross_table(&plan.columns));
    Told {
        notes: built.notes.iter().map(|(row, text)| format!("row {row}: {text}")).collect(),
        column_notes: column_notes.chain(units).collect(),
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
    Decision { about: "header".to_owned(), decided, because: because.to_owned(), confidence, alternatives }
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
    let step = serde_json::json!({"op": "unpivot", "columns": names, "name": name, "value": "value"});
    Some(Decision {
        about: "shape".to_owned(),
        decided: format!("kept as it is: columns `{first}` to `{last}` are one {name} each"),
        because: format!("{} columns of numbers are headed by it", names.len()),
        confidence: 60,
        alternatives: vec![format!("one row for each {name}: transform_sheet with {step}")],
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
        let found = ["1999", "2001.0", "Jan", "September", "Q3 2024", "mark", "amount", "May 2024"].map(period);
        let expect = ["year", "year", "month", "month", "quarter", "", "", "month"];
        assert_eq!(found.map(Option::unwrap_or_default), expect);
    }
}
