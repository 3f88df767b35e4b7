//! What stands below a table and is no part of it: sources, footnotes, remarks.

use super::grid::{Kind, Line};

/// Words that open a note, lowercase.
const OPENINGS: &[&str] = &[
    "note",
    "notes",
    "source",
    "sources",
    "footnote",
    "footnotes",
    "remark",
    "remarks",
    "legend",
    "key",
    "symbols",
    "copyright",
    "generated",
    "exported",
    "printed",
    "downloaded",
    "last updated",
    "updated",
    "prepared by",
    "quelle",
    "quellen",
    "anmerkung",
    "anmerkungen",
    "hinweis",
    "hinweise",
    "fußnote",
    "fußnoten",
    "stand",
    "source(s)",
    "remarque",
    "remarques",
    "nota",
    "notas",
    "fuente",
    "fuentes",
    "fonte",
    "fonti",
    "fontes",
    "bron",
    "opmerking",
    "källa",
    "kilde",
    "lähde",
    "źródło",
    "uwaga",
    "zdroj",
    "poznámka",
    "forrás",
    "kaynak",
    "not",
    "источник",
    "примечание",
    "примечания",
    "注",
    "注:",
    "備考",
    "出典",
    "资料来源",
    "说明",
    "주",
    "출처",
];

/// Behind the last line that is not a note.
pub(super) fn end(lines: &[Line<'_>]) -> usize {
    let width = lines.iter().map(|line| line.cells.len()).max().unwrap_or(0);
    if width < 2 {
        return lines.len();
    }
    let n_notes = lines.iter().rev().take_while(|line| may_be_note(line, width) || line.is_rule()).count();
    let mut end = lines.len() - n_notes;
    if end == 0 {
        return lines.len();
    }
    // A line that only may be one belongs to the data if nothing parts it from them.
    while let (Some(last), Some(next)) = (end.checked_sub(1).and_then(|idx| lines.get(idx)), lines.get(end)) {
        let is_apart = next.number > last.number + 1;
        if (is_apart && !is_short_of_cells(next, lines.get(..end).unwrap_or_default()))
            || next.is_rule()
            || is_note(next, width)
        {
            break;
        }
        end += 1;
    }
    end
}

/// Whether a line of one cell is a row that lacks the others: it has the delimiters that rows have, and is no longer than
/// their first cells are.
fn is_short_of_cells(line: &Line<'_>, above: &[Line<'_>]) -> bool {
    let Some(stub) = above.iter().filter_map(Line::first).min() else { return false };
    let longest = above.iter().map(|line| line.text(stub).chars().count()).max().unwrap_or(0);
    line.is_only(stub)
        && above.last().is_some_and(|last| last.row.width() > 1 && last.row.width() == line.row.width())
        && n_chars(line) <= longest.max(8)
        && !is_bare_word(line)
}

/// Whether the line may be a note where it stands by itself: words in few cells, none of them a value.
fn may_be_note(line: &Line<'_>, width: usize) -> bool {
    let [.., (_, last, _)] = line.cells.as_slice() else { return false };
    let opens = opens_a_note(line) || is_bare_word(line);
    (line.cells.len() == 1 && *last == Kind::Text)
        || opens
        || (width > 3 && line.cells.len() == 2 && line.n(Kind::Value) == 0 && n_chars(line) > 30)
}

/// Whether the line is a note wherever it stands.
fn is_note(line: &Line<'_>, width: usize) -> bool {
    opens_a_note(line) || (line.cells.len() == 1 && width > 2 && n_chars(line) > 60)
}

fn n_chars(line: &Line<'_>) -> usize {
    line.texts().map(|text| text.chars().count()).sum()
}

/// Whether its first cell is nothing but a word that opens notes: a row may be called that, too.
fn is_bare_word(line: &Line<'_>) -> bool {
    line.n(Kind::Value) == 0 && line.texts().next().is_some_and(|text| OPENINGS.contains(&text.to_lowercase().as_str()))
}

/// Whether its first cell begins as notes do, and no other holds a value.
pub(super) fn opens_a_note(line: &Line<'_>) -> bool {
    let [(_, _, _), rest @ ..] = line.cells.as_slice() else { return false };
    if rest.iter().any(|(_, kind, _)| *kind == Kind::Value) {
        return false;
    }
    let Some(text) = line.texts().next() else { return false };
    let is_long = text.chars().count() > 12;
    let mark = text.trim_start_matches(['(', '[']);
    let has_mark = text.starts_with(['*', '†', '‡', '§', '¹', '²', '³', '\\', '©', '※'])
        || (text.starts_with(['(', '[']) && mark.split_once([')', ']']).is_some_and(|(mark, _)| mark.len() <= 2));
    let lower = text.to_lowercase();
    let word = lower.split([':', '.', '：']).next().unwrap_or(&lower).trim_start_matches(['*', ' ']);
    let has_colon = lower.len() > word.len() || (rest.is_empty() && lower == word);
    let first = word.split_whitespace().next().unwrap_or(word);
    (has_mark && is_long && rest.is_empty())
        || (has_colon && OPENINGS.contains(&word))
        || (rest.is_empty() && is_long && OPENINGS.contains(&first.trim_end_matches(['s', ',', '-'])))
        || (rest.is_empty() && is_long && OPENINGS.contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::layout::grid::tests::{batch, lines};

    /// How many of the lines are the table's.
    fn check(text: &str, expect: usize) {
        let batch = batch(text);
        assert_eq!(end(&lines(&batch)), expect, "{text}");
    }

    #[test]
    fn what_stands_apart_below_is_no_data() {
        check("a|b|c\nx|1|2\n\nAll figures rounded||", 2);
        check("a|b|c\nx|1|2\n\nSee also\nthe annex", 2);
        check("a|b|c\nx|1|2\nSource: the ministry||\nof finance||", 2);
        check("a|b|c\nx|1|2\n* provisional figure||", 2);
        check("a|b|c\nx|1|2\n---|---|---\n\\1 Without islands.", 2);
        check("a|b|c\nx|1|2\nQuelle: Amt|zwei Zellen|", 2);
    }

    #[test]
    fn a_short_or_lonely_row_is_data() {
        check("a|b|c\nx|1|2\nUnited Airlines||", 3);
        check("a|b|c\nx|1|2\n\ny|3|4", 3);
        check("a\nb\nc", 3);
        check("a|b|c\nx|1|2\nNotebook|5|", 3);
        check("a|b\nKey|1\nNote|2", 3);
        check("title|artist\nHello|Adele\nKey|Someone\nNote|Else\nSources|Nobody", 5);
        check("word|meaning\nLegend|old tale\nRemark|a comment\nNote|short text", 4);
        check("country|capital\nFrance|Paris\nSpain|Madrid\n\nItaly|", 4);
        check("country|capital\nFrance|Paris\nSpain|Madrid\n\nNote|of the editor", 3);
    }
}
