//! Small dense square matrices: what regression and the Kolmogorov distribution need, and no more.

/// Rows by columns, both `size`.
#[derive(Clone)]
pub(super) struct Matrix {
    size: usize,
    cells: Vec<f64>,
}

impl Matrix {
    pub(super) fn zero(size: usize) -> Matrix {
        Matrix { size, cells: vec![0.0; size * size] }
    }

    pub(super) fn identity(size: usize) -> Matrix {
        let mut matrix = Matrix::zero(size);
        (0..size).for_each(|idx| matrix.set(idx, idx, 1.0));
        matrix
    }

    /// NaN outside.
    pub(super) fn at(&self, row_idx: usize, col_idx: usize) -> f64 {
        self.cells.get(row_idx * self.size + col_idx).copied().unwrap_or(f64::NAN)
    }

    pub(super) fn set(&mut self, row_idx: usize, col_idx: usize, value: f64) {
        if let Some(cell) = self.cells.get_mut(row_idx * self.size + col_idx) {
            *cell = value;
        }
    }

    pub(super) fn scale(&mut self, factor: f64) {
        self.cells.iter_mut().for_each(|cell| *cell *= factor);
    }

    pub(super) fn times(&self, other: &Matrix) -> Matrix {
        let mut product = Matrix::zero(self.size);
        for row_idx in 0..self.size {
            for col_idx in 0..self.size {
                let sum = (0..self.size).map(|idx| self.at(row_idx, idx) * other.at(idx, col_idx)).sum();
                product.set(row_idx, col_idx, sum);
            }
        }
        product
    }

    /// The inverse of a symmetric positive definite matrix of ones on its diagonal, by Cholesky; none where a column
    /// is all but a combination of those before it, and then that column.
    pub(super) fn inverse(&self) -> Result<Matrix, usize> {
        /// What is left of a column's variance once the others are taken out.
        const LEAST: f64 = 1e-11;
        let mut lower = Matrix::zero(self.size);
        for col_idx in 0..self.size {
            let used: f64 = (0..col_idx).map(|idx| lower.at(col_idx, idx).powi(2)).sum();
            let left = self.at(col_idx, col_idx) - used;
            if left.is_nan() || left < LEAST {
                return Err(col_idx);
            }
            lower.set(col_idx, col_idx, left.sqrt());
            for row_idx in col_idx + 1..self.size {
                let used: f64 = (0..col_idx).map(|idx| lower.at(row_idx, idx) * lower.at(col_idx, idx)).sum();
                lower.set(row_idx, col_idx, (self.at(row_idx, col_idx) - used) / left.sqrt());
            }
        }
        let mut inverse = Matrix::zero(self.size);
        for unit_idx in 0..self.size {
            let column = lower.solve_unit(unit_idx);
            (0..).zip(column).for_each(|(row_idx, value)| inverse.set(row_idx, unit_idx, value));
        }
        Ok(inverse)
    }

    /// Solves `L L' x = e` for a lower triangle and a unit vector.
    fn solve_unit(&self, unit_idx: usize) -> Vec<f64> {
        let mut forward: Vec<f64> = Vec::with_capacity(self.size);
        for row_idx in 0..self.size {
            let used: f64 = (0..).zip(&forward).map(|(idx, value)| self.at(row_idx, idx) * value).sum();
            let unit = if row_idx == unit_idx { 1.0 } else { 0.0 };
            forward.push((unit - used) / self.at(row_idx, row_idx));
        }
        let mut solution = forward;
        for row_idx in (0..self.size).rev() {
            let used: f64 = (0..)
                .zip(&solution)
                .skip(row_idx + 1)
                .map(|(idx, value): (usize, &f64)| self.at(idx, row_idx) * value)
                .sum();
            if let Some(value) = solution.get_mut(row_idx) {
                *value = (*value - used) / self.at(row_idx, row_idx);
            }
        }
        solution
    }
}
