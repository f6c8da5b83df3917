//! How far layers reach: what of a picture one pixel that they give depends on.
//!
//! Where every layer of a model reads a few pixels around a place, the model is for pictures of any size, and a large one
//! can go through in tiles: a tile's pixels are those of the whole picture but for a margin, the halo, whose pixels depend
//! on what lies outside of the tile.

/// What a layer's pixel depends on of what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The pixel at the same place.
    Pixel,
    /// Pixels under a window of `extent` rows and columns, which stands at every `strides`-th place: around it where it is
    /// `centred`, which takes padding and steps of one, else on one side of it.
    Window { extent: [usize; 2], strides: [usize; 2], centred: bool },
    /// Pixels whose windows of `extent`, `strides` apart, cover its place.
    Spread { extent: [usize; 2], strides: [usize; 2] },
    /// All of them, or it is no picture.
    Whole,
}

/// What a pixel that layers give, one behind the other, depends on of what the first reads; rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Pixels to every side, at most.
    pub halo: [usize; 2],
    /// A step by which what is read can be moved so that what is given moves with it.
    pub strides: [usize; 2],
}

impl Field {
    /// The field of layers in their order; none where one reads all. A layer that reads an earlier one, too, reaches no
    /// further by it than by those between.
    pub fn of(layers: impl IntoIterator<Item = Reach>) -> Option<Field> {
        let mut field = Field { halo: [0; 2], strides: [1; 2] };
        // The distance of two pixels where the layers have come to, in pixels of what the first reads: a fraction.
        let mut apart = [(1usize, 1usize); 2];
        for reach in layers {
            for axis in 0..2 {
                let (over, under) = &mut apart[axis];
                let halo = &mut field.halo[axis];
                match reach {
                    Reach::Pixel => {}
                    Reach::Whole => return None,
                    Reach::Window { extent, strides, centred } => {
                        let reach = match centred {
                            true => extent[axis] / 2,
                            false => extent[axis].saturating_sub(1),
                        };
                        *halo += reach.saturating_mul(*over).div_ceil((*under).max(1));
                        *over = over.checked_mul(strides[axis])?;
                    }
                    Reach::Spread { extent, strides } => {
                        *under = under.checked_mul(strides[axis])?;
                        let reach = extent[axis].saturating_sub(1);
                        *halo += reach.saturating_mul(*over).div_ceil((*under).max(1));
                    }
                }
                let common = gcd(*over, *under).max(1);
                (*over, *under) = (*over / common, *under / common);
                let strides = field.strides[axis];
                field.strides[axis] = (strides / gcd(strides, *over).max(1)).saturating_mul(*over);
            }
        }
        Some(field)
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halos_grow_with_what_lies_before() {
        let window = |extent, stride| Reach::Window {
            extent: [extent; 2],
            strides: [stride; 2],
            centred: stride == 1,
        };
        let spread = |extent, stride| Reach::Spread { extent: [extent; 2], strides: [stride; 2] };
        let field = |layers: &[Reach]| Field::of(layers.iter().copied());
        assert_eq!(field(&[Reach::Pixel]), Some(Field { halo: [0; 2], strides: [1; 2] }));
        // 2 + 2 x 2, then back 2 x 2 + 2.
        let unet = [window(3, 2), window(3, 2), spread(3, 2), Reach::Pixel, spread(3, 2)];
        assert_eq!(field(&unet), Some(Field { halo: [12; 2], strides: [4; 2] }));
        // Enlarged by 2, and looked at there: half as far, and whole pixels.
        assert_eq!(
            field(&[spread(2, 2), window(4, 1)]),
            Some(Field { halo: [2; 2], strides: [1; 2] })
        );
        assert_eq!(field(&[window(3, 2), Reach::Whole]), None);
    }
}
