//! A model's answers: for a file, or line by line.

use std::path::{Path, PathBuf};

use super::answers::{Answer, AnswerOptions, answers_pictures};
use super::load::texts::{cut_texts, unknown_rows};
use super::load::{NamedRows, read_named_pictures, read_rows_as};
use crate::backend::Device;
use crate::data::{
    Account, Decimals, Inputs, NAMED, ScaleWatch, TextColumns, holds_picture_files, list_pictures,
    read_examples, unknown_categories,
};
use crate::error::{Error, Result};
use crate::model::{Input, Model, Preprocessor};
use crate::text::Room;
use crate::train::Predictor;

/// Rows of one kind: how many, and the lines of the first few.
#[derive(Debug, Default)]
struct Counted {
    rows: usize,
    lines: Vec<u64>,
}

impl Counted {
    fn add(&mut self, line: u64) {
        self.rows += 1;
        if self.lines.len() < NAMED {
            self.lines.push(line);
        }
    }
}

/// Answers texts, or rows of numbers, as they come. Longer texts than those of training are read whole
/// where the model's layers read any length.
#[derive(Debug)]
pub struct LinePredictor {
    model: Model,
    device: Device,
    predictor: Predictor,
    options: AnswerOptions,
    /// For texts longer than the model's, up to its own length.
    longer: Option<(Model, Predictor)>,
    /// For a table whose first line names its columns.
    header: Option<Header>,
    /// How lines with semicolons between their fields write numbers.
    decimals: Decimals,
    /// Rows answered so far of which no word, or not every category, was known.
    unknown: Counted,
    /// Texts answered so far that were cut.
    cut: Counted,
    /// How far a table's rows are from those of training.
    scale: ScaleWatch,
}

impl LinePredictor {
    /// Puts `model` on `device`.
    ///
    /// # Errors
    /// [`Error::Device`] when the device cannot hold it.
    pub fn new(model: &Model, device: &Device) -> Result<LinePredictor> {
        LinePredictor::with_options(model, device, &AnswerOptions::new())
    }

    /// Puts `model` on `device`, to answer as `options` say.
    ///
    /// # Errors
    /// [`Error::Usage`] when the options do not go with the model, [`Error::Device`] when the device cannot hold it.
    pub fn with_options(
        model: &Model,
        device: &Device,
        options: &AnswerOptions,
    ) -> Result<LinePredictor> {
        options.check(model)?;
        Ok(LinePredictor {
            model: model.clone(),
            device: device.clone(),
            predictor: Predictor::new(model, device)?,
            options: options.clone(),
            longer: None,
            header: None,
            decimals: Decimals::between(b';'),
            unknown: Counted::default(),
            cut: Counted::default(),
            scale: ScaleWatch::default(),
        })
    }

    /// Rows to answer at once: so few that their outputs, of which a model may have many thousands, take some 64 MB.
    pub fn rows_at_once(&self) -> usize {
        ((1 << 23) / self.model.outputs().max(1)).clamp(1, 16_384)
    }

    /// [`LinePredictor::warnings`], which begin anew then.
    fn take_warnings(&mut self) -> Vec<String> {
        let warnings = self.warnings();
        (self.unknown, self.cut, self.scale) = Default::default();
        warnings
    }

    /// What a person should know of the answers so far: a sentence for each kind of row that was not read whole.
    pub fn warnings(&self) -> Vec<String> {
        let (unknown, cut) = (&self.unknown, &self.cut);
        let mut warnings = Vec::new();
        if unknown.rows > 0 {
            warnings.push(match &self.model.preprocessor {
                Preprocessor::Text(_) => unknown_rows(&unknown.lines, unknown.rows),
                _ => unknown_categories(&unknown.lines, unknown.rows),
            });
        }
        if let Preprocessor::Text(encoder) = &self.model.preprocessor
            && cut.rows > 0
        {
            warnings.push(cut_texts(encoder.length(), &cut.lines, cut.rows));
        }
        if let Preprocessor::Table(encoder) = &self.model.preprocessor {
            warnings.extend(self.scale.said(encoder));
        }
        warnings.extend(self.decimals.warning().map(str::to_owned));
        warnings
    }

    /// Answers some lines: texts for a model of texts, else fields with commas, tabs or spaces between.
    /// `first` is the number of the first line, for messages. A first line that names a table's columns
    /// has no answer: the lines behind it are read by these names.
    ///
    /// # Errors
    /// [`Error::Data`] names the line of what is no row.
    pub fn answer(&mut self, lines: &[String], source: &str, first: u64) -> Result<Vec<Answer>> {
        let numbers: Vec<u64> = (first..).take(lines.len()).collect();
        let mut answers = match (&self.model.preprocessor, self.model.input()) {
            (Preprocessor::Text(_), _) => self.answer_texts(lines, source),
            (Preprocessor::Table(_), _) => self.answer_table(lines, &numbers, source),
            (_, Input::Ids { length }) => {
                let mut values = Vec::with_capacity(lines.len() * length);
                for (line, &number) in lines.iter().zip(&numbers) {
                    for value in parse_row(line, length, &mut self.decimals, source, number)? {
                        let is_id = value >= 0.0 && value.fract() == 0.0 && value < u32::MAX as f64;
                        values.push(is_id.then_some(value as u32).ok_or_else(|| Error::Data {
                            place: format!("{source}, line {number}"),
                            message: format!("{value} is no id; ids are whole numbers from 0 on"),
                        })?);
                    }
                }
                self.answers(&Inputs::Ids { values, length }, source)
            }
            (_, Input::Matrix { features }) => {
                let mut values = Vec::with_capacity(lines.len() * features);
                for (line, &number) in lines.iter().zip(&numbers) {
                    let row = parse_row(line, features, &mut self.decimals, source, number)?;
                    values.extend(row.into_iter().map(|value| value as f32));
                }
                self.answers(&Inputs::Matrix { values, features }, source)
            }
        }?;
        // A line of names, the first, has no answer.
        let named = numbers.len() - answers.len();
        self.count(&answers, &numbers[named..]);
        self.put_texts(&mut answers, &lines[named..]);
        Ok(answers)
    }

    /// Puts the rows beside their answers, where that is asked for.
    fn put_texts(&self, answers: &mut [Answer], texts: &[String]) {
        if self.options.with_text {
            for (answer, text) in answers.iter_mut().zip(texts) {
                answer.text = Some(text.clone());
            }
        }
    }

    /// Counts answers for the warnings; `lines` are those of their rows.
    fn count(&mut self, answers: &[Answer], lines: &[u64]) {
        for (answer, &line) in answers.iter().zip(lines) {
            if answer.unknown {
                self.unknown.add(line);
            }
            if answer.cut > 0 {
                self.cut.add(line);
            }
        }
    }

    fn answer_texts(&mut self, texts: &[String], source: &str) -> Result<Vec<Answer>> {
        let Preprocessor::Text(encoder) = &self.model.preprocessor else { return Ok(Vec::new()) };
        let (values, encoded) = encoder.encode_all(texts);
        let length = encoder.width();
        let mut answers = self.answers(&Inputs::Ids { values, length }, source)?;
        for (answer, encoded) in answers.iter_mut().zip(&encoded) {
            answer.unknown = encoded.known == 0;
        }
        let is_cut = |row: &usize| encoded[*row].cut > 0;
        let cut: Vec<usize> = (0..texts.len()).filter(is_cut).collect();
        let Some(room) = cut.iter().map(|&row| encoded[row].room()).reduce(Room::max) else {
            return Ok(answers);
        };
        if !self.reads(room)? {
            cut.iter().for_each(|&row| answers[row].cut = encoded[row].cut);
            return Ok(answers);
        }
        let Some((model, predictor)) = &mut self.longer else { return Ok(answers) };
        let Preprocessor::Text(encoder) = &model.preprocessor else { return Ok(answers) };
        let long: Vec<&str> = cut.iter().map(|&row| texts[row].as_str()).collect();
        let (values, encoded) = encoder.encode_all(&long);
        let inputs = Inputs::Ids { values, length: encoder.width() };
        let outputs = predictor.predict(&inputs, source)?;
        for ((&row, encoded), outputs) in
            cut.iter().zip(encoded).zip(outputs.chunks_exact(model.outputs()))
        {
            let (unknown, cut) = (encoded.known == 0, encoded.cut);
            answers[row] =
                Answer { unknown, cut, ..Answer::new(&self.model, outputs, &self.options) };
        }
        Ok(answers)
    }

    /// Whether there is a predictor for texts of this size, which is made where it can be.
    fn reads(&mut self, room: Room) -> Result<bool> {
        // Much longer rows than needed would cost their length.
        let most = |size: usize| size.next_power_of_two();
        let wanted = Room { words: most(room.words), ids: most(room.ids) };
        let least = wanted.words.max(wanted.ids);
        let has = |(model, _): &(Model, Predictor)| match &model.preprocessor {
            Preprocessor::Text(encoder) => {
                let has = encoder.room();
                has.holds(room) && has.words.max(has.ids) <= 4 * least
            }
            _ => false,
        };
        if !self.longer.as_ref().is_some_and(has) {
            self.longer = match self.model.for_room(wanted) {
                Some(model) => {
                    let predictor = Predictor::new(&model, &self.device)?;
                    Some((model, predictor))
                }
                None => None,
            };
        }
        Ok(self.longer.is_some())
    }

    fn answer_table(
        &mut self,
        lines: &[String],
        numbers: &[u64],
        source: &str,
    ) -> Result<Vec<Answer>> {
        let Preprocessor::Table(encoder) = &self.model.preprocessor else { return Ok(Vec::new()) };
        let columns = &encoder.columns;
        let mut values = Vec::with_capacity(lines.len() * columns.len());
        let mut is_unknown = Vec::with_capacity(lines.len());
        for (line, &number) in lines.iter().zip(numbers) {
            let wrong = |message: String| Error::Data {
                place: format!("{source}, line {number}"),
                message,
            };
            if number == 1
                && let Some(header) = Header::of(line, columns)
            {
                self.header = Some(header);
                continue;
            }
            let separator = self.header.as_ref().map(|header| header.separator);
            let (fields, separator) = fields_of(line, columns.len(), separator).map_err(wrong)?;
            if self.header.is_none() && fields.len() != columns.len() {
                return Err(wrong(format!(
                    "{} fields, but the model reads {}: {}",
                    fields.len(),
                    columns.len(),
                    columns.join(", ")
                )));
            }
            let mut has_unknown = false;
            for i in 0..columns.len() {
                let at = self.header.as_ref().map_or(i, |header| header.places[i]);
                let field = fields.get(at).ok_or_else(|| {
                    wrong(format!("{} fields, but the first line names more", fields.len()))
                })?;
                let field = match separator {
                    Some(b';') => self.decimals.read(number, field.trim()).map_err(wrong)?,
                    _ => field.into(),
                };
                let (value, unknown) = encoder.parse_field(i, &field).map_err(wrong)?;
                values.push(value);
                has_unknown |= unknown;
            }
            is_unknown.push(has_unknown);
        }
        let values = encoder.encode_values(&values);
        let named = numbers.len() - is_unknown.len();
        self.scale.add(encoder, &values, &numbers[named..]);
        let inputs = Inputs::Matrix { values, features: encoder.features() };
        let mut answers = self.answers(&inputs, source)?;
        answers.iter_mut().zip(is_unknown).for_each(|(answer, is)| answer.unknown = is);
        Ok(answers)
    }

    fn answers(&mut self, inputs: &Inputs, source: &str) -> Result<Vec<Answer>> {
        let outputs = self.predictor.predict(inputs, source)?;
        let rows = outputs.chunks_exact(self.model.outputs());
        Ok(rows.map(|row| Answer::new(&self.model, row, &self.options)).collect())
    }
}

/// A first line that names a table's columns.
#[derive(Debug)]
struct Header {
    /// What stands between fields; `None` where white space does.
    separator: Option<u8>,
    /// Where each of the model's columns is.
    places: Vec<usize>,
}

impl Header {
    /// What a line tells that names all of these columns.
    fn of(line: &str, columns: &[String]) -> Option<Header> {
        [Some(b','), Some(b';'), Some(b'\t'), None].into_iter().find_map(|separator| {
            let fields = split(line, separator).ok()?;
            let place = |name: &String| fields.iter().position(|field| field.trim() == name);
            let places = columns.iter().map(place).collect::<Option<_>>()?;
            Some(Header { separator, places })
        })
    }
}

/// The fields of a line, and what stands between them (`None` for white space): what is known; else what gives as many as the
/// model reads; else a comma, a semicolon or a tab where the line holds one.
fn fields_of(
    line: &str,
    width: usize,
    known: Option<Option<u8>>,
) -> std::result::Result<(Vec<String>, Option<u8>), String> {
    let held = || [b',', b';', b'\t'].into_iter().filter(|&byte| line.contains(byte as char));
    let separator = known.unwrap_or_else(|| {
        let fits = |&byte: &u8| split(line, Some(byte)).is_ok_and(|fields| fields.len() == width);
        // One separator alone needs no trial.
        if held().count() < 2 { held().next() } else { held().find(fits).or(held().next()) }
    });
    Ok((split(line, separator)?, separator))
}

/// The fields of a line, with this or white space between.
fn split(line: &str, separator: Option<u8>) -> std::result::Result<Vec<String>, String> {
    let Some(separator) = separator else {
        return Ok(line.split_whitespace().map(str::to_owned).collect());
    };
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.has_headers(false).delimiter(separator).from_reader(line.as_bytes());
    let mut record = csv::StringRecord::new();
    reader.read_record(&mut record).map_err(|e| format!("the line cannot be read ({e})"))?;
    Ok(record.iter().map(str::to_owned).collect())
}

/// One row of numbers.
fn parse_row(
    line: &str,
    width: usize,
    decimals: &mut Decimals,
    source: &str,
    number: u64,
) -> Result<Vec<f64>> {
    let wrong =
        |message: String| Error::Data { place: format!("{source}, line {number}"), message };
    let (fields, separator) = fields_of(line, width, None).map_err(wrong)?;
    let values: Vec<f64> = fields
        .iter()
        .map(|field| {
            let field = match separator {
                Some(b';') => decimals.read(number, field.trim()).map_err(wrong)?,
                _ => field.trim().into(),
            };
            let value = field.parse::<f64>().ok().filter(|value| value.is_finite());
            value.ok_or_else(|| wrong(format!("\"{field}\" is no finite number")))
        })
        .collect::<Result<_>>()?;
    if values.len() != width {
        return Err(wrong(format!("{} numbers, but the model reads {width}", values.len())));
    }
    Ok(values)
}

/// Answers every row of a file: texts, a table with the model's columns, an array or images. Returns
/// what became of the file's rows.
///
/// # Errors
/// [`Error::Usage`] when the options do not go with the model; whatever reading or running meets.
pub fn predict_file(
    model: &Model,
    path: &Path,
    columns: &TextColumns,
    options: &AnswerOptions,
    device: &Device,
    each: &mut dyn FnMut(&Answer) -> Result<()>,
) -> Result<Account> {
    let mut predictor = LinePredictor::with_options(model, device, options)?;
    answer_file(&mut predictor, model, path, columns, options, each)
}

/// [`predict_file`] of several files, one behind the other, with an account each. Pictures, in files and folders, are read
/// together, and called by their paths.
///
/// # Errors
/// As [`predict_file`].
pub fn predict_files(
    model: &Model,
    paths: &[PathBuf],
    columns: &TextColumns,
    options: &AnswerOptions,
    device: &Device,
    each: &mut dyn FnMut(&Answer) -> Result<()>,
) -> Result<Vec<Account>> {
    let mut predictor = LinePredictor::with_options(model, device, options)?;
    let mut accounts = Vec::with_capacity(paths.len());
    if let (Preprocessor::Image(encoder), true) = (&model.preprocessor, paths.len() > 1)
        && paths.iter().all(|path| holds_picture_files(path))
    {
        let (mut files, mut names) = (Vec::new(), Vec::new());
        for path in paths {
            let (found, within, account) = list_pictures(path)?;
            let of = |name: &String| match path.is_dir() {
                true => path.join(name).display().to_string(),
                false => path.display().to_string(),
            };
            names.extend(within.iter().map(of));
            files.extend(found);
            accounts.push(account);
        }
        let rows = read_named_pictures(encoder, &files, names)?;
        if let Some(account) = accounts.last_mut() {
            account.warnings.extend_from_slice(&rows.account.warnings);
        }
        answer_rows(&mut predictor, model, rows, "the pictures", options, each)?;
        return Ok(accounts);
    }
    for path in paths {
        accounts.push(answer_file(&mut predictor, model, path, columns, options, each)?);
    }
    Ok(accounts)
}

/// [`predict_file`] by a predictor that is there.
fn answer_file(
    predictor: &mut LinePredictor,
    model: &Model,
    path: &Path,
    columns: &TextColumns,
    options: &AnswerOptions,
    each: &mut dyn FnMut(&Answer) -> Result<()>,
) -> Result<Account> {
    let source = path.display().to_string();
    if let Preprocessor::Text(_) = model.preprocessor {
        let columns = TextColumns { label: None, keep_blank: true, ..columns.clone() };
        let examples = read_examples(path, &columns)?;
        let mut account = examples.account.clone();
        let most = predictor.rows_at_once().min(4096);
        for (texts, lines) in examples.texts.chunks(most).zip(examples.lines.chunks(most)) {
            let mut answers = predictor.answer_texts(texts, &source)?;
            predictor.count(&answers, lines);
            predictor.put_texts(&mut answers, texts);
            answers.iter().try_for_each(&mut *each)?;
        }
        predictor.take_warnings().into_iter().for_each(|sentence| account.warn(sentence));
        return Ok(account);
    }
    let rows = read_rows_as(model, path, columns, options.with_text)?;
    let account = rows.account.clone();
    answer_rows(predictor, model, rows, &source, options, each)?;
    Ok(account)
}

/// Answers rows that are no texts.
fn answer_rows(
    predictor: &mut LinePredictor,
    model: &Model,
    rows: NamedRows,
    source: &str,
    options: &AnswerOptions,
    each: &mut dyn FnMut(&Answer) -> Result<()>,
) -> Result<()> {
    let texts = if rows.texts.is_empty() { &rows.names } else { &rows.texts };
    if options.with_text && texts.is_empty() {
        return Err(Error::usage(format!(
            "{source}: the rows of an array have no text that could stand beside their answers"
        )));
    }
    let are_pictures = answers_pictures(model);
    predictor.predictor.predict_in_blocks(&rows.inputs, source, &mut |first, outputs| {
        for (row, outputs) in (first..).zip(outputs.chunks_exact(model.outputs())) {
            let text = texts.get(row).cloned();
            let (name, text) = match are_pictures {
                true => (text, None),
                false => (None, text.filter(|_| options.with_text)),
            };
            let unknown = rows.unknown.binary_search(&row).is_ok();
            each(&Answer { name, text, unknown, ..Answer::new(model, outputs, options) })?;
        }
        Ok(())
    })
}
