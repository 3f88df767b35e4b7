//! Answers a question about the sheets: gathers what a model needs to know, lets it read, and judges what it says.
//!
//! Everything but the model is deterministic: what it is told, what its calls do, which answers go back to it.

mod answer;
mod budget;
mod calls;
mod cards;
mod clean;
mod dates;
mod finish;
mod gather;
mod heard;
mod numbers;
mod run;
mod today;
mod words;

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use self::{
    calls::Caller,
    finish::Finished,
    gather::{Known, examples, gather},
    heard::Heard,
    run::{Ended, Run},
};
use crate::{
    catalog::NewAnswer,
    context::Context,
    engine::Page,
    fault::{Code, Fault},
    llm::{ChatModel, Message, tokens::Counter},
    tool::Registry,
    workspace::{Workspace, memory::digest},
};

pub use self::{
    answer::{Answer, Status, Step, Table},
    budget::{Budgets, Prices},
};

/// What asking needs beside a workspace: the process has one, where a model is configured.
pub struct Asking {
    pub model: Arc<dyn ChatModel>,
    pub budgets: Budgets,
    pub prices: Option<Prices>,
    /// The address of the model's server: models of one name differ between servers.
    pub server: String,
    /// Whether tokens count as spent: those of a transcript don't.
    pub is_metered: bool,
    /// Tokens that a user may spend in a day.
    pub daily_tokens: Option<u64>,
    /// Whether the answer to the same question may be given again.
    pub uses_cache: bool,
}

/// Is told what happens, as it does.
pub type Listener<'a> = &'a (dyn Fn(Event<'_>) + Send + Sync);

/// Something that happens on the way to an answer.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The model is asked, for the `n`-th time of at most `of`.
    Turn { n: u32, of: u32 },
    /// A piece of what the model says; not the answer.
    Text(&'a str),
    /// The model calls a tool in its `n`-th turn.
    Call { n: u32, of: u32, tool: &'a str, arguments: &'a str },
    /// A tool has answered.
    Called(&'a Step),
}

/// A question on its way to the model.
struct Asked<'a> {
    question: &'a str,
    key: &'a str,
    deadline: Instant,
    /// Of the caller: that of the calls ends at the deadline.
    context: &'a Context<'a>,
}

/// For the rows of an answer that is not complete, once the time is up: at least, and at most.
const GRACE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));

/// Characters of a question.
const MAX_QUESTION: usize = 4_000;

impl Asking {
    /// Where a registry has no model: what to do about it.
    pub fn of(registry: &Registry) -> Result<&Asking, Fault> {
        registry.equipment().ok_or_else(|| {
            Fault::new(Code::ModelNotConfigured, "no language model is configured for `ask`").hint(
                "if you are a model, answer with `describe_sheet` and `query` yourself; else start Quire with \
                 QUIRE_LLM_MODEL and QUIRE_LLM_API_KEY (or QUIRE_LLM_API_KEY_FILE) set, and QUIRE_LLM_BASE_URL for a server \
                 other than OpenAI's, such as http://localhost:11434/v1",
            )
        })
    }

    /// Answers a question about the workspace's sheets.
    ///
    /// Fails with `quota_exceeded` where the user's tokens of the day are spent, with what the model's server fails
    /// with before any query gave rows, and with `cancelled`.
    pub async fn ask(
        &self,
        registry: &Registry,
        workspace: &Workspace,
        question: &str,
        listener: Listener<'_>,
        context: &Context<'_>,
    ) -> Result<Answer, Fault> {
        let started = Instant::now();
        let deadline = started + self.budgets.time;
        let question = question.trim();
        let n_chars = question.chars().count();
        if n_chars == 0 || n_chars > MAX_QUESTION {
            return Err(Fault::new(Code::InvalidArguments, format!("the question has {n_chars} characters"))
                .hint(format!("ask in 1 to {MAX_QUESTION} characters")));
        }
        let known = timeout_at(deadline, Known::of(workspace, context)).await.map_err(|_| self.late())??;
        if known.sheets.is_empty() {
            return Err(Fault::new(Code::SheetNotFound, "there are no sheets to ask about")
                .hint("import a file first, with `import_file` or `quire import`"));
        }
        let tools = calls::offered(registry, question);
        let max_tokens = self.budgets.result;
        let (within, _guard) = context.until(deadline);
        let caller = Caller { workspace, registry, tools: &tools, sheets: &known.sheets, context: &within, max_tokens };
        let key = self.key(question, &known);
        let mut answer = if let Some(answer) = self.again(&caller, &key).await? {
            answer
        } else {
            let heard = Heard::new(listener);
            let asked = Asked { question, key: &key, deadline, context };
            self.anew(caller, &known, asked, &|event| heard.event(event)).await?
        };
        answer.milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(answer)
    }

    /// The answer to the very same question over the very same data, its SQL run again.
    async fn again(&self, caller: &Caller<'_>, key: &str) -> Result<Option<Answer>, Fault> {
        if !self.uses_cache {
            return Ok(None);
        }
        let Some(stored) = caller.workspace.cached_answer(key).await? else { return Ok(None) };
        let Ok(review) = caller.workspace.review(&stored.sql, caller.context).await else { return Ok(None) };
        let Ok((page, sheets)) = finish::rows(caller, &stored.sql, &review).await else { return Ok(None) };
        if digest_of(&page) != stored.digest {
            return Ok(None);
        }
        Ok(Some(Answer {
            answer: stored.answer,
            sheets,
            table: Some(Table::of(page)),
            sql: stored.sql,
            caveats: stored.caveats,
            model: self.model.name().to_owned(),
            prompt_version: words::version(),
            cached: true,
            id: stored.id,
            ..Answer::default()
        }))
    }

    async fn anew(
        &self,
        caller: Caller<'_>,
        known: &Known,
        asked: Asked<'_>,
        listener: Listener<'_>,
    ) -> Result<Answer, Fault> {
        let Asked { question, key, deadline, context } = asked;
        let workspace = caller.workspace;
        let max_tokens = self.tokens_left(workspace).await?;
        let counter = Counter::new(self.model.name());
        let told =
            timeout_at(deadline, gather(workspace, known, question, context)).await.map_err(|_| self.late())??;
        // Half of a request is for the work.
        let data = told.within(self.budgets.prompt / 2, &counter);
        let asked = json!(clean_question(question)).to_string();
        let mut user = format!("{}\n{data}\n\n{}\n{asked}", words::reply("data"), words::reply("question"));
        let is_of_today = today::is_of_today(question);
        if is_of_today {
            let today = Utc::now().format("%A, %Y-%m-%d").to_string();
            user.extend(["\n\n", &words::reply("today").replace("{today}", &today)]);
        }
        let messages = vec![Message::System { text: words::system().to_owned() }, Message::User { text: user }];
        let mut run =
            Run::new(self, self.model.as_ref(), caller, &counter, listener, context, max_tokens, deadline, messages);
        run.numbers.add_text(question);
        let ended = run.until_the_end().await?;
        let mut answer = match ended {
            Ended::Clarify { question, options } => Answer {
                question: clean::prose(&question),
                options: options.iter().map(|option| clean::prose(option)).collect(),
                ..run.account(Status::Clarify)
            },
            Ended::Partial { reason, sql } => self.partial(&mut run, reason, sql).await,
            Ended::Finished(finished) => {
                let was_told_to_end = run.was_told_to_end();
                let account = run.account(if was_told_to_end.is_some() { Status::Partial } else { Status::Answered });
                let mut finished = *finished;
                if run.is_talk() {
                    finished.caveats.push("the model said this in plain text, not as its answer".to_owned());
                }
                let is_lasting = was_told_to_end.is_none() && !run.is_talk() && !is_of_today && !run.was_volatile();
                let key = (is_lasting && self.uses_cache).then_some(key);
                let mut answer = self.finished(&run, account, finished, question, key).await?;
                answer.caveats.extend(was_told_to_end);
                answer
            }
        };
        answer.caveats.dedup();
        Ok(answer)
    }

    async fn finished(
        &self,
        run: &Run<'_>,
        account: Answer,
        finished: Finished,
        question: &str,
        key: Option<&str>,
    ) -> Result<Answer, Fault> {
        let Finished { answer, sql, caveats, page, sheets, review, is_flagged } = finished;
        let is_whole = page.as_ref().is_some_and(|page| !page.truncated);
        let is_lasting = review.as_ref().is_some_and(|review| !review.is_volatile);
        let cache_key = key.filter(|_| is_whole && is_lasting && !is_flagged).map(str::to_owned);
        let new = NewAnswer {
            id: String::new(),
            question: clean_question(question),
            answer: answer.clone(),
            sql: sql.clone(),
            caveats: caveats.clone(),
            cache_key,
            digest: page.as_ref().map(digest_of).unwrap_or_default(),
        };
        let id = run.caller.workspace.keep_answer(new).await?;
        Ok(Answer { answer, sql, sheets, table: page.map(Table::of), caveats, id, ..account })
    }

    /// What there is where no answer came: the last query that gave rows.
    async fn partial(&self, run: &mut Run<'_>, reason: String, sql: String) -> Answer {
        let account = run.account(Status::Partial);
        let caveats = vec![clean::prose(&reason)];
        let answer = "There is no complete answer; the table holds the rows of the last query that worked.".to_owned();
        let grace = (self.budgets.time / 4).clamp(GRACE.0, GRACE.1);
        let (late, _guard) = run.context.until(run.deadline.max(Instant::now() + grace));
        let caller = Caller { context: &late, ..run.caller };
        if !sql.is_empty()
            && let Ok(review) = caller.workspace.review(&sql, caller.context).await
            && let Ok((page, sheets)) = finish::rows(&caller, &sql, &review).await
        {
            return Answer { answer, sql, sheets, table: Some(Table::of(page)), caveats, ..account };
        }
        Answer { answer: "There is no answer: no query gave rows.".to_owned(), caveats, ..account }
    }

    fn late(&self) -> Fault {
        let seconds = self.budgets.time.as_secs();
        Fault::new(Code::TimedOut, format!("looking at the sheets took all of the question's {seconds} seconds"))
            .hint("ask again: what was found of the sheets is kept; or raise `--ask-seconds`")
    }

    /// What this question may use of the user's day.
    async fn tokens_left(&self, workspace: &Workspace) -> Result<u64, Fault> {
        let Some(daily) = self.daily_tokens.filter(|_| self.is_metered) else { return Ok(self.budgets.tokens) };
        let spent = workspace.tokens_spent().await?;
        if spent >= daily {
            return Err(crate::workspace::memory::no_tokens(spent, daily));
        }
        Ok(self.budgets.tokens.min(daily - spent))
    }

    /// Everything that an answer depends on, but the model's mood.
    fn key(&self, question: &str, known: &Known) -> String {
        let normal = normal_question(question);
        let sheets: Vec<_> = known
            .sheets
            .iter()
            .map(|sheet| json!([sheet.name, sheet.title, sheet.version.file, sheet.version.columns]))
            .collect();
        // An answer to this very question changes nothing by being verified.
        let examples =
            examples(&known.verified, question).into_iter().filter(|it| normal_question(&it.question) != normal);
        let examples: Vec<_> = examples.map(|it| json!([it.question, it.sql, it.answer])).collect();
        let memory = json!([known.notes, examples]);
        let settings = format!("{:?}", self.budgets);
        let (sheets, memory) = (json!(sheets).to_string(), memory.to_string());
        digest(&[&normal, &sheets, &memory, self.model.name(), &self.server, &words::prose_digest(), &settings])
    }
}

/// A question without what makes no difference to it: blanks at its ends, and several in a row outside of quotes.
fn normal_question(question: &str) -> String {
    let (mut normal, mut closes) = (String::new(), None);
    for c in question.trim().chars() {
        if closes.is_none() && c.is_whitespace() {
            if !normal.ends_with(' ') {
                normal.push(' ');
            }
            continue;
        }
        normal.push(c);
        closes = match (closes, c) {
            (Some(end), _) => (end != c).then_some(end),
            (None, '"' | '\'' | '`') => Some(c),
            (None, '“') => Some('”'),
            (None, '„') => Some('“'),
            (None, '«') => Some('»'),
            (None, _) => None,
        };
    }
    normal
}

/// Rows as they were, to tell whether they still are.
fn digest_of(page: &Page) -> String {
    digest(&[&json!([page.columns, page.rows]).to_string()])
}

fn clean_question(question: &str) -> String {
    let mut value = json!(question);
    clean::value(&mut value, MAX_QUESTION);
    value.as_str().unwrap_or_default().to_owned()
}
