//! Writes texts of 10 to 30 words with four labels, as many gigabytes as are asked for, to standard output:
//! `cargo run --release --example generate_texts 5 > large.txt`. Words are drawn by Zipf's law from 200,000; each label has
//! 200 words of its own, one in twenty of a text's, so that about 63 in 100 texts can be told by them.
//!
//! `scripts/large` trains on them in a gigabyte of memory.

use std::io::Write;

/// Words of the vocabulary.
const WORDS: usize = 200_000;

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }
}

fn main() -> std::io::Result<()> {
    let gigabytes: f64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5.0);
    let mut random = Random(88_172_645_463_325_252);
    let words: Vec<String> = (0..WORDS)
        .map(|rank| {
            let length = 2 + rank.max(1).ilog10() as usize + random.below(3);
            (0..length).map(|_| (b'a' + random.below(26) as u8) as char).collect()
        })
        .collect();
    let mut output = std::io::BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    let (mut written, mut line) = (0.0, String::new());
    while written < gigabytes * 1e9 {
        let label = random.below(4);
        line.clear();
        line += ["__label__A", "__label__B", "__label__C", "__label__D"][label];
        for _ in 0..10 + random.below(21) {
            let word = match random.below(20) {
                0 => 1000 + 200 * label + random.below(200),
                // Uniform in the logarithm of the rank.
                _ => {
                    let part = random.below(1 << 30) as f64 / (1u64 << 30) as f64;
                    (part * (WORDS as f64).ln()).exp() as usize - 1
                }
            };
            line.push(' ');
            line += &words[word.min(WORDS - 1)];
        }
        line.push('\n');
        written += line.len() as f64;
        output.write_all(line.as_bytes())?;
    }
    output.flush()
}
