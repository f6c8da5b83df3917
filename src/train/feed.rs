//! Data sets on a device: what a feed needs to know of one, the checks that it goes with the model, and the
//! upload of its rows.

use crate::backend::Executor;
use crate::data::{Dataset, Inputs, Rows, Targets, check_ids_of};
use crate::error::{Error, Result};
use crate::kernels::Span;
use crate::layers::plan::Purpose;
use crate::losses::Loss;
use crate::model::{Input, Model};
use crate::program::RoutineId;

/// A data set's place on the device, and the routines that take batches from it.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    pub inputs: Span,
    pub targets: Option<Span>,
    pub order: Span,
    /// Rows that `inputs` holds; fewer than `rows` when the data set is streamed.
    pub resident: usize,
    /// Rows of the data set.
    pub rows: usize,
    pub batch: usize,
    /// Rows of a batch that are taken at once; their gradients are added up.
    pub part: usize,
    /// A step over `batch` rows.
    pub full: Option<RoutineId>,
    /// A step over the rows that are left, `rows % batch`.
    pub tail: Option<RoutineId>,
    /// Steps over fewer rows than `batch`, the fewest first: what one row costs is not what a batch costs.
    pub fewer: Vec<(usize, RoutineId)>,
    /// In place of both, up to `Recording::steps_at_once` steps over whatever rows come next.
    pub whole: Option<RoutineId>,
    /// Groups of a history slot.
    pub groups: usize,
}

impl Feed {
    /// Slots of the history that a batch of `rows` writes: one for each of its parts.
    pub fn slots(&self, rows: usize) -> usize {
        rows.div_ceil(self.part)
    }
}

/// What a feed needs to know of a data set.
#[derive(Clone, Copy, Debug)]
pub(super) struct FeedSpec {
    pub rows: usize,
    pub batch: usize,
    /// Targets of a row; `None` where the targets are the inputs.
    pub target_width: Option<usize>,
    pub purpose: Purpose,
}

impl FeedSpec {
    /// Checks that a data set goes with a model.
    ///
    /// # Errors
    /// [`Error::Model`] when widths do not fit, [`Error::Data`] names the row and the target that the loss
    /// cannot take.
    pub fn new(
        model: &Model,
        dataset: &Dataset,
        batch: usize,
        purpose: Purpose,
    ) -> Result<FeedSpec> {
        let (read, source) = (dataset.inputs(), dataset.source());
        if read.width() != model.input().width() {
            return Err(Error::Model(format!(
                "{source}: a row has {} elements, but the model reads {}",
                read.width(),
                model.input().width()
            )));
        }
        check_rows(model, read.as_rows(), source)?;
        let loss = model.loss();
        if loss == Loss::NegativeSampling {
            return Err(Error::Model(
                "the model holds word vectors, which are trained by `wgslearn train words` and used by `neighbours`, `similar` and `encode`".into(),
            ));
        }
        let outputs = model.outputs();
        let (rows, batch) = (dataset.rows(), batch.min(dataset.rows()));
        if let (Inputs::Ids { .. }, Targets::Inputs) = (dataset.inputs(), dataset.targets()) {
            if !loss.has_accuracy() || model.embedding_rows() != Some(outputs) {
                return Err(Error::Model(format!(
                    "a model that gives its ids back has as many outputs as its table has rows, with softmax or sigmoid; this one has {outputs} outputs and the loss {}",
                    loss.name()
                )));
            }
            return Ok(FeedSpec { rows, batch, target_width: None, purpose });
        }
        check_targets(model, dataset)?;
        let target_width = match dataset.targets() {
            Targets::Inputs => None,
            Targets::Values { width, .. } => Some(*width),
        };
        Ok(FeedSpec { rows, batch, target_width, purpose })
    }
}

/// Checks that a data set's targets are what a model's loss takes.
fn check_targets(model: &Model, dataset: &Dataset) -> Result<()> {
    let (loss, outputs) = (model.loss(), model.outputs());
    let objective = loss.objective();
    let width = dataset.target_width();
    let are_classes = objective.takes_classes() && width == 1;
    if width != outputs && !are_classes {
        return Err(Error::Model(format!(
            "{}: a row has {width} targets, but the model has {outputs} outputs; set the last layer's units to {width}",
            dataset.source()
        )));
    }
    for (i, &target) in dataset.target_values().iter().enumerate() {
        let row = i / width + 1;
        let is_class = target >= 0.0 && target < outputs as f32 && target.fract() == 0.0;
        let wrong = match (are_classes, is_class) {
            (true, true) => continue,
            (true, false) => format!(
                "row {row} has the class {target}, but the model has the classes 0 to {}",
                outputs - 1
            ),
            (false, _) => match objective.refuses(target) {
                None => continue,
                Some(why) => format!("row {row} has the target {target}, but {why}"),
            },
        };
        return Err(Error::Data { place: dataset.source().into(), message: wrong });
    }
    Ok(())
}

/// Checks that rows are what a model reads.
pub(super) fn check_rows(model: &Model, rows: Rows<'_>, source: &str) -> Result<()> {
    let width = model.input().width();
    match (model.input(), rows) {
        (Input::Ids { .. }, Rows::Ids(values)) => {
            rows.check(width, source)?;
            match model.embedding_rows() {
                Some(table_rows) => check_ids_of(values, width, table_rows, source),
                None => Ok(()),
            }
        }
        (Input::Matrix { .. }, Rows::Matrix(_)) => rows.check(width, source),
        (Input::Ids { .. }, Rows::Matrix(_)) => {
            Err(Error::Model(format!("{source} holds features, but the model reads ids")))
        }
        (Input::Matrix { .. }, Rows::Ids(_)) => {
            Err(Error::Model(format!("{source} holds ids, but the model reads features")))
        }
    }
}

/// Writes a whole data set to its feed.
pub(super) fn upload_all(
    dataset: &Dataset,
    feed: &Feed,
    executor: &mut dyn Executor,
) -> Result<()> {
    write_rows(dataset.inputs().as_rows(), feed.inputs, executor)?;
    match feed.targets {
        Some(targets) => executor.write_f32(targets, dataset.target_values()),
        None => Ok(()),
    }
}

/// Writes these rows of a data set to its feed.
pub(super) fn upload(
    dataset: &Dataset,
    rows: &[u32],
    feed: &Feed,
    executor: &mut dyn Executor,
) -> Result<()> {
    let rows: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
    upload_all(&dataset.take(&rows), feed, executor)
}

/// Writes rows to the start of a span.
pub(super) fn write_rows(rows: Rows<'_>, span: Span, executor: &mut dyn Executor) -> Result<()> {
    match rows {
        Rows::Ids(values) => executor.write_u32(span, values),
        Rows::Matrix(values) => executor.write_f32(span, values),
    }
}
