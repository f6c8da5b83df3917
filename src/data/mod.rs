//! Files to examples: ids or a matrix, with targets.

mod dataset;
mod examples;
mod images;
mod npy;
mod table;

pub(crate) use dataset::check_ids_of;
pub use dataset::{Dataset, Inputs, Rows, Targets, permutation};
pub use examples::{Examples, TextColumns, read_examples, read_lines};
pub use images::{
    Idx, ImageEncoder, ImageOptions, ImageShape, Images, holds_images, image_png, image_thumbnail,
    read_idx, read_images,
};
pub use npy::{Array, npy_bytes, read_npy};
pub use table::{Table, TableEncoder, TableTask, column_names, read_table};
