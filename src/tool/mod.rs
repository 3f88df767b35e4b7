//! What a tool is, and the registry that every surface reads. Knows no protocol and no particular tool.

pub mod openai;
pub mod reply;
mod schema;
mod wrong;

use std::{any::Any, collections::BTreeMap, pin::Pin, sync::Arc, time::Instant};

use self::reply::Reply;
pub use self::wrong::{in_words, wrong_field};
use crate::{
    context::Context,
    fault::{Code, Fault},
    name::nearest,
    workspace::Workspace,
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// One operation that callers may run, typed at both ends.
pub trait Tool: Send + Sync + 'static {
    /// Arguments as the caller sends them.
    type Args: DeserializeOwned + JsonSchema + Send;
    /// The reply as the caller reads it.
    type Reply: Reply;

    const NAME: &'static str;
    const TITLE: &'static str;
    /// Read by models: what it returns, when to use it, which tool to use instead. 500 characters at most.
    const ABOUT: &'static str;
    const EFFECT: Effect;
    /// Whether a caller who may only read may call it all the same: it then asks itself before it writes.
    const ASKS_ITSELF: bool = false;

    fn run(call: &Call<'_>, args: Self::Args) -> impl Future<Output = Result<Self::Reply, Fault>> + Send;
}

/// How a tool changes the world; surfaces turn this into their own hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    Reads,
    /// Adds or notes; calling it again with the same arguments changes nothing more.
    Writes,
    /// Adds, and adds again with each call; takes nothing away.
    Changes,
    /// Takes something away.
    Destroys,
}

/// What a running tool may reach.
pub struct Call<'a> {
    /// The tools themselves, for one that calls others.
    pub registry: &'a Registry,
    pub workspace: &'a Workspace,
    /// Bytes that the serialised reply may have.
    pub max_bytes: usize,
    pub context: Context<'a>,
}

/// The published face of a tool, free of any protocol.
#[derive(Debug, Clone, Serialize)]
pub struct Contract {
    pub name: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    pub effect: Effect,
    pub args: Value,
    pub reply: Value,
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<(Value, Option<u64>), Fault>> + Send + 'a>>;

struct Entry {
    contract: Contract,
    asks_itself: bool,
    run: for<'a> fn(&'a Call<'a>, Value) -> Running<'a>,
    #[cfg(feature = "fuzzing")]
    parse: fn(Value) -> Result<(), Fault>,
}

/// All tools, by name.
#[derive(Default)]
pub struct Registry {
    entries: BTreeMap<&'static str, Entry>,
    equipment: Option<Arc<dyn Any + Send + Sync>>,
}

impl Registry {
    /// Adds a tool. A second one of the same name replaces the first; the contracts' test notices.
    #[must_use]
    pub fn with<T: Tool>(mut self) -> Registry {
        let contract = Contract {
            name: T::NAME,
            title: T::TITLE,
            about: T::ABOUT,
            effect: T::EFFECT,
            args: schema::of_args::<T>(),
            reply: schema::of_reply::<T>(),
        };
        let entry = Entry {
            contract,
            asks_itself: T::ASKS_ITSELF,
            run: run::<T>,
            #[cfg(feature = "fuzzing")]
            parse: |args| parsed::<T>(args).map(drop),
        };
        self.entries.insert(T::NAME, entry);
        self
    }

    /// Parses a tool's arguments and runs nothing.
    #[cfg(feature = "fuzzing")]
    pub fn parse(&self, name: &str, args: Value) -> Result<(), Fault> {
        let Some(entry) = self.entries.get(name) else { return Ok(()) };
        let (args, _) = without_nulls(args).and_then(|args| take_max_bytes(args, &entry.contract))?;
        (entry.parse)(args)
    }

    /// Hands the tools what the process has for them beside the workspace, such as a language model.
    #[must_use]
    pub fn equipped<E: Any + Send + Sync>(mut self, equipment: Arc<E>) -> Registry {
        self.equipment = Some(equipment);
        self
    }

    /// What the process has for its tools; none where it was given nothing of this type.
    pub fn equipment<E: Any>(&self) -> Option<&E> {
        self.equipment.as_deref()?.downcast_ref()
    }

    /// In the order of their names.
    pub fn contracts(&self) -> impl Iterator<Item = &Contract> {
        self.entries.values().map(|entry| &entry.contract)
    }

    /// Runs one tool and records the call in the workspace's history. Nulls among the arguments count as absent.
    ///
    /// Fails with `unknown_tool`, with `forbidden` where the workspace may only be read and the tool does more, with `invalid_arguments`, and with whatever the tool itself fails with.
    pub async fn call(
        &self,
        workspace: &Workspace,
        name: &str,
        args: Value,
        context: Context<'_>,
    ) -> Result<Value, Fault> {
        let started = Instant::now();
        let tool = self.entries.get_key_value(name).map_or("unknown", |(tool, _)| *tool);
        let sql = args.get("sql").and_then(Value::as_str).map(str::to_owned);
        let outcome = self.outcome(workspace, name, args, context).await;
        let (code, n_rows) = match &outcome {
            Ok((_, n_rows)) => ("ok", *n_rows),
            Err(fault) => (fault.code.name(), None),
        };
        metrics::counter!("quire_tool_calls_total", "tool" => tool, "outcome" => code).increment(1);
        // The name of a tool that there is not can be anything.
        let recorded: String = name.chars().take(64).collect();
        workspace.record(&recorded, sql, code, n_rows, started.elapsed()).await;
        outcome.map(|(reply, _)| reply).map_err(Fault::bounded)
    }

    async fn outcome(
        &self,
        workspace: &Workspace,
        name: &str,
        args: Value,
        context: Context<'_>,
    ) -> Result<(Value, Option<u64>), Fault> {
        let Some(entry) = self.entries.get(name) else {
            let near = nearest(name, self.entries.keys().copied());
            let hint = near.first().map_or_else(
                || "list the tools and use one of their names".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(Fault::new(Code::UnknownTool, format!("no tool is named `{name}`")).hint(hint));
        };
        if entry.contract.effect != Effect::Reads && !entry.asks_itself {
            workspace.check_writable()?;
        }
        let (args, max_bytes) = without_nulls(args).and_then(|args| take_max_bytes(args, &entry.contract))?;
        let call = Call { registry: self, workspace, max_bytes, context };
        (entry.run)(&call, args).await
    }
}

fn run<'a, T: Tool>(call: &'a Call<'a>, args: Value) -> Running<'a> {
    Box::pin(async move {
        let args = parsed::<T>(args)?;
        let reply = T::run(call, args).await?;
        let n_rows = reply.n_rows();
        let value = reply::fitted(reply, call.max_bytes)?;
        Ok((value, n_rows))
    })
}

fn parsed<T: Tool>(args: Value) -> Result<T::Args, Fault> {
    serde_path_to_error::deserialize(args).map_err(|error| {
        let names = schema::names(&schema::of_args::<T>());
        let (path, words) = (error.path().to_string(), error.into_inner().to_string());
        let field = wrong_field(&path, &words);
        let fault =
            Fault::new(Code::InvalidArguments, format!("`{}`: {}", T::NAME, in_words(field.as_deref(), &words)))
                .hint(format!("its arguments are {}", names.join(", ")));
        Fault { field, ..fault }
    })
}

fn without_nulls(args: Value) -> Result<serde_json::Map<String, Value>, Fault> {
    match args {
        Value::Object(fields) => Ok(fields.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        Value::Null => Ok(serde_json::Map::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Fault::new(Code::InvalidArguments, "the arguments must be a JSON object")
                .hint("such as {\"sheet\": \"sales\"}"))
        }
    }
}

/// Takes the argument that every tool with a long reply has: the budget of this one call.
fn take_max_bytes(mut args: serde_json::Map<String, Value>, contract: &Contract) -> Result<(Value, usize), Fault> {
    let takes_it = schema::names(&contract.args).iter().any(|name| name == schema::MAX_BYTES);
    let max_bytes =
        match args.get(schema::MAX_BYTES) {
            Some(value) if takes_it => {
                let wanted = value.as_u64().and_then(|it| usize::try_from(it).ok());
                let allowed = wanted.filter(|it| (reply::MIN_BYTES..=reply::MAX_BYTES).contains(it));
                let Some(allowed) = allowed else {
                    return Err(Fault::new(Code::InvalidArguments, format!("`max_bytes` can't be {value}"))
                        .hint(format!("give a whole number from {} to {}", reply::MIN_BYTES, reply::MAX_BYTES)));
                };
                args.remove(schema::MAX_BYTES);
                allowed
            }
            _ => reply::DEFAULT_BYTES,
        };
    Ok((Value::Object(args), max_bytes))
}
