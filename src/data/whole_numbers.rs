//! Columns of whole numbers that may be no quantities: those that count the rows, that are called as what tells rows
//! apart, and codes that begin with zeros. A model takes them as quantities all the same, which is said.

/// The whole numbers of a column, seen row by row.
#[derive(Clone, Debug, Default)]
pub(super) struct WholeNumbers {
    kind: Kind,
    /// The first that begins with a zero and goes on.
    code: Option<String>,
}

/// What a column's fields are so far.
#[derive(Clone, Copy, Debug, Default)]
enum Kind {
    /// No row was seen.
    #[default]
    Fresh,
    /// They count the rows, from this number on.
    From(i64),
    /// They are whole numbers, and do not count.
    Whole,
    /// Some are no whole numbers.
    Other,
}

/// Rows from which on a column that counts them is no coincidence.
const MANY_ROWS: usize = 8;

impl WholeNumbers {
    /// Takes the field of a row, from 0.
    pub fn take(&mut self, row: usize, field: &str) {
        self.kind = match (self.kind, field.parse::<i64>()) {
            (Kind::Other, _) | (_, Err(_)) => Kind::Other,
            (Kind::Fresh, Ok(number)) => Kind::From(number.wrapping_sub(row as i64)),
            (Kind::From(first), Ok(number)) if first.wrapping_add(row as i64) == number => return,
            _ => Kind::Whole,
        };
        let mut digits = field.bytes();
        if self.code.is_none() && digits.next() == Some(b'0') && field.len() > 1 {
            self.code = digits.all(|byte| byte.is_ascii_digit()).then(|| field.to_owned());
        }
    }

    /// The number of the first row, where they count the rows.
    pub fn counts_from(&self) -> Option<i64> {
        match self.kind {
            Kind::From(first) => Some(first),
            _ => None,
        }
    }

    /// Why the numbers of a column of this name, of so many rows, may be no quantities.
    pub fn doubt(&self, name: &str, rows: usize) -> Option<String> {
        let is_meant = "leave it out with drop, or name it among categories, unless that is meant";
        match (self.kind, &self.code) {
            (Kind::From(first), _) if rows >= MANY_ROWS => Some(format!(
                "column \"{name}\" counts the rows from {first} on: a model learns from it in which order they stand; leave it out with drop unless that is meant"
            )),
            (Kind::From(_) | Kind::Whole, _) if is_identifier(name) => Some(format!(
                "column \"{name}\" is called as what tells rows apart, and its numbers are taken as quantities; {is_meant}"
            )),
            (Kind::From(_) | Kind::Whole, Some(code)) => Some(format!(
                "column \"{name}\" holds \"{code}\", which begins with a zero as codes do, and its numbers are taken as quantities; {is_meant}"
            )),
            _ => None,
        }
    }
}

/// Whether a column's name says that it tells rows or things apart: "id", "user_id", "userId", "index".
fn is_identifier(name: &str) -> bool {
    let name = name.trim();
    let lower = name.to_lowercase();
    matches!(&lower[..], "id" | "index" | "uid" | "uuid" | "key" | "rowid" | "row_number")
        || ["_id", "-id", " id", ".id", "_key"].iter().any(|end| lower.ends_with(end))
        || name.ends_with("Id")
        || name.len() > 2 && name.ends_with("ID")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubt(name: &str, fields: &[&str]) -> Option<String> {
        let mut numbers = WholeNumbers::default();
        fields.iter().enumerate().for_each(|(row, field)| numbers.take(row, field));
        numbers.doubt(name, fields.len())
    }

    #[test]
    fn a_column_that_counts_says_from_where() {
        let from = |fields: &[&str]| {
            let mut numbers = WholeNumbers::default();
            fields.iter().enumerate().for_each(|(row, field)| numbers.take(row, field));
            numbers.counts_from()
        };
        assert_eq!(
            [from(&["5", "6", "7"]), from(&["-1", "0"]), from(&["9"])],
            [Some(5), Some(-1), Some(9)]
        );
        for other in [&["5", "7"][..], &["5", "6", "x"], &["5", "6", "7.0"], &["x", "1"], &[]] {
            assert_eq!(from(other), None, "{other:?}");
        }
        assert!(
            !is_identifier("ID2")
                && !is_identifier("paid")
                && is_identifier(" id ")
                && !is_identifier("aID2")
        );
    }

    #[test]
    fn numbers_that_are_no_quantities_are_doubted() {
        let counts = ["3", "4", "5", "6", "7", "8", "9", "10"];
        assert!(doubt("x", &counts).expect("they count").contains("counts the rows from 3 on"));
        for name in ["id", "ID", "userId", "user_id", "Passenger ID", "customerID"] {
            assert!(doubt(name, &["7", "9", "8"]).expect(name).contains("tells rows apart"));
        }
        assert!(doubt("zip", &["10115", "01067"]).expect("codes").contains("\"01067\""));
        for (name, fields) in [
            ("x", &counts[..7]),
            ("humid", &["3", "4", "4"][..]),
            ("paid", &["1", "0"]),
            ("id", &["3.5", "4", "1"]),
            ("x", &["0", "0.5", "00.5"]),
            ("x", &["0", "5", "-3"]),
        ] {
            assert_eq!(doubt(name, fields), None);
        }
    }
}
