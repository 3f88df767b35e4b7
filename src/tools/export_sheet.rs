//! `export_sheet`: sheets or a query as a file.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    export::Format,
    fault::{Code, Fault},
    name::nearest,
    tool::{Call, Effect, Tool, reply::Reply},
    workspace::{Delivered, Delivery, Wanted},
};

pub(super) struct ExportSheet;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    // Options, since a default that says nothing takes room in the schema.
    /// Name, or absent
    #[serde(default)]
    #[schemars(with = "String")]
    sheet: Option<String>,
    /// Several, for xlsx; or absent
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    sheets: Option<Vec<String>>,
    /// SELECT, or absent
    #[serde(default)]
    #[schemars(with = "String")]
    sql: Option<String>,
    /// /me/out.xlsx; inline or `url` if absent
    #[serde(default)]
    #[schemars(with = "String")]
    path: Option<String>,
    /// As `path`, csv if absent
    #[serde(default)]
    #[schemars(with = "String")]
    format: Option<String>,
    /// Replace; no if absent
    #[serde(default)]
    #[schemars(with = "bool")]
    overwrite: Option<bool>,
    /// csv: keep them; no if absent
    #[serde(default)]
    #[schemars(with = "bool")]
    keep_formulas: Option<bool>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Exported {
    format: String,
    /// Where to fetch the file, once, within 10 minutes: for callers of a server elsewhere.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default)]
    url: String,
    /// Where the file is; absent when its content is here.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default)]
    path: String,
    n_bytes: u64,
    tables: Vec<Table>,
    /// CSV: cells that start like a formula, now with an apostrophe before them.
    n_neutralised: u64,
    /// The file, when no `path` was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", default)]
    content: Option<String>,
    /// The same for xlsx and parquet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", default)]
    content_base64: Option<String>,
    /// What to know about the file: values or types that it can't hold as they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    notes: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Table {
    /// The sheet's name, or the worksheet's.
    name: String,
    n_rows: u64,
    n_columns: u64,
}

impl Reply for Exported {
    fn n_rows(&self) -> Option<u64> {
        Some(self.tables.iter().map(|table| table.n_rows).sum())
    }
}

impl Tool for ExportSheet {
    type Args = Args;
    type Reply = Exported;

    const NAME: &'static str = "export_sheet";
    const TITLE: &'static str = "Export to a file";
    const ABOUT: &'static str = "Writes sheets or a query to a csv, xlsx, parquet or json file, or inline if small; \
        `notes` say what it can't hold.";
    /// It may replace a user's file, which nothing brings back.
    const EFFECT: Effect = Effect::Destroys;
    /// Without a path it writes nothing that stays.
    const ASKS_ITSELF: bool = true;

    async fn run(call: &Call<'_>, args: Args) -> Result<Exported, Fault> {
        let [sheet, sql, path, format] =
            [args.sheet, args.sql, args.path, args.format].map(|text| text.filter(|text| !text.is_empty()));
        let wanted = match (sheet, args.sheets.filter(|sheets| !sheets.is_empty()), sql) {
            (Some(sheet), None, None) => Wanted::Sheets(vec![sheet]),
            (None, Some(sheets), None) => Wanted::Sheets(sheets),
            (None, None, Some(sql)) => Wanted::Sql(sql),
            _ => {
                return Err(Fault::new(Code::InvalidArguments, "it is not clear what to export")
                    .hint("give one of `sheet`, `sheets` and `sql`"));
            }
        };
        if path.is_some() {
            call.workspace.check_writable()?;
        }
        let is_remote = call.workspace.is_remote();
        if let Some(path) = path.as_ref().filter(|_| is_remote) {
            return Err(Fault::new(
                Code::PathNotAllowed,
                format!("`{path}` is on your machine or on none: this server is elsewhere, and writes to no paths"),
            )
            .hint("leave `path` out and give `format`: the reply has an address to fetch the file from")
            .field("path"));
        }
        let keep_as = is_remote.then(|| match &wanted {
            Wanted::Sheets(names) if names.len() == 1 => names.concat(),
            Wanted::Sheets(_) => "sheets".to_owned(),
            Wanted::Sql(_) => "query".to_owned(),
        });
        let path = path.as_deref().map(Path::new);
        let format = parse_format(format.as_deref(), path)?;
        // Room for the rest of the reply; base64 takes four bytes for three.
        let room = call.max_bytes.saturating_sub((call.max_bytes / 4).min(1_500));
        let room = if format.is_text() { room } else { room / 4 * 3 };
        let delivery = Delivery {
            format,
            path,
            overwrite: args.overwrite.unwrap_or(false),
            keep_formulas: args.keep_formulas.unwrap_or(false),
            max_bytes: if is_remote { call.workspace.max_file() } else { u64::try_from(room).unwrap_or(u64::MAX) },
            keep_as,
        };
        let mut delivered = call.workspace.export(wanted, delivery, &call.context).await?;
        let url = match delivered.kept.take() {
            Some(kept) => call.workspace.download_address(kept)?,
            None => String::new(),
        };
        reply(format, delivered, url, call.max_bytes)
    }
}

/// The format that was named, or that of the path.
fn parse_format(named: Option<&str>, path: Option<&Path>) -> Result<Format, Fault> {
    let extension = path.and_then(Path::extension).unwrap_or_default().to_string_lossy().to_lowercase();
    let wanted = match (named, path) {
        (Some(named), _) => named.to_lowercase(),
        (None, Some(_)) => extension,
        (None, None) => Format::Csv.name().to_owned(),
    };
    Format::ALL.into_iter().find(|format| format.name() == wanted).ok_or_else(|| {
        let names = Format::ALL.map(Format::name);
        let hint = match nearest(&wanted, names).first() {
            Some(near) => format!("did you mean `{near}`? the formats are {}", names.join(", ")),
            None => format!("the formats are {}; let `path` end in one of them", names.join(", ")),
        };
        Fault::new(Code::InvalidArguments, format!("`{wanted}` is no format to export to")).hint(hint)
    })
}

fn reply(format: Format, delivered: Delivered, url: String, max_bytes: usize) -> Result<Exported, Fault> {
    let tables = delivered.exported.tables.into_iter();
    let mut reply = Exported {
        format: format.name().to_owned(),
        url,
        path: delivered.path.unwrap_or_default(),
        n_bytes: delivered.exported.n_bytes,
        tables: tables
            .map(|table| Table { name: table.title, n_rows: table.n_rows, n_columns: table.n_columns })
            .collect(),
        n_neutralised: delivered.exported.n_neutralised,
        content: None,
        content_base64: None,
        notes: delivered.notes,
    };
    let Some(bytes) = delivered.bytes else { return Ok(reply) };
    if format.is_text() {
        reply.content = Some(String::from_utf8(bytes).map_err(Fault::internal)?);
    } else {
        reply.content_base64 = Some(STANDARD.encode(bytes));
    }
    // A file is whole or of no use: it is not for the budget to cut.
    let n_bytes = serde_json::to_vec(&reply).map_err(Fault::internal)?.len();
    if n_bytes > max_bytes {
        return Err(Fault::new(
            Code::LimitExceeded,
            format!(
                "the file has {} bytes, and the reply with it {n_bytes}, over its limit of {max_bytes}",
                reply.n_bytes
            ),
        )
        .hint("give a `path` to write it to or select less with `sql`"));
    }
    Ok(reply)
}
