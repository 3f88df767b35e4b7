//! What a workbook says of its worksheets besides their cells: tables that people inserted (`ListObject`s, ISO/IEC
//! 29500-1, 18.5.1), what is printed, and by `markup` what is merged, hidden, filtered and frozen.

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use quick_xml::{Reader, XmlVersion, events::Event};
use zip::ZipArchive;

use super::markup;
use crate::ingest::{
    layout::{Listed, Region},
    look::{Area, Markup},
};

type Archive = ZipArchive<BufReader<File>>;

/// Of one of the parts that say so.
const MAX_BYTES: u64 = 4 << 20;
/// Of one worksheet.
const MAX_TABLES: usize = 1_000;

/// What is said of one worksheet.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) listed: Vec<Listed>,
    pub(super) markup: Markup,
}

/// What is said of each worksheet, by its name. A workbook that can't be understood says nothing.
pub(super) fn read(file: &Path) -> HashMap<String, Said> {
    said(file).unwrap_or_default()
}

fn said(file: &Path) -> Option<HashMap<String, Said>> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(file).ok()?)).ok()?;
    let targets: HashMap<String, String> = elements(&mut archive, "xl/_rels/workbook.xml.rels", "Relationship")?
        .into_iter()
        .filter_map(|mut it| Some((it.remove("Id")?, it.remove("Target")?)))
        .collect();
    let defined = elements(&mut archive, "xl/workbook.xml", "definedName").unwrap_or_default();
    let mut found = HashMap::new();
    for (idx, sheet) in elements(&mut archive, "xl/workbook.xml", "sheet")?.iter().enumerate() {
        let (Some(name), Some(target)) = (sheet.get("name"), sheet.get("id").and_then(|id| targets.get(id))) else {
            continue;
        };
        let mut markup = markup::read(&mut archive, &whole_path(target));
        let of_sheet = |it: &&HashMap<String, String>| it.get("localSheetId").is_some_and(|id| *id == idx.to_string());
        for defined in defined.iter().filter(of_sheet) {
            name_says(defined, &mut markup);
        }
        found.insert(name.clone(), Said { listed: listed(&mut archive, target), markup });
    }
    Some(found)
}

/// A part's path in the archive, of its path as seen from the workbook.
fn whole_path(target: &str) -> String {
    target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned)
}

/// The tables of a worksheet, from the top.
fn listed(archive: &mut Archive, target: &str) -> Vec<Listed> {
    let Some(part) = target.rsplit('/').next() else { return Vec::new() };
    let rels = format!("xl/worksheets/_rels/{part}.rels");
    let relations = elements(archive, &rels, "Relationship").unwrap_or_default();
    let tables = relations.iter().filter(|it| it.get("Type").is_some_and(|it| it.ends_with("/table")));
    // Each part holds one table, however often it is pointed to.
    let parts: BTreeSet<&str> = tables.filter_map(|it| it.get("Target")?.rsplit('/').next()).take(MAX_TABLES).collect();
    let mut listed: Vec<Listed> = Vec::new();
    for part in parts {
        let found = elements(archive, &format!("xl/tables/{part}"), "table").unwrap_or_default();
        listed.extend(found.first().and_then(table));
    }
    listed.sort_by_key(|table| (table.region.rows.0, table.region.columns.0));
    listed
}

/// Names that programs give to what is printed and filtered: ISO/IEC 29500-1, 18.2.5.
fn name_says(defined: &HashMap<String, String>, markup: &mut Markup) {
    let (Some(name), Some(text)) = (defined.get("name"), defined.get(TEXT)) else { return };
    let areas: Vec<&str> = text.split(',').filter_map(|area| area.rsplit('!').next()).collect();
    match (name.as_str(), areas.as_slice()) {
        ("_xlnm.Print_Area", [one]) => markup.printed = area(one),
        ("_xlnm._FilterDatabase", [one]) if markup.filter.is_none() => markup.filter = area(one),
        ("_xlnm.Print_Titles", areas) => {
            let last = |it: &&str| it.replace('$', "").split(':').next_back().and_then(|row| row.parse::<u64>().ok());
            markup.repeated_to = areas.iter().find_map(last);
        }
        _ => {}
    }
}

/// A rectangle such as `$A$1:$H$50`.
pub(super) fn area(text: &str) -> Option<Area> {
    let Region { rows, columns, .. } = Region::parse(text).ok()?;
    Some(Area { rows, columns })
}

fn table(fields: &HashMap<String, String>) -> Option<Listed> {
    let region = Region::parse(fields.get("ref")?).ok()?;
    let has_header = fields.get("headerRowCount").is_none_or(|count| count != "0");
    let has_totals = fields.get("totalsRowCount").is_some_and(|count| count != "0") && region.rows.0 < region.rows.1;
    // Programs number tables that nobody named.
    let name = fields.get("displayName").filter(|name| {
        let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_').to_lowercase();
        ![
            "table",
            "tabelle",
            "tabla",
            "tableau",
            "tabella",
            "tabela",
            "taulukko",
            "tabell",
            "таблица",
            "テーブル",
            "表",
        ]
        .contains(&bare.as_str())
    });
    let header_row = has_header.then_some(region.rows.0);
    let totals_row = has_totals.then_some(region.rows.1);
    Some(Listed { region: Region { title: name.cloned(), ..region }, header_row, totals_row, notes: Vec::new() })
}

/// What stands in an element, among its attributes.
const TEXT: &str = "";

/// The attributes of a part's elements of one name, by their local names, and what stands in them.
fn elements(archive: &mut Archive, part: &str, element: &str) -> Option<Vec<HashMap<String, String>>> {
    let mut xml = String::new();
    archive.by_name(part).ok()?.take(MAX_BYTES).read_to_string(&mut xml).ok()?;
    found(&xml, element)
}

/// The same of a piece of XML; those before a mistake in it, where it has one.
pub(super) fn found(xml: &str, element: &str) -> Option<Vec<HashMap<String, String>>> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    let mut found: Vec<HashMap<String, String>> = Vec::new();
    let mut is_inside = false;
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == element => {
                let mut fields = HashMap::new();
                for attribute in tag.attributes().flatten() {
                    let name = attribute.key.local_name().as_ref().to_owned();
                    fields.insert(name, attribute.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned());
                }
                found.push(fields);
                is_inside = true;
            }
            Event::Text(text) if is_inside => {
                if let Some(fields) = found.last_mut() {
                    fields.entry(TEXT.to_owned()).or_default().push_str(&text.xml10_content());
                }
            }
            Event::End(_) => is_inside = false,
            Event::Eof => break,
            Event::Start(_)
            | Event::Empty(_)
            | Event::Text(_)
            | Event::GeneralRef(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
    Some(found)
}
