//! The model's calls of tools that read, run one beside the other; and what goes back to it.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{answer::Step, clean, words};
use crate::{
    catalog::Sheet,
    context::Context,
    fault::{Code, Fault},
    llm::{ToolCall, plain::plain},
    name::nearest,
    stats::review::Review,
    tool::{Effect, Registry, openai},
    workspace::Workspace,
};

/// The tools that the model has: all of them only read, so that nothing it is talked into can change anything.
const OFFERED: &[&str] =
    &["describe_sheet", "list_sheets", "preview_rows", "query", "read_result", "summarize_sheet", "test_hypothesis"];

/// Characters of a text in a result.
const MAX_CHARS: usize = 500;
/// Calls of one turn that are run, and those that are answered; what is beyond is forgotten.
pub(super) const MAX_CALLS: usize = 16;
pub(super) const MAX_ANSWERED: usize = 64;
/// Bytes of JSON for a token, about.
const BYTES_PER_TOKEN: u64 = 3;

/// A tool that few questions need, and what the words of those begin with, in some languages.
const RARE: (&str, &[&str]) = (
    "test_hypothesis",
    &[
        "signific",
        "signifik",
        "correl",
        "korrel",
        "corrél",
        "hypothes",
        "hipótes",
        "hypothès",
        "p-value",
        "p-wert",
        "chi-sq",
        "chi2",
        "anova",
        "t-test",
        "regress",
        "normally",
        "normalvert",
        "independ",
        "unabhäng",
        "statistic",
        "statistisch",
        "associat",
        "confidence",
        "konfidenz",
        "wilcoxon",
        "mann-whitney",
        "kruskal",
        "kolmogorov",
        "shapiro",
    ],
);

/// The offered tools as an OpenAI `tools` array, without what the loop sets itself.
pub(super) fn offered(registry: &Registry, question: &str) -> Vec<Value> {
    let is_meant = |name: &str| name != RARE.0 || words::begins_one(question, RARE.1);
    let readers: Vec<&str> = registry
        .contracts()
        .filter(|it| it.effect == Effect::Reads)
        .map(|it| it.name)
        .filter(|it| OFFERED.contains(it) && is_meant(it))
        .collect();
    let Value::Array(mut tools) = openai::array(registry) else { return Vec::new() };
    tools.retain(|tool| name(tool).is_some_and(|name| readers.contains(&name)));
    for tool in &mut tools {
        if let Some(Value::Object(properties)) = tool.pointer_mut("/function/parameters/properties") {
            properties.remove("max_bytes");
        }
    }
    tools
}

/// A tool's name in an OpenAI `tools` array.
pub(super) fn name(tool: &Value) -> Option<&str> {
    tool.pointer("/function/name").and_then(Value::as_str)
}

/// What a call came to.
pub(super) struct Called {
    pub(super) step: Step,
    /// For the model, before it is cut.
    pub(super) reply: Value,
    /// Of a query that ran.
    pub(super) review: Option<Review>,
    pub(super) is_failure: bool,
}

/// Runs calls of the tools in `tools`.
pub(super) struct Caller<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) registry: &'a Registry,
    pub(super) tools: &'a [Value],
    pub(super) sheets: &'a [Sheet],
    pub(super) context: &'a Context<'a>,
    /// Of one result.
    pub(super) max_tokens: u64,
}

impl Caller<'_> {
    pub(super) async fn call(&self, call: &ToolCall) -> Called {
        let started = Instant::now();
        let mut review = None;
        let (shown, outcome) = match self.arguments(call) {
            Err(fault) => (call.arguments.chars().take(MAX_CHARS).collect(), Err(fault)),
            Ok(args) => {
                let sql = args.get("sql").and_then(Value::as_str).map(str::to_owned);
                let shown = sql.clone().unwrap_or_else(|| Value::Object(args.clone()).to_string());
                let outcome = match sql.filter(|_| call.name == "query") {
                    Some(sql) => self.query(&sql, args, &mut review).await,
                    None => self.run(&call.name, args).await,
                };
                (shown, outcome)
            }
        };
        // Where the caller has called the question off, no one reads this.
        let outcome = outcome.map_err(|fault| {
            if fault.code == Code::Cancelled {
                Fault::new(Code::TimedOut, "the question's time ran out before this call was done")
            } else {
                fault
            }
        });
        let is_failure = outcome.is_err();
        let (mut reply, code) = match outcome {
            Ok(reply) => (without_paths(reply), "ok"),
            Err(fault) => (self.explained(&fault, &shown), fault.code.name()),
        };
        clean::value(&mut reply, MAX_CHARS);
        Called { step: step(&call.name, &shown, code, started.elapsed()), reply, review, is_failure }
    }

    /// Prepares the query first, which finds what is wrong with it before it reads a row.
    async fn query(&self, sql: &str, args: Map<String, Value>, review: &mut Option<Review>) -> Result<Value, Fault> {
        let found = self.workspace.review(sql, self.context).await?;
        let mut reply = self.run("query", args).await?;
        let mut findings = found.findings.clone();
        findings.extend(of_result(&reply, &found));
        if let (Some(reply), false) = (reply.as_object_mut(), findings.is_empty()) {
            reply.insert("findings".to_owned(), json!(findings));
        }
        *review = Some(found);
        Ok(reply)
    }

    async fn run(&self, tool: &str, mut args: Map<String, Value>) -> Result<Value, Fault> {
        let takes_bytes = self.registry.contracts().find(|it| it.name == tool);
        if takes_bytes.is_some_and(|it| it.args.pointer("/properties/max_bytes").is_some()) {
            let max_bytes = self.max_tokens.saturating_mul(BYTES_PER_TOKEN).clamp(1_000, 1_000_000);
            args.insert("max_bytes".to_owned(), json!(max_bytes));
        }
        let quiet = Context { cancel: self.context.cancel.clone(), progress: &|_, _| () };
        self.registry.call(self.workspace, tool, Value::Object(args), quiet).await
    }

    fn arguments(&self, call: &ToolCall) -> Result<Map<String, Value>, Fault> {
        let Some(tool) = self.tools.iter().find(|tool| name(tool) == Some(call.name.as_str())) else {
            let names: Vec<&str> = self.tools.iter().filter_map(name).collect();
            let shown: String = call.name.chars().take(64).collect();
            return Err(Fault::new(Code::UnknownTool, format!("there is no tool `{shown}` here"))
                .hint(format!("the tools are {}", names.join(", "))));
        };
        parsed(call, tool)
    }

    /// A fault with what helps to correct a query: the nearest columns, and what the sheets that it names hold.
    fn explained(&self, fault: &Fault, call: &str) -> Value {
        let mut told = json!({"error": fault.message, "code": fault.code.name()});
        let Some(fields) = told.as_object_mut() else { return told };
        if !fault.hint.is_empty() {
            fields.insert("hint".to_owned(), json!(fault.hint));
        }
        if !matches!(fault.code, Code::ColumnNotFound | Code::InvalidSql | Code::SheetNotFound) {
            return told;
        }
        let mentioned = call.to_lowercase();
        let named: Vec<&Sheet> =
            self.sheets.iter().filter(|sheet| mentioned.contains(sheet.name.as_str())).take(4).collect();
        let all = named.iter().flat_map(|sheet| sheet.version.columns.iter().map(|column| column.name.as_str()));
        if let Some(wanted) = quoted(&fault.message).filter(|_| fault.code == Code::ColumnNotFound) {
            let near = nearest(wanted, all);
            if !near.is_empty() {
                fields.insert("nearest_columns".to_owned(), json!(near));
            }
        }
        let columns = named.iter().map(|sheet| {
            let columns = sheet
                .version
                .columns
                .iter()
                .take(60)
                .map(|column| json!(format!("{} {}", column.name, column.type_name)));
            (sheet.name.to_string(), columns.collect())
        });
        let columns: Map<String, Value> = columns.collect();
        if !columns.is_empty() {
            fields.insert("columns".to_owned(), Value::Object(columns));
        }
        told
    }
}

/// The arguments of a call as an object; a fault that names them where they are none.
pub(super) fn parsed(call: &ToolCall, tool: &Value) -> Result<Map<String, Value>, Fault> {
    let text = call.arguments.trim();
    if text.is_empty() {
        return Ok(Map::new());
    }
    let malformed = |error: String| {
        let properties = tool.pointer("/function/parameters/properties").and_then(Value::as_object);
        let names: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let words = words::reply("arguments").replace("{tool}", &call.name).replace("{error}", &error);
        Fault::new(Code::InvalidArguments, words.replace("{names}", &names.join(", ")))
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(args)) => Ok(clean::fields(args)),
        // Encoded twice.
        Ok(Value::String(inner)) => serde_json::from_str(&inner)
            .map(clean::fields)
            .map_err(|error: serde_json::Error| malformed(error.to_string())),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(Value::Bool(_) | Value::Number(_) | Value::Array(_)) => {
            Err(malformed("they are of another type".to_owned()))
        }
        Err(error) => Err(malformed(error.to_string())),
    }
}

/// What a call is told that is one too many in its turn.
pub(super) fn too_many() -> Value {
    json!({"error": format!("only {MAX_CALLS} calls of a turn are run: make this one again if you need it")})
}

/// What is odd about a result: none, all null, or cut by the query's own limit.
pub(super) fn of_result(reply: &Value, review: &Review) -> Vec<String> {
    let rows = reply.get("rows").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut findings = Vec::new();
    let is_null =
        |row: &Value| row.as_array().is_some_and(|cells| !cells.is_empty() && cells.iter().all(Value::is_null));
    // A count of nothing is 0, and any other aggregate of nothing is null.
    let is_nothing = |row: &Value| {
        row.as_array()
            .is_some_and(|cells| !cells.is_empty() && cells.iter().all(|it| it.is_null() || it.as_u64() == Some(0)))
    };
    if rows.is_empty() {
        findings.push("the query gave no rows: see that its filters use values as they are stored".to_owned());
    } else if rows.iter().all(is_null) {
        findings.push("every value of the result is null: see that its filters let rows through, and that the columns hold values".to_owned());
    } else if review.is_total && rows.iter().all(is_nothing) {
        findings.push(
            "all aggregates are 0 or null: no row may have reached them; see that the filters let rows through"
                .to_owned(),
        );
    }
    let n_total = reply.get("n_total").and_then(Value::as_u64);
    if let Some(limit) =
        review.limit.filter(|limit| *limit > 0 && n_total == Some(*limit) && !(review.is_ordered && *limit <= 10))
    {
        findings.push(format!("LIMIT {limit} may have cut the result: there can be more rows than these {limit}"));
    }
    findings
}

pub(super) fn step(tool: &str, call: &str, outcome: &str, took: Duration) -> Step {
    Step {
        tool: plain(tool).chars().take(64).collect(),
        call: plain(call),
        outcome: outcome.to_owned(),
        milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}

/// A reply without the paths of files, which are nothing to the question and something about the machine.
fn without_paths(mut reply: Value) -> Value {
    let sheets = reply.get_mut("sheets").and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default();
    for fields in sheets.iter_mut().filter_map(Value::as_object_mut) {
        fields.remove("source");
    }
    if let Some(fields) = reply.as_object_mut() {
        fields.remove("source");
    }
    reply
}

/// The first text in double quotes.
fn quoted(message: &str) -> Option<&str> {
    message.split('"').nth(1).filter(|text| !text.is_empty())
}
