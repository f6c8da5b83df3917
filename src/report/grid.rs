//! Images over one another as a picture: what a model read, what it gave, what was meant.

use plotters::prelude::*;

use super::canvas::{load_font, png_bytes};
use super::drawing::{GridGroup, GridRow};
use crate::data::{ImageShape, image_thumbnail};
use crate::error::{Error, Result};
use crate::printable::shortened;

/// Longest side of a tile in pixels: small images are enlarged by whole numbers.
const TILE: u32 = 224;
const GAP: u32 = 12;
/// Space for the rows' names on the left, headings above, and two lines of captions beneath.
const LEFT: u32 = 192;
const TOP: u32 = 60;
const BOTTOM: u32 = 72;
/// Width of a column at least, and of a character of a caption.
const COLUMN: u32 = 160;
const CHARACTER: u32 = 15;

/// Draws rows of images with a caption beneath each column, of two lines at most, as the bytes of a PNG.
///
/// # Errors
/// [`Error::Training`] when there is nothing to draw.
pub fn grid_png(
    rows: &[GridRow<'_>],
    groups: &[GridGroup],
    captions: &[String],
) -> Result<Vec<u8>> {
    let failed = |message: String| Error::Training(format!("the grid cannot be drawn: {message}"));
    if captions.is_empty() || rows.iter().any(|row| row.images.len() != captions.len()) {
        return Err(failed("there is no image".into()));
    }
    load_font()?;
    let tiles: Vec<(u32, u32)> = rows.iter().map(|row| tile_size(row.shape)).collect();
    // Captions need some room even where images are narrow.
    let column = tiles.iter().map(|tile| tile.0).max().unwrap_or(TILE).max(COLUMN) + GAP;
    let heading_gap = 2 * GAP;
    let width = LEFT + column * captions.len() as u32 + heading_gap * groups.len() as u32;
    let height = TOP + tiles.iter().map(|tile| tile.1 + GAP).sum::<u32>() + BOTTOM;
    let mut pixels = vec![255; (width * height * 3) as usize];

    // Where each column begins: groups stand a little apart.
    let mut lefts = Vec::new();
    let mut group_lefts = Vec::new();
    let mut x = LEFT;
    for group in groups {
        group_lefts.push(x);
        for _ in 0..group.columns {
            lefts.push(x);
            x += column;
        }
        x += heading_gap;
    }
    {
        let root = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        let write = |text: &str, x: u32, y: u32, size: i32| {
            let style = ("sans-serif", size).into_font().color(&BLACK);
            root.draw_text(text, &style, (x as i32, y as i32)).map_err(|e| failed(e.to_string()))
        };
        for (group, &x) in groups.iter().zip(&group_lefts) {
            write(group.name, x, 12, 30)?;
        }
        for (caption, &x) in captions.iter().zip(&lefts) {
            for (line, i) in caption.lines().take(2).zip(0..) {
                let line = shortened(line, (column / CHARACTER) as usize);
                write(&line, x, height - BOTTOM + 4 + 32 * i, 24)?;
            }
        }
        let mut y = TOP;
        for (row, tile) in rows.iter().zip(&tiles) {
            write(row.name, 16, y + tile.1 / 2 - 16, 28)?;
            y += tile.1 + GAP;
        }
        root.present().map_err(|e| failed(e.to_string()))?;
    }
    let mut y = TOP;
    for (row, &(_, tile_height)) in rows.iter().zip(&tiles) {
        for (image, &x) in row.images.iter().zip(&lefts) {
            place_image(&mut pixels, width, (x, y), row.shape, image);
        }
        y += tile_height + GAP;
    }
    png_bytes((width, height), &pixels)
}

/// Copies an image's tile into red, green, blue pixels of lines of `width`, its corner at `(x, y)`.
pub(super) fn place_image(
    pixels: &mut [u8],
    width: u32,
    (x, y): (u32, u32),
    shape: ImageShape,
    image: &[f32],
) {
    let (tile_width, tile_height) = tile_size(shape);
    let tile = image_thumbnail(shape, image, tile_width, tile_height);
    for (line, from) in tile.chunks_exact(tile_width as usize * 3).enumerate() {
        let at = ((y as usize + line) * width as usize + x as usize) * 3;
        pixels[at..at + from.len()].copy_from_slice(from);
    }
}

/// Width and height of an image's tile.
pub(super) fn tile_size(shape: ImageShape) -> (u32, u32) {
    let (width, height) = (shape.width.max(1) as u32, shape.height.max(1) as u32);
    let longest = width.max(height);
    if longest <= TILE {
        let times = TILE / longest;
        return (width * times, height * times);
    }
    ((width * TILE / longest).max(1), (height * TILE / longest).max(1))
}
