//! Columns by names that need no quotes: `unit_price` for `Unit price`, where a query uses them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Engine, fault, query::opened, version};
use crate::{
    fault::Fault,
    name::{ColumnName, SheetName},
};

impl Engine {
    /// Lets a query that names no column as it is written use the names without quotes; false where none of its words is
    /// one. The views are to be restored by `unfriend`.
    pub(super) fn befriend(&mut self, sheets: &BTreeSet<SheetName>, sql: &str) -> Result<bool, Fault> {
        let lower = sql.to_lowercase();
        let words: BTreeSet<&str> = lower.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let mut any = false;
        for sheet in sheets {
            let Some(file) = self.manifest.get(sheet) else { continue };
            let connection = self.connection()?;
            let (_, columns) = opened(&connection, &format!("SELECT * FROM {} LIMIT 0", version(file)))?;
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            let (mut renamed, mut added) = (Vec::new(), Vec::new());
            for (written, friendly) in friendly(&names) {
                if words.contains(friendly.as_str()) {
                    let list = if lower.contains(&written.to_lowercase()) { &mut added } else { &mut renamed };
                    list.push(format!("{} AS {}", ColumnName(written).quoted(), ColumnName(&friendly).quoted()));
                }
            }
            if renamed.is_empty() && added.is_empty() {
                continue;
            }
            any = true;
            let star = if renamed.is_empty() { "*".to_owned() } else { format!("* RENAME ({})", renamed.join(", ")) };
            let list = [star].into_iter().chain(added).collect::<Vec<_>>().join(", ");
            let sql = format!("CREATE OR REPLACE VIEW {} AS SELECT {list} FROM {}", sheet.quoted(), version(file));
            self.keeper.execute_batch(&sql).map_err(fault)?;
        }
        Ok(any)
    }

    pub(super) fn unfriend(&mut self, sheets: &BTreeSet<SheetName>) -> Result<(), Fault> {
        sheets.iter().try_for_each(|sheet| {
            self.views.remove(sheet);
            self.view(sheet)
        })
    }
}

/// Names as written with names that need no quotes, where that is another one and only one column's.
fn friendly<'a>(names: &[&'a str]) -> Vec<(&'a str, String)> {
    let taken: BTreeSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let mut n_of: BTreeMap<String, usize> = BTreeMap::new();
    let all: Vec<(&str, String)> = names.iter().map(|name| (*name, ColumnName(name).friendly())).collect();
    for (_, friendly) in &all {
        *n_of.entry(friendly.clone()).or_default() += 1;
    }
    let is_free =
        |friendly: &String| !taken.contains(friendly) && n_of.get(friendly) == Some(&1) && !friendly.is_empty();
    all.into_iter().filter(|(_, friendly)| is_free(friendly)).collect()
}
