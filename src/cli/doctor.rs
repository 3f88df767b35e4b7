//! `quire doctor`: is everything here that Quire needs?

use std::time::Instant;

use serde::Serialize;

use super::{
    config::Settings,
    terminal::{context, print_json, print_line},
};
use crate::{
    fault::{Code, Fault},
    workspace::Workspace,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    ok: bool,
    detail: String,
}

pub(super) async fn run(settings: Settings, _args: Args) -> Result<(), Fault> {
    let mut findings = vec![Finding {
        what: "quire",
        ok: true,
        detail: format!("{} for {} on {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH),
    }];
    match settings.folder() {
        Ok(folder) => findings.push(Finding { what: "data folder", ok: true, detail: folder.display().to_string() }),
        Err(fault) => findings.push(of("data folder", Err(fault))),
    }
    match settings.house().and_then(|house| Ok((house.local()?, house))) {
        Ok((workspace, house)) => {
            findings.push(of("catalog", house.health()));
            findings.push(of("worker", first_answer(&workspace).await));
            findings.push(of("DuckDB", ask(&workspace, "select version()").await));
            // Without ICU, DuckDB can't subtract an interval from a time with a zone.
            let icu = ask(&workspace, "select now() - interval '1 day' < now()").await;
            findings.push(of("time zones (ICU)", icu.map(|_| "there".to_owned())));
            findings.push(of("sandbox", house.missing_of_sandbox().await.map(|missing| sandbox(&missing))));
        }
        Err(fault) => findings.push(of("catalog", Err(fault))),
    }
    if settings.json {
        print_json(&findings)?;
    } else {
        for finding in &findings {
            let mark = if finding.ok { "ok  " } else { "FAIL" };
            print_line(&format!("{mark} {}: {}", finding.what, finding.detail))?;
        }
    }
    let n_failed = findings.iter().filter(|finding| !finding.ok).count();
    if n_failed == 0 { Ok(()) } else { Err(Fault::new(Code::Internal, format!("{n_failed} checks failed"))) }
}

fn of(what: &'static str, outcome: Result<String, Fault>) -> Finding {
    match outcome {
        Ok(detail) => Finding { what, ok: true, detail },
        Err(fault) => Finding { what, ok: false, detail: format!("{fault} ({})", fault.hint) },
    }
}

async fn first_answer(workspace: &Workspace) -> Result<String, Fault> {
    let started = Instant::now();
    ask(workspace, "select 1").await?;
    Ok(format!("started and answered in {} ms", started.elapsed().as_millis()))
}

async fn ask(workspace: &Workspace, sql: &str) -> Result<String, Fault> {
    let answer = workspace.query(sql, 1, 10_000, &context(&|_, _| ())).await?;
    Ok(answer.page.rows.first().map(|row| row.get().to_owned()).unwrap_or_default())
}

fn sandbox(missing: &[String]) -> String {
    if missing.is_empty() {
        "whole: each worker reaches the files of its workspace only, no network, no other program".to_owned()
    } else {
        format!(
            "workers are processes with an empty environment, held by the guard; missing here: {}",
            missing.join("; ")
        )
    }
}
