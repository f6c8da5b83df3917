//! Structural similarity of images (Wang, Bovik, Sheikh and Simoncelli 2004), as scikit-image's
//! `structural_similarity` defines it with its defaults.

use rayon::prelude::*;

use crate::data::ImageShape;

/// Side of the window over which means, variances and the covariance are taken.
const WINDOW: usize = 7;
/// The constants of the formula, parts of the values' range.
const K: [f64; 2] = [0.01, 0.03];

/// The mean structural similarity of two lists of images `[images, shape.len()]` whose values have this range: 1 for
/// images that are the same. Windows are uniform, of 7 x 7 pixels within the image, variances are those of samples
/// (divided by 48), and the channels of an image are averaged. None where an image is smaller than a window, and for
/// other lengths than whole images.
///
/// ```
/// use wgslearn::data::ImageShape;
/// use wgslearn::report::ssim;
///
/// let shape = ImageShape { width: 8, height: 8, channels: 1 };
/// let image: Vec<f32> = (0..64).map(|i| (i % 9) as f32 / 9.0).collect();
/// assert!((ssim(shape, &image, &image, 1.0).unwrap() - 1.0).abs() < 1e-12);
/// assert!(ssim(ImageShape { width: 6, ..shape }, &image, &image, 1.0).is_none());
/// ```
pub fn ssim(shape: ImageShape, a: &[f32], b: &[f32], range: f64) -> Option<f64> {
    let len = shape.len();
    let is_whole = !a.is_empty() && a.len() == b.len() && a.len().checked_rem(len) == Some(0);
    if !is_whole || shape.width.min(shape.height) < WINDOW {
        return None;
    }
    let pairs: Vec<(&[f32], &[f32])> = a.chunks_exact(len).zip(b.chunks_exact(len)).collect();
    let means: Vec<f64> = pairs.par_iter().map(|(a, b)| of_image(shape, a, b, range)).collect();
    Some(means.iter().sum::<f64>() / means.len() as f64)
}

/// That of one pair of images.
fn of_image(shape: ImageShape, a: &[f32], b: &[f32], range: f64) -> f64 {
    let pixels = shape.width * shape.height;
    let channel = |image: &[f32], c: usize| -> Vec<f64> {
        (0..pixels).map(|i| image[i * shape.channels + c] as f64).collect()
    };
    let one = |c: usize| of_channel(shape, &channel(a, c), &channel(b, c), range);
    (0..shape.channels).map(one).sum::<f64>() / shape.channels as f64
}

fn of_channel(shape: ImageShape, a: &[f64], b: &[f64], range: f64) -> f64 {
    let product =
        |x: &[f64], y: &[f64]| -> Vec<f64> { x.iter().zip(y).map(|(x, y)| x * y).collect() };
    let means = |values: &[f64]| window_means(shape.width, values);
    let (mean_a, mean_b) = (means(a), means(b));
    let (squares_a, squares_b) = (means(&product(a, a)), means(&product(b, b)));
    let products = means(&product(a, b));
    let count = (WINDOW * WINDOW) as f64;
    let sample = count / (count - 1.0);
    let [c1, c2] = K.map(|k| (k * range).powi(2));
    let similarity = |i: usize| {
        let (ma, mb) = (mean_a[i], mean_b[i]);
        let variances = sample * (squares_a[i] - ma * ma + squares_b[i] - mb * mb);
        let covariance = sample * (products[i] - ma * mb);
        (2.0 * ma * mb + c1) * (2.0 * covariance + c2)
            / ((ma * ma + mb * mb + c1) * (variances + c2))
    };
    (0..mean_a.len()).map(similarity).sum::<f64>() / mean_a.len() as f64
}

/// Means over every window that lies within, from left to right and top to bottom.
fn window_means(width: usize, values: &[f64]) -> Vec<f64> {
    let across: Vec<f64> = values
        .chunks_exact(width)
        .flat_map(|row| row.windows(WINDOW).map(|window| window.iter().sum::<f64>()))
        .collect();
    let width = width + 1 - WINDOW;
    let rows = across.len() / width;
    let sum = |at: usize| -> f64 { (0..WINDOW).map(|k| across[at + k * width]).sum() };
    (0..(rows + 1 - WINDOW) * width).map(|at| sum(at) / (WINDOW * WINDOW) as f64).collect()
}
