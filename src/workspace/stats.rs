//! Statistics of sheets: summaries, kept by version, and tests of hypotheses.

use crate::{
    catalog::Sheet,
    context::Context,
    fault::{Code, Fault},
    stats::{
        hypothesis::{Outcome, Question, Test},
        summary::{Detail, Subject, Summary},
    },
    worker::{pool::CallLimits, task::Task},
};

use super::{Workspace, read::chosen};

/// A test as a caller asks for it: names not looked up yet.
pub struct HypothesisRequest {
    pub test: Test,
    pub sheet: String,
    pub columns: Vec<String>,
    /// Empty where there is none.
    pub group_by: String,
    pub groups: Vec<String>,
    pub condition: String,
    pub mean: f64,
    pub expected: Vec<f64>,
}

/// A sheet with its statistics.
pub struct Summarized {
    pub sheet: Sheet,
    pub summary: Summary,
    pub notes: Vec<String>,
}

impl Workspace {
    /// Runs a test; answers it with notes about the sheet.
    pub async fn test_hypothesis(
        &self,
        request: HypothesisRequest,
        context: &Context<'_>,
    ) -> Result<(Outcome, Vec<String>), Fault> {
        let (sheet, notes) = self.fresh_sheet(&request.sheet, context).await?;
        if request.columns.is_empty() {
            return Err(Fault::new(Code::InvalidArguments, "`columns` is empty")
                .hint(format!("name columns of `{}`; `describe_sheet` lists them", sheet.name)));
        }
        let columns = chosen(&sheet, &request.columns)?;
        let group_by =
            if request.group_by.is_empty() { None } else { chosen(&sheet, &[request.group_by])?.into_iter().next() };
        let question = Question {
            test: request.test,
            sheet: sheet.name,
            columns,
            group_by,
            groups: request.groups,
            condition: request.condition,
            mean: request.mean,
            expected: request.expected,
        };
        Ok((self.run(Task::Hypothesis(Box::new(question)), context).await?, notes))
    }

    /// Statistics of the columns named, or of all; kept by version.
    pub async fn summarize(
        &self,
        name: &str,
        columns: &[String],
        detail: Detail,
        context: &Context<'_>,
    ) -> Result<Summarized, Fault> {
        let (sheet, notes) = self.fresh_sheet(name, context).await?;
        let columns = chosen(&sheet, columns)?;
        let is_whole = columns == sheet.version.columns;
        let kind = match detail {
            Detail::Brief => "summary-brief",
            Detail::Full => "summary-full",
        };
        let version_id = sheet.version.id;
        if is_whole {
            let cached = self.blocking(move |inner| Ok(inner.house.catalog.profile(version_id, kind)?)).await?;
            if let Some(summary) = cached.and_then(|body| serde_json::from_str(&body).ok()) {
                return Ok(Summarized { sheet, summary, notes });
            }
        }
        let subject = Subject { sheet: sheet.name.clone(), columns, is_whole, n_rows: sheet.version.n_rows, detail };
        let call = CallLimits {
            deadline: self.limits().import_timeout,
            too_slow: "name fewer `columns`, or start Quire with a higher `--import-timeout`",
            cancel: context.cancel.clone(),
        };
        let summary: Summary = self.run_within(Task::Summary(Box::new(subject)), &call).await?;
        if is_whole {
            let body = serde_json::to_string(&summary).map_err(Fault::internal)?;
            self.blocking(move |inner| Ok(inner.house.catalog.put_profile(version_id, kind, &body)?)).await?;
        }
        Ok(Summarized { sheet, summary, notes })
    }
}
