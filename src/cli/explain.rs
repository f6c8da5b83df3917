//! `wgslearn explain`: each word's part in a classifier's answer.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{DeviceOption, RowsOptions, tell};
use crate::data::{TextColumns, read_examples};
use crate::model::Model;
use crate::printable::printable_field;
use crate::run::{Explanation, explain};

/// Explain a text's answer: what each word adds to the score of the label
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn explain model.safetensors 'a warm and clever film'
  wgslearn explain model.safetensors - --label negative < comments.txt
  wgslearn explain model.safetensors --file new.csv --json

A word's part is gradient times input of its embedding, for the label's score before sigmoid or softmax; that of an\nn-gram is spread evenly over its words. Parts, padding and rest add up to the score.")]
pub(super) struct Options {
    /// The model file
    model: PathBuf,
    /// The text; - or nothing reads one text a line from standard input
    #[arg(default_value = "-")]
    text: String,
    /// Explain the texts of a file
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,
    /// Column or key of the text, in a file
    #[arg(long, default_value = "text")]
    text_column: String,
    #[command(flatten)]
    rows: RowsOptions,
    /// The label to explain; the answer unless given
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    let device = options.device.open()?;
    let file = options.file.as_deref().or((options.text == "-").then_some(Path::new("-")));
    let texts = match file {
        None => vec![options.text.clone()],
        Some(path) => {
            let columns = TextColumns {
                text: options.text_column.clone(),
                label: None,
                format: options.rows.format,
                no_header: options.rows.no_header,
                keep_blank: true,
                ..TextColumns::default()
            };
            let examples = read_examples(path, &columns)?;
            tell(&examples.account, true);
            examples.texts
        }
    };
    let mut output = std::io::stdout().lock();
    let coloured = output.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for (i, found) in explain(&model, &texts, options.label.as_deref(), &device)?.iter().enumerate()
    {
        if options.json {
            writeln!(output, "{}", serde_json::to_string(found)?)?;
            continue;
        }
        if i > 0 {
            writeln!(output)?;
        }
        write_text(found, coloured, &mut output)?;
    }
    output.flush()?;
    Ok(())
}

/// Label, probability and score; the text in colours; and a line for each word.
fn write_text(found: &Explanation, coloured: bool, output: &mut impl Write) -> std::io::Result<()> {
    let label = printable_field(&found.label);
    writeln!(output, "{label}\t{:.4}\tscore {:.4}", found.probability, found.logit)?;
    let most = found.words.iter().map(|word| word.part.abs()).fold(0.0, f64::max);
    if coloured {
        for word in &found.words {
            let (start, end) = colour(word.part, most);
            write!(output, "{start}{}{end} ", printable_field(&word.word))?;
        }
        writeln!(output)?;
    }
    for word in &found.words {
        let (start, end) = if coloured { colour(word.part, most) } else { ("", "") };
        writeln!(output, "{:>+10.4}  {start}{}{end}", word.part, printable_field(&word.word))?;
    }
    if found.padding != 0.0 {
        writeln!(output, "{:>+10.4}  (padding)", found.padding)?;
    }
    if found.cut > 0 {
        writeln!(output, "            ({} words more than the model reads)", found.cut)?;
    }
    writeln!(output, "{:>+10.4}  (bias and what is not linear)", found.rest)
}

/// Green for what speaks for the label, red for what speaks against it: bold from half of the strongest part on, plain
/// from a tenth.
fn colour(part: f64, most: f64) -> (&'static str, &'static str) {
    const END: &str = "\x1b[0m";
    match (part.abs() / most.max(f64::MIN_POSITIVE), part > 0.0) {
        (strength, true) if strength >= 0.5 => ("\x1b[1;32m", END),
        (strength, false) if strength >= 0.5 => ("\x1b[1;31m", END),
        (strength, true) if strength >= 0.1 => ("\x1b[32m", END),
        (strength, false) if strength >= 0.1 => ("\x1b[31m", END),
        _ => ("", ""),
    }
}
