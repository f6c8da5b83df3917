//! Keras' `pad_sequences`: rows cut or filled to one length.

use serde::{Deserialize, Serialize};

/// An end of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The beginning.
    Pre,
    /// The end.
    #[default]
    Post,
}

/// Appends `ids`, cut or filled with 0 to `length`, to `row`: surplus ids are cut off at the side
/// `truncation`, zeros are put at the side `padding`.
///
/// ```
/// use wgslearn::text::{Side, pad};
///
/// let mut row = Vec::new();
/// pad(&[5, 6], 4, Side::Post, Side::Post, &mut row);
/// pad(&[1, 2, 3, 4, 5], 4, Side::Post, Side::Pre, &mut row);
/// assert_eq!(row, [5, 6, 0, 0, 2, 3, 4, 5]);
/// ```
pub fn pad(ids: &[u32], length: usize, padding: Side, truncation: Side, row: &mut Vec<u32>) {
    let kept = match truncation {
        _ if ids.len() <= length => ids,
        Side::Pre => &ids[ids.len() - length..],
        Side::Post => &ids[..length],
    };
    let zeros = length - kept.len();
    if padding == Side::Pre {
        row.resize(row.len() + zeros, 0);
    }
    row.extend_from_slice(kept);
    if padding == Side::Post {
        row.resize(row.len() + zeros, 0);
    }
}
