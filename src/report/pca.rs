//! Principal component analysis: what an autoencoder of the same width is held against.
//!
//! The leading eigenvectors of the covariance (or, where rows are fewer than features, of the
//! Gram matrix) by subspace iteration with Rayleigh and Ritz's projection (Golub and Van Loan,
//! Matrix Computations, 8.2.4); the products are the CPU backend's. Everything is in double precision.

use super::linear::{householder_qr, symmetric_eigen, transposed};
use crate::error::{Error, Result};
use crate::kernels::{Begin, Product, Real};

/// Axes of the largest variance.
#[derive(Clone, Debug)]
pub struct Pca {
    /// `[features]`
    mean: Vec<f64>,
    /// `[features, components]`, orthonormal columns by falling variance.
    axes: Vec<f64>,
    components: usize,
}

/// Columns beyond those asked for that the iteration carries: they make it converge.
const MORE: usize = 32;

/// Sides of a matrix that is small enough to be taken apart at once.
const SMALL: usize = 256;

/// Sides of the largest covariance or Gram matrix: 3.2 GB.
const LARGEST: usize = 20_000;

impl Pca {
    /// Fits `components` axes to rows `[rows, features]`.
    ///
    /// # Errors
    /// [`Error::Usage`] when there are not as many rows and features as components, or more of
    /// both than a covariance matrix has room for.
    pub fn fit(values: &[f32], features: usize, components: usize) -> Result<Pca> {
        let rows = values.len() / features.max(1);
        if components > features.min(rows) {
            return Err(Error::usage(format!(
                "{rows} rows of {features} features have no {components} principal components; give more rows"
            )));
        }
        if features.min(rows) > LARGEST {
            return Err(Error::usage(format!(
                "a PCA of {rows} rows and {features} features needs a matrix of {} x {}; give at most {LARGEST} rows",
                features.min(rows),
                features.min(rows)
            )));
        }
        let mut mean = vec![0.0; features];
        for row in values.chunks_exact(features) {
            mean.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value as f64);
        }
        mean.iter_mut().for_each(|sum| *sum /= rows as f64);
        let centred = centre(values, &mean);
        let axes = if features <= rows {
            // X^T X, features by features.
            let scatter = product(
                [features, features, rows],
                &centred,
                [1, features],
                &centred,
                [features, 1],
            );
            leading(scatter, features, components)
        } else {
            // X X^T, rows by rows; an eigenvector u of it makes the axis X^T u.
            let gram =
                product([rows, rows, features], &centred, [features, 1], &centred, [1, features]);
            let vectors = leading(gram, rows, components);
            let axes = product(
                [features, components, rows],
                &centred,
                [1, features],
                &vectors,
                [components, 1],
            );
            orthonormal(axes, features, components)
        };
        Ok(Pca { mean, axes: with_signs(axes, components), components })
    }

    /// Latents `[rows, components]` of rows.
    pub fn encode(&self, values: &[f32]) -> Vec<f64> {
        let (features, k) = (self.mean.len(), self.components);
        let centred = centre(values, &self.mean);
        let rows = centred.len() / features;
        product([rows, k, features], &centred, [features, 1], &self.axes, [k, 1])
    }

    /// Mean squared error between rows and what their latents give back.
    pub fn mse(&self, values: &[f32]) -> f64 {
        let (features, k) = (self.mean.len(), self.components);
        let centred = centre(values, &self.mean);
        let rows = centred.len() / features;
        let latents = product([rows, k, features], &centred, [features, 1], &self.axes, [k, 1]);
        let back = product([rows, features, k], &latents, [k, 1], &self.axes, [1, k]);
        let squares = centred.iter().zip(&back).map(|(x, y)| (x - y) * (x - y));
        squares.sum::<f64>() / centred.len().max(1) as f64
    }
}

/// The direction along which rows `[rows, features]` have most, seen from 0: the first right singular vector, of length 1.
pub(crate) fn first_direction(values: &[f32], features: usize) -> Vec<f64> {
    let rows = values.len() / features.max(1);
    let values: Vec<f64> = values.iter().map(|&value| value as f64).collect();
    let scatter =
        product([features, features, rows], &values, [1, features], &values, [features, 1]);
    leading(scatter, features, 1)
}

fn centre(values: &[f32], mean: &[f64]) -> Vec<f64> {
    values.iter().zip(mean.iter().cycle()).map(|(&value, mean)| value as f64 - mean).collect()
}

/// a [m, k] b [k, n], row by row.
fn product(
    [m, n, k]: [usize; 3],
    a: &[f64],
    a_strides: [usize; 2],
    b: &[f64],
    b_strides: [usize; 2],
) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    let product = Product { size: [m, n, k], a, a_strides, b, b_strides, begin: Begin::Zero };
    f64::product(&product, &mut c, n, &|_, _, _| {});
    c
}

/// An orthonormal basis `[rows, columns]` of the columns of a matrix.
fn orthonormal(matrix: Vec<f64>, rows: usize, columns: usize) -> Vec<f64> {
    let (q, _) = householder_qr(transposed(&matrix, columns), rows, columns);
    transposed(&q, rows)
}

/// An axis may point either way: its number of the largest size is made positive, as scikit-learn's
/// PCA does, so that pictures of codes do not depend on how the axes were found.
fn with_signs(mut axes: Vec<f64>, components: usize) -> Vec<f64> {
    for component in 0..components {
        let along = || axes.iter().skip(component).step_by(components);
        let largest = along().fold(0.0f64, |a, &b| if b.abs() > a.abs() { b } else { a });
        if largest < 0.0 {
            let axis = axes.iter_mut().skip(component).step_by(components);
            axis.for_each(|value| *value = -*value);
        }
    }
    axes
}

/// Eigenvectors of the `count` largest eigenvalues of a symmetric matrix, `[side, count]`.
fn leading(matrix: Vec<f64>, side: usize, count: usize) -> Vec<f64> {
    let width = (count + MORE).min(side);
    if side <= SMALL || width == side {
        return sorted_eigenvectors(matrix, side, count).0;
    }
    // A fixed start that no structure of the data is likely to be orthogonal to.
    let draw = |i: usize| (i as f64 * 0.754_877_666_246_692_7).fract() - 0.5;
    let start = (0..side * width).map(|i| draw(i + i / width)).collect();
    let mut basis = orthonormal(start, side, width);
    let mut known = 0.0;
    for _ in 0..500 {
        let image = product([side, width, side], &matrix, [side, 1], &basis, [width, 1]);
        // Ritz: the matrix within the basis.
        let small = product([width, width, side], &basis, [1, width], &image, [width, 1]);
        let (vectors, values) = sorted_eigenvectors(small, width, width);
        let found: f64 = values[..count].iter().sum();
        let turned = product([side, width, width], &image, [width, 1], &vectors, [width, 1]);
        basis = orthonormal(turned, side, width);
        if (found - known).abs() <= 1e-12 * found.abs() {
            break;
        }
        known = found;
    }
    basis.chunks_exact(width).flat_map(|row| &row[..count]).copied().collect()
}

/// The first `count` eigenvectors by falling eigenvalue as columns `[side, count]`, and all eigenvalues.
fn sorted_eigenvectors(matrix: Vec<f64>, side: usize, count: usize) -> (Vec<f64>, Vec<f64>) {
    let (values, mut vectors) = symmetric_eigen(matrix, side);
    vectors.truncate(count * side);
    (transposed(&vectors, side), values)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that lie in a plane, plus a little of a third direction.
    fn rows(count: usize, features: usize) -> Vec<f32> {
        let wave = |i: usize, j: usize| ((i * 7 + j * 13) as f32 * 0.61).sin();
        let mut values = Vec::new();
        for i in 0..count {
            let (a, b, c) = (wave(i, 1), wave(i * i, 2), 1e-3 * wave(i + 5, 3));
            values.extend(
                (0..features).map(|j| 3.0 + a * wave(1, j) + b * wave(j, 2) + c * wave(j * j, 9)),
            );
        }
        values
    }

    #[test]
    fn two_components_explain_a_plane() {
        // The covariance at once, by iteration, and by the Gram matrix.
        for (count, features) in [(500, 20), (700, 300), (40, 900)] {
            let values = rows(count, features);
            let [one, two, three] =
                [1, 2, 3].map(|k| Pca::fit(&values, features, k).expect("a PCA").mse(&values));
            assert!(one > 1e-2 && two < 1e-6 && three < two / 10.0, "{one} {two} {three}");
        }
    }

    #[test]
    fn codes_are_uncorrelated_and_fall_in_variance() {
        let pca = Pca::fit(&rows(700, 300), 300, 3).expect("a PCA");
        let codes = pca.encode(&rows(700, 300));
        let moment = |a: usize, b: usize| -> f64 {
            codes.chunks_exact(3).map(|code| code[a] * code[b]).sum::<f64>() / 700.0
        };
        assert!(moment(0, 0) > moment(1, 1) && moment(1, 1) > moment(2, 2));
        assert!(moment(0, 1).abs() < 1e-6 * moment(0, 0));
    }

    #[test]
    fn axes_are_orthonormal_and_point_to_their_largest_number() {
        for (count, features, k) in [(500, 20, 5), (700, 300, 3), (40, 900, 4)] {
            let axes = Pca::fit(&rows(count, features), features, k).expect("a PCA").axes;
            for (a, one) in transposed(&axes, k).chunks_exact(features).enumerate() {
                let largest =
                    one.iter().fold(0.0f64, |a, &b| if b.abs() > a.abs() { b } else { a });
                assert!(largest > 0.0, "axis {a}: {largest}");
                for (b, two) in transposed(&axes, k).chunks_exact(features).enumerate() {
                    let sum: f64 = one.iter().zip(two).map(|(one, two)| one * two).sum();
                    assert!((sum - (a == b) as usize as f64).abs() < 1e-12, "{a} {b}: {sum}");
                }
            }
        }
    }

    #[test]
    fn errors_are_what_eigenvalues_leave() {
        // As many components as features leave nothing; a diagonal of known variances leaves those
        // of the axes that are left out: rows of +-1, +-2, +-3 along each axis.
        let mut values = Vec::new();
        for axis in 0..3 {
            for sign in [-1.0, 1.0] {
                let mut row = [5.0; 3];
                row[axis] += sign * (axis + 1) as f32;
                values.extend(row);
            }
        }
        for (k, left) in [(0, 14.0), (1, 5.0), (2, 1.0), (3, 0.0)] {
            let mse = Pca::fit(&values, 3, k).expect("a PCA").mse(&values);
            // Two rows an axis, over 6 rows of 3.
            assert!((mse - 2.0 * left / 18.0).abs() < 1e-14, "{k}: {mse}");
        }
        let codes = Pca::fit(&values, 3, 1).expect("a PCA").encode(&[5.0, 5.0, 9.0]);
        assert!((codes[0] - 4.0).abs() < 1e-14, "{codes:?}");
    }

    #[test]
    fn too_few_rows_are_refused() {
        assert!(Pca::fit(&rows(3, 20), 20, 4).is_err());
        assert!(Pca::fit(&rows(3, 20), 20, 3).is_ok());
        assert!(Pca::fit(&rows(20, 3), 3, 4).is_err());
    }
}
