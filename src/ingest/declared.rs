//! Column types that a workbook of Quire's says itself: a number there does not tell a decimal from a double, and a
//! column without values tells nothing.
//!
//! They are the workbook's custom properties, `Quire SHEET!1` with `DECIMAL(18,2) price` and so on, which spreadsheet
//! programs keep and nobody has to see. They are believed as long as every cell suits them.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use quick_xml::{Reader, XmlVersion, events::Event};
use zip::ZipArchive;

use super::{moment::Order, reading::Reading};

/// Longest value of a property that Excel takes.
const MAX_UNITS: usize = 255;
/// Of the part that holds the properties.
const MAX_BYTES: u64 = 8 << 20;
const PREFIX: &str = "Quire ";

/// The types of one worksheet's columns, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Declared(HashMap<String, Reading>);

impl Declared {
    pub(super) fn get(&self, column: &str) -> Option<Reading> {
        self.0.get(column).copied()
    }
}

/// The property that says a column's type, name and value; nothing where it needs none or can't be said.
pub fn property(title: &str, position: usize, column: &str, type_name: &str) -> Option<(String, String)> {
    let type_name = match type_name {
        "TINYINT" | "SMALLINT" | "INTEGER" | "UTINYINT" | "USMALLINT" | "UINTEGER" | "UBIGINT" | "HUGEINT" => "BIGINT",
        "FLOAT" => "DOUBLE",
        other => other,
    };
    let value = format!("{type_name} {column}");
    let is_kept = reading(type_name).is_some() && column.trim() == column && value.encode_utf16().count() <= MAX_UNITS;
    is_kept.then(|| (format!("{PREFIX}{title}!{position}"), value))
}

/// What a workbook says of its columns, by worksheet. One that says nothing, or can't be understood, has none.
pub(super) fn read(file: &Path) -> HashMap<String, Declared> {
    properties(file).unwrap_or_default()
}

fn properties(file: &Path) -> Option<HashMap<String, Declared>> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(file).ok()?)).ok()?;
    let part = archive.by_name("docProps/custom.xml").ok()?;
    let mut xml = String::new();
    part.take(MAX_BYTES).read_to_string(&mut xml).ok()?;
    let mut reader = Reader::from_str(&xml);
    let mut sheets: HashMap<String, Declared> = HashMap::new();
    let (mut name, mut value) = (None, String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) if tag.local_name().as_ref() == "property" => {
                let attribute = tag.try_get_attribute("name").ok()??;
                name = Some(attribute.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned());
                value.clear();
            }
            Event::Text(text) => value.push_str(&text.xml10_content()),
            Event::GeneralRef(entity) => {
                if let Ok(Some(c)) = entity.resolve_char_ref() {
                    value.push(c);
                } else {
                    value.push_str(quick_xml::escape::resolve_xml_entity(&entity)?);
                }
            }
            Event::End(tag) if tag.local_name().as_ref() == "property" => {
                if let Some((title, column, reading)) = name.take().and_then(|name| parse(&name, &value)) {
                    sheets.entry(title).or_default().0.insert(column, reading);
                }
            }
            Event::Eof => return Some(sheets),
            Event::Start(_)
            | Event::End(_)
            | Event::Empty(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
}

fn parse(name: &str, value: &str) -> Option<(String, String, Reading)> {
    let (title, _) = name.strip_prefix(PREFIX)?.rsplit_once('!')?;
    let zoned = "TIMESTAMP WITH TIME ZONE ";
    let (type_name, column) = match value.strip_prefix(zoned) {
        Some(column) => (zoned.trim_end(), column),
        None => value.split_once(' ')?,
    };
    Some((title.to_owned(), column.to_owned(), reading(type_name)?))
}

/// The reading that gives a type of `DuckDB`'s, in capitals.
pub(super) fn reading(type_name: &str) -> Option<Reading> {
    // Dates that Quire writes as text are ISO 8601: another one is not of its making.
    let order = Order::Unasked;
    Some(match type_name {
        "BOOLEAN" => Reading::Boolean,
        "BIGINT" => Reading::Integer,
        "DOUBLE" => Reading::Double,
        "DATE" => Reading::Date(order),
        "TIME" => Reading::Time,
        "TIMESTAMP" => Reading::Timestamp(order),
        "TIMESTAMP WITH TIME ZONE" => Reading::TimestampTz(order),
        "INTERVAL" => Reading::Interval,
        "VARCHAR" => Reading::Text,
        _ => {
            let digits = type_name.strip_prefix("DECIMAL(")?.strip_suffix(')')?;
            let (_, scale) = digits.split_once(',')?;
            Reading::Decimal { scale: scale.trim().parse().ok().filter(|scale| *scale <= 18)? }
        }
    })
}
