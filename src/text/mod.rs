//! Text to ids: Keras' tokenizer, vocabularies, hashing, n-grams, padding.

mod encoder;
mod hashing;
mod padding;
mod tokenizer;

pub use encoder::{Encoded, TextEncoder, TextOptions, Words};
pub use hashing::{hash_md5, one_hot};
pub use padding::{Side, pad};
pub use tokenizer::{DEFAULT_FILTERS, text_to_words};
