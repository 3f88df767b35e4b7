//! `quire doctor`: is everything here that Quire needs?

use std::{path::Path, time::Instant};

use serde::Serialize;

use super::{
    config::Settings,
    terminal::{context, print_json, print_line},
};
use crate::{
    catalog::repair::Mended,
    fault::{Code, Fault},
    store::FileState,
    workspace::{
        House, Workspace,
        repair::{aside, catalog_problems, salvage_catalog},
    },
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Mend what is damaged, and say everything that is done: sheets go back to their newest good version, a damaged
    /// catalog is made anew of what can be read, and what is damaged is moved to `aside/` in the data folder
    #[arg(long)]
    repair: bool,
}

#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    ok: bool,
    detail: String,
}

pub(super) async fn run(settings: Settings, args: Args) -> Result<(), Fault> {
    let mut findings = vec![Finding {
        what: "quire",
        ok: true,
        detail: format!("{} for {} on {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH),
    }];
    let folder = settings.folder().map(|folder| folder.display().to_string());
    if args.repair {
        repair_catalog(&settings, &mut findings)?;
    }
    let opened = settings.house().and_then(|house| Ok((house.local()?, house)));
    findings.push(match (folder, &opened) {
        (Ok(folder), Err(fault)) if fault.code == Code::StorageFailed => {
            of("data folder", Err(Fault { message: format!("`{folder}`: {}", fault.message), ..fault.clone() }))
        }
        (folder, _) => of("data folder", folder),
    });
    match opened {
        Ok((workspace, house)) => {
            findings.push(of("catalog", catalog(&house)));
            findings.extend(version_files(&house, args.repair));
            findings.push(of("worker", first_answer(&workspace).await));
            findings.push(of("DuckDB", ask(&workspace, "select version()").await));
            // Without ICU, DuckDB can't subtract an interval from a time with a zone.
            let icu = ask(&workspace, "select now() - interval '1 day' < now()").await;
            findings.push(of("time zones (ICU)", icu.map(|_| "there".to_owned())));
            findings.push(of("sandbox", house.missing_of_sandbox().await.map(|missing| sandbox(&missing))));
        }
        Err(fault) if fault.code == Code::StorageFailed => {}
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
    let checks = if n_failed == 1 { "check" } else { "checks" };
    if n_failed == 0 { Ok(()) } else { Err(Fault::new(Code::Internal, format!("{n_failed} {checks} failed"))) }
}

/// Every index and row, where `House::health` looks at the structure alone.
fn catalog(house: &House) -> Result<String, Fault> {
    let problems = catalog_problems(house.data_dir());
    match problems.first() {
        None => house.health(),
        Some(problem) => Err(Fault::new(
            Code::CatalogUnusable,
            format!("{} problems, such as: {}", problems.len(), problem.replace('\n', " ")),
        )
        .hint("stop all processes on this data folder and run `quire doctor --repair`, or `quire restore` a backup")),
    }
}

fn repair_catalog(settings: &Settings, findings: &mut Vec<Finding>) -> Result<(), Fault> {
    let folder = settings.folder()?;
    if catalog_problems(&folder).is_empty() {
        return Ok(());
    }
    let aside = aside(&folder);
    let done = salvage_catalog(&folder, &aside).map(|saved| {
        let source = if saved.is_from_copy { "the copy of the last sweep" } else { "what could be read of it" };
        let cut =
            if saved.cut.is_empty() { String::new() } else { format!("; rows lost from: {}", saved.cut.join(", ")) };
        let (n_sheets, n_versions) = (saved.n_sheets, saved.n_versions);
        format!(
            "made anew from {source}: {n_sheets} sheets with {n_versions} versions{cut}; the damaged one is in `{}`",
            aside.display()
        )
    });
    let is_done = done.is_ok();
    findings.push(of("catalog repaired", done));
    if !is_done {
        return Ok(());
    }
    let moved = settings.house().and_then(|house| house.set_unnamed_aside(&aside));
    match moved {
        Ok(0) => {}
        Ok(n_moved) => findings.push(Finding {
            what: "version files without a sheet",
            ok: true,
            detail: format!(
                "{n_moved} moved to `{}`: `quire import` makes a sheet of each Parquet file there",
                aside.display()
            ),
        }),
        Err(fault) => findings.push(of("version files without a sheet", Err(fault))),
    }
    Ok(())
}

/// One finding for all that are sound, and one for each that is not.
fn version_files(house: &House, repair: bool) -> Vec<Finding> {
    let damage = match house.damage() {
        Ok(damage) => damage,
        Err(fault) => return vec![of("version files", Err(fault))],
    };
    let n_sound = damage.n_files - damage.bad.len();
    let all = if damage.bad.is_empty() { "all" } else { "the others" };
    let mut findings =
        vec![Finding { what: "version files", ok: true, detail: format!("{all} {n_sound} are what was written") }];
    findings.extend(damage.bad.iter().map(|(path, state, versions)| {
        let of: Vec<String> = versions
            .iter()
            .map(|it| format!("`{}` version {}{}", it.sheet, it.number, if it.is_current { " (current)" } else { "" }))
            .collect();
        let state = if *state == FileState::Missing { "missing" } else { "damaged" };
        let hint = if repair { "" } else { "; `quire doctor --repair` goes back to the newest good version" };
        Finding {
            what: "version file",
            ok: repair,
            detail: format!("`{}` is {state}: {}{hint}", path.display(), of.join(", ")),
        }
    }));
    if repair && !damage.bad.is_empty() {
        let aside = aside(house.data_dir());
        match house.mend(&damage, &aside) {
            Ok(mended) => findings.extend(mended.iter().map(|it| repaired(it, &aside))),
            Err(fault) => findings.push(of("repair", Err(fault))),
        }
    }
    findings
}

fn repaired(mended: &Mended, aside: &Path) -> Finding {
    let mut done = Vec::new();
    if let Some(number) = mended.back_to {
        done.push(format!("has the rows of version {number} again"));
    }
    if !mended.dropped.is_empty() {
        let numbers: Vec<String> = mended.dropped.iter().map(u64::to_string).collect();
        done.push(format!("lost version {}", numbers.join(", ")));
    }
    if mended.is_lost {
        done.push("has no good version left: import its file again, or delete it".to_owned());
    }
    let detail = format!("`{}` {}; what was damaged is in `{}`", mended.sheet, done.join("; "), aside.display());
    Finding { what: "sheet repaired", ok: !mended.is_lost, detail }
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
