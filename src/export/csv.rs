//! CSV as RFC 4180 has it, in UTF-8; formulas neutralised.

use super::{
    Order, Table, Written, distinct_names,
    findings::{Findings, Place},
    output::Output,
    share,
};
use crate::{
    engine::{
        Engine,
        rows::{Batch, Cell, Sink},
    },
    fault::Fault,
    ingest::reread::Reread,
    value::Column,
};

pub(super) fn write(
    engine: &mut Engine,
    order: &Order,
    table: &Table,
    findings: &mut Findings,
    progress: &mut dyn FnMut(f64),
) -> Result<Written, Fault> {
    let output = Output::create(order)?;
    let mut writer = Writer {
        output,
        order,
        table,
        findings,
        progress,
        columns: Vec::new(),
        names: Vec::new(),
        reread: Vec::new(),
        n_rows: 0,
        line: String::new(),
        value: String::new(),
    };
    engine.stream(&table.source, &mut writer)?;
    writer.finish()
}

struct Writer<'a> {
    output: Output,
    order: &'a Order,
    table: &'a Table,
    findings: &'a mut Findings,
    progress: &'a mut dyn FnMut(f64),
    columns: Vec<Column>,
    names: Vec<String>,
    /// What a reader of types would take the columns for.
    reread: Vec<Reread>,
    n_rows: u64,
    line: String,
    value: String,
}

impl Sink for Writer<'_> {
    fn begin(&mut self, columns: &[Column]) -> Result<(), Fault> {
        self.names = distinct_names(columns);
        self.findings.renamed(columns, &self.names);
        self.columns = columns.to_vec();
        self.reread = columns.iter().map(|_| Reread::default()).collect();
        for (col_idx, name) in self.names.iter().enumerate() {
            if col_idx > 0 {
                self.line.push(',');
            }
            let mut shown = name.clone();
            if is_formula(name) {
                let place = Place { column: name, row_number: 0 };
                if self.order.keep_formulas {
                    self.findings.kept_formula(place, name);
                } else {
                    self.findings.neutralised(place, name);
                    shown.insert(0, '\'');
                }
            }
            push_field(&mut self.line, &shown);
        }
        self.line.push('\n');
        self.output.write(&self.line)
    }

    fn rows(&mut self, batch: &Batch) -> Result<(), Fault> {
        let columns: Vec<_> = (0..self.columns.len()).filter_map(|col_idx| batch.column(col_idx)).collect();
        for row_idx in 0..batch.n_rows() {
            self.n_rows += 1;
            self.line.clear();
            let mut is_blank = true;
            for (col_idx, ((values, name), reread)) in columns.iter().zip(&self.names).zip(&mut self.reread).enumerate()
            {
                if col_idx > 0 {
                    self.line.push(',');
                }
                let place = Place { column: name, row_number: self.n_rows };
                let cell = values.cell(row_idx);
                is_blank &= cell == Cell::Null;
                match cell {
                    Cell::Null => {}
                    Cell::Text(text) => {
                        reread.add(text);
                        push_text(&mut self.line, text, place, self.order.keep_formulas, self.findings);
                    }
                    Cell::Boolean(_)
                    | Cell::Integer(_)
                    | Cell::Decimal { .. }
                    | Cell::Double(_)
                    | Cell::Date(_)
                    | Cell::Time(_)
                    | Cell::Timestamp(_)
                    | Cell::Interval { .. }
                    | Cell::Other => {
                        if let Cell::Double(double) = cell
                            && !double.is_finite()
                        {
                            self.findings.not_finite(place, double);
                        }
                        self.value.clear();
                        values.write_json(&mut self.value, row_idx);
                        let value = unquoted(&self.value);
                        reread.add(value);
                        push_field(&mut self.line, value);
                    }
                }
            }
            if is_blank {
                self.findings.blank_row(self.n_rows);
                if columns.len() == 1 {
                    // Or its line would be none.
                    self.line.push_str("\"\"");
                }
            }
            self.line.push('\n');
            self.output.write(&self.line)?;
        }
        (self.progress)(share(self.n_rows, self.table.n_rows));
        Ok(())
    }
}

impl Writer<'_> {
    fn finish(self) -> Result<Written, Fault> {
        self.output.finish()?;
        for ((column, name), reread) in self.columns.iter().zip(&self.names).zip(&self.reread) {
            let again = reread.other_than_text().map_or_else(|| "VARCHAR".to_owned(), |it| it.to_string());
            // More digits before the point than there were change no value.
            let is_wider = scale_of(&again).is_some() && scale_of(&again) == scale_of(&column.type_name);
            if again != column.type_name && !is_wider {
                self.findings.retyped(name, &column.type_name, &again);
            }
        }
        Ok(Written::new(&self.table.title, self.n_rows, &self.columns))
    }
}

/// Of a decimal, the digits behind the point.
fn scale_of(type_name: &str) -> Option<&str> {
    type_name.strip_prefix("DECIMAL(")?.split_once(',').map(|(_, scale)| scale)
}

fn push_text(line: &mut String, text: &str, place: Place<'_>, keep_formulas: bool, findings: &mut Findings) {
    if text.is_empty() {
        // In quotes, an empty text differs from no value for those who look.
        findings.empty_text(place);
        line.push_str("\"\"");
    } else if !is_formula(text) {
        push_field(line, text);
    } else if keep_formulas {
        findings.kept_formula(place, text);
        push_field(line, text);
    } else {
        findings.neutralised(place, text);
        push_field(line, &format!("'{text}"));
    }
}

/// Whether a spreadsheet may take the text for a formula: OWASP's list of first characters, without numbers, phone
/// numbers and dashes. Those hold digits and what separates them, in which there is no name, call or operator: whatever
/// takes them for a formula finds a number in it, or none.
fn is_formula(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    match first {
        '=' | '@' | '\t' | '\r' | '\n' | '\u{FF1D}' | '\u{FF0B}' | '\u{FF0D}' | '\u{FF20}' => true,
        '+' | '-' => {
            let rest = text.trim_start_matches(['+', '-']);
            let is_number = text.len() == rest.len() + 1
                && rest.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '('))
                && rest
                    .chars()
                    .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | ' ' | '(' | ')' | '\u{a0}' | '%'));
            !is_number && !rest.is_empty()
        }
        _ => false,
    }
}

fn push_field(line: &mut String, text: &str) {
    let is_plain = !text.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\n' | b'\r'))
        && !text.starts_with([' ', '\u{FEFF}'])
        && !text.ends_with(' ');
    if is_plain {
        line.push_str(text);
        return;
    }
    line.push('"');
    for (part_idx, part) in text.split('"').enumerate() {
        if part_idx > 0 {
            line.push_str("\"\"");
        }
        line.push_str(part);
    }
    line.push('"');
}

/// A JSON string of dates, digits or base64 as the text in it; lists and objects as they are.
fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_like_a_formula_is_one_unless_it_is_a_plain_number_or_a_dash() {
        for text in [
            "=1",
            "+1+1",
            "-1+1",
            "@SUM(1)",
            "\t=1",
            "\r=1",
            "\u{FF1D}1",
            "-cmd",
            "--1",
            "-1+2",
            "+1*2",
            "-2-3",
            "+A1",
            "-1e5",
            "+(A1)",
        ] {
            assert!(is_formula(text), "{text:?}");
        }
        for text in [
            "",
            "a=1",
            "-",
            "--",
            "-1",
            "-1.5",
            "+4915112345",
            "-1,000.50",
            "+44 123",
            "+1 (415) 555",
            "-(1)",
            "-5%",
            "'=1",
            " x",
        ] {
            assert!(!is_formula(text), "{text:?}");
        }
    }

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let field = |text: &str| {
            let mut line = String::new();
            push_field(&mut line, text);
            line
        };
        assert_eq!(field("a b"), "a b");
        assert_eq!(field("a,b"), "\"a,b\"");
        assert_eq!(field("say \"yes\"\n"), "\"say \"\"yes\"\"\n\"");
        assert_eq!(field(" x"), "\" x\"");
    }
}
