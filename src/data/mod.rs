//! Files to examples: ids or a matrix, with targets.

mod account;
mod blocks;
mod dataset;
mod examples;
mod format;
mod images;
mod npy;
#[cfg(not(feature = "compression"))]
#[path = "no_npz.rs"]
mod npz;
#[cfg(feature = "compression")]
mod npz;
#[cfg(test)]
mod oracle;
mod order;
mod other_scale;
#[cfg(not(feature = "pictures"))]
#[path = "no_pictures.rs"]
mod pictures;
#[cfg(feature = "pictures")]
mod pictures;
mod row_file;
mod separated;
mod source;
mod table;
mod table_encoder;
mod vectors;
mod whole_numbers;

pub(crate) use account::NAMED;
pub use account::{Account, LeftOut, lines_as_words, numbers_as_words};
pub(crate) use blocks::BlockFile;
pub use dataset::{Dataset, Inputs, Rows, Targets, permutation};
pub(crate) use dataset::{check_ids_in, check_ids_of};
pub use examples::{Examples, TextColumns, read_examples, read_examples_in_blocks, read_lines};
pub(crate) use examples::{read_block, read_examples_of};
pub use format::{Content, Format, content};
pub use images::{
    Idx, ImageEncoder, ImageOptions, ImageShape, Images, read_class_folder, read_idx, read_images,
    read_images_with, read_picture_files,
};
pub(crate) use images::{holds_picture_files, is_idx, list_pictures, other_colours};
pub(crate) use npy::ArrayFile;
pub use npy::{Array, array_names, npy_bytes, read_array, read_npy};
pub(crate) use order::{BlockSizes, Order};
pub(crate) use other_scale::ScaleWatch;
#[cfg(feature = "pictures")]
pub use pictures::image_thumbnail;
pub(crate) use pictures::reshape;
pub use pictures::{image_png, is_decoding};
pub(crate) use row_file::{Data, RowWriter};
pub use row_file::{RowFile, TrainingRows};
pub(crate) use separated::listed;
#[cfg(feature = "cli")]
pub(crate) use source::is_packed;
pub(crate) use source::{ByteSource, array_path, extension, file_and_array};
pub(crate) use table::{
    Decimals, KindsFit, TargetsFit, column_names_of, read_columns_of, unknown_categories,
};
pub use table::{Table, TableColumns, TableTask, column_names, read_columns, read_table};
pub(crate) use table_encoder::TableFit;
pub use table_encoder::{ColumnKind, Missing, TableEncoder, TargetColumn};
pub(crate) use vectors::{
    Architecture, FasttextArguments, FasttextFile, FasttextLoss, fasttext_bytes, is_fasttext,
    read_word_vectors,
};
pub use vectors::{VectorFormat, WordVectorTable, words_beside, write_word_vectors};
