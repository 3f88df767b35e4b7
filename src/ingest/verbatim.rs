//! The main table of a file as the text it was.

use super::{
    ReadError, Table,
    cell::Row,
    layout::Region,
    receipt::{Receipt, SheetReceipt},
    show, table,
};

/// Takes one row's cells.
type Take<'a> = &'a mut dyn FnMut(&[&str]) -> std::io::Result<()>;

/// Where a table lies in its file, and what heads it.
pub(super) struct Extent {
    header_rows: Vec<u64>,
    /// The names of its columns, where several rows make them.
    joined: Vec<String>,
    rows: (u64, u64),
    columns: (u32, u32),
}

impl Extent {
    /// Of the table with the most rows.
    pub(super) fn of_main(receipt: &Receipt) -> Option<Extent> {
        let sheet = receipt.sheets.iter().rev().max_by_key(|sheet| sheet.n_rows)?;
        // Where nothing lies beside it, columns without a value are a part of it, too.
        let region = region(sheet)?;
        let others = receipt.sheets.iter().filter_map(self::region).filter(|other| *other != region);
        let is_beside = |other: Region| other.rows.0 <= region.rows.1 && region.rows.0 <= other.rows.1;
        let columns = if others.into_iter().any(is_beside) { region.columns } else { (0, u32::MAX) };
        let names = || sheet.columns.iter().map(|column| column.name.clone());
        let first = sheet.first_data_row.max(sheet.header_rows.last().map_or(0, |last| last + 1));
        Some(Extent {
            joined: if sheet.header_rows.len() > 1 { names().collect() } else { Vec::new() },
            header_rows: sheet.header_rows.clone(),
            rows: (first, sheet.last_data_row),
            columns,
        })
    }

    /// Hands over the header and every row that is not blank.
    pub(super) fn rows(&self, table: &Table, take: Take<'_>) -> Result<(), ReadError> {
        let mut heads: Vec<Vec<String>> = Vec::new();
        let mut is_headed = false;
        table::feed(table, &mut |batch| {
            for record in batch.rows() {
                let number = record.number;
                if self.header_rows.contains(&number) {
                    heads.push(self.cells(record));
                }
                if !(self.rows.0..=self.rows.1).contains(&number) || record.is_blank() {
                    continue;
                }
                if !is_headed {
                    is_headed = true;
                    self.head(&heads, take)?;
                }
                let cells = self.cells(record);
                // The header again, as at the top of a page.
                if heads.first().is_some_and(|head| heads.len() == 1 && *head == cells) {
                    continue;
                }
                hand_over(&cells, take)?;
            }
            Ok(())
        })?;
        if is_headed { Ok(()) } else { self.head(&heads, take) }
    }

    fn head(&self, heads: &[Vec<String>], take: Take<'_>) -> Result<(), ReadError> {
        let width = heads.iter().map(Vec::len).max().unwrap_or(0);
        match heads {
            [] => Ok(()),
            [head] => hand_over(head, take),
            _ if self.joined.len() == width => hand_over(&self.joined, take),
            _ => {
                let part = |idx: usize| heads.iter().filter_map(move |head| head.get(idx)).filter(|it| !it.is_empty());
                let names: Vec<String> =
                    (0..width).map(|idx| part(idx).map(String::as_str).collect::<Vec<_>>().join(" ")).collect();
                hand_over(&names, take)
            }
        }
    }

    /// The row's cells between the table's first column and its last.
    fn cells(&self, record: Row<'_>) -> Vec<String> {
        let (left, right) = self.columns;
        let width = record.width().min(right.saturating_add(1)).saturating_sub(left);
        let mut cells = vec![String::new(); usize::try_from(width).unwrap_or(0)];
        for (col_idx, cell) in record.cells() {
            let idx = col_idx.checked_sub(left).and_then(|idx| usize::try_from(idx).ok());
            if let Some(text) = idx.and_then(|idx| cells.get_mut(idx)) {
                *text = show::cell(cell);
            }
        }
        cells
    }
}

fn region(sheet: &SheetReceipt) -> Option<Region> {
    let decided = sheet.decisions.iter().find(|decision| decision.about == "region")?;
    Region::parse(&decided.decided).ok()
}

fn hand_over(cells: &[String], take: Take<'_>) -> Result<(), ReadError> {
    let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
    Ok(take(&cells)?)
}

/// Hands over every record of the largest table, gaps filled with blank ones.
pub(super) fn largest(tables: &[Table], row: Take<'_>) -> Result<(), ReadError> {
    let mut largest: Option<(usize, &Table)> = None;
    let mut damage = None;
    for table in tables {
        let mut n_cells = 0;
        if tables.len() > 1 {
            let read = table::feed(table, &mut |batch| {
                n_cells += batch.n_filled();
                Ok(())
            });
            match read {
                Err(ReadError::Damaged(what)) => {
                    damage = Some(what);
                    continue;
                }
                read => read?,
            }
        }
        if largest.is_none_or(|(most, _)| n_cells > most) {
            largest = Some((n_cells, table));
        }
    }
    let Some((_, table)) = largest else { return damage.map_or(Ok(()), |what| Err(ReadError::Damaged(what))) };
    let mut next = 1;
    table::feed(table, &mut |batch| {
        for record in batch.rows() {
            while next < record.number {
                row(&[])?;
                next += 1;
            }
            next += 1;
            raw_row(record, row)?;
        }
        Ok(())
    })
}

fn raw_row(record: Row<'_>, row: Take<'_>) -> std::io::Result<()> {
    let mut cells = vec![String::new(); usize::try_from(record.width()).unwrap_or(0)];
    for (col_idx, cell) in record.cells() {
        if let Some(text) = usize::try_from(col_idx).ok().and_then(|idx| cells.get_mut(idx)) {
            *text = show::cell(cell);
        }
    }
    let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
    row(&cells)
}
