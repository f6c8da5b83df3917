//! Curves for a terminal, drawn with the dots of braille characters: each is two dots wide and four high
//! (Unicode's block from U+2800, one bit for each dot).

use plotters::coord::ranged1d::{BoldPoints, Ranged};

use super::axis::Axis;

/// Characters of a drawing, side by side and one above the other.
const CHARACTERS: (usize, usize) = (50, 9);
/// Dots of a drawing.
const DOTS: (i32, i32) = (2 * CHARACTERS.0 as i32, 4 * CHARACTERS.1 as i32);
/// The bit of a character's dot, by row and column.
const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// The characters' bits, row by row from the top.
struct Braille([[u8; CHARACTERS.0]; CHARACTERS.1]);

impl Braille {
    fn dot(&mut self, (x, y): (i32, i32)) {
        // What is outside is not drawn.
        let row = usize::try_from(y / 4).ok().and_then(|row| self.0.get_mut(row));
        let cell = row.and_then(|row| row.get_mut(usize::try_from(x / 2).ok()?));
        if let Some(cell) = cell {
            *cell |= BITS[(y % 4).unsigned_abs() as usize][(x % 2).unsigned_abs() as usize];
        }
    }

    /// A dot for each column or row, whichever are more, from one place to another.
    fn line(&mut self, from: (i32, i32), to: (i32, i32)) {
        let (across, down) = (to.0 - from.0, to.1 - from.1);
        let steps = across.abs().max(down.abs()).max(1);
        for step in 0..=steps {
            let part = |whole: i32| (f64::from(whole * step) / f64::from(steps)).round() as i32;
            self.dot((from.0 + part(across), from.1 + part(down)));
        }
    }

    fn row(&self, row: usize) -> String {
        self.0[row].iter().filter_map(|&bits| char::from_u32(0x2800 + u32::from(bits))).collect()
    }
}

/// Curves over one another with the ticks of both axes; a curve is broken where a value is not finite.
pub(super) fn chart(curves: &[Vec<(f64, f64)>], x: &Axis, y: &Axis) -> String {
    let place = |&(at, value): &(f64, f64)| {
        let finite = at.is_finite() && value.is_finite();
        finite.then(|| (x.map(&at, (0, DOTS.0 - 1)), y.map(&value, (DOTS.1 - 1, 0))))
    };
    let mut braille = Braille([[0; CHARACTERS.0]; CHARACTERS.1]);
    for curve in curves {
        let mut last = None;
        for point in curve.iter().map(place) {
            if let Some(point) = point {
                braille.line(last.unwrap_or(point), point);
            }
            last = point;
        }
    }
    let width = y.longest_label();
    let ticks = y.key_points(BoldPoints(CHARACTERS.1));
    let mut drawing = String::new();
    for row in 0..CHARACTERS.1 {
        let here = |tick: &&f64| y.map(tick, (DOTS.1 - 1, 0)) / 4 == row as i32;
        let (label, edge) = match ticks.iter().find(here) {
            Some(&tick) => (y.label(tick), '┤'),
            None => (String::new(), '│'),
        };
        drawing += &format!("{label:>width$} {edge}{}\n", braille.row(row));
    }
    // Labels of epochs end beneath their ticks; one that would touch the label before it is left out.
    let mut names = String::new();
    let (mut edge, mut free) = (vec!['─'; CHARACTERS.0], 0);
    for tick in x.key_points(BoldPoints(CHARACTERS.0)) {
        let (label, at) = (x.label(tick), x.map(&tick, (0, DOTS.0 - 1)) as usize / 2);
        let first = (at + 1).saturating_sub(label.len());
        if at < edge.len() && (free == 0 || first > free) {
            edge[at] = '┬';
            names += &format!("{:1$}", "", first.saturating_sub(free));
            names += &label;
            free = names.len();
        }
    }
    let edge: String = edge.into_iter().collect();
    drawing + &format!("{:width$} └{edge}\n{:width$}  {names}\n", "", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_from_corner_to_corner() {
        let (x, y) = (Axis::of_epochs(2), Axis::of_values([0.0, 1.0].into_iter()));
        let falling = chart(&[vec![(1.0, 1.0), (2.0, 0.0)]], &x, &y);
        let lines: Vec<&str> = falling.lines().collect();
        assert_eq!(lines.len(), CHARACTERS.1 + 2, "{falling}");
        let drawn = |line: &str| {
            let cells: Vec<char> =
                line.chars().skip_while(|c| !"┤│".contains(*c)).skip(1).collect();
            assert_eq!(cells.len(), CHARACTERS.0);
            let dots: Vec<usize> = (0..cells.len()).filter(|&i| cells[i] != '\u{2800}').collect();
            (dots[0], dots[dots.len() - 1])
        };
        let rows: Vec<(usize, usize)> =
            lines[..CHARACTERS.1].iter().map(|line| drawn(line)).collect();
        // From the left at the top to the right at the bottom, without a hole.
        assert!(rows[0].0 < 12 && rows[CHARACTERS.1 - 1].1 > 38, "{falling}");
        assert!(
            rows.windows(2).all(|pair| (pair[0].1..=pair[0].1 + 1).contains(&pair[1].0)),
            "{rows:?}"
        );
        // Ticks stand at their rows and columns.
        assert!(lines[0].starts_with("1.0 ┤") && lines[8].starts_with("0.0 ┤"), "{falling}");
        assert_eq!(lines[10].split_whitespace().collect::<Vec<_>>(), ["1", "2"]);
        let column = |line: &str, wanted: char| line.chars().position(|c| c == wanted);
        assert_eq!(column(lines[9], '┬'), column(lines[10], '1'), "{falling}");
    }

    #[test]
    fn a_value_that_is_none_breaks_the_curve() {
        let (x, y) = (Axis::of_epochs(3), Axis::of_values([0.0].into_iter()));
        let dots = |curve| {
            let is_dot = |c: &char| ('\u{2801}'..='\u{28ff}').contains(c);
            chart(&[curve], &x, &y).chars().filter(is_dot).count()
        };
        assert_eq!(dots(vec![(1.0, 0.0), (2.0, f64::NAN), (3.0, 0.0)]), 2);
        assert!(dots(vec![(1.0, 0.0), (2.0, 0.0), (3.0, 0.0)]) > 20);
        assert_eq!(dots(vec![]), 0);
    }

    #[test]
    fn labels_of_many_epochs_do_not_touch() {
        let y = Axis::of_values([0.0, 1.0].into_iter());
        for epochs in [1, 2, 9, 10, 37, 100, 1000, 123_456] {
            let text = chart(&[vec![(1.0, 0.5)]], &Axis::of_epochs(epochs), &y);
            let names: Vec<u32> = text
                .lines()
                .last()
                .into_iter()
                .flat_map(str::split_whitespace)
                .map(|name| name.parse().expect("an epoch"))
                .collect();
            assert!(!names.is_empty() && names.windows(2).all(|p| p[0] < p[1]), "{text}");
            assert!(names.iter().all(|&name| name as usize <= epochs), "{text}");
        }
    }
}
