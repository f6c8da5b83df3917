//! Images side by side in rows, each with lines of text beneath.

use plotters::prelude::*;

use super::canvas::{load_font, png_bytes};
use super::drawing::Tile;
use super::grid::{place_image, tile_size};
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::printable::{printable_field, shortened};

/// Space round the images, the height of a line of text, its size, and the width of a character of it.
const GAP: u32 = 12;
const LINE: u32 = 28;
const FONT: i32 = 22;
const CHARACTER: u32 = 14;

/// Draws images of one shape in rows of `columns`, as the bytes of a PNG.
///
/// # Errors
/// [`Error::Training`] when there is nothing to draw.
pub fn tiles_png(shape: ImageShape, tiles: &[Tile<'_>], columns: usize) -> Result<Vec<u8>> {
    let failed =
        |message: String| Error::Training(format!("the images cannot be drawn: {message}"));
    if tiles.is_empty() || columns == 0 || tiles.iter().any(|t| t.image.len() != shape.len()) {
        return Err(failed("there is no image of that shape".into()));
    }
    load_font()?;
    let (tile_width, tile_height) = tile_size(shape);
    let (column, row) = (tile_width.max(160) + GAP, tile_height + 3 * LINE + 2 * GAP);
    let columns = columns.min(tiles.len());
    let width = GAP + column * columns as u32;
    let height = GAP + row * tiles.len().div_ceil(columns) as u32;
    let mut pixels = vec![255; width as usize * height as usize * 3];
    let place = |i: usize| (GAP + column * (i % columns) as u32, GAP + row * (i / columns) as u32);
    {
        let root = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        let style = ("sans-serif", FONT).into_font().color(&BLACK);
        for (i, tile) in tiles.iter().enumerate() {
            let (x, y) = place(i);
            for (line, n) in tile.lines.iter().zip(0..) {
                let line =
                    shortened(&printable_field(line), (column / CHARACTER) as usize).into_owned();
                let at = (x as i32, (y + tile_height + 4 + LINE * n) as i32);
                root.draw_text(&line, &style, at).map_err(|e| failed(e.to_string()))?;
            }
        }
        root.present().map_err(|e| failed(e.to_string()))?;
    }
    for (i, tile) in tiles.iter().enumerate() {
        place_image(&mut pixels, width, place(i), shape, tile.image);
    }
    png_bytes((width, height), &pixels)
}
