//! Whether the parts of a model go together: layers, preprocessor, labels, latent layer. A changed byte in a model file
//! can then give an error, never a panic or a wrong answer.

use super::{Activation, Kind, Model, Preprocessor};
use crate::data::ColumnKind;
use crate::error::{Error, Result};

impl Model {
    /// Holds the model's public parts against its layers.
    ///
    /// # Errors
    /// [`Error::Model`] names both sides of what does not fit.
    pub fn validate(&self) -> Result<()> {
        let wrong = |message: String| Err(Error::Model(message));
        let (outputs, width) = (self.outputs(), self.input.width());
        let labels = self.labels.len();
        if labels != 0 && labels != outputs && !(labels == 2 && outputs == 1) {
            return wrong(format!("{labels} labels do not go with {outputs} outputs"));
        }
        let several = self.kind() == Kind::MultiLabel;
        if several && (labels != outputs || self.output_activation() != Activation::Sigmoid) {
            return wrong(format!(
                "a model of several labels a row has a sigmoid output for each, not {outputs} outputs with {:?} for {labels} labels",
                self.output_activation()
            ));
        }
        let thresholds = self.thresholds.len();
        if thresholds > 0 && (!several || (thresholds != 1 && thresholds != labels)) {
            return wrong(format!(
                "{thresholds} thresholds do not go with a {} of {labels} labels",
                self.kind()
            ));
        }
        if let Some(threshold) = self.thresholds.iter().find(|t| !(0.0..=1.0).contains(*t)) {
            return wrong(format!("a threshold is {threshold}, but a probability is from 0 to 1"));
        }
        if let Some(latent) = self.latent_layer
            && (latent == 0 || latent > self.layers.len())
        {
            return wrong(format!(
                "the latent layer is layer {latent}, but the model has layers 1 to {}",
                self.layers.len()
            ));
        }
        match &self.preprocessor {
            Preprocessor::None => Ok(()),
            Preprocessor::Text(text) => {
                text.check().map_err(Error::Model)?;
                let rows = self.embedding_rows().unwrap_or(0);
                if text.rows() > rows {
                    return wrong(format!(
                        "the vocabulary has {} ids, but the table only {rows} rows",
                        text.rows()
                    ));
                }
                match text.width() == width {
                    true => Ok(()),
                    false => wrong(format!(
                        "the preprocessor gives rows of {} ids, but the model reads {width}",
                        text.width()
                    )),
                }
            }
            Preprocessor::Table(table) => {
                let columns = table.columns.len();
                let refers = |places: &[usize], to: usize| places.iter().all(|&i| i < to);
                if !(table.kinds.is_empty() || table.kinds.len() == columns)
                    || !refers(&table.indicators, columns)
                    || !refers(&table.constant, width)
                    || !table.kinds.iter().all(ColumnKind::is_ordered)
                {
                    return wrong(format!(
                        "the preprocessor speaks of other columns than its {columns}, or of other features than {width}"
                    ));
                }
                let targets = table.targets.len();
                if targets > 0 && targets != self.outputs() {
                    return wrong(format!(
                        "{targets} target columns do not go with a model that gives {} numbers",
                        self.outputs()
                    ));
                }
                let counts = [table.features(), table.means.len(), table.deviations.len()];
                if counts != [width; 3] {
                    return wrong(format!(
                        "{} features with {} means and {} deviations do not go with a model that reads {width}",
                        counts[0], counts[1], counts[2]
                    ));
                }
                let scales = table.means.iter().zip(&table.deviations).map(|(&m, &d)| (m, d));
                let targets = table.targets.iter().map(|target| (target.mean, target.deviation));
                for (mean, deviation) in scales.chain(table.target_scale).chain(targets) {
                    if !(mean.is_finite() && deviation.is_finite() && deviation > 0.0) {
                        return wrong(format!(
                            "a column has the mean {mean:e} and the deviation {deviation:e}, which scale nothing"
                        ));
                    }
                }
                Ok(())
            }
            Preprocessor::Image(image) => {
                // A classifier gives no images.
                let gives = (labels == 0).then_some(("gives", image.output, outputs));
                for (name, shape, elements) in
                    [("reads", image.input, width)].into_iter().chain(gives)
                {
                    let len = shape.width.checked_mul(shape.height);
                    let len = len.and_then(|len| len.checked_mul(shape.channels));
                    if len != Some(elements) {
                        return wrong(format!(
                            "images of {shape} do not go with a model that {name} {elements} elements"
                        ));
                    }
                }
                for divisor in [image.divisor, image.output_divisor].into_iter().flatten() {
                    if !(divisor.is_finite() && divisor > 0.0) {
                        return wrong(format!("values divided by {divisor} are no images"));
                    }
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ColumnKind, ImageEncoder, ImageShape, TableEncoder};
    use crate::layers::{Activation, Layer};
    use crate::losses::Loss;
    use crate::model::Input;

    #[track_caller]
    fn refused(model: &Model, says: &str) {
        let error = model.validate().expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
        let folder = tempfile::tempdir().expect("a folder");
        assert!(model.save(folder.path().join("m")).is_err(), "it is not written");
    }

    fn model(features: usize, outputs: usize) -> Model {
        let layers =
            vec![Layer::dense(3, Activation::Tanh), Layer::dense(outputs, Activation::Linear)];
        Model::new(Input::Matrix { features }, layers, Loss::Mse, 7).expect("a model")
    }

    #[test]
    fn parts_that_do_not_go_together_are_refused() {
        let mut labels = model(4, 3);
        labels.validate().expect("no labels");
        labels.labels = vec!["a".into(), "b".into()];
        refused(&labels, "2 labels do not go with 3 outputs");
        labels.labels.push("c".into());
        labels.validate().expect("a label an output");

        let mut latent = model(4, 3);
        for layer in [0, 3, usize::MAX] {
            latent.latent_layer = Some(layer);
            refused(&latent, "layers 1 to 2");
        }

        let mut table = model(2, 1);
        let good = TableEncoder {
            columns: vec!["a".into(), "b".into()],
            means: vec![0.0, 1.0],
            deviations: vec![1.0, 2.0],
            target: "y".into(),
            target_scale: Some((0.0, 1.0)),
            ..TableEncoder::default()
        };
        table.preprocessor = Preprocessor::Table(good.clone());
        table.validate().expect("a table");
        for deviations in [vec![1.0], vec![1.0, 0.0], vec![1.0, f64::NAN], vec![1.0, -1.0]] {
            table.preprocessor = Preprocessor::Table(TableEncoder { deviations, ..good.clone() });
            refused(&table, "deviation");
        }
        let scale = TableEncoder { target_scale: Some((f64::INFINITY, 1.0)), ..good.clone() };
        table.preprocessor = Preprocessor::Table(scale);
        refused(&table, "mean inf");
        for wrong in [
            TableEncoder { kinds: vec![ColumnKind::Boolean], ..good.clone() },
            TableEncoder { constant: vec![2], ..good.clone() },
            TableEncoder {
                kinds: vec![ColumnKind::Category(vec!["b".into(), "a".into()])],
                columns: vec!["c".into()],
                ..good.clone()
            },
            TableEncoder { indicators: vec![usize::MAX], ..good.clone() },
        ] {
            table.preprocessor = Preprocessor::Table(wrong);
            refused(&table, "other columns");
        }

        let mut images = model(4, 4);
        let shape = ImageShape { width: 2, height: 2, channels: 1 };
        let good = ImageEncoder {
            input: shape,
            output: shape,
            resize: false,
            made_grey: false,
            divisor: None,
            output_divisor: None,
        };
        images.preprocessor = Preprocessor::Image(good);
        images.validate().expect("images");
        for wrong in [
            ImageShape { width: 100, ..shape },
            ImageShape { width: usize::MAX, height: 4, channels: 1 },
        ] {
            images.preprocessor = Preprocessor::Image(ImageEncoder { output: wrong, ..good });
            refused(&images, "gives 4 elements");
            images.preprocessor = Preprocessor::Image(ImageEncoder { input: wrong, ..good });
            refused(&images, "reads 4 elements");
        }
    }
}
