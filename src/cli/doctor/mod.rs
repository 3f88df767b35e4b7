//! `quire doctor`: is everything here that Quire needs?

mod repair;

use std::{fs, path::Path, sync::Arc, time::Instant};

use serde::Serialize;

use self::repair::{repair_catalog, version_files};
use super::{
    config::Settings,
    terminal::{context, print_json, print_line},
};
use crate::{
    auth::{check_keys, rotate_keys},
    catalog::{REPAIR, create_folder},
    fault::{Code, Fault},
    workspace::{House, Workspace, repair::catalog_problems},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Mend what is damaged, and say everything that is done: sheets go back to their newest good version, a damaged or
    /// lost catalog is made anew of what can be read or of its copy, signing keys that can't be used are made anew, and
    /// what is damaged is kept in `aside/` in the data folder. Ends with 0 only where nothing is lost
    #[arg(long)]
    repair: bool,
}

#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    ok: bool,
    detail: String,
}

impl Finding {
    fn of(what: &'static str, outcome: Result<String, Fault>) -> Finding {
        match outcome {
            Ok(detail) => Finding { what, ok: true, detail },
            Err(fault) if fault.hint.is_empty() => Finding { what, ok: false, detail: fault.message },
            Err(fault) => Finding { what, ok: false, detail: format!("{} ({})", fault.message, fault.hint) },
        }
    }
}

pub(super) async fn run(settings: Settings, args: Args) -> Result<(), Fault> {
    let mut findings = vec![Finding {
        what: "quire",
        ok: true,
        detail: format!("{} for {} on {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH),
    }];
    let folder = settings.folder()?;
    if folder.exists() {
        data_folder(&settings, &folder, args.repair, &mut findings);
    } else {
        findings.push(Finding::of("data folder", can_be_made(&folder)));
    }
    workers(&settings, &mut findings).await;
    if settings.json {
        print_json(&findings)?;
    } else {
        for finding in &findings {
            let mark = if finding.ok { "ok  " } else { "FAIL" };
            print_line(&format!("{mark} {}: {}", finding.what, finding.detail))?;
        }
    }
    let n_failed = findings.iter().filter(|finding| !finding.ok).count();
    let checks = if n_failed == 1 { "check" } else { "checks" };
    if n_failed == 0 { Ok(()) } else { Err(Fault::new(Code::Internal, format!("{n_failed} {checks} failed"))) }
}

/// Whether a data folder that is not there could be, tried beside it: `doctor` itself leaves none.
fn can_be_made(folder: &Path) -> Result<String, Fault> {
    let above = folder.ancestors().skip(1).find(|it| it.exists()).unwrap_or(Path::new("."));
    let tried = above.join(format!(".quire-doctor-{}", uuid::Uuid::new_v4().simple()));
    create_folder(&tried).and_then(|()| fs::remove_dir(&tried)).map_err(|error| {
        let message = format!("there is none at `{}`, and none can be made: {error}", folder.display());
        Fault::new(Code::StorageFailed, message)
            .hint("name a folder that can be written to with `--data-dir` or `QUIRE_DATA_DIR`")
    })?;
    Ok(format!(
        "there is none at `{}` yet; the first command that needs one makes it. Where there should be one, look at \
         `--data-dir` and `QUIRE_DATA_DIR`",
        folder.display()
    ))
}

/// What is in the data folder, and what a server needs of it.
fn data_folder(settings: &Settings, folder: &Path, repair: bool, findings: &mut Vec<Finding>) {
    if repair {
        repair_catalog(settings, folder, findings);
    }
    let opened = settings.house();
    findings.push(match &opened {
        Err(fault) if fault.code == Code::StorageFailed => {
            let message = format!("`{}`: {}", folder.display(), fault.message);
            Finding::of("data folder", Err(Fault { message, ..fault.clone() }))
        }
        _ => Finding::of("data folder", Ok(folder.display().to_string())),
    });
    match opened {
        Ok(house) => {
            let state = catalog(&house);
            let is_whole = state.is_ok();
            findings.push(Finding::of("catalog", state));
            // What a damaged one says of files is no finding about them.
            if is_whole {
                findings.extend(version_files(&house, repair));
                findings.extend(strangers(&house));
            }
            findings.extend(scratch(&house, repair));
        }
        Err(fault) if fault.code == Code::StorageFailed => {}
        Err(fault) => findings.push(Finding::of("catalog", Err(fault))),
    }
    findings.extend(signing_keys(folder, repair));
}

/// Every index and row, where `House::health` looks at the structure alone.
fn catalog(house: &House) -> Result<String, Fault> {
    let problems = catalog_problems(house.data_dir())?;
    let Some(problem) = problems.first() else { return house.health() };
    let noun = if problems.len() == 1 { "problem" } else { "problems" };
    Err(Fault::new(
        Code::CatalogUnusable,
        format!("{} {noun}, such as: {}", problems.len(), problem.replace('\n', " ")),
    )
    .hint(REPAIR))
}

/// Workspaces of users that the catalog does not know.
fn strangers(house: &House) -> Option<Finding> {
    let keys = house.strangers().unwrap_or_default();
    let first = keys.first()?;
    let detail = format!(
        "{} in `workspaces/` with files of sheets whose users the catalog does not know, such as `{first}`: it is not \
         the catalog that named them. Look for that one in `aside/` or a backup; remove them when they are not wanted",
        if keys.len() == 1 { "1 folder".to_owned() } else { format!("{} folders", keys.len()) }
    );
    Some(Finding { what: "workspaces", ok: false, detail })
}

/// What killed processes left. Not a fault: it goes by itself, and may be much till then.
fn scratch(house: &House, repair: bool) -> Option<Finding> {
    let found = house.dead_scratch().and_then(|dead| {
        if repair && dead.0 > 0 {
            house.sweep_scratch()?;
        }
        Ok(dead)
    });
    let outcome = match found {
        // Empty ones are what any process leaves that is ended from outside.
        Ok((_, 0)) => return None,
        Ok((_, n_bytes)) => {
            let megabytes = n_bytes.div_ceil(1 << 20);
            let what = format!("{megabytes} MB left by processes that were killed");
            Ok(if repair {
                format!("{what}: removed")
            } else {
                format!("{what}; the next start of a server, the next import or `quire doctor --repair` removes that")
            })
        }
        Err(fault) => Err(fault),
    };
    Some(Finding::of("scratch folders", outcome))
}

/// Where there are some: those that `quire http` would refuse to start with.
fn signing_keys(folder: &Path, repair: bool) -> Option<Finding> {
    let outcome = match check_keys(folder) {
        Ok(0) => return None,
        Ok(1) => Ok("1 key".to_owned()),
        Ok(n_keys) => Ok(format!("{n_keys} keys")),
        Err(_) if repair => rotate_keys(folder, true).map(|done| {
            format!(
                "{}: made anew; access tokens are refused and refreshed once, nobody has to log in again",
                done.replaced.unwrap_or_default()
            )
        }),
        Err(fault) => Err(fault),
    };
    Some(Finding::of("signing keys", outcome))
}

/// What runs queries, tried on a data folder of its own: whatever is wrong with the real one is no finding about them.
async fn workers(settings: &Settings, findings: &mut Vec<Finding>) {
    let folder = std::env::temp_dir().join(format!("quire-doctor-{}", uuid::Uuid::new_v4().simple()));
    let opened = create_folder(&folder)
        .map_err(|error| {
            let message = format!("can't make `{}` to try one in: {error}", folder.display());
            Fault::new(Code::StorageFailed, message).hint("name a folder that can be written to in `TMPDIR`")
        })
        .and_then(|()| settings.house_at(&folder));
    match opened.and_then(|house| Ok((house.local()?, house))) {
        Ok((workspace, house)) => tried(&workspace, &house, findings).await,
        Err(fault) => findings.push(Finding::of("worker", Err(fault))),
    }
    // What can't be removed lies where the system removes it.
    let _ = fs::remove_dir_all(&folder);
}

async fn tried(workspace: &Workspace, house: &Arc<House>, findings: &mut Vec<Finding>) {
    let first = first_answer(workspace).await;
    let is_there = first.is_ok();
    findings.push(Finding::of("worker", first));
    if is_there {
        findings.push(Finding::of("DuckDB", ask(workspace, "select version()").await));
        // Without ICU, DuckDB can't subtract an interval from a time with a zone.
        let icu = ask(workspace, "select now() - interval '1 day' < now()").await;
        findings.push(Finding::of("time zones (ICU)", icu.map(|_| "there".to_owned())));
    }
    let missing = house.missing_of_sandbox().await;
    findings.push(Finding::of("sandbox", missing.map(|missing| sandbox(&missing))));
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
