//! Phrases: two words that stand beside each other far more often than by chance are one word, `new_york`.
//!
//! Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their Compositionality", section 4, in the
//! form of their program word2phrase: a pair's score is (count(a b) - least) / (count(a) count(b)) times the number of
//! words, and pairs of more than a threshold are joined, from the left, each word once.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::tokens::{END_OF_LINE, Tokens};

/// The pairs that are one word.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<[String; 2]>", into = "Vec<[String; 2]>")]
pub(crate) struct Phrases(HashMap<String, HashSet<String, FixedState>, FixedState>);

impl From<Vec<[String; 2]>> for Phrases {
    fn from(pairs: Vec<[String; 2]>) -> Phrases {
        let mut phrases = Phrases::default();
        for [first, second] in pairs {
            phrases.0.entry(first).or_default().insert(second);
        }
        phrases
    }
}

/// In the order of the letters, so that the same phrases are the same bytes.
impl From<Phrases> for Vec<[String; 2]> {
    fn from(phrases: Phrases) -> Vec<[String; 2]> {
        let of_first = |(first, seconds): (String, HashSet<String, FixedState>)| {
            seconds.into_iter().map(move |second| [first.clone(), second])
        };
        let mut pairs: Vec<[String; 2]> = phrases.0.into_iter().flat_map(of_first).collect();
        pairs.sort_unstable();
        pairs
    }
}

impl Phrases {
    /// Those of `texts` whose score is above `threshold`, of pairs that stand there `least` times and are so often joined.
    pub fn find<T: AsRef<str>>(
        tokens: Tokens,
        texts: &[T],
        least: usize,
        threshold: f64,
    ) -> Phrases {
        let least = least.max(1);
        let mut ids: HashMap<String, u32, FixedState> = HashMap::default();
        let (mut words, mut lines): (Vec<&str>, Vec<Option<u32>>) = Default::default();
        let (mut counts, mut lowered): (Vec<usize>, String) = Default::default();
        for text in texts {
            tokens.for_each(text.as_ref(), &mut lowered, |word| {
                if word == END_OF_LINE {
                    return;
                }
                let id = match ids.get(word) {
                    Some(&id) => id,
                    None => {
                        let id = counts.len() as u32;
                        ids.insert(word.to_owned(), id);
                        counts.push(0);
                        id
                    }
                };
                counts[id as usize] += 1;
                lines.push(Some(id));
            });
            // No phrase goes on in another text.
            lines.push(None);
        }
        let total = lines.iter().flatten().count() as f64;
        words.resize(counts.len(), "");
        ids.iter().for_each(|(word, &id)| words[id as usize] = word);
        let mut pairs: HashMap<[u32; 2], usize, FixedState> = HashMap::default();
        // A pair is no more frequent than its words.
        let is_frequent = |id: u32| counts[id as usize] >= least;
        for pair in lines.windows(2) {
            if let &[Some(a), Some(b)] = pair
                && is_frequent(a)
                && is_frequent(b)
            {
                *pairs.entry([a, b]).or_default() += 1;
            }
        }
        pairs.retain(|&[a, b], &mut count| {
            let by_chance = counts[a as usize] as f64 * counts[b as usize] as f64;
            count >= least && (count - least) as f64 / by_chance * total > threshold
        });
        // Where pairs share a word only one is joined; which then are too few for a word are none. Each that goes leaves
        // more to the others.
        loop {
            let mut joined: HashMap<[u32; 2], usize, FixedState> = HashMap::default();
            let mut before = None;
            for &word in &lines {
                before = match (before, word) {
                    (Some(a), Some(b)) if pairs.contains_key(&[a, b]) => {
                        *joined.entry([a, b]).or_default() += 1;
                        None
                    }
                    _ => word,
                };
            }
            let known = pairs.len();
            pairs.retain(|pair, _| joined.get(pair).is_some_and(|&count| count >= least));
            if pairs.len() == known {
                break;
            }
        }
        let name = |id: u32| words[id as usize].to_owned();
        let pairs: Vec<[String; 2]> = pairs.keys().map(|pair| pair.map(name)).collect();
        Phrases::from(pairs)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.values().map(HashSet::len).sum()
    }

    /// Leaves out those whose word, `first_second`, is not wanted.
    pub fn retain(&mut self, mut is_wanted: impl FnMut(&str) -> bool) {
        for (first, seconds) in &mut self.0 {
            seconds.retain(|second| is_wanted(&format!("{first}_{second}")));
        }
        self.0.retain(|_, seconds| !seconds.is_empty());
    }

    /// Calls `each` with every token of `text`, phrases as one: `first_second`.
    pub fn for_each(
        &self,
        tokens: Tokens,
        text: &str,
        lowered: &mut String,
        mut each: impl FnMut(&str),
    ) {
        if self.is_empty() {
            return tokens.for_each(text, lowered, each);
        }
        let (mut before, mut is_open) = (String::new(), false);
        tokens.for_each(text, lowered, |word| {
            if is_open && self.0.get(&before).is_some_and(|seconds| seconds.contains(word)) {
                before.push('_');
                before.push_str(word);
                each(&before);
                is_open = false;
                return;
            }
            if is_open {
                each(&before);
            }
            before.clear();
            before.push_str(word);
            is_open = true;
        });
        if is_open {
            each(&before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(phrases: &Phrases, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        phrases.for_each(Tokens::Space, text, &mut String::new(), |w| found.push(w.to_owned()));
        found
    }

    fn pairs(phrases: &Phrases) -> Vec<[String; 2]> {
        phrases.clone().into()
    }

    #[test]
    fn scores_are_those_of_word2phrase() {
        // 4 x "new york" among 16 words: (4 - 2) / (4 * 4) * 16 = 2; "the x" (2 - 2) = 0.
        let texts = ["New York the a", "the new york b", "new york c the a", "new york the"];
        let total = 16.0;
        assert_eq!(texts.iter().map(|t| t.split(' ').count()).sum::<usize>() as f64, total);
        let find = |threshold| pairs(&Phrases::find(Tokens::Space, &texts, 2, threshold));
        assert_eq!(find(1.99), [["new".to_owned(), "york".to_owned()]]);
        assert!(find(2.0).is_empty());
        // Nothing goes on from one text to the next.
        let apart = ["a b", "a b", "a b"];
        assert_eq!(pairs(&Phrases::find(Tokens::Space, &apart, 1, 0.1)), [["a", "b"]]);
        let apart = ["a", "b", "a", "b", "a", "b"];
        assert!(pairs(&Phrases::find(Tokens::Space, &apart, 1, 0.0)).is_empty());
    }

    #[test]
    fn words_are_joined_from_the_left_and_once() {
        let phrases: Phrases = [["new", "york"], ["york", "city"], ["a", "a"]]
            .map(|p| p.map(str::to_owned))
            .to_vec()
            .into();
        assert_eq!(joined(&phrases, "New York City"), ["new_york", "city"]);
        assert_eq!(joined(&phrases, "york city new"), ["york_city", "new"]);
        assert_eq!(joined(&phrases, "a a a"), ["a_a", "a"]);
        assert_eq!(joined(&phrases, ""), Vec::<String>::new());
        let json = serde_json::to_string(&phrases).expect("written");
        assert_eq!(json, r#"[["a","a"],["new","york"],["york","city"]]"#);
        assert_eq!(serde_json::from_str::<Phrases>(&json).expect("read"), phrases);
    }

    #[test]
    fn what_is_joined_too_seldom_is_no_phrase() {
        // "b c" stands three times, and three times behind an "a" that takes its "b".
        let texts = ["a b c x", "a b c y", "a b c z"];
        let phrases = Phrases::find(Tokens::Space, &texts, 2, 0.1);
        assert_eq!(pairs(&phrases), [["a".to_owned(), "b".to_owned()]]);
        assert_eq!(joined(&phrases, texts[0]), ["a_b", "c", "x"]);
    }

    #[test]
    fn phrases_of_unwanted_words_go() {
        let pair = |a: &str, b: &str| [a.to_string(), b.to_string()];
        let mut phrases =
            Phrases::from(vec![pair("new", "york"), pair("new", "jersey"), pair("los", "angeles")]);
        assert_eq!((phrases.len(), phrases.is_empty()), (3, false));
        phrases.retain(|word| word == "new_york");
        assert_eq!((phrases.len(), phrases.is_empty()), (1, false));
        assert_eq!(joined(&phrases, "new york new jersey"), ["new_york", "new", "jersey"]);
        phrases.retain(|_| false);
        assert_eq!((phrases.len(), phrases.is_empty()), (0, true));
    }
}
