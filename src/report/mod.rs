//! Results as people read them: reports, and the history as a picture.

mod classification;
mod plot;
mod regression;

pub use classification::ClassificationReport;
pub use plot::{history_png, history_text};
pub use regression::RegressionReport;
