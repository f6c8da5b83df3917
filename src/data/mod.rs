//! Files to examples: ids or a matrix, with targets.

mod dataset;
mod examples;
mod npy;
mod table;

pub(crate) use dataset::check_ids;
pub use dataset::{Dataset, Inputs, Targets, permutation};
pub use examples::{Examples, TextColumns, read_examples, read_lines};
pub use npy::{Array, read_npy};
pub use table::{Table, TableEncoder, TableTask, read_table};
