//! How good word vectors are, by lists of word pairs with people's judgements (WordSim-353, SimLex-999) and by
//! analogies (questions-words), counted as gensim counts them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use foldhash::fast::FixedState;
use rayon::prelude::*;
use serde::Serialize;

use super::lexicon::Lexicon;
use crate::data::{ByteSource, read_lines};
use crate::error::{Error, Result};
use crate::kernels::{dot, vectorised};

/// How vectors are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordTestOptions {
    /// Only the first so many words count (the most frequent, as files have them); 0 for all.
    pub restrict_vocab: usize,
    /// Whether letters' case tells words apart.
    pub case_sensitive: bool,
}

impl Default for WordTestOptions {
    /// gensim's.
    fn default() -> Self {
        WordTestOptions { restrict_vocab: 300_000, case_sensitive: false }
    }
}

/// What a test of word vectors found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum WordTest {
    /// Pairs of words with a judgement.
    Pairs {
        /// The list.
        file: PathBuf,
        /// Spearman's correlation of cosines and judgements, ties by their mean rank.
        spearman: Option<f64>,
        /// Pearson's.
        pearson: Option<f64>,
        /// Pairs that counted.
        pairs: usize,
        /// Pairs of which a word is not known.
        unknown: usize,
        /// Lines that are no pair with a number.
        skipped: usize,
    },
    /// Analogies: a is to b as c is to d.
    Analogies {
        /// The list.
        file: PathBuf,
        /// Part of the questions that were answered rightly; none where no question counted.
        accuracy: Option<f64>,
        /// Those answered rightly.
        correct: usize,
        /// Questions that counted.
        questions: usize,
        /// Questions of which a word is not known.
        unknown: usize,
        /// Lines that are no question.
        skipped: usize,
        /// By section.
        sections: Vec<WordTestSection>,
    },
}

/// A section of analogies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WordTestSection {
    /// Its name.
    pub name: String,
    /// Questions answered rightly.
    pub correct: usize,
    /// Questions that counted.
    pub questions: usize,
}

/// The words that count, by name: of words that are one when case is left out, the first.
struct Known<'l> {
    places: HashMap<String, usize, FixedState>,
    /// Of each word, the one that its name finds.
    named: Vec<usize>,
    options: WordTestOptions,
    /// `[words, units]`, each of length 1 (or 0).
    unit: &'l [f32],
    units: usize,
}

impl Known<'_> {
    fn name(&self, word: &str) -> String {
        name_of(word, self.options)
    }

    fn vector(&self, place: usize) -> &[f32] {
        &self.unit[place * self.units..][..self.units]
    }
}

fn name_of(word: &str, options: WordTestOptions) -> String {
    if options.case_sensitive { word.to_owned() } else { word.to_uppercase() }
}

/// Judges the vectors of a model or a file of vectors by each of these lists.
///
/// # Errors
/// Whatever reading meets; [`Error::Data`] for a list that is neither of pairs nor of analogies.
pub fn evaluate_vectors(
    path: &Path,
    lists: &[PathBuf],
    options: WordTestOptions,
) -> Result<Vec<WordTest>> {
    let lexicon = Lexicon::open(path, &[])?;
    let table = &lexicon.table;
    let kept = match options.restrict_vocab {
        0 => table.words.len(),
        most => table.words.len().min(most),
    };
    let mut unit = table.values[..kept * table.units].to_vec();
    for row in unit.chunks_exact_mut(table.units) {
        let length = dot(row, row).sqrt();
        match length.is_normal() {
            true => row.iter_mut().for_each(|value| *value /= length),
            // Beyond what single precision has squares of.
            false => row.copy_from_slice(&super::lexicon::unit(row)),
        }
    }
    let mut places: HashMap<String, usize, FixedState> = HashMap::default();
    for (place, word) in table.words[..kept].iter().enumerate() {
        places.entry(name_of(word, options)).or_insert(place);
    }
    let found = |word: &String| places.get(&name_of(word, options)).copied().unwrap_or_default();
    let named = table.words[..kept].iter().map(found).collect();
    let known = Known { places, named, options, unit: &unit, units: table.units };
    lists.iter().map(|list| judge(&known, list)).collect()
}

fn judge(known: &Known<'_>, list: &Path) -> Result<WordTest> {
    let lines = read_lines(list, &ByteSource::read(list)?.bytes)?;
    match lines.iter().any(|line| line.starts_with(": ")) {
        true => Ok(judge_analogies(known, list, &lines)),
        false => judge_pairs(known, list, &lines),
    }
}

fn judge_pairs(known: &Known<'_>, list: &Path, lines: &[String]) -> Result<WordTest> {
    let (mut cosines, mut judgements) = (Vec::new(), Vec::new());
    let (mut unknown, mut skipped) = (0, 0);
    for line in lines {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // Tabs as in gensim; commas too, as the original lists have them.
        let separator = if line.contains('\t') { '\t' } else { ',' };
        let fields: Vec<&str> = line.split(separator).collect();
        let (&[a, b, judgement], true) = (&fields[..], fields.len() == 3) else {
            skipped += 1;
            continue;
        };
        let Some(judgement) = judgement.trim().parse::<f64>().ok().filter(|x| x.is_finite()) else {
            skipped += 1;
            continue;
        };
        let place = |word: &str| known.places.get(&known.name(word.trim())).copied();
        let (Some(a), Some(b)) = (place(a), place(b)) else {
            unknown += 1;
            continue;
        };
        cosines.push(dot(known.vector(a), known.vector(b)) as f64);
        judgements.push(judgement);
    }
    if cosines.is_empty() && unknown == 0 {
        return Err(Error::data(
            list,
            "no line is a pair of words with a number, with tabs between, and none begins with \": \" as sections of analogies do",
        ));
    }
    Ok(WordTest::Pairs {
        file: list.to_owned(),
        spearman: correlation(&ranks(&cosines), &ranks(&judgements)),
        pearson: correlation(&cosines, &judgements),
        pairs: cosines.len(),
        unknown,
        skipped,
    })
}

/// Ranks from 1, ties having their mean.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    while first < order.len() {
        let same =
            order[first..].iter().take_while(|&&i| values[i] == values[order[first]]).count();
        let rank = first as f64 + (same as f64 + 1.0) / 2.0;
        order[first..first + same].iter().for_each(|&i| ranks[i] = rank);
        first += same;
    }
    ranks
}

/// Pearson's correlation; none of fewer than two values, and where one side is constant.
fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut own_a, mut own_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        both += (a - mean_a) * (b - mean_b);
        own_a += (a - mean_a).powi(2);
        own_b += (b - mean_b).powi(2);
    }
    let found = both / (own_a * own_b).sqrt();
    (a.len() > 1 && found.is_finite()).then_some(found.clamp(-1.0, 1.0))
}

/// Answers looked at, as gensim does.
const ANSWERS: usize = 5;

fn judge_analogies(known: &Known<'_>, list: &Path, lines: &[String]) -> WordTest {
    let mut sections: Vec<WordTestSection> = Vec::new();
    let (mut unknown, mut skipped) = (0, 0);
    // (section, the four words)
    let mut questions: Vec<(usize, [usize; 4])> = Vec::new();
    for line in lines {
        if let Some(name) = line.strip_prefix(": ") {
            sections.push(WordTestSection { name: name.trim().into(), ..Default::default() });
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let (&[a, b, c, d], false) = (&words[..], sections.is_empty()) else {
            skipped += !words.is_empty() as usize;
            continue;
        };
        let places = [a, b, c, d].map(|word| known.places.get(&known.name(word)).copied());
        match places {
            [Some(a), Some(b), Some(c), Some(d)] => {
                questions.push((sections.len() - 1, [a, b, c, d]))
            }
            _ => unknown += 1,
        }
    }
    let answered: Vec<bool> =
        questions.par_chunks(32).flat_map_iter(|questions| answer(known, questions)).collect();
    for ((section, _), is_right) in questions.iter().zip(answered) {
        sections[*section].questions += 1;
        sections[*section].correct += is_right as usize;
    }
    let correct = sections.iter().map(|section| section.correct).sum();
    WordTest::Analogies {
        file: list.to_owned(),
        accuracy: (!questions.is_empty()).then(|| correct as f64 / questions.len() as f64),
        correct,
        questions: questions.len(),
        unknown,
        skipped,
        sections,
    }
}

/// Which of these questions are answered rightly.
fn answer(known: &Known<'_>, questions: &[(usize, [usize; 4])]) -> Vec<bool> {
    let units = known.units;
    let mut wanted = Vec::with_capacity(questions.len() * units);
    for (_, [a, b, c, _]) in questions {
        let [a, b, c] = [a, b, c].map(|&place| known.vector(place));
        wanted.extend(a.iter().zip(b).zip(c).map(|((a, b), c)| b + c - a));
    }
    // The nearest words of each question, nearest first, without the three that it names.
    let mut nearest: Vec<Vec<(f32, usize)>> = vec![Vec::new(); questions.len()];
    vectorised(
        #[inline(always)]
        || {
            for (place, row) in known.unit.chunks_exact(units).enumerate() {
                let each = wanted.chunks_exact(units).zip(&mut nearest).zip(questions);
                for ((wanted, nearest), (_, question)) in each {
                    let product = dot(row, wanted);
                    let last = nearest.last().filter(|_| nearest.len() == ANSWERS);
                    if last.is_some_and(|last| product <= last.0) || question[..3].contains(&place)
                    {
                        continue;
                    }
                    let at = nearest.partition_point(|(other, _)| *other >= product);
                    nearest.insert(at, (product, place));
                    nearest.truncate(ANSWERS);
                }
            }
        },
    );
    let answered = nearest.iter().zip(questions);
    answered.map(|(nearest, (_, question))| is_right(known, nearest, question)).collect()
}

/// Whether the nearest word is the answer; words that differ by case alone from those of the question are none.
fn is_right(known: &Known<'_>, nearest: &[(f32, usize)], question: &[usize; 4]) -> bool {
    let (asked, answer) = (&question[..3], question[3]);
    let names = || nearest.iter().map(|&(_, place)| known.named[place]);
    let first = names().find(|name| !asked.contains(name));
    first.or_else(|| names().next_back()) == Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.rankdata and spearmanr.
    #[test]
    fn ties_share_their_mean_rank() {
        assert_eq!(ranks(&[2.0, 1.0, 2.0, 5.0, 2.0]), [3.0, 1.0, 3.0, 5.0, 3.0]);
        let (a, b) = ([1.0, 2.0, 2.0, 4.0, 3.0], [1.0, 3.0, 2.0, 2.0, 5.0]);
        let found = correlation(&ranks(&a), &ranks(&b)).expect("a correlation");
        assert!((found - 0.5).abs() < 1e-12, "{found}");
        assert_eq!(correlation(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(correlation(&[], &[]), None);
    }
}
