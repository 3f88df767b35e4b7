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
    sum: f64,
    n: u32,
}

impl Sum {
    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, of which a few variants matter")]
    pub(super) fn add(&mut self, array: &dyn Array) {
        let of_array = match array.data_type() {
            DataType::Int64 => whole(array.as_primitive::<Int64Type>()),
            DataType::Float64 => double(array.as_primitive::<Float64Type>()),
            DataType::Decimal64(_, scale) => decimal(array.as_primitive::<Decimal64Type>(), *scale),
            _ => return,
        };
        self.sum += of_array;
        self.n = self.n.saturating_add(u32::try_from(array.len() - array.null_count()).unwrap_or(u32::MAX));
    }

    /// None where there are too few numbers for a claim about them.
    pub(super) fn expected(&self, claim: Claim) -> Option<f64> {
        (self.n > 1).then(|| match claim {
            Claim::Sum => self.sum,
            Claim::Mean => self.sum / f64::from(self.n),
        })
    }
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a sum to compare within a millionth")]
fn whole(array: &Int64Array) -> f64 {
    array.iter().flatten().map(i128::from).sum::<i128>() as f64
}

fn double(array: &Float64Array) -> f64 {
    array.iter().flatten().sum()
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a sum to compare within a millionth")]
fn decimal(array: &Decimal64Array, scale: i8) -> f64 {
    array.iter().flatten().map(i128::from).sum::<i128>() as f64 / 10_f64.powi(i32::from(scale))
}
