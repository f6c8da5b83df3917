//! `wgslearn predict`: a model's answers, one a line.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{DeviceOption, RowsOptions, note, tell};
use crate::data::TextColumns;
use crate::error::Error;
use crate::files::write_whole;
use crate::model::Model;
use crate::run::{
    AnswerFormat, AnswerOptions, AnswerWriter, LinePredictor, check_output, predict_files,
};

/// Predict: one answer a line, label and probability or the outputs, with tabs between
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  echo 'a fine film' | wgslearn predict model.safetensors
  wgslearn predict model.safetensors new.csv --json
  wgslearn predict model.safetensors new.csv -k 3 --threshold 0.1 --with-text -o answers.csv
  wgslearn predict pictures.safetensors holiday/ cat.png dog.png
  tail -f comments.log | wgslearn predict model.safetensors -")]
pub(super) struct Options {
    /// The model file
    model: PathBuf,
    /// Data to answer, files or folders; - or nothing reads one row a line from standard input
    #[arg(default_value = "-")]
    data: Vec<PathBuf>,
    /// Column or key of the text
    #[arg(long, default_value = "text")]
    text_column: String,
    /// So many labels of each row, the most probable first, with their probabilities
    #[arg(short = 'k', long = "top", value_name = "N")]
    top: Option<usize>,
    /// Only labels that are at least so probable; a row may then have none
    #[arg(long, value_name = "P")]
    threshold: Option<f64>,
    /// The row's text beside its answer: last in a line of text, first in CSV
    #[arg(long)]
    with_text: bool,
    /// Write the answers to a file: .txt, .csv, .tsv or .jsonl
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    rows: RowsOptions,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON object a line
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

/// Bytes of answers that are printed at once.
const PRINTED_AT: usize = 1 << 16;

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let format = match (&options.output, options.json) {
        (Some(output), _) => {
            let data = options.data.iter().map(PathBuf::as_path);
            let inputs: Vec<&Path> = data.chain([options.model.as_path()]).collect();
            check_output(output, &inputs)?;
            AnswerFormat::of_file(output)?
        }
        (None, true) => AnswerFormat::Json,
        (None, false) => AnswerFormat::Text,
    };
    let model = Model::load(&options.model)?;
    let mut wanted = AnswerOptions::new();
    (wanted.most, wanted.threshold) = (options.top, options.threshold);
    wanted.with_text = options.with_text;
    wanted.check(&model)?;
    let device = options.device.open()?;
    let mut writer = AnswerWriter::new(&model, &wanted, format);
    let mut written = Vec::new();
    // Without a file, answers are printed as they come.
    let print = |written: &mut Vec<u8>| -> anyhow::Result<()> {
        if options.output.is_none() {
            let mut output = std::io::stdout().lock();
            output.write_all(written)?;
            output.flush()?;
            written.clear();
        }
        Ok(())
    };
    let keep = |written: &[u8]| match &options.output {
        Some(output) => write_whole(output, written),
        None => Ok(()),
    };
    // Lines are answered as they come, unless they are said to be rows of a format, or are packed or in UTF-16.
    let is_plain = options.rows.format.is_none() && !options.rows.no_header;
    if options.data == [Path::new("-")]
        && is_plain
        && is_utf8_text(std::io::stdin().lock().fill_buf()?)
    {
        let mut predictor = LinePredictor::with_options(&model, &device, &wanted)?;
        let mut input = BufReader::with_capacity(1 << 20, std::io::stdin().lock());
        let mut first = 1;
        loop {
            let lines = read_chunk(&mut input, predictor.rows_at_once(), first)?;
            if lines.is_empty() {
                break;
            }
            for answer in predictor.answer(&lines, "standard input", first)? {
                writer.write(&answer, &mut written)?;
            }
            // Whoever waits for an answer gets it before more is read.
            print(&mut written)?;
            first += lines.len() as u64;
        }
        keep(&written)?;
        for sentence in predictor.warnings() {
            note(format_args!("warning: standard input: {sentence}"));
        }
        return Ok(());
    }
    let mut failed = None;
    let columns = TextColumns {
        text: options.text_column.clone(),
        format: options.rows.format,
        no_header: options.rows.no_header,
        ..TextColumns::default()
    };
    let accounts =
        predict_files(&model, &options.data, &columns, &wanted, &device, &mut |answer| {
            writer.write(answer, &mut written)?;
            if failed.is_none() && written.len() >= PRINTED_AT {
                failed = print(&mut written).err();
            }
            Ok(())
        })?;
    if let Some(error) = failed {
        return Err(error);
    }
    print(&mut written)?;
    keep(&written)?;
    accounts.iter().for_each(|account| tell(account, account.rows_left_out() == 0));
    Ok(())
}

/// Whether input that begins so is text in UTF-8, which is answered line by line as it comes. What is packed, or in UTF-16
/// by its mark, is read whole.
fn is_utf8_text(start: &[u8]) -> bool {
    !crate::data::is_packed(start) && !matches!(start, [0xff, 0xfe, ..] | [0xfe, 0xff, ..])
}

/// Reads the lines that are there: at least one, and up to `most` as far as they need no waiting.
fn read_chunk(
    input: &mut BufReader<impl std::io::Read>,
    most: usize,
    first: u64,
) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut bytes = Vec::new();
    while lines.len() < most && (lines.is_empty() || input.buffer().contains(&b'\n')) {
        bytes.clear();
        if input.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        // A byte order mark, as Windows PowerShell puts before what it pipes, is no part of a word.
        let is_first = first == 1 && lines.is_empty();
        let line = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| is_first).unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // As in files, a carriage return ends a line by itself too.
        for line in line.split(|&byte| byte == b'\r') {
            let text = std::str::from_utf8(line).map_err(|error| Error::Data {
                place: format!("standard input, line {}", first + lines.len() as u64),
                message: format!(
                    "byte {} is not UTF-8; convert the input, for example with iconv -t UTF-8",
                    error.valid_up_to() + 1
                ),
            })?;
            lines.push(text.to_owned());
        }
    }
    Ok(lines)
}
