//! Structural similarity of every window of pictures (Wang, Bovik, Sheikh and Simoncelli 2004), and its gradient: what the
//! loss [`super::ssim`] sums.
//!
//! A window is 7 x 7 pixels of one channel, n = 49. With means m, sample variances v and covariance s of the answers p and the
//! targets y, `C1 = (0.01 range)^2` and `C2 = (0.03 range)^2`, as scikit-image's `structural_similarity` with its defaults
//! (and `report::ssim`):
//!
//! ```text
//! A1 = 2 mp my + C1    A2 = 2 s + C2    B1 = mp^2 + my^2 + C1    B2 = vp + vy + C2    S = A1 A2 / (B1 B2)
//! dS / dp_j = (2 / n) (my A2 / B2 - mp S) / B1 + 2 A1 (y_j - my) / ((n - 1) B1 B2) - 2 S (p_j - mp) / ((n - 1) B2)
//! ```
//!
//! which is `a + b y_j + c p_j` for a, b, c of the window.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Activation, Real, for_rows, spread, vectorised};

/// Side of a window.
pub const WINDOW: usize = 7;

/// Numbers that each window gives.
pub const NUMBERS: usize = 4;

kernel! {
    name: "ssim_windows",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Outputs of a row.
        outputs: u32,
        /// [`super::Activation::code`] of the output.
        activation: u32,
        /// Columns of a picture.
        width: u32,
        /// Numbers of a pixel.
        channels: u32,
        /// From the darkest to the brightest that a number may be.
        range: f32,
    },
    bindings: {
        /// `[rows, outputs]`: pre-activations.
        logits: read f32,
        /// `[rows, outputs]`
        targets: read f32,
        /// `[rows, outputs, 4]`: similarity and a, b, c of the window that begins there, zeros where it leaves the picture.
        windows: write f32 as vec4f,
    },
    source: &[
        wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/index.wgsl"),
        wgsl!("ssim_windows.wgsl"),
    ],
    workgroups: |p| spread(p.rows as usize * p.outputs as usize),
    reference: reference,
    case: case,
    benches: [("256 x 28x28", [256, 784, 28, 0])],
}

fn reference<T: Real>(p: &Params, logits: &[T], targets: &[T], windows: &mut [T]) {
    let [rows, outputs, channels] = [p.rows, p.outputs, p.channels].map(|n| n as usize);
    let line = p.width as usize * channels;
    let lines = outputs / line;
    let number = T::from_f32;
    let (pixels, samples) = (number(49.0), number(48.0));
    let [c1, c2] =
        [0.01, 0.03].map(|k| number(k) * number(p.range) * (number(k) * number(p.range)));
    let across = (line + channels).saturating_sub(WINDOW * channels);
    let down = (lines + 1).saturating_sub(WINDOW);
    let windows = &mut windows[..rows * outputs * NUMBERS];
    for_rows(windows, outputs * NUMBERS, |first, windows| {
        let mut answers = vec![T::ZERO; outputs];
        // Means of p and y, sums of squares of both, and of products, of each window of a line.
        let mut sums = vec![T::ZERO; 5 * across];
        for (row, windows) in (first..).zip(windows.chunks_exact_mut(outputs * NUMBERS)) {
            let targets = &targets[row * outputs..][..outputs];
            answers.copy_from_slice(&logits[row * outputs..][..outputs]);
            Activation::from_code(p.activation).apply_all(&mut answers);
            windows.fill(T::ZERO);
            // The pixels of a line's windows, one of each window at a time.
            let offsets = |top: usize| {
                (0..WINDOW * WINDOW).map(move |k| (top + k / WINDOW) * line + k % WINDOW * channels)
            };
            for top in 0..if across > 0 { down } else { 0 } {
                sums.fill(T::ZERO);
                let (means, rest) = sums.split_at_mut(2 * across);
                let (mean_p, mean_y) = means.split_at_mut(across);
                let (squares, products) = rest.split_at_mut(2 * across);
                let (square_p, square_y) = squares.split_at_mut(across);
                vectorised(
                    #[inline(always)]
                    || {
                        for at in offsets(top) {
                            let (answers, targets) =
                                (&answers[at..][..across], &targets[at..][..across]);
                            for i in 0..across {
                                mean_p[i] += answers[i];
                                mean_y[i] += targets[i];
                            }
                        }
                        for mean in mean_p.iter_mut().chain(mean_y.iter_mut()) {
                            *mean = *mean / pixels;
                        }
                        for at in offsets(top) {
                            let (answers, targets) =
                                (&answers[at..][..across], &targets[at..][..across]);
                            for i in 0..across {
                                let (p, y) = (answers[i] - mean_p[i], targets[i] - mean_y[i]);
                                square_p[i] += p * p;
                                square_y[i] += y * y;
                                products[i] += p * y;
                            }
                        }
                    },
                );
                let windows = &mut windows[top * line * NUMBERS..];
                for (i, window) in windows.chunks_exact_mut(NUMBERS).take(across).enumerate() {
                    let (mp, my) = (mean_p[i], mean_y[i]);
                    let [vp, vy, s] = [square_p[i], square_y[i], products[i]];
                    let two = number(2.0);
                    let (a1, a2) = (two * mp * my + c1, two * (s / samples) + c2);
                    let (b1, b2) = (mp * mp + my * my + c1, vp / samples + vy / samples + c2);
                    let similarity = (a1 * a2) / (b1 * b2);
                    let by_target = two * a1 / (samples * b1 * b2);
                    let by_answer = -(two * similarity / (samples * b2));
                    let by_means = two / pixels * (my * a2 / b2 - mp * similarity) / b1;
                    let rest = by_means - by_target * my - by_answer * mp;
                    window.copy_from_slice(&[similarity, rest, by_target, by_answer]);
                }
            }
        }
    });
}

/// Tests and benches: see `case.rs`. Pictures from smaller than a window on; `outputs` is any number of a batch's.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, outputs, width, slot]: Sizes) -> Dispatch {
    let channels = 1 + slot % 2;
    let width = if c.is_bench() { width } else { 5 + width % 9 };
    // Whole lines.
    let line = width * channels;
    let outputs = (outputs.min(1 << 10) / line).max(1) * line;
    let count = rows * outputs;
    // Fewer near one another, whose variances are lost in C2's size.
    let bindings = Bindings {
        logits: c.random(count, 1.0),
        targets: c.random(count, 1.0),
        windows: c.output(NUMBERS * count, summed(400)),
    };
    c.computes(49 * 9 * count);
    let [rows, outputs, width, channels] = [rows, outputs, width, channels].map(|n| n as u32);
    let activation = (slot % 4) as u32;
    dispatch(Params { rows, outputs, activation, width, channels, range: 1.0 }, bindings)
}
