//! What a question is answered with, beside the sheets themselves: which columns join, which values its words name, and
//! what a query would do.

use crate::{
    catalog::Sheet,
    context::Context,
    engine::profile::ColumnProfile,
    fault::Fault,
    stats::{
        hints::{Hint, Place, Search},
        joins::{End, Overlap, Pair, may_fit},
        review::Review,
    },
    worker::task::Task,
};

use super::Workspace;

/// Pairs of columns that are compared for two sheets.
const MAX_PAIRS: usize = 12;
/// Text columns that words are looked for in.
const MAX_PLACES: usize = 120;

/// A sheet with what its columns hold, in their order.
#[derive(Debug, Clone)]
pub struct Profiled {
    pub sheet: Sheet,
    pub profiles: Vec<ColumnProfile>,
}

impl Workspace {
    /// The sheet with profiles of its columns, which are kept by version.
    pub async fn profiled(&self, sheet: Sheet, context: &Context<'_>) -> Result<Profiled, Fault> {
        let profiles = self.profiles(&sheet, context).await?;
        Ok(Profiled { sheet, profiles })
    }

    /// Looks at a query without running it; fails where the query would before its first row.
    pub async fn review(&self, sql: &str, context: &Context<'_>) -> Result<Review, Fault> {
        self.run(Task::Review { sql: sql.to_owned() }, context).await
    }

    /// Columns of the two sheets whose values overlap, best first; kept by their versions.
    pub async fn joins(&self, a: &Profiled, b: &Profiled, context: &Context<'_>) -> Result<Vec<Overlap>, Fault> {
        let (a, b) = if a.sheet.version.id <= b.sheet.version.id { (a, b) } else { (b, a) };
        let (left, right) = (ends(a), ends(b));
        let pairs = left.iter().flat_map(|left| right.iter().map(move |right| (left, right)));
        let mut pairs: Vec<Pair> = pairs
            .filter(|(left, right)| may_fit(left, right))
            .map(|(left, right)| Pair { left: left.clone(), right: right.clone() })
            .collect();
        // The likeliest first: of one name, then with a key on one side.
        pairs.sort_by_key(|Pair { left, right }| {
            (!left.column.eq_ignore_ascii_case(&right.column), !(left.is_key || right.is_key))
        });
        pairs.truncate(MAX_PAIRS);
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let version_id = a.sheet.version.id;
        // A sheet can be restored under another name.
        let kind = format!("joins-2:{}:{}:{}", b.sheet.version.id, a.sheet.name, b.sheet.name);
        let wanted = kind.clone();
        let cached = self.blocking(move |inner| Ok(inner.house.catalog.profile(version_id, &wanted)?)).await?;
        if let Some(found) = cached.and_then(|body| serde_json::from_str(&body).ok()) {
            return Ok(found);
        }
        let found: Vec<Overlap> = self.run(Task::Joins(pairs), context).await?;
        let body = serde_json::to_string(&found).map_err(Fault::internal)?;
        self.blocking(move |inner| Ok(inner.house.catalog.put_profile(version_id, &kind, &body)?)).await?;
        Ok(found)
    }

    /// Values of the sheets' text columns that the phrases name, or nearly do.
    pub async fn hints(
        &self,
        phrases: Vec<String>,
        sheets: &[Profiled],
        context: &Context<'_>,
    ) -> Result<Vec<Hint>, Fault> {
        let columns = sheets.iter().flat_map(|it| {
            let columns = it.sheet.version.columns.iter().zip(&it.profiles);
            columns.filter(|(column, _)| column.type_name == "VARCHAR").map(|(column, profile)| Place {
                sheet: it.sheet.name.clone(),
                column: column.name.clone(),
                n_distinct: profile.n_distinct.unwrap_or(u64::MAX),
            })
        });
        let search = Search { phrases, columns: columns.take(MAX_PLACES).collect() };
        self.run(Task::Hints(Box::new(search)), context).await
    }
}

fn ends(it: &Profiled) -> Vec<End> {
    let columns = it.sheet.version.columns.iter().zip(&it.profiles);
    columns
        .map(|(column, profile)| {
            let n_distinct = profile.n_distinct.unwrap_or_default();
            End {
                sheet: it.sheet.name.clone(),
                column: column.name.clone(),
                type_name: column.type_name.clone(),
                n_distinct,
                min: profile.min.clone(),
                max: profile.max.clone(),
                is_key: n_distinct > 0 && n_distinct == it.sheet.version.n_rows,
            }
        })
        .collect()
}
