//! What a PCA needs of linear algebra, in double precision: an orthonormal basis of columns, and the
//! eigenvectors of a symmetric matrix.
//!
//! Golub and Van Loan, Matrix Computations, 4th edition: Householder vectors and QR (5.1, 5.2),
//! tridiagonalisation (8.3.1), implicit QR steps with Wilkinson's shift (8.3.4, 8.3.5). Matrices are
//! slices, row-major; vectors that are worked on are rows, so that every inner loop runs over
//! neighbours.

/// `[columns, rows]` of `[rows, columns]`.
pub(super) fn transposed(matrix: &[f64], columns: usize) -> Vec<f64> {
    let rows = matrix.len().checked_div(columns).unwrap_or(0);
    (0..columns * rows).map(|at| matrix[at % rows * columns + at / rows]).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Eight sums, which a compiler makes vectors of.
    let mut sums = [0.0; 8];
    let (left, right) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in left.zip(right) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// `y += factor * x`.
fn add_scaled(y: &mut [f64], factor: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += factor * x);
}

/// Makes `x` the vector v of the reflection `I - beta v v^T` that takes it to `alpha e_1`; returns
/// (beta, alpha). Of zeros beta is 0: nothing to reflect.
fn reflector(x: &mut [f64]) -> (f64, f64) {
    // Scaled, so that squares neither overflow nor vanish.
    let scale = x.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    if scale == 0.0 {
        return (0.0, 0.0);
    }
    x.iter_mut().for_each(|value| *value /= scale);
    let norm = dot(x, x).sqrt();
    // The sign that adds rather than cancels.
    let alpha = if x[0] > 0.0 { -norm } else { norm };
    x[0] -= alpha;
    (2.0 / dot(x, x), alpha * scale)
}

/// An orthonormal basis of the columns of a matrix: the Q of `A = Q R` with A `[rows, columns]`,
/// `rows >= columns`. Q is orthonormal also where columns depend on each other.
///
/// Both are given and returned transposed, `[columns, rows]`; R is `[columns, columns]`.
pub(super) fn householder_qr(mut a: Vec<f64>, rows: usize, columns: usize) -> (Vec<f64>, Vec<f64>) {
    let mut r = vec![0.0; columns * columns];
    let mut betas = vec![0.0; columns];
    for k in 0..columns {
        let (done, rest) = a.split_at_mut((k + 1) * rows);
        let column = &mut done[k * rows..];
        for i in 0..k {
            r[i * columns + k] = column[i];
        }
        let v = &mut column[k..];
        let (beta, alpha) = reflector(v);
        (betas[k], r[k * columns + k]) = (beta, alpha);
        for other in rest.chunks_exact_mut(rows) {
            let other = &mut other[k..];
            add_scaled(other, -beta * dot(v, other), v);
        }
    }
    // Q: the reflections, last first, of the identity's first columns.
    let mut q = vec![0.0; columns * rows];
    for k in (0..columns).rev() {
        let v = &a[k * rows + k..(k + 1) * rows];
        q[k * rows + k] = 1.0;
        for column in q[k * rows..].chunks_exact_mut(rows) {
            let column = &mut column[k..];
            add_scaled(column, -betas[k] * dot(v, column), v);
        }
    }
    (q, r)
}

/// Eigenvalues of a symmetric matrix `[side, side]`, largest first, and beside them the eigenvectors
/// as rows, `[side, side]`: `A v_i = lambda_i v_i`, the `v_i` orthonormal.
pub(super) fn symmetric_eigen(matrix: Vec<f64>, side: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut diagonal, mut beside, mut vectors) = tridiagonal(matrix, side);
    diagonalise(&mut diagonal, &mut beside, &mut vectors);
    let mut order: Vec<usize> = (0..side).collect();
    order.sort_by(|&a, &b| diagonal[b].total_cmp(&diagonal[a]));
    let values = order.iter().map(|&i| diagonal[i]).collect();
    let rows = order.iter().flat_map(|&i| &vectors[i * side..(i + 1) * side]).copied().collect();
    (values, rows)
}

/// `A = Q T Q^T` with T tridiagonal: T's diagonal `[side]`, the numbers beside it (the last is 0), and
/// `Q^T` `[side, side]`.
fn tridiagonal(mut a: Vec<f64>, side: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut diagonal = vec![0.0; side];
    let mut beside = vec![0.0; side];
    // v_k, of side - k - 1 numbers, with beta_k before it.
    let mut reflections: Vec<(f64, Vec<f64>)> = Vec::new();
    for k in 0..side {
        diagonal[k] = a[k * side + k];
        let m = side - k - 1;
        if m == 0 {
            break;
        }
        let mut v = a[k * side + k + 1..(k + 1) * side].to_vec();
        let (beta, alpha) = if m == 1 { (0.0, v[0]) } else { reflector(&mut v) };
        beside[k] = alpha;
        if beta != 0.0 {
            // H B H = B - v w^T - w v^T with w = p - (beta/2) (p^T v) v and p = beta B v, for B the
            // rows and columns behind k.
            let block = &mut a[(k + 1) * side..];
            let mut w: Vec<f64> =
                block.chunks_exact(side).map(|row| beta * dot(&row[k + 1..], &v)).collect();
            let half = -0.5 * beta * dot(&w, &v);
            add_scaled(&mut w, half, &v);
            for ((row, &vi), &wi) in block.chunks_exact_mut(side).zip(&v).zip(&w) {
                let row = &mut row[k + 1..];
                row.iter_mut().zip(&v).zip(&w).for_each(|((b, v), w)| *b -= vi * w + wi * v);
            }
        }
        reflections.push((beta, v));
    }
    // Q^T = ... H_1 H_0: the reflections, last first, of the identity's rows.
    let mut q = vec![0.0; side * side];
    (0..side).for_each(|i| q[i * side + i] = 1.0);
    for (k, (beta, v)) in reflections.iter().enumerate().rev() {
        for row in q[(k + 1) * side..].chunks_exact_mut(side) {
            let row = &mut row[k + 1..];
            add_scaled(row, -beta * dot(row, v), v);
        }
    }
    (diagonal, beside, q)
}

/// Makes a tridiagonal matrix diagonal by implicit QR steps, and turns the rows of `vectors` with it.
fn diagonalise(d: &mut [f64], e: &mut [f64], vectors: &mut [f64]) {
    let side = d.len();
    let mut end = side;
    // Three steps an eigenvalue are usual; the bound keeps a loop from being endless.
    for _ in 0..60 * side {
        // Numbers beside the diagonal that are nothing next to it are zeros.
        for i in 0..end.saturating_sub(1) {
            if e[i].abs() <= f64::EPSILON * (d[i].abs() + d[i + 1].abs()) {
                e[i] = 0.0;
            }
        }
        while end > 1 && e[end - 2] == 0.0 {
            end -= 1;
        }
        if end <= 1 {
            return;
        }
        let start = (0..end - 1).rev().find(|&i| e[i] == 0.0).map_or(0, |i| i + 1);
        step(&mut d[start..end], &mut e[start..end - 1], &mut vectors[start * side..end * side]);
    }
}

/// One implicit QR step with Wilkinson's shift on an unreduced tridiagonal matrix; `vectors` has a row
/// for each of its diagonal's numbers.
fn step(d: &mut [f64], e: &mut [f64], vectors: &mut [f64]) {
    let n = d.len();
    let side = vectors.len() / n;
    let (a, b, c) = (d[n - 2], e[n - 2], d[n - 1]);
    let half = 0.5 * (a - c);
    let root = if half < 0.0 { -half.hypot(b) } else { half.hypot(b) };
    let shift = c - b / ((half + root) / b);
    let (mut x, mut z) = (d[0] - shift, e[0]);
    for k in 0..n - 1 {
        // The rotation that takes (x, z) to (r, 0).
        let r = x.hypot(z);
        let (cos, sin) = if r == 0.0 { (1.0, 0.0) } else { (x / r, z / r) };
        if k > 0 {
            e[k - 1] = r;
        }
        let (one, two, off) = (d[k], d[k + 1], e[k]);
        let cross = 2.0 * cos * sin * off;
        d[k] = cos * cos * one + cross + sin * sin * two;
        d[k + 1] = sin * sin * one - cross + cos * cos * two;
        e[k] = cos * sin * (two - one) + (cos * cos - sin * sin) * off;
        x = e[k];
        if k + 2 < n {
            z = sin * e[k + 1];
            e[k + 1] *= cos;
        }
        let (first, second) = vectors[k * side..(k + 2) * side].split_at_mut(side);
        for (p, q) in first.iter_mut().zip(second) {
            (*p, *q) = (cos * *p + sin * *q, cos * *q - sin * *p);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers between -1 and 1 without a pattern.
    fn noise(count: usize) -> Vec<f64> {
        (0..count).map(|i| ((i as f64 * 12.9898).sin() * 43_758.545_3).fract()).collect()
    }

    fn symmetric(side: usize) -> Vec<f64> {
        let half = noise(side * side);
        (0..side * side).map(|at| half[at] + half[at % side * side + at / side]).collect()
    }

    fn assert_orthonormal(rows: &[f64], length: usize) {
        for (i, a) in rows.chunks_exact(length).enumerate() {
            for (j, b) in rows.chunks_exact(length).enumerate() {
                let expected = (i == j) as usize as f64;
                assert!((dot(a, b) - expected).abs() < 1e-13, "rows {i} and {j}: {}", dot(a, b));
            }
        }
    }

    fn assert_eigen(matrix: &[f64], side: usize) -> Vec<f64> {
        let (values, vectors) = symmetric_eigen(matrix.to_vec(), side);
        assert_orthonormal(&vectors, side);
        assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");
        let size = matrix.iter().fold(1e-300f64, |largest, x| largest.max(x.abs()));
        for (value, vector) in values.iter().zip(vectors.chunks_exact(side)) {
            for (row, x) in matrix.chunks_exact(side).zip(vector) {
                let rest = (dot(row, vector) - value * x).abs();
                assert!(rest < 1e-13 * size * side as f64, "{rest} of {value}");
            }
        }
        values
    }

    #[test]
    fn transposing_twice_changes_nothing() {
        let matrix: Vec<f64> = (0..6).map(f64::from).collect();
        assert_eq!(transposed(&matrix, 3), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(transposed(&transposed(&matrix, 3), 2), matrix);
        assert!(transposed(&[], 0).is_empty());
    }

    #[test]
    fn a_matrix_is_q_times_r() {
        for (rows, columns) in [(1, 1), (5, 1), (4, 4), (30, 7), (100, 40)] {
            let a = noise(rows * columns);
            let (q, r) = householder_qr(a.clone(), rows, columns);
            assert_orthonormal(&q, rows);
            for (j, column) in a.chunks_exact(rows).enumerate() {
                for i in 0..rows {
                    let sum: f64 = (0..columns).map(|k| q[k * rows + i] * r[k * columns + j]).sum();
                    assert!((sum - column[i]).abs() < 1e-13, "{rows}x{columns}");
                }
                assert!((j + 1..columns).all(|k| r[k * columns + j] == 0.0), "R is triangular");
            }
        }
    }

    #[test]
    fn dependent_columns_give_an_orthonormal_basis_too() {
        let column = noise(20);
        let twice: Vec<f64> = column.iter().map(|x| 2.0 * x).collect();
        let columns = [column, twice, vec![0.0; 20], noise(25)[5..].to_vec()].concat();
        assert_orthonormal(&householder_qr(columns, 20, 4).0, 20);
    }

    #[test]
    fn eigenvectors_of_symmetric_matrices() {
        for side in [1, 2, 3, 8, 9, 50, 129] {
            let matrix = symmetric(side);
            let values = assert_eigen(&matrix, side);
            let trace: f64 = (0..side).map(|i| matrix[i * side + i]).sum();
            assert!((values.iter().sum::<f64>() - trace).abs() < 1e-11);
        }
    }

    #[test]
    fn eigenvalues_that_are_known() {
        // The second difference of n points: 2 - 2 cos(pi k / (n + 1)).
        let side = 40;
        let mut matrix = vec![0.0; side * side];
        for i in 0..side {
            matrix[i * side + i] = 2.0;
            if i > 0 {
                (matrix[i * side + i - 1], matrix[(i - 1) * side + i]) = (-1.0, -1.0);
            }
        }
        for (k, value) in assert_eigen(&matrix, side).iter().enumerate() {
            let angle = std::f64::consts::PI * (side - k) as f64 / (side + 1) as f64;
            assert!((value - (2.0 - 2.0 * angle.cos())).abs() < 1e-13, "{k}: {value}");
        }
    }

    #[test]
    fn matrices_of_equal_zero_and_scattered_eigenvalues() {
        // Zeros, the identity, one vector's square, and a matrix of sizes from 1e-12 to 1e12.
        let side = 12;
        assert_eq!(assert_eigen(&vec![0.0; side * side], side), [0.0; 12]);
        let identity: Vec<f64> =
            (0..side * side).map(|at| (at / side == at % side) as usize as f64).collect();
        assert_eq!(assert_eigen(&identity, side), [1.0; 12]);
        let x = noise(side);
        let square: Vec<f64> = (0..side * side).map(|at| x[at / side] * x[at % side]).collect();
        let values = assert_eigen(&square, side);
        assert!((values[0] - dot(&x, &x)).abs() < 1e-13 && values[1].abs() < 1e-13, "{values:?}");
        let size = |at: usize| 10f64.powi(at as i32 * 2 - 12);
        let scattered = symmetric(side);
        let scattered: Vec<f64> = (0..side * side)
            .map(|at| scattered[at] * (size(at / side) * size(at % side)).sqrt())
            .collect();
        assert_eigen(&scattered, side);
        assert!(symmetric_eigen(Vec::new(), 0).0.is_empty());
    }

    #[test]
    fn sizes_near_the_ends_of_the_range_are_held() {
        let side = 6;
        for scale in [1e-150, 1e150] {
            let matrix: Vec<f64> = symmetric(side).iter().map(|x| x * scale).collect();
            assert_eigen(&matrix, side);
            let column: Vec<f64> = noise(side).iter().map(|x| x * scale * scale.signum()).collect();
            assert_orthonormal(&householder_qr(column, side, 1).0, side);
        }
    }
}
