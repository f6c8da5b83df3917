//! Tests: data sets beside plain lists of rows, files read in blocks beside files read whole, and arrays and pictures beside
//! a few lines that do the same the simplest way, over random ones.

use std::io::Write;
use std::path::Path;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::dataset::leave_out;
use super::examples::read_block;
use super::*;

/// What a row is: ids or numbers, its targets, its weight.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    inputs: Vec<u32>,
    targets: Vec<f32>,
    weight: f32,
}

/// How the inputs of rows lie.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Ids,
    Ragged,
    Matrix,
}

/// The same rows as a data set; targets of no width are the inputs, and weights of 1 none.
fn dataset(rows: &[Row], kind: Kind, length: usize) -> Dataset {
    let ids: Vec<u32> = rows.iter().flat_map(|row| row.inputs.clone()).collect();
    let ends = rows.iter().scan(0, |end, row| {
        *end += row.inputs.len();
        Some(*end)
    });
    let inputs = match kind {
        Kind::Ids => Inputs::Ids { values: ids, length },
        Kind::Ragged => Inputs::Ragged { values: ids, ends: ends.collect(), length },
        Kind::Matrix => {
            Inputs::Matrix { values: ids.iter().map(|&id| id as f32).collect(), features: length }
        }
    };
    let width = rows[0].targets.len();
    let targets = match width {
        0 => Targets::Inputs,
        _ => {
            let values = rows.iter().flat_map(|row| row.targets.clone()).collect();
            Targets::Values { values, width }
        }
    };
    let weights: Vec<f32> = rows.iter().map(|row| row.weight).collect();
    let dataset = Dataset::new(inputs, targets, "rows").expect("a data set");
    match weights.iter().all(|&weight| weight == 1.0) {
        true => dataset,
        false => dataset.with_part_weights(weights),
    }
}

/// Rows of a kind, and their length.
fn rows(r: &mut SmallRng) -> (Vec<Row>, Kind, usize) {
    let kind = [Kind::Ids, Kind::Ragged, Kind::Matrix][r.random_range(0..3)];
    let (length, width) = (r.random_range(1..5), r.random_range(0..4));
    let has_weights = width > 0 && r.random();
    let count = r.random_range(1..30);
    let rows = (0..count).map(|_| {
        let own = if kind == Kind::Ragged { r.random_range(0..7) } else { length };
        Row {
            inputs: (0..own).map(|_| r.random_range(0..50)).collect(),
            targets: (0..width).map(|_| r.random_range(0..9) as f32).collect(),
            weight: if has_weights { r.random_range(2..9) as f32 } else { 1.0 },
        }
    });
    (rows.collect(), kind, length)
}

#[test]
fn data_sets_are_lists_of_rows() {
    for seed in 0..400 {
        let r = &mut SmallRng::seed_from_u64(seed);
        let (plain, kind, length) = rows(r);
        let found = dataset(&plain, kind, length);
        let context = format!("seed {seed}, {kind:?}");
        assert_eq!((found.rows(), found.inputs().width()), (plain.len(), length), "{context}");
        let weights: Vec<f32> = plain.iter().map(|row| row.weight).collect();
        match weights.iter().all(|&weight| weight == 1.0) {
            true => assert!(found.weights().is_empty(), "{context}"),
            false => assert_eq!(found.weights(), weights, "{context}"),
        }
        assert_eq!(found.inputs().is_ragged(), kind == Kind::Ragged);
        let mut elements = 0;
        for (row, Row { inputs, .. }) in plain.iter().enumerate() {
            assert_eq!(found.inputs().span(row), elements..elements + inputs.len(), "{context}");
            elements += inputs.len();
        }
        let all = found.inputs().as_rows();
        assert_eq!((all.len(), all.is_empty()), (elements, elements == 0), "{context}");
        assert_eq!(all.as_bytes().len(), 4 * elements);
        let lengths = found.inputs().lengths();
        assert_eq!(lengths.values().sum::<usize>(), plain.len());
        for (&length, &count) in &lengths {
            assert_eq!(plain.iter().filter(|row| row.inputs.len() == length).count(), count);
        }

        // Some of the rows, in any order, any number of times.
        let chosen: Vec<usize> =
            (0..r.random_range(1..20)).map(|_| r.random_range(0..plain.len())).collect();
        let some: Vec<Row> = chosen.iter().map(|&row| plain[row].clone()).collect();
        let taken = found.rows_of(&chosen).expect("rows that are there");
        assert_eq!(taken, dataset(&some, kind, length), "{context}");
        let error = found.rows_of(&[0, plain.len()]).expect_err("no such row").to_string();
        assert!(error.contains(&format!("row {} is asked for", plain.len())), "{error}");
        let mut pushed = found.inputs().take(&[0]);
        chosen.iter().for_each(|&row| pushed.push_row_of(found.inputs(), row));
        let places: Vec<usize> = std::iter::once(0).chain(chosen).collect();
        assert_eq!(pushed, found.inputs().take(&places), "{context}");

        // One behind the other, and without some.
        let mut both = found.clone();
        both.append(taken);
        let together = [plain.clone(), some].concat();
        assert_eq!(both, dataset(&together, kind, length), "{context}");
        let width = r.random_range(1..4);
        let marked: Vec<bool> = plain.iter().map(|_| r.random()).collect();
        let mut values: Vec<usize> = (0..plain.len() * width).collect();
        let kept: Vec<usize> =
            values.iter().copied().filter(|value| !marked[value / width]).collect();
        leave_out(&mut values, width, &marked);
        assert_eq!(values, kept);

        // What the targets are.
        let targets: Vec<f32> = plain.iter().flat_map(|row| row.targets.clone()).collect();
        match (plain[0].targets.len(), kind) {
            (0, Kind::Matrix) => {
                let inputs = plain.iter().flat_map(|row| row.inputs.iter().map(|&id| id as f32));
                assert_eq!(found.target_values(), inputs.collect::<Vec<f32>>());
                assert_eq!(found.target_width(), length);
            }
            (0, _) => {
                assert!(found.target_values().is_empty());
                assert!(found.with_weights(vec![1.0; plain.len()]).is_err(), "rows given back");
                continue;
            }
            (width, _) => {
                assert_eq!(found.target_values(), targets, "{context}");
                assert_eq!(found.target_width(), width);
                let weights = vec![0.5; plain.len()];
                let weighed = found.clone().with_weights(weights.clone()).expect("weights");
                assert_eq!(weighed.weights(), weights);
                assert!(found.clone().with_weights(vec![1.0; plain.len() + 1]).is_err());
                assert!(found.clone().with_weights(vec![0.0; plain.len()]).is_err());
                for wrong in [-0.5, f32::NAN, f32::INFINITY] {
                    let weights = [vec![1.0; plain.len() - 1], vec![wrong]].concat();
                    let error = found.clone().with_weights(weights).expect_err("no weight");
                    assert!(error.to_string().contains(&format!("row {} ", plain.len())));
                }
            }
        }
        // The first id that is too large is named.
        let most = plain.iter().flat_map(|row| &row.inputs).max().copied().unwrap_or(0);
        found.check_ids(most as usize + 1).expect("all are below");
        let at = plain.iter().enumerate().find_map(|(row, Row { inputs, .. })| {
            inputs.iter().position(|&id| id == most).map(|place| (row + 1, place + 1))
        });
        if let (true, Some((row, place))) = (kind != Kind::Matrix && most > 0, at) {
            let error = found.check_ids(most as usize).expect_err("one is not").to_string();
            assert!(error.contains(&format!("row {row}, position {place}")), "{context}: {error}");
        }
    }
}

/// A file of texts with labels, weights between and blank lines, as a format writes it.
fn text_file(r: &mut SmallRng, format: Format) -> String {
    let (mut file, separator) = (String::new(), if format == Format::Tsv { '\t' } else { ',' });
    let end = if r.random() { "\n" } else { "\r\n" };
    if matches!(format, Format::Csv | Format::Tsv) {
        file += &format!("text{separator}weight{separator}label{end}");
    }
    for row in 0..r.random_range(1..40) {
        let words = ["ab", "cde", "f", "\u{e4}\u{20ac}", "g,h", "say \"so\"", "two\nlines"];
        let count = r.random_range(1..6);
        let words: Vec<&str> = (0..count).map(|_| words[r.random_range(0..words.len())]).collect();
        let (text, label) = (words.join(" "), ["x", "y", "z"][row % 3]);
        let weight = r.random_range(1..9);
        let plain = text.replace(['\n', '"', ','], "-");
        file += &match format {
            Format::Csv => format!("\"{}\",{weight},{label}{end}", text.replace('"', "\"\"")),
            Format::Tsv => format!("{plain}\t{weight}\t{label}{end}"),
            Format::Jsonl => {
                let row = serde_json::json!({"text": text, "weight": weight, "label": label});
                format!("{row}{end}")
            }
            Format::Labels => format!("__label__{label} {plain}{end}"),
            Format::Lines => format!("{plain}{end}"),
        };
        if r.random_range(0..5) == 0 {
            file += end;
        }
    }
    if r.random() {
        file.truncate(file.trim_end().len());
    }
    file
}

/// All of a file that is read in blocks.
fn in_blocks(path: &Path, columns: &TextColumns, block: usize) -> (Examples, usize) {
    let file = BlockFile::of_texts(path, columns, block).expect("a file of blocks");
    let (mut all, mut blocks) = (Examples::default(), 0);
    for block in file.blocks().expect("the file that it was") {
        let found = read_block(&block.expect("a block"), file.format, columns).expect("rows");
        all.texts.extend(found.texts);
        all.labels.extend(found.labels);
        all.weights.extend(found.weights);
        all.lines.extend(found.lines);
        all.account.join(found.account);
        blocks += 1;
    }
    (all, blocks)
}

#[test]
fn blocks_hold_what_the_file_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let formats = [
        (Format::Csv, "a.csv"),
        (Format::Tsv, "a.tsv"),
        (Format::Jsonl, "a.jsonl"),
        (Format::Labels, "labels.txt"),
        (Format::Lines, "lines.txt"),
    ];
    let mut most = 0;
    for seed in 0..150 {
        let r = &mut SmallRng::seed_from_u64(seed);
        let (format, name) = formats[seed as usize % formats.len()];
        let text = text_file(r, format);
        let mark = if r.random() { "\u{feff}" } else { "" };
        let (mut path, mut bytes) = (folder.path().join(name), [mark, &text].concat().into_bytes());
        if r.random() {
            path = folder.path().join(format!("{name}.gz"));
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(&bytes).expect("packed");
            bytes = packed.finish().expect("packed");
        }
        std::fs::write(&path, bytes).expect("written");
        let has_labels = format != Format::Lines;
        let is_weighed = r.random() && !matches!(format, Format::Labels | Format::Lines);
        let columns = TextColumns {
            label: has_labels.then(|| "label".to_owned()),
            weight: is_weighed.then(|| "weight".to_owned()),
            // A blank line has no label.
            keep_blank: !has_labels && r.random(),
            ..TextColumns::default()
        };
        let whole = read_examples(&path, &columns).expect("a file");
        let (found, blocks) = in_blocks(&path, &columns, r.random_range(1..200));
        most = most.max(blocks);
        let context = format!("seed {seed}, {columns:?}, {text:?}");
        assert_eq!(found.texts, whole.texts, "{context}");
        assert_eq!((&found.labels, &found.weights), (&whole.labels, &whole.weights), "{context}");
        assert_eq!(found.lines, whole.lines, "{context}");
        let account = |of: &Account| (of.read, of.left_out.clone());
        assert_eq!(account(&found.account), account(&whole.account), "{context}");
        if columns.weight.is_some() {
            assert!(whole.weights.iter().all(|&weight| weight >= 1.0), "{context}");
        }
    }
    assert!(most > 20, "at most {most} blocks");

    // What changes while it is read is not read on; what cannot be read again is refused.
    let path = folder.path().join("grows.txt");
    std::fs::write(&path, "one\ntwo\n").expect("written");
    let columns = TextColumns::of_texts("text");
    let file = BlockFile::of_texts(&path, &columns, 1).expect("a file");
    std::fs::write(&path, "one\ntwo\nthree\n").expect("written");
    assert!(file.blocks().is_err_and(|error| error.to_string().contains("written to")));
    for path in [Path::new("-"), folder.path()] {
        assert!(BlockFile::of_texts(path, &columns, 1).is_err());
    }
    let path = folder.path().join("array.jsonl");
    std::fs::write(&path, "[{\"text\": \"a\"}]").expect("written");
    let told = BlockFile::of_texts(&path, &columns, 1).expect_err("an array").to_string();
    assert!(told.contains("one object a line"), "{told}");
    assert_eq!(columns, TextColumns { label: None, ..TextColumns::default() });
    assert_eq!(TextColumns::of_texts("a").names(), ["a"]);
    assert_eq!(TextColumns::default().names(), ["text", "label"]);
}

#[test]
fn arrays_are_read_as_a_whole_and_row_by_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.npy");
    for seed in 0..100 {
        let r = &mut SmallRng::seed_from_u64(seed);
        let axes = r.random_range(1..5);
        let shape: Vec<usize> = (0..axes).map(|_| r.random_range(1..6)).collect();
        let values: Vec<f32> =
            (0..shape.iter().product()).map(|_| r.random_range(-99..99) as f32 / 4.0).collect();
        std::fs::write(&path, npy_bytes(&values, &shape).expect("an array")).expect("written");
        let whole = read_npy(&path).expect("an array");
        let width: usize = shape[1..].iter().product();
        assert_eq!((whole.rows, whole.width, &whole.shape), (shape[0], width, &shape));
        assert_eq!(whole.into_reals(), values);
        assert!(array_names(&path).expect("an array").is_empty());
        let file = ArrayFile::open(&path).expect("an array");
        assert_eq!((file.rows(), file.row_bytes()), (shape[0], 4 * width));
        let first = r.random_range(0..shape[0]);
        let last = r.random_range(first..shape[0]) + 1;
        let part = file.read(first..last).expect("rows");
        assert_eq!((part.rows, part.shape[0]), (last - first, last - first));
        assert_eq!(part.into_reals(), values[first * width..last * width]);
    }
    // Columns one behind the other are no rows; a single column is both.
    let write = |shape: &str, fortran: &str| {
        let header =
            format!("{{'descr': '<f4', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let bytes = [
            &b"\x93NUMPY\x01\x00"[..],
            &(header.len() as u16).to_le_bytes(),
            header.as_bytes(),
            &[0; 16],
        ];
        std::fs::write(&path, bytes.concat()).expect("written");
    };
    write("(2, 2)", "True");
    assert!(ArrayFile::open(&path).is_err_and(|e| e.to_string().contains("Fortran")));
    write("(4,)", "True");
    assert_eq!(ArrayFile::open(&path).expect("a column").rows(), 4);
    write("(2, 3)", "False");
    assert!(ArrayFile::open(&path).is_err_and(|e| e.to_string().contains("bytes follow")));
    std::fs::write(&path, "text").expect("written");
    assert!(ArrayFile::open(&path).is_err_and(|e| e.to_string().contains("numpy.save")));
}

#[cfg(feature = "pictures")]
#[test]
fn pictures_lie_on_white_and_grey_is_what_the_eye_sees() {
    let folder = tempfile::tempdir().expect("a folder");
    let r = &mut SmallRng::seed_from_u64(3);
    let path = folder.path().join("a.png");
    let pixels: Vec<[u8; 4]> = (0..12).map(|_| r.random()).collect();
    let picture = image::RgbaImage::from_raw(4, 3, pixels.concat()).expect("a picture");
    picture.save(&path).expect("written");
    let read = |options: &ImageOptions, channels: Option<usize>| {
        read_images_with(folder.path(), options, channels).expect("pictures")
    };
    let over = |byte: u8, alpha: u8| {
        let share = alpha as f64 / 255.0;
        (byte as f64 * share + 255.0 * (1.0 - share)).round()
    };
    let colours = pixels.iter().flat_map(|p| [0, 1, 2].map(|i| over(p[i], p[3])));
    let expected: Vec<f64> = colours.collect();
    let plain = read(&ImageOptions::default(), None);
    assert_eq!((plain.count(), plain.shape.channels), (1, 3));
    for (&found, &expected) in plain.values.iter().zip(&expected) {
        assert_eq!((found as f64 * 255.0).round(), expected);
    }
    // As PIL makes it grey, at this size and at another.
    let grey = read(&ImageOptions { grey: true, ..ImageOptions::default() }, None);
    let luma = |p: &[f64]| 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
    for (&found, p) in grey.values.iter().zip(expected.chunks(3)) {
        assert!((found as f64 * 255.0 - luma(p)).abs() <= 0.501, "{found} for {p:?}");
    }
    let size = Some((2, 1));
    let small = read(&ImageOptions { size, grey: false }, None);
    assert_eq!((small.shape.width, small.shape.height, small.values.len()), (2, 1, 6));
    // An array's values, in floating point.
    let [colour, one] = [3, 1].map(|channels| ImageShape { width: 4, height: 3, channels });
    let found = reshape(colour, &expected, one);
    for (found, p) in found.iter().zip(expected.chunks(3)) {
        assert!((found - luma(p)).abs() < 1e-9);
    }
    let back = reshape(one, &found, colour);
    assert!(back.chunks(3).zip(&found).all(|(p, value)| p == [*value; 3]));
    assert_eq!(reshape(colour, &expected, ImageShape { width: 2, ..colour }).len(), 18);

    // What is read of a folder, by name, and what is not.
    std::fs::create_dir(folder.path().join("in")).expect("a folder");
    std::fs::copy(&path, folder.path().join("in/b.png")).expect("copied");
    for other in [".hidden.png", "notes.txt", "more.txt"] {
        std::fs::write(folder.path().join(other), "no picture").expect("written");
    }
    let (files, names, account) = list_pictures(folder.path()).expect("pictures");
    assert_eq!((files.len(), account.read), (2, 2));
    assert_eq!(names.join(" ").replace('\\', "/"), "a.png in/b.png");
    let said = account.warnings.join("; ");
    assert!(said.contains("2 files are left out") && said.contains("more.txt"), "{said}");
    assert!(said.contains("1 hidden"), "{said}");
    assert_eq!(list_pictures(&path).expect("a picture").1, ["a.png"]);
    assert!(holds_picture_files(folder.path()) && holds_picture_files(&path));
    assert!(!holds_picture_files(&folder.path().join("notes.txt")));
    assert_eq!(read(&ImageOptions { grey: false, size }, None).count(), 2);
    let pixels = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2][..], &[0, 0, 255, 255]];
    let idx = folder.path().join("in/pixels.idx");
    std::fs::write(&idx, pixels.concat()).expect("written");
    let size = Some((4, 2));
    let large = read_images(&idx, &ImageOptions { grey: false, size }).expect("an IDX file");
    assert_eq!(large.shape, ImageShape { width: 4, height: 2, channels: 1 });
    assert_eq!(large.values, [[0.0; 8], [1.0; 8]].concat());
    // A hidden folder is nobody's class.
    std::fs::remove_file(&idx).expect("removed");
    for other in [".git", "empty"] {
        std::fs::create_dir(folder.path().join(other)).expect("a folder");
    }
    let (_, classes) = read_class_folder(folder.path(), &ImageOptions::default(), None)
        .map(|(images, classes)| (images.account.warnings.join("; "), classes))
        .inspect(|(said, _)| {
            assert!(said.contains("folder empty") && !said.contains(".git"), "{said}");
            assert!(said.contains("1 picture is left out"), "{said}");
        })
        .expect("a class");
    assert_eq!(classes, ["in"]);
    // Colours where a model reads grey are said, and the other way round.
    let told = read(&ImageOptions::default(), Some(1)).account.warnings.join("; ");
    assert!(told.contains("2 of 2 pictures") && told.contains("are in colour"), "{told}");
    assert!(other_colours("they", 3).contains("are grey"));
}

#[test]
fn accounts_are_joined_by_reason() {
    let mut all = Account::new(Path::new("a"));
    for block in 0..4u64 {
        let mut account = Account::default();
        (0..3).for_each(|line| account.leave_out("blank line", 10 * block + line));
        account.leave_out(if block % 2 == 0 { "even" } else { "odd" }, 10 * block + 5);
        account.read += 2;
        account.warn("once");
        all.join(account);
    }
    assert_eq!((all.read, all.rows_left_out(), all.kept()), (24, 16, 8));
    let found: Vec<(&str, usize, &[u64])> =
        all.left_out.iter().map(|l| (&*l.reason, l.rows, &*l.lines)).collect();
    let expected: [(&str, usize, &[u64]); 3] =
        [("blank line", 12, &[0, 1, 2, 10, 11]), ("even", 2, &[5, 25]), ("odd", 2, &[15, 35])];
    assert_eq!(found, expected);
    assert_eq!(all.warnings, ["once"]);
}

#[test]
fn rows_on_a_disk_are_those_that_were_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut filed = 0;
    for seed in 0..200 {
        let r = &mut SmallRng::seed_from_u64(seed);
        let (plain, kind, length) = rows(r);
        let sizes = BlockSizes {
            whole: r.random_range(0..200),
            block: r.random_range(1..120),
            group: r.random_range(1..4),
            read: 64,
        };
        let mut writer = RowWriter::new(folder.path(), 0, sizes);
        let mut rest = &plain[..];
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(r.random_range(1..=rest.len()));
            writer.push(dataset(part, kind, length)).expect("written");
            rest = behind;
        }
        let found = writer.finish().expect("rows");
        let context = format!("seed {seed}, {kind:?}, {sizes:?}");
        let whole = dataset(&plain, kind, length);
        let elements = whole.inputs().as_rows().len();
        assert_eq!(found.held().is_some(), 4 * elements <= sizes.whole, "{context}");
        assert_eq!(found.are_given_back(), plain[0].targets.is_empty(), "{context}");
        let data = found.as_data();
        assert_eq!((data.rows(), found.rows()), (plain.len(), plain.len()), "{context}");
        let chosen: Vec<u32> =
            (0..r.random_range(1..40)).map(|_| r.random_range(0..plain.len() as u32)).collect();
        let some: Vec<Row> = chosen.iter().map(|&row| plain[row as usize].clone()).collect();
        assert_eq!(data.take(&chosen).expect("rows"), dataset(&some, kind, length), "{context}");
        let mut all: Option<Dataset> = None;
        data.for_each_block(|block| {
            match &mut all {
                None => all = Some(block.clone()),
                Some(all) => all.append(block.clone()),
            }
            Ok(())
        })
        .expect("blocks");
        assert_eq!(all.as_ref(), Some(&whole), "{context}");
        let order = data.order(sizes, true, seed, 1);
        let TrainingRows::Filed(file) = &found else { continue };
        filed += 1;
        assert_eq!(file.rows(), plain.len());
        assert_eq!(*file.lengths(), whole.inputs().lengths(), "{context}");
        let beside = plain[0].targets.len() + !whole.weights().is_empty() as usize;
        let ragged = (kind == Kind::Ragged) as usize;
        let bytes = 4 * (elements + plain.len() * (beside + ragged));
        assert_eq!(file.bytes(), bytes as u64, "{context}");
        // An epoch in its order, with what comes next read ahead.
        for (at, row) in order.rows.iter().enumerate() {
            file.expect(order.next_blocks(at));
            let expected = dataset(&plain[*row as usize..][..1], kind, length);
            assert_eq!(data.take(&[*row]).expect("a row"), expected, "{context}");
        }
    }
    assert!(filed > 100, "{filed}");
    assert!(std::fs::read_dir(folder.path()).expect("a folder").next().is_none(), "all are gone");
    assert!(RowWriter::new(folder.path(), 0, BlockSizes::default()).finish().is_err());
}

#[test]
fn tables_are_read_at_their_edges() {
    let folder = tempfile::tempdir().expect("a folder");
    let read = |name: &str, text: &str, target: Option<&str>| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        read_table(&path, target, None).map_err(|error| error.to_string())
    };
    // One target whose name holds a comma, several with commas between, and none of that name.
    let text = "a,\"b,c\",b,c\n1,2,3,4\n5,6,7,8\n";
    let targets = |target: &str| read("t.csv", text, Some(target)).map(|table| table.targets);
    assert_eq!(targets("b,c").expect("a column"), ["2", "6"]);
    assert_eq!(targets("b, a").expect("columns"), ["3", "1", "7", "5"]);
    assert!(targets("d").expect_err("no column").contains("target_column"));
    let path = folder.path().join("t.csv");
    assert_eq!(column_names(&path).expect("names"), ["a", "b,c", "b", "c"]);

    // Decimal commas are said where there are any.
    let table = read("d.csv", "a;y\n1,5;2\n2;3\n", Some("y")).expect("a table");
    assert_eq!(table.values, [1.5, 2.0]);
    assert!(table.account.warnings.iter().any(|said| said.contains("1,5 is read as 1.5")));
    let table = read("d.csv", "a;y\n1.5;2\n2;3\n", Some("y")).expect("a table");
    assert!(!table.account.warnings.iter().any(|said| said.contains("decimal comma")));

    // More than ten texts are categories where half as many as rows, or fewer.
    let column = |distinct: usize, rows: usize| {
        let row = |i: usize| format!("w{},{}\n", i % distinct, i % 2);
        let text = format!("a,y\n{}", (0..rows).map(row).collect::<String>());
        read("c.csv", &text, Some("y")).map(|table| table.kinds)
    };
    assert!(column(11, 22).is_ok() && column(10, 12).is_ok());
    assert!(column(11, 21).expect_err("texts").contains("11 different ones in 21 rows"));
    assert!(column(100, 200).is_ok());
    assert!(column(101, 300).expect_err("texts").contains("more than 100 different ones"));
    for kind in column(4, 12).expect("categories") {
        assert!(kind.is_ordered());
    }
    let twice = ["a", "b", "b"].map(str::to_owned).to_vec();
    assert!(!ColumnKind::Category(twice).is_ordered());

    let names = |count: usize| (0..count).map(|i| i.to_string()).collect::<Vec<_>>();
    assert!(listed(&names(20)).ends_with(", 19"));
    assert!(listed(&names(21)).ends_with(", 19 and 1 more"));
    assert!(unknown_categories(&[7], 1).starts_with("1 row holds a category"));
    assert!(unknown_categories(&[7, 9], 2).contains("2 rows hold") && listed(&[]).is_empty());
}

#[test]
fn another_unit_is_said_where_more_than_half_of_the_rows_are_far() {
    let encoder = TableEncoder::of_numbers(&["a".to_owned(), "b".to_owned()]);
    let said = |values: &[f32], lines: &[u64]| {
        let mut watch = ScaleWatch::default();
        values.chunks(2).for_each(|row| watch.add(&encoder, row, lines));
        watch.said(&encoder)
    };
    assert_eq!(said(&[10.0, 0.0, -10.0, 0.0], &[]), None, "not beyond ten");
    assert_eq!(said(&[11.0, 0.0, 0.0, 0.0], &[]), None, "half of the rows");
    let text = said(&[11.0, 0.0, -11.5, 0.0, 0.0, 0.0], &[]).expect("two of three");
    assert!(text.contains("\"a\": 2 of 3 rows") && text.contains("of line 1, is 11"), "{text}");
    let text = said(&[0.0, 99.0], &[40]).expect("one of one");
    assert!(text.contains("\"b\": 1 of 1 rows") && text.contains("of line 40, is 99"), "{text}");
}
