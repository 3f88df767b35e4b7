//! What a worksheet's part says before, between and behind its cells: merged ones, hidden rows and columns, the filter.
//!
//! The cells themselves are passed over by looking for bytes, since the reader of cells reads them as XML.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read},
};

use memchr::memmem;
use zip::ZipArchive;

use super::listed::{area, found};
use crate::ingest::look::Markup;

const CHUNK_BYTES: usize = 1 << 17;
/// Longer than what a row says of itself.
const OVERLAP_BYTES: usize = 512;
/// Of what stands before the cells, and behind them; what is longer is left out.
const MAX_BYTES: usize = 16 << 20;
/// Hidden rows that are told apart, in runs.
const MAX_RUNS: usize = 100_000;
const MAX_MERGES: usize = 1_000_000;

/// What a part says; nothing where it can't be read.
pub(super) fn read(archive: &mut ZipArchive<BufReader<File>>, part: &str) -> Markup {
    let mut markup = Markup::default();
    let Ok(part) = archive.by_name(part) else { return markup };
    let n_bytes = part.size();
    let mut pieces = Pieces::default();
    pieces.read(part.take(n_bytes), &mut markup);
    around(&String::from_utf8_lossy(&pieces.before), &mut markup);
    around(&String::from_utf8_lossy(&pieces.behind), &mut markup);
    markup.merges.sort_by_key(|area| (area.rows.0, area.columns.0));
    markup
}

#[derive(Debug, Default)]
struct Pieces {
    before: Vec<u8>,
    behind: Vec<u8>,
    place: Place,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Before,
    Cells,
    Behind,
}

impl Pieces {
    fn read(&mut self, mut part: impl Read, markup: &mut Markup) {
        let (opening, closing) = (memmem::Finder::new(b"sheetData"), memmem::Finder::new(b"sheetData>"));
        let hidden = memmem::Finder::new(b" hidden=\"");
        let mut window: Vec<u8> = Vec::with_capacity(CHUNK_BYTES + OVERLAP_BYTES);
        loop {
            let kept = window.len();
            let limit = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
            let n = part.by_ref().take(limit).read_to_end(&mut window).unwrap_or(0);
            if n == 0 && kept == 0 {
                return;
            }
            let is_last = n == 0;
            if self.place == Place::Before {
                match opening.find(&window) {
                    Some(at) => {
                        push(&mut self.before, window.get(..at));
                        window.drain(..at + opening.needle().len());
                        // `<sheetData/>` has no cells.
                        let is_empty = window.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'/');
                        self.place = if is_empty { Place::Behind } else { Place::Cells };
                    }
                    None => self.pass(&mut window, is_last),
                }
            }
            if self.place == Place::Cells {
                let end = closing.find(&window);
                let cells = window.get(..end.unwrap_or(window.len())).unwrap_or_default();
                for at in hidden.find_iter(cells) {
                    hide_row(cells, at + hidden.needle().len(), markup);
                }
                match end {
                    Some(at) => {
                        window.drain(..at + closing.needle().len());
                        self.place = Place::Behind;
                    }
                    None => self.pass(&mut window, is_last),
                }
            }
            if self.place == Place::Behind {
                push(&mut self.behind, Some(&window));
                window.clear();
            }
            if is_last {
                return;
            }
        }
    }

    /// Leaves as much of the window as may hold the beginning of what is looked for.
    fn pass(&mut self, window: &mut Vec<u8>, is_last: bool) {
        let n = window.len().saturating_sub(if is_last { 0 } else { OVERLAP_BYTES });
        if self.place == Place::Before {
            push(&mut self.before, window.get(..n));
        }
        window.drain(..n);
    }
}

fn push(to: &mut Vec<u8>, bytes: Option<&[u8]>) {
    let bytes = bytes.unwrap_or_default();
    if to.len() + bytes.len() <= MAX_BYTES {
        to.extend_from_slice(bytes);
    }
}

/// Takes in a row whose tag says that it is hidden; `at`: behind `hidden="`.
fn hide_row(cells: &[u8], at: usize, markup: &mut Markup) {
    if !matches!(cells.get(at), Some(b'1' | b't')) || markup.hidden_rows.len() >= MAX_RUNS {
        return;
    }
    let before = cells.get(..at).unwrap_or_default();
    let tag = before.iter().rposition(|byte| *byte == b'<').and_then(|start| cells.get(start..)).unwrap_or_default();
    let tag = tag.split(|byte| *byte == b'>').next().unwrap_or_default();
    let is_row = tag.starts_with(b"<row ") || memmem::find(tag, b":row ").is_some();
    let number = memmem::find(tag, b" r=\"").and_then(|at| tag.get(at + 4..)).unwrap_or_default();
    let digits = number.split(|byte| *byte == b'"').next().unwrap_or_default();
    let Some(row) = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok()) else { return };
    match markup.hidden_rows.last_mut() {
        _ if !is_row => {}
        // What the window overlaps was met before.
        Some((_, last)) if *last >= row => {}
        Some((_, last)) if *last + 1 == row => *last = row,
        Some(_) | None => markup.hidden_rows.push((row, row)),
    }
}

/// Takes in what stands around the cells.
fn around(xml: &str, markup: &mut Markup) {
    let all = |element: &str| if xml.contains(element) { found(xml, element).unwrap_or_default() } else { Vec::new() };
    let number = |fields: &HashMap<String, String>, name: &str| fields.get(name).and_then(|it| it.parse::<u64>().ok());
    for column in all("col").iter().filter(|it| it.get("hidden").is_some_and(|it| it == "1" || it == "true")) {
        let place = |name: &str| number(column, name).and_then(|it| u32::try_from(it.checked_sub(1)?).ok());
        markup.hidden_columns.extend(place("min").zip(place("max")));
    }
    for pane in all("pane").iter().filter(|it| it.get("state").is_some_and(|it| it.starts_with("frozen"))) {
        let n_above = pane.get("ySplit").and_then(|it| it.parse::<f64>().ok()).map(|it| it.to_string());
        let n_above: Option<u64> = n_above.and_then(|it| it.parse().ok()).filter(|it| *it > 0);
        // Frozen rows begin where the sheet was scrolled to; the pane below begins right behind them, unless it is scrolled.
        markup.frozen_to = n_above;
    }
    markup.merges.extend(all("mergeCell").iter().take(MAX_MERGES).filter_map(|it| area(it.get("ref")?)));
    if let Some(filter) = all("autoFilter").first().and_then(|it| area(it.get("ref")?)) {
        markup.filter = Some(filter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str) -> Markup {
        let mut markup = Markup::default();
        let mut pieces = Pieces::default();
        pieces.read(xml.as_bytes(), &mut markup);
        around(&String::from_utf8_lossy(&pieces.before), &mut markup);
        around(&String::from_utf8_lossy(&pieces.behind), &mut markup);
        markup
    }

    #[test]
    fn what_stands_around_the_cells_is_found() {
        let xml = concat!(
            r#"<worksheet><sheetViews><sheetView><pane ySplit="2" topLeftCell="A3" state="frozen"/></sheetView></sheetViews>"#,
            r#"<cols><col min="2" max="3" width="9" hidden="1"/><col min="5" max="5"/></cols>"#,
            r#"<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="2" ht="0" hidden="1"/><row r="3" hidden="true"><c/>"#,
            r#"</row><row r="4" hidden="0"/><row hidden="1" r="9"/></sheetData><autoFilter ref="A1:C9"/>"#,
            r#"<mergeCells><mergeCell ref="A1:B2"/></mergeCells></worksheet>"#,
        );
        let markup = read(xml);
        assert_eq!(markup.hidden_rows, [(2, 3), (9, 9)]);
        assert_eq!(markup.hidden_columns, [(1, 2)]);
        assert_eq!(markup.frozen_to, Some(2));
        assert_eq!(markup.filter, area("A1:C9"));
        assert_eq!(markup.merges, [area("A1:B2").unwrap()]);
    }

    #[test]
    fn rows_are_found_wherever_the_window_ends() {
        let mut xml = "<worksheet><sheetData>".to_owned();
        for row in 1..=40_000 {
            let hidden = if row % 2 == 0 { r#" hidden="1""# } else { "" };
            xml.extend([format!(r#"<row r="{row}" spans="1:1"{hidden}><c r="A{row}"><v>1</v></c></row>"#)]);
        }
        xml += r#"</sheetData><mergeCells><mergeCell ref="B1:B2"/></mergeCells></worksheet>"#;
        let markup = read(&xml);
        assert_eq!(markup.hidden_rows.len(), 20_000);
        assert!(markup.hidden_rows.iter().all(|(first, last)| first == last && first % 2 == 0));
        assert_eq!(markup.merges.len(), 1);
    }
}
