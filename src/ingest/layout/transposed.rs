//! Tables with a field in each row and a record in each column.

use super::grid::{Kind, Line};
use crate::ingest::cell::Cell;

/// Fields that a record may have.
const MAX_FIELDS: usize = 200;

/// What kind of field a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Words,
    Numbers,
    Dates,
    Truths,
}

/// Whether every row is of one kind, and the rows are of several; then no column is of one. `header`: what heads them.
pub(super) fn is_transposed(header: &[&Line<'_>], data: &[Line<'_>]) -> bool {
    let Some(stub) = data.iter().filter_map(Line::first).min() else { return false };
    let n_records = data.iter().map(|line| line.cells.len().saturating_sub(1)).max().unwrap_or(0);
    if !(2..MAX_FIELDS).contains(&data.len()) || n_records < 2 {
        return false;
    }
    let mut labels: Vec<String> = data.iter().map(|line| line.text(stub).to_lowercase()).collect();
    labels.sort_unstable();
    labels.dedup();
    let is_labelled = data.iter().all(|line| line.kind(stub) == Some(Kind::Text)) && labels.len() == data.len();
    let mut fields = Vec::new();
    for line in data {
        let values = line.cells.iter().skip(1).filter(|(_, kind, _)| *kind != Kind::Missing);
        let mut kinds: Vec<Field> = values.map(|(_, kind, cell)| field(*kind, *cell)).collect();
        if line.cells.len() * 3 < n_records * 2 || kinds.is_empty() {
            return false;
        }
        kinds.dedup();
        let [kind] = kinds.as_slice() else { return false };
        fields.push(*kind);
    }
    let has_words = fields.contains(&Field::Words);
    let has_others = fields.iter().any(|field| *field != Field::Words);
    let n_changes = fields.windows(2).filter(|pair| pair.first() != pair.last()).count();
    // One row of words over numbers, or below them, is a header or a note, unless it is short as names are, and the
    // records are named above.
    let are_named = || match (header, data.last(), fields.last()) {
        ([heading], Some(last), Some(Field::Words)) => {
            let is_short = |text: String| text.chars().count() < 25;
            n_records > 2 && heading.n(Kind::Text) == n_records + 1 && last.texts().all(is_short)
        }
        _ => false,
    };
    let is_few = data.len() < 3;
    is_labelled
        && has_others
        && (n_changes > 1 || (n_changes > 0 && if is_few || has_words { are_named() } else { true }))
}

fn field(kind: Kind, cell: Cell<'_>) -> Field {
    match cell {
        Cell::Number(_) | Cell::Duration(_) => Field::Numbers,
        Cell::Date(_) | Cell::Timestamp(_) | Cell::Time(_) => Field::Dates,
        Cell::Boolean(_) => Field::Truths,
        Cell::Text(_) | Cell::Empty | Cell::Error(_) | Cell::Unevaluated(_) => {
            if kind == Kind::Value {
                Field::Numbers
            } else {
                Field::Words
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::layout::grid::tests::{batch, lines};

    fn check(text: &str, expect: bool) {
        let batch = batch(text);
        assert_eq!(is_transposed(&[], &lines(&batch)), expect, "{text}");
    }

    #[test]
    fn two_fields_below_the_names_of_records_are_enough() {
        let check = |text: &str, expect: bool| {
            let batch = batch(text);
            let lines = lines(&batch);
            let (header, data) = lines.split_at(1);
            assert_eq!(is_transposed(&header.iter().collect::<Vec<_>>(), data), expect, "{text}");
        };
        check("Name|Ann|Bob|Cid\nAge|31|42|27\nCity|Ulm|Bonn|Kiel", true);
        check("Name|Ann|Bob|Cid\nAge|31|42|27\nPay|100|200|300", false);
        check("Item|Units|Price|Cost\nNorth|1|2|3\nSouth|4|5|6", false);
        check("Name|Q1|Q2\nSales|1|2\nNote|ok|late", false);
    }

    #[test]
    fn rows_of_one_kind_are_fields() {
        check("Age|31|42|27\nCity|Ulm|Bonn|Kiel\nPay|100|200|300", true);
        check("Age|31|42|27\nCity|Ulm|-|Kiel\nPay|100|200|300", true);
    }

    #[test]
    fn columns_of_one_kind_are_not() {
        check("Ann|31|Ulm|100\nBob|42|Bonn|200\nCid|27|Kiel|300", false);
        check("a|1|2\nb|3|4\nc|5|6", false);
        check("a|x|y\nb|3|4\nc|5|6\nd|7|8", false);
        check("Age|31\nCity|Ulm\nPay|100", false);
    }
}
