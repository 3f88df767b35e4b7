//! What the tables of a file are called.

use std::{collections::HashSet, path::Path};

use crate::{
    ingest::receipt::{Receipt, SheetReceipt},
    name::SheetName,
};

/// Worksheet names that a program gives by itself: such a sheet is named after its file.
const GENERIC_TITLES: &[&str] = &[
    "sheet",
    "worksheet",
    "tabelle",
    "feuil",
    "feuille",
    "hoja",
    "foglio",
    "blad",
    "ark",
    "list",
    "arkusz",
    "planilha",
    "лист",
    "sayfa",
    "工作表",
    "시트",
];

/// Says of each sheet what an import into an empty workspace would call it.
pub(super) fn name_sheets(receipt: &mut Receipt, file_name: &str) {
    let n_worksheets = n_worksheets(receipt);
    let mut taken: Vec<SheetName> = Vec::new();
    for sheet in &mut receipt.sheets {
        let name = suggest(sheet, file_name, n_worksheets).made_unique(|name| taken.contains(name));
        taken.push(name.clone());
        sheet.name = Some(name);
    }
}

/// A name for a table: its own title, or its file's where the title says nothing. `n_worksheets`: of the file.
pub(super) fn suggest(found: &SheetReceipt, file_name: &str, n_worksheets: usize) -> SheetName {
    let stem = Path::new(file_name).file_stem().unwrap_or_default().to_string_lossy();
    let title = found.title.as_str();
    // Of several tables on a worksheet, one without a title of its own is called by the worksheet and its place.
    let place = found.worksheet.as_ref().map(|worksheet| title.strip_prefix(worksheet.as_str()));
    let bare = title.trim_end_matches(|c: char| c.is_ascii_digit() || c.is_whitespace()).to_lowercase();
    let is_generic = bare.is_empty() || GENERIC_TITLES.contains(&bare.as_str());
    match (n_worksheets, place, is_generic) {
        (1, Some(None), _) => SheetName::from_title(title),
        (1, Some(Some(place)), _) => SheetName::from_title(&format!("{stem}{place}")),
        (1, None, _) => SheetName::from_title(&stem),
        (_, _, true) => SheetName::from_title(&format!("{stem} {title}")),
        (_, _, false) => SheetName::from_title(title),
    }
}

/// Worksheets that tables were found on.
pub(super) fn n_worksheets(receipt: &Receipt) -> usize {
    let worksheets = receipt.sheets.iter().map(|sheet| sheet.worksheet.as_ref().unwrap_or(&sheet.title));
    worksheets.collect::<HashSet<_>>().len()
}
