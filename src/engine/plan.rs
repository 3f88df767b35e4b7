//! What `EXPLAIN` answers, without the names of version files: where they lie is no caller's business.

use serde_json::Value;

use super::{
    Engine,
    convert::UNBOUNDED,
    query::{Page, PageRequest, raw, too_wide},
};
use crate::{fault::Fault, value::shortened};

impl Engine {
    /// Runs an `EXPLAIN`, which is checked. A plan that is too long for the page is cut, and not kept.
    pub(super) fn explain(&self, sql: &str, request: &PageRequest) -> Result<Page, Fault> {
        let mut page = self.run(sql, &UNBOUNDED)?;
        let header = serde_json::to_string(&page.columns).map_err(Fault::internal)?.len();
        let mut budget = request.max_bytes.saturating_sub(header);
        for row in &mut page.rows {
            let mut line = nameless(row.get())?;
            if line.len() > budget {
                (page.shortened, page.truncated) = (true, true);
                line = shortened(&line, budget).ok_or_else(|| too_wide(request.max_bytes))?;
            }
            budget = budget.saturating_sub(line.len());
            *row = raw(&line)?;
        }
        Ok(page)
    }
}

fn nameless(row: &str) -> Result<String, Fault> {
    let mut cells: Vec<Value> = serde_json::from_str(row).map_err(Fault::internal)?;
    for cell in &mut cells {
        if let Value::String(plan) = cell {
            *plan = without_files(plan);
        }
    }
    serde_json::to_string(&cells).map_err(Fault::internal)
}

/// What stands over the names, in a box of its own width.
const TITLE: &str = "Filename(s):";

/// The plan with blanks for each box's names of files, which end at a blank line of the box.
fn without_files(plan: &str) -> String {
    let mut lines: Vec<Vec<char>> = plan.lines().map(|line| line.chars().collect()).collect();
    let title: Vec<char> = TITLE.chars().collect();
    for top in 0..lines.len() {
        let line = lines.get(top).map(Vec::as_slice).unwrap_or_default();
        let starts: Vec<usize> =
            line.windows(title.len()).enumerate().filter(|(_, at)| *at == title).map(|(at, _)| at).collect();
        for start in starts {
            let line = lines.get(top).map(Vec::as_slice).unwrap_or_default();
            let is_wall = |c: &char| *c == '│';
            let left = line.iter().take(start).rposition(is_wall).map_or(0, |wall| wall + 1);
            let right = line.iter().skip(start).position(is_wall).map_or(line.len(), |wall| start + wall);
            for line in lines.iter_mut().skip(top) {
                let Some(within) = line.get_mut(left..right) else { break };
                if within.iter().all(|c| c.is_whitespace()) {
                    break;
                }
                within.fill(' ');
            }
        }
    }
    let lines: Vec<String> = lines.into_iter().map(String::from_iter).collect();
    lines.join("\n") + if plan.ends_with('\n') { "\n" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_box_keeps_all_but_its_files() {
        let plan = "\
┌───────────────┐┌───────────────┐
│  TABLE_SCAN   ││  TABLE_SCAN   │
│  Filename(s): ││ Projections: a│
│ /var/quire/ws ││               │
│  /a.parquet   ││  Filename(s): │
│               ││ /var/quire/ws │
│    2 rows     ││  /b.parquet   │
│               ││               │
│               ││    3 rows     │
└───────────────┘└───────────────┘
";
        let expect = "\
┌───────────────┐┌───────────────┐
│  TABLE_SCAN   ││  TABLE_SCAN   │
│               ││ Projections: a│
│               ││               │
│               ││               │
│               ││               │
│    2 rows     ││               │
│               ││               │
│               ││    3 rows     │
└───────────────┘└───────────────┘
";
        assert_eq!(without_files(plan), expect);
    }
}
