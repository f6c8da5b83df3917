//! Text to ids: tokens (Keras' rule, Unicode's, characters), subwords, vocabularies, hashing, n-grams, padding.

mod encoder;
mod hashing;
#[cfg(test)]
mod oracle;
mod padding;
mod phrases;
mod subwords;
mod tokenizer;
mod tokens;

pub use encoder::{Encoded, TextEncoder, TextOptions, Words};
pub(crate) use encoder::{Fitting, Room};
pub use hashing::{hash_md5, one_hot};
pub use padding::{Side, pad};
pub use subwords::{Subwords, fasttext_hash};
pub use tokenizer::{DEFAULT_FILTERS, text_to_words};
pub(crate) use tokens::LABEL_PREFIX;
pub use tokens::Tokens;
