//! The networks of pictures where no layers are given, by their size.
//!
//! Every one begins with a `reshape` of a row to `[height, width, channels]`. Halving and doubling fit each other for
//! sides of any length: `same` padding where both are even, else windows of 3 for an odd side and of 4 for an even one
//! that lie within, which a transposed convolution of the same window undoes.

use serde::{Deserialize, Serialize};

use crate::data::ImageShape;
use crate::layers::{BatchNorm, Conv2d, Conv2dTranspose, Padding};
use crate::model::{Activation, Layer};

/// A network of a classifier of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Network {
    /// Two blocks of convolution, normalisation and pooling, and a dense layer: for pictures of tens of pixels.
    CnnSmall,
    /// Blocks of two convolutions until few pixels are left, and the mean over those: for larger pictures.
    Cnn,
    /// Dense layers alone.
    Mlp,
}

/// Units of the dense layers of `mlp`.
const MLP_HIDDEN: [usize; 2] = [256, 128];
/// Units of the dense layer of `cnn-small`.
const SMALL_HIDDEN: [usize; 1] = [128];
/// The part of the running statistics that stays at each step: small data have few steps an epoch, in which those of 0.99,
/// Keras' default, do not come near the data's.
const MOMENTUM: f64 = 0.9;
/// Side from which on a picture has room for two poolings.
const LEAST_SIDE: usize = 8;
/// Side up to which `cnn-small` is taken.
const SMALL_SIDE: usize = 40;

impl Network {
    /// What is taken for pictures of this size.
    pub fn of(shape: ImageShape) -> Network {
        match (shape.width.min(shape.height), shape.width.max(shape.height)) {
            (..LEAST_SIDE, _) => Network::Mlp,
            (_, ..=SMALL_SIDE) => Network::CnnSmall,
            _ => Network::Cnn,
        }
    }

    /// The layers before the output, which is the caller's. `hidden` are the units of dense layers, `dropout` the rate
    /// before each of them and before the output.
    pub(super) fn layers(
        self,
        shape: ImageShape,
        hidden: Option<&[usize]>,
        dropout: f64,
    ) -> Vec<Layer> {
        let mut layers = Vec::new();
        let default: &[usize] = match self {
            Network::CnnSmall => {
                layers.push(reshape(shape));
                for filters in [32, 64] {
                    layers.extend(normalised(filters));
                    layers.push(Layer::max_pool(2));
                }
                layers.push(Layer::flatten());
                &SMALL_HIDDEN
            }
            Network::Cnn => {
                layers.push(reshape(shape));
                let mut side = shape.width.min(shape.height);
                let mut filters = 16;
                loop {
                    layers.extend(normalised(filters));
                    layers.extend(normalised(filters));
                    if side < LEAST_SIDE || filters == 256 {
                        break;
                    }
                    layers.push(Layer::max_pool(2));
                    (side, filters) = (side / 2, 2 * filters);
                }
                layers.push(Layer::global_average_pool());
                &[]
            }
            Network::Mlp => &MLP_HIDDEN,
        };
        let drop = (dropout > 0.0).then(|| Layer::dropout(dropout));
        for &units in hidden.unwrap_or(default) {
            layers.extend(drop.clone().filter(|_| !layers.is_empty()));
            layers.push(Layer::dense(units, Activation::Relu));
        }
        layers.extend(drop.filter(|_| !layers.is_empty()));
        layers
    }
}

fn reshape(shape: ImageShape) -> Layer {
    Layer::reshape(&[shape.height as i64, shape.width as i64, shape.channels as i64])
}

/// A convolution that keeps the size, normalised over the batch, with relu.
fn normalised(filters: usize) -> [Layer; 3] {
    [
        Conv2d::new(filters, 3, Activation::Linear).with_padding(Padding::Same).into(),
        BatchNorm::default().with_momentum(MOMENTUM).into(),
        Layer::activation_of(Activation::Relu),
    ]
}

/// How a picture is halved, and doubled again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Halving {
    window: [usize; 2],
    padding: Padding,
    /// Rows and columns behind it.
    half: [usize; 2],
}

impl Halving {
    fn of(sides: [usize; 2]) -> Halving {
        if sides.iter().all(|side| side.is_multiple_of(2)) {
            return Halving {
                window: [3; 2],
                padding: Padding::Same,
                half: sides.map(|side| side / 2),
            };
        }
        let window = sides.map(|side| if side.is_multiple_of(2) { 4 } else { 3 });
        let half = [0, 1].map(|axis| (sides[axis] - window[axis]) / 2 + 1);
        Halving { window, padding: Padding::Valid, half }
    }

    fn down(self, filters: usize) -> Layer {
        Conv2d::new(filters, self.window, Activation::Relu)
            .with_strides(2)
            .with_padding(self.padding)
            .into()
    }

    fn up(self, filters: usize, activation: Activation) -> Layer {
        Conv2dTranspose::new(filters, self.window, activation)
            .with_strides(2)
            .with_padding(self.padding)
            .into()
    }
}

/// Halvings of pictures of this shape, as long as there are two pixels a side behind, `most` at most.
fn halvings(shape: ImageShape, most: usize) -> Vec<Halving> {
    /// Side of what the last leaves, at least.
    const LEAST: usize = 2;
    let mut sides = [shape.height, shape.width];
    let mut found = Vec::new();
    while found.len() < most && sides.iter().all(|&side| side >= 4) {
        let halving = Halving::of(sides);
        if halving.half.iter().any(|&side| side < LEAST) {
            break;
        }
        sides = halving.half;
        found.push(halving);
    }
    found
}

/// Whether pictures are large enough for convolutions that halve them.
pub(super) fn convolves(shape: ImageShape) -> bool {
    shape.width.min(shape.height) >= LEAST_SIDE
}

/// Filters of an autoencoder's convolutions, from the picture on.
const CODER_FILTERS: [usize; 2] = [32, 64];
/// Filters of a U-Net, from the picture on.
const UNET_FILTERS: [usize; 4] = [24, 48, 64, 128];

/// A convolutional autoencoder of pictures with `latent` numbers between encoder and decoder; with none, what the last
/// convolution gives is the latent value. Returns the layers and how many of them are the encoder's.
pub(super) fn autoencoder(
    shape: ImageShape,
    latent: Option<usize>,
    output: Activation,
) -> (Vec<Layer>, usize) {
    let halvings = halvings(shape, CODER_FILTERS.len());
    let mut layers = vec![reshape(shape)];
    layers
        .extend(halvings.iter().zip(CODER_FILTERS).map(|(halving, filters)| halving.down(filters)));
    let encoder = match (latent, halvings.last()) {
        (Some(units), Some(last)) => {
            let [height, width] = last.half;
            let filters = CODER_FILTERS[halvings.len() - 1];
            layers.push(Layer::flatten());
            layers.push(Layer::dense(units, Activation::Linear));
            let encoder = layers.len();
            layers.push(Layer::dense(height * width * filters, Activation::Relu));
            layers.push(Layer::reshape(&[height as i64, width as i64, filters as i64]));
            encoder
        }
        _ => layers.len(),
    };
    for (i, halving) in halvings.iter().enumerate().rev() {
        layers.push(match i {
            0 => halving.up(shape.channels, output),
            _ => halving.up(CODER_FILTERS[i - 1], Activation::Relu),
        });
    }
    (layers, encoder)
}

/// A U-Net (Ronneberger, Fischer and Brox 2015): what each halving reads is read again behind the doubling that undoes
/// it. Each picture but the largest, whose pixels are most of the work, has a convolution of its own on the way down and
/// on the way up. With `adds_input` the last convolution gives what is added to the picture. Returns the layers and the
/// number of those up to the smallest picture.
pub(super) fn unet(
    shape: ImageShape,
    channels: usize,
    adds_input: bool,
    output: Activation,
) -> (Vec<Layer>, usize) {
    let halvings = halvings(shape, UNET_FILTERS.len() - 1);
    let same = |filters: usize, activation: Activation| -> Layer {
        Conv2d::new(filters, 3, activation).with_padding(Padding::Same).into()
    };
    let mut layers = vec![reshape(shape), same(UNET_FILTERS[0], Activation::Relu)];
    for (halving, &filters) in halvings.iter().zip(&UNET_FILTERS[1..]) {
        layers.extend([halving.down(filters), same(filters, Activation::Relu)]);
    }
    let deepest = layers.len();
    // Convolutions are called conv2d, conv2d_1 and so on: two each halving, behind the first.
    let last_of_size = |i: usize| match i {
        0 => "conv2d".to_owned(),
        _ => format!("conv2d_{}", 2 * i),
    };
    for (i, halving) in halvings.iter().enumerate().rev() {
        layers.push(halving.up(UNET_FILTERS[i], Activation::Relu));
        layers.push(Layer::concat(last_of_size(i)));
        layers.extend((i > 0).then(|| same(UNET_FILTERS[i], Activation::Relu)));
    }
    match adds_input {
        true => {
            layers.push(same(channels, Activation::Linear));
            layers.push(Layer::add("reshape"));
        }
        false => layers.push(same(channels, output)),
    }
    (layers, deepest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Input, Loss, Model};

    /// Pictures of any size come back in their own.
    #[test]
    fn what_is_halved_is_doubled_to_its_size() {
        for (width, height) in
            [(8, 8), (9, 9), (8, 9), (28, 28), (27, 28), (30, 22), (13, 64), (11, 10)]
        {
            let shape = ImageShape { width, height, channels: 3 };
            let input = Input::Matrix { features: shape.len() };
            for latent in [Some(5), None] {
                let (layers, encoder) = autoencoder(shape, latent, Activation::Sigmoid);
                let model = Model::new(input, layers, Loss::Mse, 1).expect("a model");
                assert_eq!(model.outputs(), shape.len(), "{shape}");
                let width = model.layer_shapes()[encoder].width();
                assert_eq!(latent.unwrap_or(width), width);
            }
            let (layers, _) = unet(shape, 3, true, Activation::Linear);
            let model = Model::new(input, layers, Loss::Mse, 1).expect("a model");
            assert_eq!(model.outputs(), shape.len(), "{shape}");
        }
    }

    #[test]
    fn the_network_goes_by_the_size() {
        let of = |width, height| Network::of(ImageShape { width, height, channels: 1 });
        assert_eq!(
            [of(4, 30), of(8, 8), of(28, 28)],
            [Network::Mlp, Network::CnnSmall, Network::CnnSmall]
        );
        assert_eq!(of(64, 48), Network::Cnn);
        for (network, side) in [(Network::CnnSmall, 8), (Network::Cnn, 64), (Network::Mlp, 8)] {
            let shape = ImageShape { width: side, height: side, channels: 3 };
            let mut layers = network.layers(shape, None, 0.25);
            layers.push(Layer::dense(4, Activation::Softmax));
            let input = Input::Matrix { features: shape.len() };
            Model::new(input, layers, Loss::CategoricalCrossentropy, 1).expect("a model");
        }
    }
}
