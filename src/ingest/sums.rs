//! Sums of columns as they were read, to hold the totals of a file against.

use arrow_array::{
    Array, Decimal64Array, Float64Array, Int64Array,
    cast::AsArray,
    types::{Decimal64Type, Float64Type, Int64Type},
};
use arrow_schema::DataType;

use super::layout::Claim;

/// What a column's numbers come to so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    total: f64,
    n: u32,
    /// The largest of the numbers, without signs.
    largest: f64,
}

impl Sum {
    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, of which a few variants matter")]
    pub(super) fn add(&mut self, array: &dyn Array) {
        let (sum, largest) = match array.data_type() {
            DataType::Int64 => whole(array.as_primitive::<Int64Type>()),
            DataType::Float64 => double(array.as_primitive::<Float64Type>()),
            DataType::Decimal64(_, scale) => decimal(array.as_primitive::<Decimal64Type>(), *scale),
            _ => return,
        };
        self.total += sum;
        self.largest = self.largest.max(largest);
        self.n = self.n.saturating_add(u32::try_from(array.len() - array.null_count()).unwrap_or(u32::MAX));
    }

    /// Whether a claim that is not `found` is a wrong one, and not one about something else: near it, or larger than any
    /// of the numbers.
    pub(super) fn belies(&self, claimed: f64, found: f64) -> bool {
        (0.55..1.8).contains(&(claimed / found)) || (found != 0.0 && self.largest < claimed.abs())
    }

    /// None where there are too few numbers for a claim about them.
    pub(super) fn expected(&self, claim: Claim) -> Option<f64> {
        (self.n > 1).then(|| match claim {
            Claim::Sum => self.total,
            Claim::Mean => self.total / f64::from(self.n),
        })
    }
}

/// The sum of an array's numbers, and the largest without its sign.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a sum to compare within a millionth")]
fn whole(array: &Int64Array) -> (f64, f64) {
    let largest = array.iter().flatten().map(i64::unsigned_abs).max().unwrap_or(0);
    (array.iter().flatten().map(i128::from).sum::<i128>() as f64, largest as f64)
}

fn double(array: &Float64Array) -> (f64, f64) {
    array.iter().flatten().fold((0.0, 0.0), |(sum, largest), number| (sum + number, number.abs().max(largest)))
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a sum to compare within a millionth")]
fn decimal(array: &Decimal64Array, scale: i8) -> (f64, f64) {
    let unit = 10_f64.powi(i32::from(scale));
    let largest = array.iter().flatten().map(i64::unsigned_abs).max().unwrap_or(0);
    (array.iter().flatten().map(i128::from).sum::<i128>() as f64 / unit, largest as f64 / unit)
}
