//! `window`: a call over the rows around each row.

use super::{
    chain::{Chain, list, new_name},
    rows::order,
};
use crate::fault::{Code, Fault};

pub(super) fn window(
    chain: &mut Chain<'_>,
    column: &str,
    expr: &str,
    by: &[String],
    sort: &[String],
    rows: Option<u64>,
) -> Result<String, Fault> {
    let groups = chain.chosen(by)?;
    let partition = if groups.is_empty() { String::new() } else { format!("PARTITION BY {} ", list(&groups)) };
    let mut orders = if sort.is_empty() { Vec::new() } else { vec![order(chain, sort, false)?] };
    if rows.is_some() {
        orders.push(chain.row());
    }
    let orders = if orders.is_empty() { String::new() } else { format!("ORDER BY {} ", orders.join(", ")) };
    let frame = rows.map_or_else(String::new, |n| format!("ROWS {} PRECEDING", n.saturating_sub(1)));
    // The call alone first, so that it can't bring a clause of its own; then the clause must be the call's.
    let alone = chain.engine.expression(expr)?;
    let whole = chain.ordered(&format!("{expr}\n OVER ({partition}{orders}{frame})"));
    let sql = match whole {
        Ok(whole) if alone.n_windows == 0 && whole.n_windows == 1 => whole.sql,
        _ => {
            return Err(Fault::new(Code::InvalidSql, format!("`{expr}` is no call that goes over a window"))
                .hint("give one call, such as `sum(price)` or `rank()`; anything else goes into `derive`"));
        }
    };
    let known = chain.find(column).cloned();
    let mut items = chain.with(|it| (Some(it) == known.as_ref()).then(|| sql.clone()));
    if known.is_none() {
        items = format!("{items}, {sql} AS {}", new_name(column)?);
    }
    Ok(format!("SELECT {items} FROM {} ORDER BY {}", chain.numbered(), chain.row()))
}
