//! The loop: the model calls tools until it answers, asks back, or runs out of what it may use.

mod endings;
mod spending;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Asking, Event, Listener,
    answer::{Step, Tokens},
    calls::{Called, Caller, MAX_ANSWERED, MAX_CALLS, name, parsed, step, too_many},
    finish::Finished,
    numbers::Known as Numbers,
    words,
};
use crate::{
    context::Context,
    fault::{Code, Fault},
    llm::{ChatModel, Message, Request, ToolCall, Turn, tokens::Counter},
    stats::review::Review,
};

/// One question on its way.
pub(super) struct Run<'a> {
    pub(super) asking: &'a Asking,
    pub(super) model: &'a dyn ChatModel,
    pub(super) caller: Caller<'a>,
    pub(super) counter: &'a Counter,
    pub(super) listener: Listener<'a>,
    pub(super) context: &'a Context<'a>,
    pub(super) deadline: Instant,
    /// Of all turns.
    pub(super) max_tokens: u64,
    pub(super) messages: Vec<Message>,
    pub(super) steps: Vec<Step>,
    pub(super) tokens: Tokens,
    pub(super) cost: f64,
    pub(super) has_cost: bool,
    pub(super) numbers: Numbers,
    /// Queries that gave rows, as they were written, the last one last.
    queries: Vec<(String, Option<Review>)>,
    /// The last outcome of each query, without what makes no difference to it.
    seen: BTreeMap<String, Seen>,
    told: BTreeSet<String>,
    n_turn: u32,
    n_failures: u32,
    n_idle: u32,
    /// Replies one behind the other that were cut off.
    n_cut: u32,
    /// Why the model must answer now.
    ending: Option<String>,
    pub(super) refused: BTreeSet<&'static str>,
}

/// A query that was made.
struct Seen {
    /// Where its reply is among the messages.
    message_idx: usize,
    reply: String,
    is_failure: bool,
}

/// How a question ended.
pub(super) enum Ended {
    Finished(Box<Finished>),
    Clarify {
        question: String,
        options: Vec<String>,
    },
    /// With the reason.
    Partial {
        reason: String,
        sql: String,
    },
}

/// What one turn of the model led to.
enum Next {
    Ended(Ended),
    GoOn,
}

impl<'a> Run<'a> {
    #[expect(clippy::too_many_arguments, reason = "each is a different thing, and it is called once")]
    pub(super) fn new(
        asking: &'a Asking,
        model: &'a dyn ChatModel,
        caller: Caller<'a>,
        counter: &'a Counter,
        listener: Listener<'a>,
        context: &'a Context<'a>,
        max_tokens: u64,
        deadline: Instant,
        messages: Vec<Message>,
    ) -> Run<'a> {
        Run {
            deadline,
            asking,
            model,
            caller,
            counter,
            listener,
            context,
            max_tokens,
            messages,
            steps: Vec::new(),
            tokens: Tokens::default(),
            cost: 0.0,
            has_cost: false,
            numbers: Numbers::default(),
            queries: Vec::new(),
            seen: BTreeMap::new(),
            told: BTreeSet::new(),
            n_turn: 0,
            n_failures: 0,
            n_idle: 0,
            n_cut: 0,
            ending: None,
            refused: BTreeSet::new(),
        }
    }

    /// Turns of the model until the end. Fails where the model does before any query gave rows, and where the call is
    /// cancelled.
    pub(super) async fn until_the_end(&mut self) -> Result<Ended, Fault> {
        for n_turn in 1..=self.asking.budgets.steps {
            self.n_turn = n_turn;
            self.check_budgets(n_turn);
            let Some(request) = self.request() else {
                return self.partial("the question needs more tokens than a request may have".to_owned());
            };
            (self.listener)(Event::Turn { n: n_turn, of: self.asking.budgets.steps });
            let turn = match self.turn(&request).await {
                Ok(turn) => turn,
                Err(fault) if fault.code == Code::Cancelled => return Err(fault),
                Err(fault) if self.queries.is_empty() => return Err(fault),
                Err(fault) => return self.partial(fault.message),
            };
            let was_ending = self.ending.is_some();
            match self.took(turn).await? {
                Next::Ended(ended) => return Ok(ended),
                Next::GoOn if was_ending => break,
                Next::GoOn => {}
            }
        }
        let reason = self.ending.clone();
        self.partial(reason.unwrap_or_else(|| format!("the budget of {} steps ran out", self.asking.budgets.steps)))
    }

    /// Has the model answer now where this is the last turn it gets.
    fn check_budgets(&mut self, n_turn: u32) {
        let budgets = &self.asking.budgets;
        let used = self.tokens.prompt.saturating_add(self.tokens.completion);
        // A turn costs at least what the last one did.
        let next = self.tokens.prompt / u64::from(n_turn.saturating_sub(1).max(1));
        let reason = if n_turn >= budgets.steps && n_turn > 1 {
            format!("The budget of {} steps is used up", budgets.steps)
        } else if n_turn > 1 && used.saturating_add(next.saturating_mul(2)) > self.max_tokens {
            format!("The budget of {} tokens is used up", self.max_tokens)
        } else if n_turn > 1 && Instant::now() + budgets.time / 5 > self.deadline {
            format!("The budget of {} seconds is used up", budgets.time.as_secs())
        } else if self.n_failures > budgets.repairs {
            format!("{} calls have failed", self.n_failures)
        } else if self.refused.contains("repeated") {
            "The same SQL was run twice".to_owned()
        } else {
            return;
        };
        self.end(reason);
    }

    fn end(&mut self, reason: String) {
        if self.ending.is_none() {
            self.messages.push(Message::User { text: words::reply("finish").replace("{reason}", &reason) });
            self.ending = Some(reason);
        }
    }

    /// The next request; results give way, the oldest first, where it is too long. None where that is not enough.
    fn request(&mut self) -> Option<Request> {
        let own = words::tools();
        let tools = if self.ending.is_some() { own } else { self.caller.tools.iter().cloned().chain(own).collect() };
        let mut request = Request { messages: self.messages.clone(), tools, max_tokens: self.asking.budgets.reply };
        let stub = json!({"note": words::reply("dropped")}).to_string();
        while !self.counter.fits(&request, self.asking.budgets.prompt) {
            let oldest = self.messages.iter_mut().find_map(|message| match message {
                Message::Tool { reply, .. } if *reply != stub => Some(reply),
                Message::Tool { .. } | Message::System { .. } | Message::User { .. } | Message::Assistant { .. } => {
                    None
                }
            })?;
            oldest.clone_from(&stub);
            request.messages.clone_from(&self.messages);
        }
        Some(request)
    }

    async fn took(&mut self, turn: Turn) -> Result<Next, Fault> {
        let Turn { text, mut calls, is_cut, kept, .. } = turn;
        calls.truncate(MAX_ANSWERED);
        let text = text.trim().to_owned();
        if is_cut && calls.last().is_none_or(is_broken) {
            return self.cut(text);
        }
        self.n_cut = 0;
        if calls.is_empty() {
            return self.idle(text).await;
        }
        self.n_idle = 0;
        self.messages.push(Message::Assistant { text, calls: calls.clone(), kept });
        let own = words::tools();
        let is_own = |call: &&ToolCall| own.iter().any(|tool| name(tool) == Some(call.name.as_str()));
        let (ends, reads): (Vec<&ToolCall>, Vec<&ToolCall>) = calls.iter().partition(is_own);
        self.read(&reads).await;
        let mut ends = ends.into_iter();
        let Some(end) = ends.next() else { return Ok(Next::GoOn) };
        for other in ends {
            self.reply(other, &json!({"error": "one ending is enough"}));
        }
        if !reads.is_empty() && self.ending.is_none() {
            self.reply(end, &json!({"error": words::reply("together")}));
            return Ok(Next::GoOn);
        }
        let schema = own.iter().find(|tool| name(tool) == Some(end.name.as_str())).cloned().unwrap_or_default();
        let args = match parsed(end, &schema) {
            Ok(args) => args,
            Err(fault) => {
                self.n_failures += 1;
                self.steps.push(step(&end.name, "", fault.code.name(), std::time::Duration::ZERO));
                self.reply(end, &json!({"error": fault.message}));
                return Ok(Next::GoOn);
            }
        };
        if end.name == "clarify" { Ok(self.clarify(end, &args)) } else { self.finish(end, &args).await }
    }

    /// Runs calls one beside the other; their replies keep the order of the calls.
    async fn read(&mut self, reads: &[&ToolCall]) {
        let mut wanted = Vec::new();
        for call in reads {
            if self.ending.is_some() {
                self.reply(call, &json!({"error": "no more calls: give `final_answer`"}));
            } else if call.name == "query" && !is_broken(call) && self.is_answered(call) {
                self.steps.push(step(&call.name, &sql_of(&call.arguments), "repeated", std::time::Duration::ZERO));
                self.reply(call, &json!({"error": words::reply("repeated")}));
                self.refused.insert("repeated");
            } else if wanted.len() >= MAX_CALLS {
                self.reply(call, &too_many());
            } else {
                let (n, of) = (self.n_turn, self.asking.budgets.steps);
                (self.listener)(Event::Call { n, of, tool: &call.name, arguments: &call.arguments });
                wanted.push(*call);
            }
        }
        let outcomes = join_all(wanted.iter().map(|call| self.caller.call(call))).await;
        for (call, called) in wanted.into_iter().zip(outcomes) {
            self.learned(call, called);
        }
    }

    /// Whether the rows of this very query are before the model's eyes.
    fn is_answered(&self, call: &ToolCall) -> bool {
        self.seen.get(&normal(&call.name, &call.arguments)).is_some_and(|seen| {
            let message = self.messages.get(seen.message_idx);
            !seen.is_failure && matches!(message, Some(Message::Tool { reply, .. }) if *reply == seen.reply)
        })
    }

    fn learned(&mut self, call: &ToolCall, called: Called) {
        let Called { step, mut reply, review, is_failure } = called;
        self.n_failures += u32::from(is_failure);
        if !is_failure {
            self.numbers.add(&reply);
        }
        if call.name == "query" && !is_failure {
            self.queries.push((step.call.clone(), review));
        }
        (self.listener)(Event::Called(&step));
        self.steps.push(step);
        // A finding goes back once.
        if let Some(fields) = reply.as_object_mut()
            && let Some(Value::Array(findings)) = fields.remove("findings")
        {
            let fresh: Vec<Value> = findings
                .into_iter()
                .filter(|it| self.told.insert(it.as_str().unwrap_or_default().to_owned()))
                .collect();
            if !fresh.is_empty() {
                fields.insert("findings".to_owned(), Value::from(fresh));
            }
        }
        let message_idx = self.messages.len();
        self.reply(call, &reply);
        if let (Some(Message::Tool { reply, .. }), "query") = (self.messages.last(), call.name.as_str()) {
            let seen = Seen { message_idx, reply: reply.clone(), is_failure };
            // The same failure twice: what the model does makes no difference.
            let before = self.seen.get(&normal(&call.name, &call.arguments));
            if before
                .is_some_and(|before| is_failure && !is_broken(call) && before.is_failure && before.reply == seen.reply)
            {
                self.refused.insert("repeated");
            }
            self.seen.insert(normal(&call.name, &call.arguments), seen);
        }
    }

    /// Whether an answer may rest on the time or on chance: a literal of its SQL can come from a query that did.
    pub(super) fn was_volatile(&self) -> bool {
        self.queries.iter().any(|(_, review)| review.as_ref().is_none_or(|review| review.is_volatile))
    }

    fn reply(&mut self, call: &ToolCall, reply: &Value) {
        let text = reply.to_string();
        let reply = self.counter.cut(&text, self.asking.budgets.result).map_or(text, |cut| cut + "… (cut)");
        self.messages.push(Message::Tool { call_id: call.id.clone(), name: call.name.clone(), reply });
    }
}

/// Whether a call ends in the middle of its arguments, or before them.
fn is_broken(call: &ToolCall) -> bool {
    !matches!(serde_json::from_str(&call.arguments), Ok(Value::Object(_)))
}

/// A call without what makes no difference to it: blanks at its ends and the semicolon. Those inside can be in a literal.
fn normal(tool: &str, arguments: &str) -> String {
    let Ok(Value::Object(mut args)) = serde_json::from_str::<Value>(arguments) else {
        return format!("{tool} {arguments}");
    };
    let sql = args.get("sql").and_then(Value::as_str).unwrap_or_default();
    let sql = sql.trim().trim_end_matches(|c: char| c == ';' || c.is_whitespace()).to_owned();
    args.insert("sql".to_owned(), json!(sql));
    format!("{tool} {}", Value::Object(args))
}

fn sql_of(arguments: &str) -> String {
    let args = serde_json::from_str::<Value>(arguments).unwrap_or_default();
    args.get("sql").and_then(Value::as_str).unwrap_or_default().to_owned()
}
