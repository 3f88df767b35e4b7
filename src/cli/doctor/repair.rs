//! What `quire doctor` says of version files, and what a repair does.

use std::{collections::HashSet, path::Path, time::SystemTime};

use super::Finding;
use crate::{
    catalog::{
        copy::aside,
        repair::{Mended, VersionFile},
        salvage::{Knows, Origin, Salvaged},
    },
    cli::{config::Settings, user::time},
    store::FileState,
    workspace::{
        House,
        repair::{BadFile, catalog_problems, salvage_catalog},
    },
};

/// Makes the catalog anew where it is damaged or lost.
pub(super) fn repair_catalog(settings: &Settings, folder: &Path, findings: &mut Vec<Finding>) {
    match catalog_problems(folder) {
        Ok(problems) if problems.is_empty() => return,
        Ok(_) => {}
        // Opening it says the same.
        Err(_) => return,
    }
    let aside = aside(folder);
    match salvage_catalog(folder, &aside) {
        Ok(saved) => {
            findings.push(salvaged(&saved, &aside));
            findings.extend(set_aside(&saved, &aside));
        }
        Err(fault) => {
            findings.push(Finding::of("catalog repaired", Err(fault)));
            return;
        }
    }
    if let Err(fault) = settings.house().and_then(|house| house.keep_copy()) {
        findings.push(Finding::of("copy of the catalog", Err(fault)));
    }
}

/// What no catalog names is lost to whoever does not know of it.
fn set_aside(saved: &Salvaged, aside: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let n_moved = saved.n_versions_aside;
    if n_moved > 0 {
        findings.push(Finding {
            what: "version files without a sheet",
            ok: false,
            detail: format!(
                "{n_moved} moved to `{}`, since no catalog names them. Import the files that they were made of again; \
                 where those are gone, `quire inspect` shows what is in one, and a copy of it under the sheet's name, \
                 as `sales.parquet`, can be imported (`workspaces/` names the accounts by their id, as `quire user \
                 list --json` does)",
                aside.display()
            ),
        });
    }
    let n_moved = saved.n_originals_aside;
    if n_moved > 0 {
        findings.push(Finding {
            what: "uploads without a sheet",
            ok: false,
            detail: format!(
                "{n_moved} moved to `{}`, since no catalog names them: each is a file as it was uploaded, compressed; \
                 `zstd -d` unpacks it, and then it can be imported again",
                aside.display()
            ),
        });
    }
    findings
}

/// Fails where rows are lost, or may be.
fn salvaged(saved: &Salvaged, aside: &Path) -> Finding {
    let cut = if saved.cut.is_empty() { String::new() } else { format!("; rows lost from: {}", saved.cut.join(", ")) };
    let source = match saved.origin {
        Origin::Damaged => "what could be read of it".to_owned(),
        Origin::Copy(at) => {
            format!("the copy of the last sweep, since more is left in it ({}; later changes are lost)", at_time(at))
        }
        Origin::Nothing => {
            "nothing, since neither it nor its copy can be read (restore a backup, if there is one)".to_owned()
        }
    };
    let knows = counted(&saved.knows);
    let copy = match &saved.copy {
        Some(copy) if !saved.cut.is_empty() => format!("; the copy of the last sweep had {}", counted(copy)),
        _ => String::new(),
    };
    Finding {
        what: "catalog repaired",
        ok: saved.origin == Origin::Damaged && saved.cut.is_empty(),
        detail: format!("made anew from {source}: {knows}{cut}{copy}; what was there is in `{}`", aside.display()),
    }
}

fn counted(knows: &Knows) -> String {
    format!(
        "{}, {} with {}",
        number(knows.n_users, "user"),
        number(knows.n_sheets, "sheet"),
        number(knows.n_versions, "version")
    )
}

fn number(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

fn at_time(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// One finding for all that are sound, and one for each that is not.
pub(super) fn version_files(house: &House, repair: bool) -> Vec<Finding> {
    let mut damage = match house.damage() {
        Ok(damage) => damage,
        Err(fault) => return vec![Finding::of("version files", Err(fault))],
    };
    // First, since a file that was stored anew meanwhile is no finding.
    let aside = aside(house.data_dir());
    let mended = (repair && !damage.bad.is_empty()).then(|| house.mend(&mut damage, &aside));
    let (n_files, n_sound) = (damage.n_files, damage.n_files - damage.bad.len());
    let sound = match (n_files, n_sound) {
        (0, _) => "there are none yet".to_owned(),
        (_, n_sound) if n_sound == n_files => format!("{n_files} of {n_files} are as they were written"),
        (_, n_sound) => format!("{n_sound} of {n_files} are as they were written"),
    };
    let mut findings = vec![Finding { what: "version files", ok: true, detail: sound }];
    findings.extend(damage.bad.iter().map(|bad| found(bad, repair)));
    if let Some(mended) = mended {
        let moved: HashSet<&str> = damage
            .bad
            .iter()
            .filter(|bad| bad.state == FileState::Damaged)
            .flat_map(|bad| bad.versions.iter().map(|it| it.sheet.as_str()))
            .collect();
        match mended {
            Ok(mended) => findings
                .extend(mended.iter().map(|it| repaired(it, moved.contains(it.sheet.as_str()).then_some(&*aside)))),
            Err(fault) => findings.push(Finding::of("repair", Err(fault))),
        }
    }
    findings
}

fn found(bad: &BadFile, repair: bool) -> Finding {
    let named: Vec<String> = bad
        .versions
        .iter()
        .map(|it| {
            let state = match (it.is_deleted, it.is_current) {
                (true, _) => " (deleted)",
                (false, true) => " (current)",
                (false, false) => "",
            };
            format!("`{}` version {}{state}", it.sheet, it.number)
        })
        .collect();
    let state = if bad.state == FileState::Missing { "missing" } else { "damaged" };
    let mut detail = format!("`{}` is {state}: {}", bad.path.display(), named.join(", "));
    let lost: Vec<&VersionFile> = bad.lost.iter().filter(|it| !it.is_deleted).collect();
    if !repair {
        detail.push_str("; ");
        detail.push_str(&what_helps(bad, &lost));
    }
    // A sheet without any good version is not mended by a repair.
    Finding { what: "version file", ok: repair && lost.is_empty(), detail }
}

fn what_helps(bad: &BadFile, lost: &[&VersionFile]) -> String {
    let mut ways = Vec::new();
    for sheet in lost {
        ways.push(format!("`{}` has no good version left: {}", sheet.sheet, AGAIN));
    }
    if bad.versions.len() > lost.len() {
        let is_current = |it: &&VersionFile| it.is_current && !it.is_deleted;
        let n_current = bad.versions.iter().filter(is_current).count();
        ways.push(if n_current > lost.len() {
            "`quire doctor --repair` goes back to the newest good version".to_owned()
        } else {
            "`quire doctor --repair` forgets what can't be restored any more".to_owned()
        });
    }
    ways.join("; ")
}

/// For a sheet that no repair mends.
const AGAIN: &str = "import its file again, or look for this file in a backup, or delete the sheet (`delete_sheet`)";

fn repaired(mended: &Mended, aside: Option<&Path>) -> Finding {
    let mut done = Vec::new();
    if let Some(number) = mended.back_to {
        done.push(format!("has the rows of version {number} again"));
    }
    if !mended.dropped.is_empty() {
        let numbers: Vec<String> = mended.dropped.iter().map(u64::to_string).collect();
        done.push(format!("lost version {}", numbers.join(", ")));
    }
    if mended.is_lost {
        done.push(if mended.was_deleted {
            "was deleted, and can't be restored any more".to_owned()
        } else {
            format!("has no good version left: {AGAIN}")
        });
    }
    let aside = aside.map(|aside| format!("; what was damaged is in `{}`", aside.display())).unwrap_or_default();
    Finding {
        what: if mended.is_lost && !mended.was_deleted { "sheet lost" } else { "sheet repaired" },
        ok: !mended.is_lost || mended.was_deleted,
        detail: format!("`{}` {}{aside}", mended.sheet, done.join("; ")),
    }
}
