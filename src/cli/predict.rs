//! `wgslearn predict`: a model's answers, one a line.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{DeviceOption, RowsOptions, note, tell};
use crate::data::TextColumns;
use crate::error::Error;
use crate::model::Model;
use crate::run::{Answer, LinePredictor, predict_file};

/// Predict: one answer a line, label and probability or the outputs, with tabs between
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  echo 'a fine film' | wgslearn predict model.safetensors
  wgslearn predict model.safetensors new.csv --json
  tail -f comments.log | wgslearn predict model.safetensors -")]
pub(super) struct Options {
    /// The model file
    model: PathBuf,
    /// Data to answer; - or nothing reads one row a line from standard input
    #[arg(default_value = "-")]
    data: PathBuf,
    /// Column or key of the text
    #[arg(long, default_value = "text")]
    text_column: String,
    #[command(flatten)]
    rows: RowsOptions,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Lines that are answered at once when they are there.
const CHUNK: usize = 16_384;

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    let device = options.device.open()?;
    let mut output = BufWriter::new(std::io::stdout().lock());
    let write = |output: &mut dyn Write, answer: &Answer| -> anyhow::Result<()> {
        match options.json {
            true => writeln!(output, "{}", serde_json::to_string(answer)?)?,
            false => writeln!(output, "{answer}")?,
        }
        Ok(())
    };
    // Lines are answered as they come, unless they are said to be rows of a format, or are packed or in UTF-16.
    let is_plain = options.rows.format.is_none() && !options.rows.no_header;
    if options.data == Path::new("-")
        && is_plain
        && is_utf8_text(std::io::stdin().lock().fill_buf()?)
    {
        let mut predictor = LinePredictor::new(&model, &device)?;
        let mut input = BufReader::with_capacity(1 << 20, std::io::stdin().lock());
        let mut first = 1;
        loop {
            let lines = read_chunk(&mut input, first)?;
            if lines.is_empty() {
                break;
            }
            for answer in predictor.answer(&lines, "standard input", first)? {
                write(&mut output, &answer)?;
            }
            // Whoever waits for an answer gets it before more is read.
            output.flush()?;
            first += lines.len() as u64;
        }
        output.flush()?;
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
    let account = predict_file(&model, &options.data, &columns, &device, &mut |answer| {
        if failed.is_none() {
            failed = write(&mut output, answer).err();
        }
        Ok(())
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    output.flush()?;
    tell(&account, account.rows_left_out() == 0);
    Ok(())
}

/// Whether input that begins so is text in UTF-8, which is answered line by line as it comes. What is packed, or in UTF-16
/// by its mark, is read whole.
fn is_utf8_text(start: &[u8]) -> bool {
    !crate::data::is_packed(start) && !matches!(start, [0xff, 0xfe, ..] | [0xfe, 0xff, ..])
}

/// Reads the lines that are there: at least one, and more only as far as they need no waiting.
fn read_chunk(
    input: &mut BufReader<impl std::io::Read>,
    first: u64,
) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut bytes = Vec::new();
    while lines.len() < CHUNK && (lines.is_empty() || input.buffer().contains(&b'\n')) {
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
