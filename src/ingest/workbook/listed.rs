//! Tables that a workbook itself says it has: those that people insert as tables (`ListObject`s), by
//! `SpreadsheetML`,
//! ISO/IEC 29500-1, 18.5.1.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use quick_xml::{Reader, XmlVersion, events::Event};
use zip::ZipArchive;

use crate::ingest::layout::{Listed, Region};

type Archive = ZipArchive<BufReader<File>>;

/// Of one of the parts that say so.
const MAX_BYTES: u64 = 4 << 20;

/// The tables of each worksheet, by its name. A workbook that can't be understood says of none.
pub(super) fn read(file: &Path) -> HashMap<String, Vec<Listed>> {
    tables(file).unwrap_or_default()
}

fn tables(file: &Path) -> Option<HashMap<String, Vec<Listed>>> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(file).ok()?)).ok()?;
    if !archive.file_names().flatten().any(|name| name.starts_with("xl/tables/")) {
        return None;
    }
    let targets: HashMap<String, String> = elements(&mut archive, "xl/_rels/workbook.xml.rels", "Relationship")?
        .into_iter()
        .filter_map(|mut it| Some((it.remove("Id")?, it.remove("Target")?)))
        .collect();
    let mut found = HashMap::new();
    for sheet in elements(&mut archive, "xl/workbook.xml", "sheet")? {
        let (Some(name), Some(id)) = (sheet.get("name"), sheet.get("id")) else { continue };
        let Some(part) = targets.get(id).and_then(|target| target.rsplit('/').next()) else { continue };
        let rels = format!("xl/worksheets/_rels/{part}.rels");
        let mut listed = Vec::new();
        for relation in elements(&mut archive, &rels, "Relationship").unwrap_or_default() {
            let is_table = relation.get("Type").is_some_and(|it| it.ends_with("/table"));
            let Some(target) = relation.get("Target").filter(|_| is_table) else { continue };
            let part = format!("xl/tables/{}", target.rsplit('/').next().unwrap_or_default());
            listed.extend(elements(&mut archive, &part, "table").unwrap_or_default().iter().filter_map(table));
        }
        listed.sort_by_key(|table| (table.region.rows.0, table.region.columns.0));
        found.insert(name.clone(), listed);
    }
    Some(found)
}

fn table(fields: &HashMap<String, String>) -> Option<Listed> {
    let region = Region::parse(fields.get("ref")?).ok()?;
    let has_header = fields.get("headerRowCount").is_none_or(|count| count != "0");
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
    Some(Listed { region: Region { title: name.cloned(), ..region }, header_row, notes: Vec::new() })
}

/// The attributes of a part's elements of one name, by their local names.
fn elements(archive: &mut Archive, part: &str, element: &str) -> Option<Vec<HashMap<String, String>>> {
    let mut xml = String::new();
    archive.by_name(part).ok()?.take(MAX_BYTES).read_to_string(&mut xml).ok()?;
    let mut reader = Reader::from_str(&xml);
    let mut found = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == element => {
                let mut fields = HashMap::new();
                for attribute in tag.attributes().flatten() {
                    let name = attribute.key.local_name().as_ref().to_owned();
                    fields.insert(name, attribute.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned());
                }
                found.push(fields);
            }
            Event::Eof => return Some(found),
            Event::Start(_)
            | Event::Empty(_)
            | Event::End(_)
            | Event::Text(_)
            | Event::GeneralRef(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
}
