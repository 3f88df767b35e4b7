//! Statistics of sheets: SQL is built here and run by the engine, and what aggregates can't say is computed from its
//! answers. Nothing here reads rows that DuckDB can count.

mod dist;
pub mod hints;
pub mod hypothesis;
pub mod joins;
mod matrix;
pub mod review;
mod schema;
mod sql;
pub mod summary;

use serde_json::Value;

/// A count as a real number; exact below 2^53.
fn real(n: u64) -> f64 {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "there is no other way; counts are small")]
    let real = n as f64;
    real
}

/// A whole number that is not negative, from a real one that holds it.
fn whole(x: f64) -> u64 {
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, which is what is wanted"
    )]
    let whole = x.round() as u64;
    whole
}

/// A number of an answer; NaN where it is null. Beyond 2^53, and where not finite, they come as text.
fn number(cell: Option<&Value>) -> f64 {
    match cell {
        Some(Value::Number(number)) => number.as_f64().unwrap_or(f64::NAN),
        Some(Value::String(text)) => text.parse().unwrap_or(f64::NAN),
        Some(Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_)) | None => f64::NAN,
    }
}

/// A number as people write it: six significant digits.
fn shown(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return x.to_string();
    }
    let magnitude = x.abs().log10().floor();
    if (-4.0..9.0).contains(&magnitude) {
        let n_decimals = usize::try_from(whole((5.0 - magnitude).max(0.0))).unwrap_or_default();
        let text = format!("{x:.n_decimals$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    } else {
        format!("{x:.3e}")
    }
}
