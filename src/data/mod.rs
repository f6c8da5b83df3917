//! Files to examples: ids or a matrix, with targets.

mod dataset;
mod examples;
mod images;
mod npy;
#[cfg(not(feature = "pictures"))]
#[path = "no_pictures.rs"]
mod pictures;
#[cfg(feature = "pictures")]
mod pictures;
mod table;

pub(crate) use dataset::check_ids_of;
pub use dataset::{Dataset, Inputs, Rows, Targets, permutation};
pub use examples::{Examples, TextColumns, read_examples, read_lines};
pub use images::{
    Idx, ImageEncoder, ImageOptions, ImageShape, Images, holds_images, read_idx, read_images,
};
pub use npy::{Array, npy_bytes, read_npy};
pub use pictures::image_png;
#[cfg(feature = "pictures")]
pub use pictures::image_thumbnail;
pub use table::{Table, TableEncoder, TableTask, column_names, read_table};
