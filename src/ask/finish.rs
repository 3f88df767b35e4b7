//! Whether an answer may stand: its SQL runs, what is odd about it was looked at, its numbers are in a result.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    answer::SheetVersion,
    calls::{Caller, of_result},
    clean,
    numbers::Known,
    words,
};
use crate::{engine::Page, fault::Fault, stats::review::Review};

/// An answer with the rows of its SQL.
pub(super) struct Finished {
    pub(super) answer: String,
    pub(super) sql: String,
    pub(super) caveats: Vec<String>,
    pub(super) page: Option<Page>,
    /// That the SQL reads, as they were when it did.
    pub(super) sheets: Vec<SheetVersion>,
    pub(super) review: Option<Review>,
    /// Whether something about it stayed doubtful.
    pub(super) is_flagged: bool,
}

/// Why an answer goes back to the model.
pub(super) struct Refusal {
    pub(super) reason: &'static str,
    pub(super) reply: Value,
    /// Findings that it tells.
    pub(super) findings: Vec<String>,
    pub(super) is_failure: bool,
}

pub(super) struct Judge<'a> {
    pub(super) caller: &'a Caller<'a>,
    pub(super) numbers: &'a Known,
    pub(super) has_queried: bool,
    pub(super) may_refuse: bool,
    /// Reasons that were given before: each is given once.
    pub(super) refused: &'a BTreeSet<&'static str>,
    /// Findings that the model has been told.
    pub(super) told: &'a BTreeSet<String>,
    pub(super) last_sql: String,
}

/// Rows and bytes of an answer's table.
const MAX_ROWS: u64 = 200;
const MAX_BYTES: usize = 20_000;
/// Bytes of an answer or a caveat in prose: more than anyone reads.
const MAX_PROSE: usize = 16 << 10;
/// Caveats of a model, and numbers that one of them lists.
const MAX_LISTED: usize = 20;

impl Judge<'_> {
    pub(super) async fn judge(self, args: &Map<String, Value>) -> Result<Finished, Refusal> {
        let text = |key: &str| args.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        let (answer, mut sql) = (text("answer"), text("sql"));
        if answer.is_empty() {
            return Err(failure(json!({"error": "`answer` is empty"})));
        }
        if answer.len() > MAX_PROSE && self.may("long") {
            let words = format!("`answer` has {} bytes: say it in less than {MAX_PROSE}", answer.len());
            return Err(refusal("long", json!({"error": words})));
        }
        let is_cut = answer.len() > MAX_PROSE;
        let answer = start_of(&answer).to_owned();
        let mut caveats: Vec<String> = match args.get("caveats") {
            Some(Value::Array(items)) => {
                items.iter().filter_map(Value::as_str).take(MAX_LISTED).map(start_of).collect()
            }
            Some(Value::String(text)) if !text.trim().is_empty() => vec![start_of(text)],
            _ => Vec::new(),
        }
        .into_iter()
        .map(str::to_owned)
        .collect();
        if is_cut {
            caveats.push(format!("the answer is cut off after {MAX_PROSE} bytes"));
        }
        if sql.is_empty() && self.has_queried {
            if self.may("no_sql") {
                return Err(refusal("no_sql", json!({"error": words::reply("no_sql")})));
            }
            sql.clone_from(&self.last_sql);
        }
        if sql.is_empty() && !self.has_queried && self.may("no_query") {
            return Err(refusal("no_query", json!({"error": words::reply("no_query")})));
        }
        let mut is_flagged = sql.is_empty() || is_cut;
        if sql.is_empty() {
            caveats.push("no query was run: this rests on what descriptions of the sheets say".to_owned());
        }
        let (mut page, mut sheets, mut review) = (None, Vec::new(), None);
        let mut numbers = self.numbers.clone();
        if !sql.is_empty() {
            match self.rows(&sql).await {
                Ok((rows, versions, seen)) => {
                    let findings = findings(&rows, &seen);
                    let fresh: Vec<String> = findings.iter().filter(|it| !self.told.contains(*it)).cloned().collect();
                    if !fresh.is_empty() && self.may("findings") {
                        let reply = json!({"error": words::reply("findings"), "findings": fresh});
                        return Err(Refusal { findings: fresh, ..refusal("findings", reply) });
                    }
                    // The model knows of them and lets them stand: so must the user.
                    is_flagged = is_flagged || !findings.is_empty();
                    caveats.extend(findings);
                    numbers.add(&json!(rows.rows));
                    numbers.add(&json!([rows.rows.len(), rows.n_total]));
                    (page, sheets, review) = (Some(rows), versions, Some(seen));
                }
                Err(fault) if self.may_refuse => {
                    let mut reply = json!({"error": fault.message, "hint": fault.hint, "code": fault.code.name()});
                    clean::value(&mut reply, 500);
                    return Err(failure(reply));
                }
                Err(fault) => {
                    is_flagged = true;
                    caveats.push(format!("the SQL could not be run: {}", fault.message));
                }
            }
        }
        numbers.add_text(&sql);
        let missing = numbers.missing(&answer);
        if !missing.is_empty() {
            let listed = missing.get(..missing.len().min(MAX_LISTED)).unwrap_or_default();
            let list = listed.join(", ") + if listed.len() < missing.len() { ", …" } else { "" };
            if self.may("numbers") {
                return Err(refusal("numbers", json!({"error": words::reply("numbers").replace("{numbers}", &list)})));
            }
            is_flagged = true;
            caveats.push(format!("not found in any result: {list}"));
        }
        let caveats = caveats.iter().map(|text| clean::prose(text)).filter(|text| !text.is_empty()).collect();
        Ok(Finished { answer: clean::prose(&answer), sql, caveats, page, sheets, review, is_flagged })
    }

    fn may(&self, reason: &'static str) -> bool {
        self.may_refuse && !self.refused.contains(reason)
    }

    async fn rows(&self, sql: &str) -> Result<(Page, Vec<SheetVersion>, Review), Fault> {
        let review = self.caller.workspace.review(sql, self.caller.context).await?;
        let (page, versions) = rows(self.caller, sql, &review).await?;
        Ok((page, versions, review))
    }
}

/// As much of a text of the model as is looked at.
fn start_of(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_PROSE)).unwrap_or_default()
}

/// What is odd about an answer's SQL and its rows.
fn findings(page: &Page, review: &Review) -> Vec<String> {
    let reply = json!({"rows": page.rows, "n_total": page.n_total});
    review.findings.iter().cloned().chain(of_result(&reply, review)).collect()
}

/// The rows of an answer's SQL, those that are kept where it gives the same rows each time; and the versions that it read.
pub(super) async fn rows(caller: &Caller<'_>, sql: &str, review: &Review) -> Result<(Page, Vec<SheetVersion>), Fault> {
    let (page, versions) = caller.workspace.rows_of(sql, review, MAX_ROWS, MAX_BYTES, caller.context).await?;
    let versions = versions.into_iter().map(|it| SheetVersion { name: it.sheet.to_string(), version: it.number });
    Ok((page, versions.collect()))
}

fn refusal(reason: &'static str, reply: Value) -> Refusal {
    Refusal { reason, reply, findings: Vec::new(), is_failure: false }
}

fn failure(reply: Value) -> Refusal {
    Refusal { is_failure: true, ..refusal("failed", reply) }
}
