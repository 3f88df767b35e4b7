//! How the work ends: with an answer that stands, a question back, or as much as there is.

use serde_json::{Map, Value, json};

use super::{Ended, Next, Run};
use crate::{
    ask::{
        answer::{Answer, Status},
        calls::step,
        finish::Judge,
        words,
    },
    fault::{Code, Fault},
    llm::{Message, ToolCall},
};

/// Replies without a call that the model may make.
const MAX_IDLE: u32 = 2;

impl Run<'_> {
    /// A reply without a call: the model is told what is wanted, and its text is taken as the answer if it insists.
    pub(super) async fn idle(&mut self, text: String) -> Result<Next, Fault> {
        self.n_idle += 1;
        if !text.is_empty() && (self.n_idle > 1 || self.ending.is_some()) {
            let sql = self.last_sql();
            let args = json!({"answer": text, "sql": sql, "caveats": []});
            let unasked = ToolCall { name: "final_answer".to_owned(), ..ToolCall::default() };
            self.ending.get_or_insert_default();
            return self.finish(&unasked, args.as_object().unwrap_or(&Map::new())).await;
        }
        if self.n_idle > MAX_IDLE {
            if self.queries.is_empty() {
                let words = format!("the model gave {} replies without an answer or a call", self.n_idle);
                return Err(Fault::new(Code::ModelFailed, words)
                    .hint("ask again, or use a model that can call tools; `query` works without one"));
            }
            return Ok(Next::Ended(Ended::Partial {
                reason: "the model stopped answering".to_owned(),
                sql: self.last_sql(),
            }));
        }
        let words = words::reply(if text.is_empty() { "empty" } else { "text" });
        self.retort(text, words.to_owned());
        Ok(Next::GoOn)
    }

    /// A reply that was as long as it may be, and not whole: the model is told once, and then whoever runs it.
    pub(super) fn cut(&mut self, text: String) -> Result<Next, Fault> {
        self.n_cut += 1;
        let n_tokens = self.asking.budgets.reply;
        if self.n_cut > 1 {
            let reason = format!("the model's replies were cut off at their limit of {n_tokens} tokens");
            if self.queries.is_empty() {
                return Err(Fault::new(Code::LimitExceeded, reason).hint(
                    "start Quire with a higher `--ask-reply-tokens`: a model that reasons needs them before it answers; \
                     and see that the server's context is long enough",
                ));
            }
            let reason = reason + ": start Quire with a higher `--ask-reply-tokens`";
            return Ok(Next::Ended(Ended::Partial { reason, sql: self.last_sql() }));
        }
        self.retort(text, words::reply("cut").replace("{tokens}", &n_tokens.to_string()));
        Ok(Next::GoOn)
    }

    /// Answers a reply that calls nothing.
    fn retort(&mut self, text: String, words: String) {
        if !text.is_empty() {
            self.messages.push(Message::Assistant { text, calls: Vec::new(), kept: Map::new() });
        }
        self.messages.push(Message::User { text: words });
    }

    pub(super) fn clarify(&mut self, call: &ToolCall, args: &Map<String, Value>) -> Next {
        let question = args.get("question").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        if question.is_empty() {
            self.n_failures += 1;
            self.reply(call, &json!({"error": "`question` is empty"}));
            return Next::GoOn;
        }
        let options = args.get("options").and_then(Value::as_array).into_iter().flatten();
        let options = options.filter_map(Value::as_str).map(str::to_owned).collect();
        Next::Ended(Ended::Clarify { question, options })
    }

    pub(super) async fn finish(&mut self, call: &ToolCall, args: &Map<String, Value>) -> Result<Next, Fault> {
        let judge = Judge {
            caller: &self.caller,
            numbers: &self.numbers,
            has_queried: !self.queries.is_empty(),
            // Told to answer now, the model gets no second chance.
            may_refuse: self.ending.is_none(),
            refused: &self.refused,
            told: &self.told,
            last_sql: self.last_sql(),
        };
        match judge.judge(args).await {
            Ok(finished) => Ok(Next::Ended(Ended::Finished(Box::new(finished)))),
            Err(refusal) => {
                self.n_failures += u32::from(refusal.is_failure);
                self.told.extend(refusal.findings);
                self.refused.insert(refusal.reason);
                self.steps.push(step(&call.name, "", refusal.reason, std::time::Duration::ZERO));
                self.reply(call, &refusal.reply);
                Ok(Next::GoOn)
            }
        }
    }

    fn last_sql(&self) -> String {
        self.queries.last().map(|(sql, _)| sql.clone()).unwrap_or_default()
    }

    pub(super) fn partial(&self, reason: String) -> Result<Ended, Fault> {
        if self.queries.is_empty() && self.steps.is_empty() {
            return Err(Fault::new(Code::LimitExceeded, reason).hint("ask a simpler question, or raise the budgets"));
        }
        Ok(Ended::Partial { reason, sql: self.last_sql() })
    }

    /// Why the model had to answer before it wanted to.
    pub(in crate::ask) fn was_told_to_end(&self) -> Option<String> {
        self.ending.clone().filter(|reason| !reason.is_empty())
    }

    /// Whether a reply in plain text was taken as the answer, though the model never called it that.
    pub(in crate::ask) fn is_talk(&self) -> bool {
        self.ending.as_ref().is_some_and(String::is_empty)
    }

    /// What is told of the work, whatever the answer.
    pub(in crate::ask) fn account(&mut self, status: Status) -> Answer {
        Answer {
            status,
            steps: std::mem::take(&mut self.steps),
            model: self.model.name().to_owned(),
            prompt_version: words::version(),
            tokens: self.tokens,
            cost: self.has_cost.then_some(self.cost),
            ..Answer::default()
        }
    }
}
