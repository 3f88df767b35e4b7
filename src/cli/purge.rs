//! `quire purge`: removes sheets for good.

use super::{
    config::Settings,
    terminal::{print_json, print_line},
};
use crate::{
    fault::{Code, Fault},
    workspace::Purge,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sheets to remove with all their versions; a deleted one as `name`, or `name#id` as `sheet_history` gives it
    #[arg(value_name = "SHEET", required_unless_present = "deleted", conflicts_with = "deleted")]
    sheets: Vec<String>,
    /// Remove all sheets that were deleted and could still be restored
    #[arg(long)]
    deleted: bool,
    /// Really do it: there is no way back
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(settings: Settings, args: Args) -> Result<(), Fault> {
    if !args.yes {
        return Err(Fault::new(Code::InvalidArguments, "a purge can't be undone")
            .hint("add `--yes`; `quire call delete_sheet` deletes a sheet that can be restored for 30 days"));
    }
    let house = settings.house()?;
    let what = if args.deleted { Purge::Deleted } else { Purge::Sheets(args.sheets) };
    let purged = house.local()?.purge(what).await?;
    if settings.json {
        return print_json(&serde_json::json!({"purged": purged.names, "kept": purged.kept}));
    }
    if purged.names.is_empty() {
        return print_line("nothing to purge: no sheet is deleted");
    }
    purged.names.iter().try_for_each(|name| print_line(&format!("{name} is gone for good")))?;
    let also = |handle: &String| {
        print_line(&format!("{handle}, deleted earlier, can still be restored: purge it too if it is to go"))
    };
    purged.kept.iter().try_for_each(also)
}
