//! Word vectors by themselves: skip-gram and CBOW with negative sampling (Mikolov et al. 2013).
//!
//! A step takes some words of the stream, draws their samples on the device, and updates the rows
//! of the two tables that the samples name, and no others. A thread drops frequent words from the
//! stream of the next epoch (word2vec's subsampling) while the device works on this one.

use std::thread::ScopedJoinHandle;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::pace::Pace;
use super::record::MAX_SLOTS;
use super::recovery::Recovery;
use super::trainer::{Checkpoint, End, Fitted, Next, OFFER, Observer, OnNan, Reported};
use super::{EpochReport, History, Metrics, Role, SessionState, Sums};
use crate::backend::{Device, Executor};
use crate::error::{Divergence, Error, Result, not_finite};
use crate::kernels::random::{fold_seed, random_bits};
use crate::kernels::*;
use crate::layers::sort::Sort;
use crate::model::Parameter;
use crate::program::{Program, RoutineId, Run};

/// What predicts what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WordMethod {
    /// A word predicts the words around it.
    #[default]
    Skipgram,
    /// The mean of the words around it predicts a word.
    Cbow,
}

/// How word vectors are trained. The names are word2vec's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WordTrainer {
    /// What predicts what.
    pub method: WordMethod,
    /// Width of the vectors.
    pub units: usize,
    /// Words on either side of a word that are near it, at most.
    pub window: usize,
    /// Wrong words that each right one is held against.
    pub negatives: usize,
    /// Four neighbouring words share their wrong ones (Ji et al. 2016), so that fewer rows are read and updated; skip-gram
    /// takes a word with its whole window at once, against four times as many, each of which counts a fourth. The
    /// expected gradient is that of own ones. Windows so wide and vectors so long that a software adapter would not end
    /// share fewer.
    pub share_negatives: bool,
    /// Words more frequent than this share of all are dropped at random; 0 keeps all.
    pub subsample: f64,
    /// Passes over the words.
    pub epochs: usize,
    /// Words of the stream that a step takes.
    pub words_per_step: usize,
    /// Adagrad's step size.
    pub learning_rate: f64,
    /// Of the first vectors and every draw.
    pub seed: u64,
    /// What happens when a loss or a vector becomes NaN or infinite.
    pub on_nan: OnNan,
}

impl Default for WordTrainer {
    fn default() -> Self {
        WordTrainer {
            method: WordMethod::Skipgram,
            units: 100,
            window: 5,
            negatives: 5,
            share_negatives: true,
            subsample: 1e-3,
            epochs: 5,
            words_per_step: 1024,
            learning_rate: 0.15,
            seed: 7,
            on_nan: OnNan::Stop,
        }
    }
}

/// Words as a stream, and how often each id stands in it.
#[derive(Clone, Debug, Default)]
pub struct WordStream {
    /// Ids, 0 between sentences.
    pub tokens: Vec<u32>,
    /// By id.
    pub counts: Vec<u64>,
    /// The id of the first word: those below are no words.
    pub first_word: u32,
    /// What words are made of, where that is more than a row of their own.
    pub subwords: Option<WordRows>,
    /// First values of rows of the table, where they are not drawn: (row, vector).
    pub initial: Vec<(u32, Vec<f32>)>,
}

/// The rows of a table whose mean is a word's vector.
#[derive(Clone, Debug, Default)]
pub struct WordRows {
    /// By id, where its rows begin; one more than there are ids.
    pub offsets: Vec<u32>,
    /// All of them, behind one another: each of ids that are no words has none.
    pub rows: Vec<u32>,
    /// Rows of the table.
    pub table_rows: usize,
}

impl WordStream {
    /// Rows of the table of vectors.
    fn table_rows(&self) -> usize {
        self.subwords.as_ref().map_or(self.counts.len(), |subwords| subwords.table_rows)
    }

    /// Refuses rows that are not there.
    fn check_rows(&self, units: usize) -> Result<()> {
        let wrong =
            |message: String| Err(Error::Data { place: "the stream of words".into(), message });
        let rows = self.table_rows();
        if let Some(subwords) = &self.subwords {
            let is_rising = subwords.offsets.windows(2).all(|pair| pair[0] <= pair[1]);
            let last = subwords.offsets.last().copied().unwrap_or(0) as usize;
            if subwords.offsets.len() != self.counts.len() + 1
                || !is_rising
                || last != subwords.rows.len()
            {
                return wrong("the offsets of its words' rows do not go with its ids".into());
            }
            if let Some(row) = subwords.rows.iter().find(|&&row| row as usize >= rows) {
                return wrong(format!("the row {row} is not below the {rows} of the table"));
            }
        }
        match self
            .initial
            .iter()
            .find(|(row, vector)| *row as usize >= rows || vector.len() != units)
        {
            Some((row, vector)) => wrong(format!(
                "the first value of row {row} has {} elements, but the table {rows} rows of {units}",
                vector.len()
            )),
            None => Ok(()),
        }
    }
}

/// Words that lie on the device at once; longer streams go there in pieces.
const RESIDENT: usize = 1 << 22;

/// Neighbouring words that share their wrong ones.
const GROUP: usize = 4;

/// Adagrad's sums begin here: words met a few times move by the learning rate times their gradient over the root of this,
/// as by plain descent, and frequent ones by less and less.
const FIRST_SQUARE: f32 = 0.3;

/// The stream of random bits that subsampling takes; samples take 0 to twice the negatives.
const SUBSAMPLING: u32 = 0x7375_6273;

impl WordTrainer {
    fn check(&self, stream: &WordStream) -> Result<()> {
        let within = |name: &str, value: usize, most: usize| match (1..=most).contains(&value) {
            true => Ok(()),
            false => Err(Error::usage(format!("{name} is {value}, but must be from 1 to {most}"))),
        };
        within("the width of the vectors", self.units, 4096)?;
        within("the window", self.window, 100)?;
        within("the number of negatives", self.negatives, 64)?;
        within("the number of epochs", self.epochs, 1 << 20)?;
        within("the number of words of a step", self.words_per_step, 1 << 16)?;
        if !(self.learning_rate > 0.0 && self.learning_rate < 1e3) {
            return Err(Error::usage(format!(
                "the learning rate is {}, but must be above 0 and below 1000",
                self.learning_rate
            )));
        }
        if self.subsample.is_nan() || self.subsample < 0.0 {
            return Err(Error::usage("the subsampling threshold must be 0 or above"));
        }
        let ids = stream.counts.len();
        if let Some(i) = stream.tokens.iter().position(|&id| id as usize >= ids) {
            return Err(Error::Data {
                place: format!("the stream of words, place {i}"),
                message: format!(
                    "the id {} is not below the {ids} ids that are counted",
                    stream.tokens[i]
                ),
            });
        }
        stream.check_rows(self.units)?;
        let words = stream.counts.iter().skip(stream.first_word as usize).filter(|&&n| n > 0);
        if words.count() < 2 {
            return Err(Error::Training(
                "word vectors need at least two different words; give more text, or a lower min_count".into(),
            ));
        }
        Ok(())
    }

    /// Words, one behind another, that share their wrong ones, and how many times as many these are as a right one is held
    /// against; 1 and 1 where each has its own. Fewer, or none, of windows so wide and vectors so long that a software
    /// adapter would stop within a sample.
    fn sharing(&self) -> [usize; 2] {
        let (positives, most) = match self.method {
            WordMethod::Skipgram => (2 * self.window, 4),
            WordMethod::Cbow => (1, 1),
        };
        let fits = |more: &usize| {
            let targets = positives + more * self.negatives;
            (2 * targets + 3) * (self.units + 2) < 1 << 16
        };
        let more = (1..=most).rev().find(fits);
        more.filter(|_| self.share_negatives).map_or([1, 1], |more| [GROUP, more])
    }

    /// Samples of a word of the stream, ids of a sample's bag, its right words and its wrong ones.
    fn shape(&self) -> [usize; 4] {
        let [group, more] = self.sharing();
        match self.method {
            WordMethod::Skipgram if group > 1 => [1, 1, 2 * self.window, more * self.negatives],
            // As many as word2vec's shrinking window has on average, on both sides.
            WordMethod::Skipgram => [self.window + 1, 1, 1, self.negatives],
            WordMethod::Cbow => [1, 2 * self.window, 1, more * self.negatives],
        }
    }

    /// Trains vectors `[ids, units]` on `stream`; rows of ids that are no words are zero.
    ///
    /// # Errors
    /// [`Error::Usage`] when an option is out of range, [`Error::Training`] when there is too
    /// little to learn from, [`Error::Diverged`] when a loss or a vector becomes NaN or infinite, [`Error::Device`].
    pub fn fit(
        &self,
        stream: &WordStream,
        device: &Device,
        on_epoch: &mut dyn FnMut(EpochReport),
    ) -> Result<(Vec<f32>, History)> {
        let (table, fitted) = self.fit_to_end(stream, device, &mut |report| on_epoch(report))?;
        fitted.end.check()?;
        Ok((table, fitted.history))
    }

    /// As [`WordTrainer::fit`], watched by `observer`, and a run that is interrupted or whose numbers become NaN is no
    /// error: the vectors are then the last good ones, and the answer says of which step. A checkpoint's `done` counts
    /// steps of the epoch as its rows and samples as its right answers, and its parameters are the vectors of words and
    /// of targets and the sums of their squares. Batches are not reported.
    ///
    /// # Errors
    /// As [`WordTrainer::fit`], but for [`Error::Diverged`].
    pub fn fit_to_end(
        &self,
        stream: &WordStream,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<(Vec<f32>, Fitted)> {
        self.check(stream)?;
        let bytes = 16 * (stream.counts.len() * self.units) as u64;
        let mut recovery = Recovery::new(device, bytes);
        let mut place = Place::default();
        let mut start = observer.resume()?;
        if let Some(start) = &start {
            recovery.keep_known(start);
        }
        let end = loop {
            let attempt =
                self.attempt(stream, device, start.take(), &mut place, &mut recovery, observer);
            match attempt {
                Ok(end) => break end,
                Err(Error::Diverged(why)) => {
                    let most = OnNan::MOST_ROLLBACKS;
                    let can = self.on_nan == OnNan::Rollback && place.rollbacks < most;
                    let Some(mut state) = place.before.take().filter(|_| can) else {
                        break End::Diverged(why);
                    };
                    state.learning_rate = place.learning_rate / 2.0;
                    state.rollbacks = place.rollbacks + 1;
                    recovery.keep_known(&state);
                    place.reported =
                        Reported { epochs: state.epoch, batch: 0, answers: Vec::new() };
                    observer.rolled_back(&why, state.epoch, state.learning_rate);
                    start = Some(state);
                }
                Err(error) => {
                    recovery.answer(error, &mut None, None, observer)?;
                    start.clone_from(&recovery.snapshot);
                }
            }
        };
        let (mut table, epoch, step) = place.good;
        let words = self.units * stream.first_word as usize;
        table.iter_mut().take(words).for_each(|value| *value = 0.0);
        if let Some(subwords) = &stream.subwords {
            // Rows of which no word is made were not trained: what was drawn for them is noise.
            let mut is_used = vec![false; subwords.table_rows];
            subwords.rows.iter().for_each(|&row| is_used[row as usize] = true);
            let rows = table.chunks_exact_mut(self.units).zip(is_used);
            rows.filter(|(_, is_used)| !is_used).for_each(|(row, _)| row.fill(0.0));
        }
        let (history, copying) = (place.history, recovery.spent);
        Ok((table, Fitted { history, end, step, epoch, copying }))
    }

    /// Trains from a state, or from the start, to the end.
    fn attempt(
        &self,
        stream: &WordStream,
        device: &Device,
        start: Option<Checkpoint>,
        place: &mut Place,
        recovery: &mut Recovery<'_>,
        observer: &mut dyn Observer,
    ) -> Result<End> {
        let mut trainer = *self;
        if let Some(start) = &start {
            trainer.learning_rate = start.learning_rate;
        }
        let recording = trainer.record(stream, device.max_binding_elements())?;
        let mut executor = device.prepare(&recording.program)?;
        let executor = executor.as_mut();
        trainer.write_start(stream, &recording, executor)?;
        (place.epoch, place.done, place.step, place.rollbacks) = (0, Sums::default(), 0, 0);
        place.history = History::default();
        place.learning_rate = trainer.learning_rate;
        if let Some(start) = start {
            recording.restore(&start.state, executor)?;
            (place.epoch, place.done) = (start.epoch, start.done);
            (place.step, place.rollbacks) = (start.state.step as u32, start.rollbacks);
            place.history = start.history;
            if place.good.0.is_empty() && place.step > 0 {
                place.good =
                    (recording.read_table(executor)?, place.epoch.max(1), place.step as u64);
            }
        }
        if self.on_nan == OnNan::Rollback && place.before.is_none() {
            place.before = Some(place.take(&recording, executor)?);
        }
        std::thread::scope(|scope| {
            // The words of the next epoch are drawn while the device works on this one.
            let mut next: Option<(usize, ScopedJoinHandle<'_, Vec<u32>>)> = None;
            while place.epoch < self.epochs {
                let epoch = place.epoch;
                let tokens = match next.take().filter(|(of, _)| *of == epoch) {
                    Some((_, drawing)) => drawing.join().map_err(|_| {
                        Error::Training("the thread that draws an epoch's words failed".into())
                    })?,
                    None => self.subsampled(stream, epoch as u32),
                };
                if epoch + 1 < self.epochs {
                    let draw = move || self.subsampled(stream, epoch as u32 + 1);
                    next = Some((epoch + 1, scope.spawn(draw)));
                }
                let started = Instant::now();
                let mut offered = Instant::now();
                let is_whole = trainer.epoch(
                    &recording,
                    executor,
                    &tokens,
                    place,
                    &mut |place, executor| {
                        if observer.interrupted() {
                            return Ok(false);
                        }
                        if recovery.is_due() {
                            recovery.keep(|| place.take(&recording, executor))?;
                            place.reported.forget(place.epoch);
                        }
                        if offered.elapsed() >= OFFER {
                            offered = Instant::now();
                            observer.checkpoint(&mut || {
                                place.check(&recording, executor)?;
                                place.take(&recording, executor)
                            })?;
                        }
                        Ok(true)
                    },
                )?;
                // What an interrupted epoch leaves is looked at too.
                let table = place.check(&recording, executor)?;
                place.good = (table, epoch + 1, place.step as u64);
                if !is_whole {
                    observer.last_checkpoint(&mut || place.take(&recording, executor))?;
                    return Ok(End::Interrupted);
                }
                let Sums { loss, right: samples, .. } = std::mem::take(&mut place.done);
                place.epoch += 1;
                let training = Metrics { loss: loss / samples.max(1.0), accuracy: None };
                place.history.push(training, None, None);
                // A loss is 0 where nothing was there to learn.
                if place.epoch == self.epochs && place.history.loss.iter().all(|&loss| loss == 0.0)
                {
                    return Err(Error::Training(format!(
                        "no pair of words was left to train on in {} epochs: subsample is {}, which drops nearly all words of a text this short; give subsample 0, more text, or a lower min_count",
                        self.epochs, self.subsample
                    )));
                }
                if self.on_nan == OnNan::Rollback {
                    place.before = Some(place.take(&recording, executor)?);
                }
                let report = EpochReport {
                    epoch: place.epoch,
                    epochs: self.epochs,
                    training,
                    validation: None,
                    monitored: None,
                    samples_per_second: stream.tokens.len() as f64
                        / started.elapsed().as_secs_f64().max(1e-9),
                };
                if place.reported.epoch(report, observer) == Next::Stop {
                    break;
                }
                if recovery.is_due() {
                    recovery.keep(|| place.take(&recording, executor))?;
                    place.reported.forget(place.epoch);
                }
                let is_last = place.epoch >= self.epochs;
                let mut take = || place.take(&recording, executor);
                if !is_last && observer.interrupted() {
                    observer.last_checkpoint(&mut take)?;
                    return Ok(End::Interrupted);
                }
                observer.checkpoint(&mut take)?;
            }
            Ok(End::Done)
        })
    }

    /// The stream without the words that subsampling drops in this epoch: a word of frequency f
    /// stays with probability (sqrt(f / t) + 1) t / f, as in word2vec's program.
    fn subsampled(&self, stream: &WordStream, epoch: u32) -> Vec<u32> {
        if self.subsample == 0.0 {
            return stream.tokens.clone();
        }
        let total = stream.counts.iter().sum::<u64>() as f64;
        let threshold = |&count: &u64| {
            let ratio = self.subsample * total / (count.max(1) as f64);
            random::drop_threshold((ratio.sqrt() + ratio).min(1.0))
        };
        let thresholds: Vec<u32> = stream.counts.iter().map(threshold).collect();
        let seed = fold_seed(self.seed);
        let keeps = |(i, &id): (usize, &u32)| {
            let bits = random_bits(seed, SUBSAMPLING, epoch, i as u32);
            (id == 0 || bits <= thresholds[id as usize]).then_some(id)
        };
        stream.tokens.iter().enumerate().filter_map(keeps).collect()
    }

    /// Runs what is left of an epoch; between two looks, `goes_on` is asked. Returns whether the epoch is done.
    fn epoch(
        &self,
        recording: &Recording,
        executor: &mut dyn Executor,
        tokens: &[u32],
        place: &mut Place,
        goes_on: &mut dyn FnMut(&mut Place, &mut dyn Executor) -> Result<bool>,
    ) -> Result<bool> {
        let mut pace = Pace::new();
        // Steps of the epoch up to the piece's begin.
        let mut before = 0;
        // A place is left for the 0 that ends a piece's last sentence.
        for piece in tokens.chunks(recording.tokens.len - 1) {
            let steps = piece.len().div_ceil(self.words_per_step);
            let mut first = place.done.rows.saturating_sub(before).min(steps);
            before += steps;
            if first == steps {
                continue;
            }
            // Behind the piece are no words, as far as its last step looks: not what an epoch before left there.
            let looks = steps * self.words_per_step + self.window + 1;
            let mut padded = piece.to_vec();
            padded.resize(looks.min(recording.tokens.len), 0);
            executor.write_u32(recording.tokens, &padded)?;
            while first < steps {
                let started = Instant::now();
                let times = pace.steps().min(steps - first);
                let cursor = (first * self.words_per_step) as u32;
                let counters = recording.state.part(state::CURSOR, 3);
                executor.write_u32(counters, &[cursor, place.step, 0])?;
                executor.run(&[Run { routine: RoutineId(0), times }])?;
                let groups = recording.history.len / MAX_SLOTS;
                let entries = executor.read_f32(recording.history.part(0, times * groups))?;
                for entries in entries.chunks_exact(groups) {
                    place.step += 1;
                    place.done.rows += 1;
                    for entry in entries.chunks_exact(2) {
                        place.done.loss += entry[0] as f64;
                        place.done.right += entry[1] as f64;
                    }
                    if !place.done.loss.is_finite() {
                        let what = format!("the loss became {}", not_finite(place.done.loss));
                        let (step, epoch) = (place.step as u64, place.epoch + 1);
                        return Err(Error::Diverged(Divergence {
                            what,
                            step,
                            epoch,
                            parameter: None,
                        }));
                    }
                }
                first += times;
                pace.took(started.elapsed());
                if first < steps && !goes_on(place, executor)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Writes the first vectors, uniform in +-0.5 / units as word2vec's (those of targets are
    /// zero), and the table that negatives are drawn from.
    fn write_start(
        &self,
        stream: &WordStream,
        recording: &Recording,
        executor: &mut dyn Executor,
    ) -> Result<()> {
        let units = self.units;
        let seed = fold_seed(self.seed);
        let draw = |i: usize| {
            let bits = random_bits(seed, SUBSAMPLING, u32::MAX, i as u32);
            ((bits >> 8) as f32 / 16_777_216.0 - 0.5) / units as f32
        };
        for piece in &recording.pieces {
            let first = piece.first * units;
            let mut drawn: Vec<f32> = (first..first + piece.table.len).map(draw).collect();
            for (row, vector) in &stream.initial {
                let row = (*row as usize).checked_sub(piece.first).filter(|&row| row < piece.rows);
                if let Some(row) = row {
                    drawn[row * units..][..units].copy_from_slice(vector);
                }
            }
            executor.write_f32(piece.table, &drawn)?;
            let squares = vec![FIRST_SQUARE; piece.table.len];
            for span in piece.squares {
                executor.write_f32(span, &squares)?;
            }
        }
        if let (Some(subwords), Some([offsets, rows])) = (&stream.subwords, recording.subwords) {
            executor.write_u32(offsets, &subwords.offsets)?;
            executor.write_u32(rows, &subwords.rows)?;
        }
        let (thresholds, others) = alias_table(&stream.counts[stream.first_word as usize..]);
        executor.write_u32(recording.thresholds, &thresholds)?;
        executor.write_u32(recording.others, &others)
    }

    /// Records one step. A table that is larger than a binding lies in pieces of rows.
    fn record(&self, stream: &WordStream, max_binding: usize) -> Result<Recording> {
        let (rows, units) = (stream.table_rows(), self.units);
        let [per_word, bag, positives, negatives] = self.shape();
        let [group, more] = self.sharing();
        let (samples, targets) = (self.words_per_step * per_word, positives + negatives);
        let words = stream.counts.len() - stream.first_word as usize;
        // Rows of a word at most, and of an input then.
        let of_word = |offsets: &Vec<u32>| offsets.windows(2).map(|pair| pair[1] - pair[0]).max();
        let width = stream.subwords.as_ref().and_then(|subwords| of_word(&subwords.offsets));
        let length = bag * width.map_or(1, |width| width.max(1) as usize);
        let groups = negative_sampling::groups(samples);
        let mut program = Program::default();
        let mut make = |name: &str, element, len| program.buffer(name, element, len);
        let state = make("state", Element::U32, state::WORDS);
        let history = make("history", Element::F32, MAX_SLOTS * groups * 2);
        let tokens =
            make("words", Element::U32, RESIDENT.min(stream.tokens.len() + 1).min(max_binding));
        let thresholds = make("alias thresholds", Element::U32, words);
        let others = make("alias others", Element::U32, words);
        let bags = make("bags", Element::U32, samples * bag);
        let ids = make("targets", Element::U32, samples * targets);
        let most = (max_binding / units).max(1).min(rows);
        let pieces: Vec<Piece> = (0..rows)
            .step_by(most)
            .map(|first| {
                let rows = most.min(rows - first);
                let mut make = |name: &str| make(name, Element::F32, rows * units);
                Piece {
                    first,
                    rows,
                    table: make("vectors"),
                    targets: make("target vectors"),
                    squares: [make("squares"), make("target squares")],
                }
            })
            .collect();
        let hidden = make("hidden", Element::F32, samples * units);
        let d_hidden = make("hidden gradient", Element::F32, samples * units);
        let scales = make("bag scales", Element::F32, samples);
        let factors = make("factors", Element::F32, samples * targets);
        // Read by no one; as large as the widest item that a kernel may declare.
        let bias = make("nothing", Element::F32, 8);
        let subwords = stream.subwords.as_ref().map(|subwords| {
            let mut make = |name: &str, len| program.buffer(name, Element::U32, len);
            [
                make("offsets of rows", subwords.offsets.len()),
                make("rows of words", subwords.rows.len().max(1)),
            ]
        });
        let inputs = match subwords {
            Some(_) => program.buffer("rows of bags", Element::U32, samples * length),
            None => bags,
        };
        let sort = Sort::new(&mut program, samples * targets.max(length));

        let (samples, units) = (samples as u32, units as u32);
        let mut step = vec![word_samples::dispatch(
            word_samples::Params {
                samples,
                per_word: per_word as u32,
                tokens: tokens.len as u32,
                window: self.window as u32,
                bag: bag as u32,
                positives: positives as u32,
                negatives: negatives as u32,
                group: group as u32,
                words: words as u32,
                first_word: stream.first_word,
                seed: fold_seed(self.seed),
            },
            word_samples::Bindings { state, tokens, thresholds, others, bags, targets: ids },
        )];
        if let Some([offsets, rows]) = subwords {
            step.push(subword_rows::dispatch(
                subword_rows::Params {
                    positions: samples * bag as u32,
                    width: (length / bag) as u32,
                },
                subword_rows::Bindings { ids: bags, offsets, rows, output: inputs },
            ));
        }
        for (i, piece) in pieces.iter().enumerate() {
            step.push(embedding_bag::dispatch(
                embedding_bag::Params {
                    rows: samples,
                    length: length as u32,
                    units,
                    first: piece.first as u32,
                    table_rows: piece.rows as u32,
                    mode: embedding_bag::MEAN,
                    activation: Activation::Linear.code(),
                    adds: (i > 0) as u32,
                    ends: (i + 1 == pieces.len()) as u32,
                    bias: 0,
                    ragged: 0,
                },
                embedding_bag::Bindings {
                    ids: inputs,
                    starts: inputs,
                    table: piece.table,
                    bias,
                    output: hidden,
                    scales,
                },
            ));
        }
        for (i, piece) in pieces.iter().enumerate() {
            let is_last = i + 1 == pieces.len();
            step.push(negative_sampling::dispatch(
                negative_sampling::Params {
                    samples,
                    units,
                    targets: targets as u32,
                    groups: groups as u32,
                    words: if is_last { self.words_per_step as u32 } else { 0 },
                    first: piece.first as u32,
                    rows: piece.rows as u32,
                    adds: (i > 0) as u32,
                    positives: positives as u32,
                    weight: 1.0 / more as f32,
                },
                negative_sampling::Bindings {
                    state,
                    hidden,
                    ids,
                    table: piece.targets,
                    factors,
                    d_hidden,
                    history,
                },
            ));
        }
        // The targets first: their gradient is of the vectors as they were.
        let rate = self.learning_rate as f32;
        let sides = [
            (ids, targets as u32, 0, hidden, factors, 1),
            (inputs, length as u32, 1, d_hidden, scales, 0),
        ];
        for (ids, length, by_row, vectors, factors, side) in sides {
            let positions = samples * length;
            let [sorted_ids, sorted_positions] = sort.record(ids, positions, rows, &mut step);
            for piece in &pieces {
                step.push(embedding_update::dispatch(
                    embedding_update::Params {
                        positions,
                        units,
                        length,
                        by_row,
                        first: piece.first as u32,
                        rows: piece.rows as u32,
                        rate,
                    },
                    embedding_update::Bindings {
                        sorted_ids,
                        sorted_positions,
                        vectors,
                        factors,
                        table: [piece.table, piece.targets][side],
                        squares: piece.squares[side],
                    },
                ));
            }
        }
        program.add_routine("words", step)?;
        Ok(Recording {
            program,
            state,
            history,
            tokens,
            thresholds,
            others,
            pieces,
            units: self.units,
            subwords,
        })
    }
}

/// Some rows of the two tables, with the sums of the squares of each.
struct Piece {
    /// The first row.
    first: usize,
    rows: usize,
    table: Span,
    targets: Span,
    squares: [Span; 2],
}

/// A step of word vectors.
struct Recording {
    program: Program,
    state: Span,
    history: Span,
    tokens: Span,
    thresholds: Span,
    others: Span,
    pieces: Vec<Piece>,
    units: usize,
    /// Where each word's rows begin, and the rows.
    subwords: Option<[Span; 2]>,
}

/// What a state holds: the tables as weights, the sums of their squares as first moments.
const STATE: [(Role, &str); 4] = [
    (Role::Weights, "embedding.weight"),
    (Role::Weights, "targets.weight"),
    (Role::FirstMoments, "embedding.weight"),
    (Role::FirstMoments, "targets.weight"),
];

impl Recording {
    /// Where an entry of [`STATE`] lies, piece by piece.
    fn spans(&self, entry: usize) -> impl Iterator<Item = Span> {
        let of = move |p: &Piece| [p.table, p.targets, p.squares[0], p.squares[1]][entry];
        self.pieces.iter().map(of)
    }

    fn read(&self, entry: usize, executor: &mut dyn Executor) -> Result<Vec<f32>> {
        let mut values = Vec::with_capacity(self.spans(entry).map(|span| span.len).sum());
        for span in self.spans(entry) {
            values.extend(executor.read_f32(span)?);
        }
        Ok(values)
    }

    /// The vectors of words.
    fn read_table(&self, executor: &mut dyn Executor) -> Result<Vec<f32>> {
        self.read(0, executor)
    }

    /// All that a step changes.
    fn state(&self, step: u32, executor: &mut dyn Executor) -> Result<SessionState> {
        let mut arrays: Vec<(Role, Vec<Parameter>)> = Vec::new();
        for (entry, (role, name)) in STATE.into_iter().enumerate() {
            let values = self.read(entry, executor)?;
            let shape = vec![values.len() / self.units, self.units];
            let parameter = Parameter { name: name.into(), shape, values };
            match arrays.last_mut().filter(|(last, _)| *last == role) {
                Some((_, parameters)) => parameters.push(parameter),
                None => arrays.push((role, vec![parameter])),
            }
        }
        Ok(SessionState { step: step as u64, arrays })
    }

    /// Writes a state.
    fn restore(&self, state: &SessionState, executor: &mut dyn Executor) -> Result<()> {
        let parameters: Vec<(Role, &Parameter)> =
            state.arrays.iter().flat_map(|(role, all)| all.iter().map(|p| (*role, p))).collect();
        let fits = parameters.len() == STATE.len()
            && parameters.iter().zip(STATE).enumerate().all(|(entry, (found, wanted))| {
                let len: usize = self.spans(entry).map(|span| span.len).sum();
                (found.0, found.1.name.as_str()) == wanted && found.1.values.len() == len
            });
        if !fits {
            return Err(Error::Model("the saved vectors are those of another run".into()));
        }
        for (entry, (_, parameter)) in parameters.into_iter().enumerate() {
            let mut rest = &parameter.values[..];
            for span in self.spans(entry) {
                let (values, behind) = rest.split_at(span.len);
                executor.write_f32(span, values)?;
                rest = behind;
            }
        }
        Ok(())
    }
}

/// Where a run is.
#[derive(Default)]
struct Place {
    /// Epochs done.
    epoch: usize,
    /// Of the next: steps as rows, the sum of the losses, and samples that counted as right answers.
    done: Sums,
    step: u32,
    learning_rate: f64,
    rollbacks: usize,
    history: History,
    /// The vectors at the end of the last good epoch, with its number and its last step.
    good: (Vec<f32>, usize, u64),
    /// What a rollback goes back to.
    before: Option<Checkpoint>,
    reported: Reported,
}

impl Place {
    /// A checkpoint of the run as it is.
    fn take(&self, recording: &Recording, executor: &mut dyn Executor) -> Result<Checkpoint> {
        Ok(Checkpoint {
            epoch: self.epoch,
            done: self.done,
            history: self.history.clone(),
            best: None,
            learning_rate: self.learning_rate,
            rollbacks: self.rollbacks,
            micro_batch: None,
            state: recording.state(self.step, executor)?,
        })
    }

    /// Reads the vectors and holds them against NaN and infinity.
    fn check(&self, recording: &Recording, executor: &mut dyn Executor) -> Result<Vec<f32>> {
        let table = recording.read_table(executor)?;
        match table.iter().position(|value| !value.is_finite()) {
            None => Ok(table),
            Some(i) => Err(Error::Diverged(Divergence {
                what: "a vector became NaN or infinite".into(),
                step: self.step as u64,
                epoch: self.epoch + 1,
                parameter: Some(format!("embedding.weight holds {} at {i}", table[i])),
            })),
        }
    }
}

/// Walker's alias table for words drawn by counts to the power of 3/4 (Vose's construction, 1991):
/// a uniform word, kept when 32 random bits are below its threshold, else its other.
fn alias_table(counts: &[u64]) -> (Vec<u32>, Vec<u32>) {
    let weights: Vec<f64> = counts.iter().map(|&count| (count as f64).powf(0.75)).collect();
    let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
    let mut shares: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
    let mut thresholds = vec![u32::MAX; shares.len()];
    let mut others: Vec<u32> = (0..shares.len() as u32).collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) =
        (0..shares.len()).partition(|&i| shares[i] < 1.0);
    while let (Some(&little), Some(&much)) = (small.last(), large.last()) {
        small.pop();
        thresholds[little] = random::drop_threshold(shares[little]);
        others[little] = much as u32;
        shares[much] -= 1.0 - shares[little];
        if shares[much] < 1.0 {
            large.pop();
            small.push(much);
        }
    }
    (thresholds, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alias_table_draws_by_the_root_of_counts() {
        for counts in [
            &[1000, 100, 10, 1, 1, 0, 50][..],
            &[5, 9, 7, 1, 8, 2, 30, 3, 40, 1, 6],
            &[4, 4, 4],
            &[3, 1],
            &[7],
        ] {
            let (thresholds, others) = alias_table(counts);
            let share = 1.0 / counts.len() as f64;
            let mut drawn = vec![0.0; counts.len()];
            for i in 0..counts.len() {
                let keeps = thresholds[i] as f64 / u32::MAX as f64;
                drawn[i] += keeps * share;
                drawn[others[i] as usize] += (1.0 - keeps) * share;
            }
            let weights: Vec<f64> = counts.iter().map(|&n| (n as f64).powf(0.75)).collect();
            let total: f64 = weights.iter().sum();
            for (drawn, weight) in drawn.iter().zip(&weights) {
                assert!((drawn - weight / total).abs() < 1e-6, "{drawn} for {}", weight / total);
            }
        }
    }

    #[test]
    fn windows_too_wide_and_vectors_too_long_share_fewer_wrong_words() {
        let of = |method, units, window, negatives| {
            let trainer =
                WordTrainer { method, units, window, negatives, ..WordTrainer::default() };
            (trainer.sharing(), trainer.shape())
        };
        // 2 (10 + 4 x 5) + 3 targets of 1,040 numbers are 65,520.
        let skipgram = WordMethod::Skipgram;
        assert_eq!(of(skipgram, 1038, 5, 5), ([4, 4], [1, 1, 10, 20]));
        assert_eq!(of(skipgram, 1039, 5, 5), ([4, 3], [1, 1, 10, 15]));
        assert_eq!(of(skipgram, 4096, 100, 64), ([1, 1], [101, 1, 1, 64]));
        assert_eq!(of(WordMethod::Cbow, 100, 5, 5), ([4, 1], [1, 10, 1, 5]));
        let apart = WordTrainer { share_negatives: false, ..WordTrainer::default() };
        assert_eq!((apart.sharing(), apart.shape()), ([1, 1], [6, 1, 1, 5]));
    }

    #[test]
    fn subsampling_drops_frequent_words() {
        let mut tokens = vec![2; 90_000];
        tokens.extend((0..10_000).map(|i| 3 + i % 1000));
        let mut counts = vec![0; 1003];
        tokens.iter().for_each(|&id| counts[id as usize] += 1);
        let stream = WordStream { tokens, counts, first_word: 2, ..WordStream::default() };
        let kept = WordTrainer::default().subsampled(&stream, 0);
        let often = kept.iter().filter(|&&id| id == 2).count();
        let ratio: f64 = 1e-3 / 0.9;
        let expected = 90_000.0 * (ratio.sqrt() + ratio);
        assert!((often as f64 - expected).abs() < 4.0 * expected.sqrt(), "{often} of {expected}");
        assert_eq!(kept.len() - often, 10_000, "rare words stay");
        assert_ne!(kept, WordTrainer::default().subsampled(&stream, 1));
    }

    /// What lies behind a shorter epoch was the end of the one before, and was trained again.
    #[test]
    fn a_shorter_epoch_trains_its_own_words_alone() {
        let tokens: Vec<u32> =
            (0..382).map(|i| if i % 19 == 18 { 0 } else { 2 + i * i % 23 }).collect();
        let mut counts = vec![0; 25];
        tokens.iter().for_each(|&id| counts[id as usize] += 1);
        let stream =
            WordStream { tokens: tokens.clone(), counts, first_word: 2, ..WordStream::default() };
        for method in [WordMethod::Skipgram, WordMethod::Cbow] {
            let trainer =
                WordTrainer { method, units: 8, words_per_step: 64, ..WordTrainer::default() };
            let samples = |before: &[u32]| {
                let device = Device::cpu();
                let most = device.max_binding_elements();
                let recording = trainer.record(&stream, most).expect("a program");
                let mut executor = device.prepare(&recording.program).expect("memory");
                trainer.write_start(&stream, &recording, executor.as_mut()).expect("a start");
                let executor = executor.as_mut();
                let mut place = Place::default();
                let goes_on = &mut |_: &mut Place, _: &mut dyn Executor| Ok(true);
                trainer.epoch(&recording, executor, before, &mut place, goes_on).expect("an epoch");
                // The same draws, whatever was before.
                let mut place = Place { step: 100, epoch: 1, ..Place::default() };
                trainer
                    .epoch(&recording, executor, &tokens[..330], &mut place, goes_on)
                    .expect("a shorter epoch");
                place.done.right
            };
            assert_eq!(samples(&tokens), samples(&tokens[..10]), "{method:?}");
        }
    }

    #[test]
    fn fewer_negatives_are_shared_where_a_sample_would_be_too_long() {
        let of = |negatives, units, window| {
            WordTrainer { negatives, units, window, ..WordTrainer::default() }.sharing()
        };
        assert_eq!(of(5, 100, 5), [4, 4]);
        assert_eq!(of(25, 300, 5), [4, 3]);
        assert_eq!(of(64, 300, 5), [4, 1]);
        assert_eq!(of(64, 4096, 100), [1, 1]);
        let own = WordTrainer { share_negatives: false, ..WordTrainer::default() };
        assert_eq!(own.sharing(), [1, 1]);
        let cbow = WordTrainer { method: WordMethod::Cbow, ..WordTrainer::default() };
        assert_eq!(cbow.sharing(), [4, 1]);
    }

    #[test]
    fn an_id_that_is_not_counted_is_refused() {
        let stream = WordStream {
            tokens: vec![2, 3, 9],
            counts: vec![0, 0, 1, 1],
            first_word: 2,
            ..WordStream::default()
        };
        let error = WordTrainer::default()
            .fit(&stream, &Device::cpu(), &mut |_| {})
            .expect_err("an id without a count");
        assert!(
            error.to_string().contains("place 2") && error.to_string().contains("id 9"),
            "{error}"
        );
    }

    #[test]
    fn what_a_run_of_words_cannot_be_is_refused() {
        let stream = WordStream {
            tokens: vec![2, 3, 0, 3],
            counts: vec![1, 0, 1, 2],
            first_word: 2,
            ..WordStream::default()
        };
        let good = WordTrainer { units: 3, ..WordTrainer::default() };
        good.check(&stream).expect("two words");
        let refused = |trainer: WordTrainer, says: &str| {
            let error = trainer.check(&stream).expect_err(says).to_string();
            assert!(error.contains(says), "{error}");
        };
        for (learning_rate, fits) in [
            (0.0, false),
            (1e-6, true),
            (999.9, true),
            (1e3, false),
            (-1.0, false),
            (f64::NAN, false),
        ] {
            let trainer = WordTrainer { learning_rate, ..good };
            match fits {
                true => trainer.check(&stream).expect("a rate"),
                false => refused(trainer, "the learning rate is"),
            }
        }
        for subsample in [-1e-9, f64::NAN] {
            refused(WordTrainer { subsample, ..good }, "the subsampling threshold");
        }
        WordTrainer { subsample: 0.0, ..good }.check(&stream).expect("none");
        refused(WordTrainer { units: 4097, ..good }, "the width of the vectors is 4097");
        refused(WordTrainer { window: 101, ..good }, "the window is 101");
        refused(WordTrainer { negatives: 0, ..good }, "the number of negatives is 0");
        refused(WordTrainer { epochs: 0, ..good }, "the number of epochs is 0");

        let says = |stream: &WordStream| good.check(stream).expect_err("refused").to_string();
        let one = WordStream { counts: vec![1, 0, 1, 0], tokens: vec![2], ..stream.clone() };
        assert!(says(&one).contains("at least two different words"));
        let beyond = WordStream { tokens: vec![2, 4], ..stream.clone() };
        assert!(
            says(&beyond).contains("place 1")
                && says(&beyond).contains("the id 4 is not below the 4 ids")
        );
        for (row, length, fits) in [(3, 3, true), (4, 3, false), (3, 2, false), (0, 4, false)] {
            let initial = vec![(2, vec![0.0; 3]), (row, vec![0.0; length])];
            let stream = WordStream { initial, ..stream.clone() };
            assert_eq!(good.check(&stream).is_ok(), fits, "row {row} of {length}");
        }
        let rows = |offsets: &[u32], rows: &[u32]| WordStream {
            subwords: Some(WordRows {
                offsets: offsets.to_vec(),
                rows: rows.to_vec(),
                table_rows: 9,
            }),
            ..stream.clone()
        };
        good.check(&rows(&[0, 0, 0, 2, 3], &[1, 8, 0])).expect("rows of two words");
        for (offsets, of, why) in [
            (&[0, 0, 0, 2][..], &[1, 8][..], "an id has none"),
            (&[0, 0, 3, 2, 3], &[1, 8, 0], "they fall"),
            (&[0, 0, 0, 2, 2], &[1, 8, 0], "one belongs to none"),
            (&[0, 0, 0, 2, 4], &[1, 8, 0], "one is not there"),
        ] {
            assert!(says(&rows(offsets, of)).contains("the offsets"), "{why}");
        }
        assert!(says(&rows(&[0, 0, 0, 2, 3], &[1, 9, 0])).contains("the row 9 is not below the 9"));
    }

    #[test]
    fn samples_have_the_shape_of_their_method() {
        let of = |method, share_negatives, window, units| {
            let trainer =
                WordTrainer { method, share_negatives, window, units, ..WordTrainer::default() };
            (trainer.sharing(), trainer.shape())
        };
        let (skipgram, cbow) = (WordMethod::Skipgram, WordMethod::Cbow);
        assert_eq!(of(skipgram, true, 5, 100), ([GROUP, 4], [1, 1, 10, 20]));
        assert_eq!(of(skipgram, false, 5, 100), ([1, 1], [6, 1, 1, 5]));
        assert_eq!(of(cbow, true, 5, 100), ([GROUP, 1], [1, 10, 1, 5]));
        assert_eq!(of(cbow, false, 3, 100), ([1, 1], [1, 6, 1, 5]));
        // Wide windows of long vectors share fewer, and the widest none.
        let shared: Vec<usize> = [(20, 300), (50, 300), (50, 600), (100, 4096)]
            .map(|(window, units)| of(skipgram, true, window, units).0[1])
            .to_vec();
        assert!(shared.windows(2).all(|two| two[0] >= two[1]), "{shared:?}");
        assert_eq!(of(skipgram, true, 100, 4096), ([1, 1], [101, 1, 1, 5]));
    }

    /// A device whose bindings hold some rows of the tables, and some words of the stream, gives what one gives that holds
    /// all, but for how sums over pieces are rounded; of words that are made of rows, too.
    #[test]
    fn tables_and_streams_in_pieces_give_the_same_vectors() {
        let tokens: Vec<u32> =
            (0..700).map(|i| if i % 13 == 12 { 0 } else { 2 + (i * i + i / 7) % 23 }).collect();
        let mut counts = vec![0; 25];
        tokens.iter().for_each(|&id| counts[id as usize] += 1);
        let plain = WordStream { tokens, counts, first_word: 2, ..WordStream::default() };
        // A word has its own row and that of its class.
        let rows = WordRows {
            offsets: (0..26).map(|id: u32| 2 * id.saturating_sub(2)).collect(),
            rows: (2..25).flat_map(|id| [id, 25 + id % 5]).collect(),
            table_rows: 30,
        };
        let initial = vec![(3, vec![0.25; 8]), (19, vec![-0.5; 8])];
        let made = WordStream { subwords: Some(rows), initial, ..plain.clone() };
        for (stream, method) in [
            (&plain, WordMethod::Skipgram),
            (&plain, WordMethod::Cbow),
            (&made, WordMethod::Skipgram),
            (&made, WordMethod::Cbow),
        ] {
            let trainer =
                WordTrainer { method, units: 8, words_per_step: 16, ..WordTrainer::default() };
            let vectors = |max_binding: usize, tokens: &[u32], pieces: usize| {
                let device = Device::cpu();
                let recording = trainer.record(stream, max_binding).expect("a program");
                assert_eq!(recording.pieces.len(), pieces);
                let mut executor = device.prepare(&recording.program).expect("memory");
                let executor = executor.as_mut();
                trainer.write_start(stream, &recording, executor).expect("a start");
                let mut place = Place::default();
                let goes_on = &mut |_: &mut Place, _: &mut dyn Executor| Ok(true);
                trainer.epoch(&recording, executor, tokens, &mut place, goes_on).expect("trained");
                (place.done, place.check(&recording, executor).expect("numbers"))
            };
            let rows = stream.table_rows();
            // A piece of 111 words is one epoch of 7 steps where the stream's buffer holds no more.
            let whole = vectors(1 << 20, &stream.tokens[..111], 1);
            assert_eq!(whole.0.rows, 7);
            for held in [14, 4] {
                let found = vectors(held * 8, &stream.tokens[..held * 8 - 1], rows.div_ceil(held));
                let expected = vectors(1 << 20, &stream.tokens[..held * 8 - 1], 1);
                let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
                assert!(found.1.iter().zip(&expected.1).all(near), "{method:?}, {held} rows");
                assert_eq!((found.0.rows, found.0.right), (expected.0.rows, expected.0.right));
                assert!((found.0.loss / expected.0.loss - 1.0).abs() < 1e-6, "{found:?}");
            }
            // Two pieces of a stream are two sentences' ends apart, and all of their steps are counted.
            let (done, table) = vectors(14 * 8, &stream.tokens[..222], rows.div_ceil(14));
            assert_eq!(done.rows, 14);
            assert!(table != whole.1 && table.len() == rows * 8);
        }
    }
}
