//! The model's table of layers, as Keras prints it.

use comfy_table::presets::UTF8_FULL;
use comfy_table::{CellAlignment, Table};

use super::Model;
use crate::layers::{Layer, Shape};

/// 160 as "160", 12345 as "12,345".
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in the unit that Keras chooses: 772.00 B, 4.10 KB, 97.66 MB.
fn size(parameters: usize) -> String {
    let bytes = parameters as f64 * 4.0;
    match bytes {
        b if b < 1024.0 => format!("{b:.2} B"),
        b if b < 1024.0 * 1024.0 => format!("{:.2} KB", b / 1024.0),
        b if b < 1024.0 * 1024.0 * 1024.0 => format!("{:.2} MB", b / 1024.0 / 1024.0),
        b => format!("{:.2} GB", b / 1024.0 / 1024.0 / 1024.0),
    }
}

/// Number of a layer's weights.
fn parameter_count(layer: &Layer, input: Shape) -> usize {
    layer.describe().parameters(input).iter().map(|spec| spec.shape.iter().product::<usize>()).sum()
}

impl Model {
    /// Layers with output shapes and numbers of parameters, laid out as Keras' `summary()`.
    pub fn summary(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_FULL);
        table.set_header(["Layer (type)", "Output Shape", "Param #"]);
        let (names, shapes) = (self.layer_names(), self.layer_shapes());
        for (i, layer) in self.layers.iter().enumerate() {
            let count = parameter_count(layer, shapes[i]);
            let name = format!("{} ({})", names[i], layer.title());
            table.add_row([name, shapes[i + 1].to_string(), grouped(count)]);
        }
        if let Some(column) = table.column_mut(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let (total, trainable) = (self.parameter_count(), self.trainable_count());
        let others = total - trainable;
        format!(
            "Model: \"sequential\"\n{table}\n Total params: {} ({})\n Trainable params: {} ({})\n Non-trainable params: {} ({})",
            grouped(total),
            size(total),
            grouped(trainable),
            size(trainable),
            grouped(others),
            size(others)
        )
    }

    /// What [`Model::summary`] shows, for programs.
    pub fn summary_json(&self) -> serde_json::Value {
        let (names, shapes) = (self.layer_names(), self.layer_shapes());
        let layer = |(i, layer): (usize, &Layer)| {
            let count = parameter_count(layer, shapes[i]);
            serde_json::json!({
                "name": names[i],
                "type": layer.title(),
                "output_shape": shapes[i + 1].to_string(),
                "parameters": count,
            })
        };
        serde_json::json!({
            "layers": self.layers.iter().enumerate().map(layer).collect::<Vec<_>>(),
            "parameters": self.parameter_count(),
            "trainable_parameters": self.trainable_count(),
            "loss": self.loss.name(),
            "kind": self.kind(),
            "labels": self.labels,
            "thresholds": self.thresholds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_sizes_are_written_as_keras_writes_them() {
        let counts =
            [(0, "0"), (999, "999"), (1000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")];
        for (count, text) in counts {
            assert_eq!(grouped(count), text);
        }
        let sizes = [
            (0, "0.00 B"),
            (193, "772.00 B"),
            (255, "1020.00 B"),
            (256, "1.00 KB"),
            (1050, "4.10 KB"),
            (262_143, "1024.00 KB"),
            (262_144, "1.00 MB"),
            (25_600_000, "97.66 MB"),
            (268_435_455, "1024.00 MB"),
            (268_435_456, "1.00 GB"),
            (805_306_368, "3.00 GB"),
        ];
        for (parameters, text) in sizes {
            assert_eq!(size(parameters), text, "{parameters}");
        }
    }
}
