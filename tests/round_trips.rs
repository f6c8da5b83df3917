//! There and back: rows to a file of every format, numbers through what scales them, models through their files. And
//! whatever byte of a model's description is changed, reading it is an error or gives a model that works.

mod common;

use common::cli::Folder;
use proptest::prelude::*;
use wgslearn::data::{
    ImageOptions, ImageShape, TableColumns, TableEncoder, TextColumns, image_png, npy_bytes,
    read_columns, read_examples, read_images, read_npy,
};
use wgslearn::run::LinePredictor;
use wgslearn::{Device, Model};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Texts with what formats give a meaning to, but for white space at their ends, which is no part of any.
fn texts() -> impl Strategy<Value = Vec<(String, String)>> {
    let word = "[a-zé,;'\"|\\\\{}:0-9#\u{4e2d}\u{1f600}-]{1,6}";
    let text = prop::collection::vec(word, 1..5).prop_map(|words| words.join(" "));
    prop::collection::vec((text, "[a-z][a-z0-9,'-]{0,4}"), 1..8)
}

fn examples(name: &str, bytes: impl AsRef<[u8]>) -> Vec<(String, String)> {
    let folder = Folder::new();
    let path = folder.write(name, bytes);
    let found = read_examples(&path, &TextColumns::default()).expect(name);
    assert_eq!(found.account.kept(), found.texts.len());
    found.texts.into_iter().zip(found.labels).collect()
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn texts_come_back_from_every_format(rows in texts()) {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(["label", "text"]).expect("in memory");
        let (mut json, mut tsv, mut labelled) =
            (String::new(), "text\tlabel\n".to_owned(), String::new());
        for (text, label) in &rows {
            // Several lines of one text are quoted.
            csv.write_record([label, &text.replacen(' ', "\n", 1)]).expect("in memory");
            json += &format!("{}\n", serde_json::json!({ "text": text, "label": label }));
            tsv += &format!("{text}\t{label}\n");
            labelled += &format!("__label__{label} {text}\n");
        }
        let csv = csv.into_inner().expect("in memory");
        let several: Vec<_> =
            rows.iter().map(|(text, label)| (text.replacen(' ', "\n", 1), label.clone())).collect();
        prop_assert_eq!(&examples("a.csv", csv), &several);
        prop_assert_eq!(&examples("a.jsonl", &json), &rows);
        prop_assert_eq!(&examples("a.txt", labelled), &rows);
        // As published: nothing is quoted. Whole fields in quotes are.
        let is_quoted = |text: &str| text.starts_with('"');
        if !rows.iter().any(|(text, _)| is_quoted(text)) {
            prop_assert_eq!(&examples("a.tsv", tsv), &rows);
        }
        let array: Vec<serde_json::Value> =
            json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        prop_assert_eq!(&examples("a.json", serde_json::to_vec(&array).expect("JSON")), &rows);
    }

    #[test]
    fn numbers_come_back_through_their_scale(
        rows in prop::collection::vec((-1e6f64..1e6, -1e-3f64..1e-3, 0u32..5, 1e9f64..2e9), 2..30),
    ) {
        let folder = Folder::new();
        let lines: String =
            rows.iter().map(|(a, b, c, y)| format!("{a},{b},{c},{y}\n")).collect();
        let path = folder.write("t.csv", format!("a,b,c,y\n{lines}"));
        let wanted = TableColumns { target: Some("y"), ..TableColumns::default() };
        let table = read_columns(&path, &wanted).expect("a table");
        // Every digit is kept.
        let flat: Vec<f64> = rows.iter().flat_map(|&(a, b, c, _)| [a, b, c as f64]).collect();
        prop_assert_eq!(&table.values, &flat);
        let targets = table.numeric_targets(&path).expect("numbers");
        prop_assert_eq!(&targets, &rows.iter().map(|row| row.3).collect::<Vec<_>>());
        let encoder = TableEncoder::fit(&table, Some(&targets), None);
        let back = encoder.decode(&encoder.encode(&table));
        for (i, (&back, &value)) in back.iter().zip(&flat).enumerate() {
            let column = flat.iter().skip(i % 3).step_by(3);
            let largest = column.fold(0f64, |most, value| most.max(value.abs()));
            prop_assert!((back as f64 - value).abs() <= 1e-5 * largest, "{back} for {value}");
        }
        for (back, value) in encoder.decode_targets(&encoder.encode_targets(&targets)).iter().zip(&targets) {
            prop_assert!((back - value).abs() < 1e-6 * 2e9, "{back} for {value}");
        }
    }

    #[test]
    fn arrays_and_pictures_come_back(
        values in prop::collection::vec(any::<f32>().prop_filter("finite", |v| v.is_finite()), 12),
        bytes in prop::collection::vec(any::<u8>(), 24),
    ) {
        let folder = Folder::new();
        for shape in [&[12][..], &[3, 4], &[2, 3, 2], &[1, 12]] {
            let path = folder.write("x.npy", npy_bytes(&values, shape).expect("an array"));
            let array = read_npy(&path).expect("an array");
            prop_assert_eq!(&array.shape[..], shape);
            let back: Vec<u32> = array.values.iter().map(|&v| (v as f32).to_bits()).collect();
            prop_assert_eq!(back, values.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
        }
        for shape in [
            ImageShape { width: 4, height: 6, channels: 1 },
            ImageShape { width: 2, height: 4, channels: 3 },
        ] {
            let pixels: Vec<f32> = bytes.iter().map(|&byte| byte as f32 / 255.0).collect();
            let path = folder.write("x.png", image_png(shape, &pixels).expect("a picture"));
            let images = read_images(&path, &ImageOptions::default()).expect("a picture");
            let back: Vec<u8> = images.values.iter().map(|v| (v * 255.0).round() as u8).collect();
            if images.shape == shape {
                prop_assert_eq!(&back, &bytes);
            } else {
                // A colour picture whose pixels are all grey.
                prop_assert_eq!(images.shape.channels, 1);
            }
        }
    }
}

/// Small models of each kind, with a row that each answers.
fn models(folder: &Folder) -> Vec<(Vec<u8>, String)> {
    folder.reviews();
    let rows: String =
        (0..30).map(|i| format!("{},{},{}\n", i % 7, ["a", "b"][i % 2], i % 3)).collect();
    folder.write("t.csv", format!("x,c,y\n{rows}"));
    let runs = [
        ("train text reviews.csv --dim 2 --word-ngrams 2 --ngram-buckets 9", "a good film"),
        ("train table t.csv --target y --hidden 3 --missing mean", "1,a"),
        ("train table t.csv --target x --task regression", "a,2"),
        ("train autoencoder reviews.csv --layers 2", "a good film"),
        ("train words reviews.csv --dim 2 --min-count 1", "film"),
    ];
    runs.iter()
        .map(|(run, row)| {
            let mut words: Vec<&str> = run.split(' ').collect();
            words.extend(["--epochs", "1", "--quiet", "--device", "cpu", "-o", "m"]);
            folder.ok(&words);
            (std::fs::read(folder.path("m")).expect("a model"), (*row).to_owned())
        })
        .collect()
}

fn answer(model: &Model, row: &str) -> Option<Vec<f64>> {
    let mut predictor = LinePredictor::new(model, &Device::cpu()).ok()?;
    let answers = predictor.answer(&[row.to_owned()], "a row", 1).ok()?;
    Some(answers.first()?.outputs.clone())
}

#[test]
fn models_come_back_and_a_changed_byte_gives_an_error_or_a_model_that_works() {
    let folder = Folder::new();
    for (bytes, row) in models(&folder) {
        let path = folder.write("m", &bytes);
        let model = Model::load(&path).expect("a model");
        model.save(folder.path("again")).expect("saved");
        assert!(std::fs::read(folder.path("again")).expect("a model") == bytes, "{row}");
        assert_eq!(Model::load(folder.path("again")).expect("a model"), model);

        // Without its checksum, which finds every change: as files were before there was one.
        let start = 8 + u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
        let head = String::from_utf8(bytes[8..start].to_vec()).expect("JSON");
        let at = head.find(",\\\"checksum\\\":\\\"").expect("a checksum");
        let head = head.replace(&head[at..at + 50], "").trim_end().to_owned();
        let (from, to) = (head.find("__metadata__").expect("metadata"), head.len());
        let write = |head: &[u8]| {
            let mut head = head.to_vec();
            head.resize(head.len().next_multiple_of(8), b' ');
            let length = (head.len() as u64).to_le_bytes();
            folder.write("x", [&length[..], &head, &bytes[start..]].concat())
        };
        let whole = Model::load(write(head.as_bytes())).expect("an older file");
        let known = answer(&whole, &row);
        let mut runner = proptest::test_runner::TestRunner::new(config(250));
        let changes = (
            from..to,
            prop_oneof![
                prop::sample::select(b"0123456789-.eE\"\\,:[]{} truefalsn".to_vec()),
                any::<u8>(),
            ],
        );
        let done = runner.run(&changes, |(at, byte)| {
            let mut changed = head.as_bytes().to_vec();
            changed[at] = byte;
            let loaded = Model::load(write(&changed));
            if let Ok(model) = loaded {
                prop_assert!(model.parameter_count() == whole.parameter_count());
                if let Some(found) = answer(&model, &row) {
                    prop_assert!(found.iter().all(|value| !value.is_nan()), "byte {at} as {byte}");
                    prop_assert!(known.as_ref().is_none_or(|known| known.len() == found.len()));
                }
            }
            Ok(())
        });
        done.unwrap_or_else(|error| panic!("{row}: {error}"));
    }
}
