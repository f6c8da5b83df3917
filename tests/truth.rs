//! From a person's file to the answer: every row accounted for, every number in its own unit, defaults that learn;
//! and what is learned is kept.

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

use common::cli::{Folder, json, npy, text};
use serde_json::Value;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/");

/// Standard error of what must succeed.
fn said(folder: &Folder, arguments: &[&str]) -> String {
    let output = folder.run(arguments);
    let error = text(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    error
}

/// A table whose label is told by its first column, and another by whether something is missing.
fn rows(count: usize, row: impl Fn(usize) -> String) -> String {
    (0..count).map(row).collect()
}

#[test]
fn defaults_learn_on_small_tables() {
    let folder = Folder::new();
    for (name, least) in [
        ("iris", 0.95),
        ("wine", 0.97),
        ("breast_cancer", 0.94),
        ("digits", 0.96),
        ("diabetes", 0.33),
    ] {
        let [train, test] = ["train", "test"].map(|part| format!("{DATA}{name}-{part}.csv"));
        folder
            .ok(&["train", "table", &train, "--target", "target", "--device", "cpu", "-o", "m.st"]);
        let found = json(&folder.ok(&["evaluate", "m.st", &test, "--device", "cpu", "--json"]));
        let score = match &found["regression"] {
            Value::Null => found["accuracy"].as_f64(),
            report => report["r2"].as_f64(),
        };
        assert!(score.expect("a score") >= least, "{name}: {found}");
    }
}

#[test]
fn eight_documents_are_enough() {
    let folder = Folder::new();
    folder.write(
        "eight.csv",
        "label,text\n1,Well done!\n1,Good work\n1,Great effort\n1,nice work\n0,Weak\n0,Poor effort!\n0,not good\n0,poor work\n",
    );
    folder.ok(&[
        "train",
        "text",
        "eight.csv",
        "--device",
        "cpu",
        "-o",
        "m.st",
        "--allow-single-labels",
    ]);
    let found = json(&folder.ok(&["evaluate", "m.st", "eight.csv", "--device", "cpu", "--json"]));
    assert!(found["accuracy"].as_f64().expect("an accuracy") >= 0.875, "{found}");
    assert_eq!(found["data"]["read"], 8);
}

#[test]
fn categories_booleans_and_missing_values_are_features() {
    let folder = Folder::new();
    let colours = ["red", "green", "blue"];
    let row = |i: usize| {
        let number = if i.is_multiple_of(5) { String::new() } else { (i % 7).to_string() };
        let (colour, flag) = (colours[i % 3], if i.is_multiple_of(2) { "True" } else { "False" });
        let label = (i.is_multiple_of(3) || i.is_multiple_of(5)) as u32;
        format!("{colour},{flag},{number},{label}\n")
    };
    let table = format!("colour,flag,n,y\n{}", rows(210, row));
    folder.write("t.csv", &table);
    let train = ["train", "table", "t.csv", "--target", "y", "--device", "cpu", "-o", "m.st"];
    folder.fails(1, &train, &["line 2", "\"n\"", "42 values are missing", "indicator"]);
    let said = said(&folder, &[&train[..], &["--missing", "indicator"]].concat());
    assert!(said.contains("3 categories (blue, green, red)"), "{said}");
    let found = json(&folder.ok(&["evaluate", "m.st", "t.csv", "--device", "cpu", "--json"]));
    assert!(found["accuracy"].as_f64().expect("an accuracy") > 0.98, "{found}");
    // Rows by name on standard input, in another order, with a column more.
    let asked = "n,other,flag,colour\n3,x,False,red\n,x,True,green\n1,x,True,blue\n";
    let answers = folder.run_with(&["predict", "m.st", "--device", "cpu"], asked);
    let labels: Vec<String> =
        text(&answers.stdout).lines().map(|line| line[..1].to_owned()).collect();
    assert_eq!(labels, ["1", "1", "0"], "{}", text(&answers.stderr));
    // The same by place; what is left out is refused.
    let by_place = folder.run_with(&["predict", "m.st", "--device", "cpu"], "red,False,3\n");
    assert!(text(&by_place.stdout).starts_with('1'), "{}", text(&by_place.stderr));
    let short = folder.run_with(&["predict", "m.st", "--device", "cpu"], "red,,False,3\n");
    assert_eq!(short.status.code(), Some(1));
}

#[test]
fn several_targets_are_answered_each_in_its_unit() {
    let folder = Folder::new();
    let table = rows(300, |i| {
        format!("{},{},{}\n", i % 20, 1000.0 + 50.0 * (i % 20) as f64, (i % 20) as f64 / 100.0)
    });
    folder.write("t.csv", format!("a,y,z\n{table}"));
    folder.ok(&["train", "table", "t.csv", "--target", "y,z", "--device", "cpu", "-o", "m.st"]);
    let answer = folder.run_with(&["predict", "m.st", "--device", "cpu"], "10\n");
    let numbers: Vec<f64> =
        text(&answer.stdout).split_whitespace().map(|n| n.parse().expect("a number")).collect();
    assert!((numbers[0] - 1500.0).abs() < 20.0 && (numbers[1] - 0.1).abs() < 0.01, "{numbers:?}");
    let found = json(&folder.ok(&["evaluate", "m.st", "t.csv", "--device", "cpu", "--json"]));
    assert!(found["regression"]["r2"].as_f64().expect("R2") > 0.99, "{found}");
}

#[test]
fn packed_files_pipes_and_other_formats_are_the_same_rows() {
    let folder = Folder::new();
    let csv =
        rows(40, |i| if i % 2 == 0 { "up,good fine\n".into() } else { "down,bad sad\n".into() });
    let plain = format!("label,text\n{csv}");
    folder.write("a.csv", &plain);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(plain.as_bytes()).expect("packed");
    folder.write("a.csv.gz", gz.finish().expect("packed"));
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bz.write_all(plain.as_bytes()).expect("packed");
    folder.write("A.CSV.BZ2", bz.finish().expect("packed"));
    folder.write("bare.csv", &csv);
    let utf16: Vec<u8> =
        plain.replace(',', "\t").encode_utf16().flat_map(u16::to_le_bytes).collect();
    folder.write("u.tsv", [b"\xff\xfe".to_vec(), utf16].concat());
    let semicolons = plain.replace(',', ";");
    folder.write("s.csv", &semicolons);
    folder.write("bare_s.csv", csv.replace(',', ";"));
    let options = ["--device", "cpu", "--epochs", "2", "--json", "-o", "m.st"];
    let loss = |arguments: &[&str], input: &str| {
        let output = folder.run_with(&[&["train", "text"], arguments, &options].concat(), input);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        let found = json(&text(&output.stdout));
        assert_eq!(found["data"][0]["read"], 40, "{arguments:?}");
        found["history"]["loss"].clone()
    };
    let wanted = loss(&["a.csv"], "");
    for (arguments, input) in [
        (&["a.csv.gz"][..], ""),
        (&["A.CSV.BZ2"], ""),
        (&["u.tsv"], ""),
        (&["-"], &plain),
        (&["/dev/stdin", "--format", "csv"], &plain),
        (&["bare.csv", "--no-header", "--text-column", "1", "--label-column", "0"], ""),
        (&["s.csv"], ""),
        (&["-"], &semicolons),
        (&["bare_s.csv", "--no-header", "--text-column", "1", "--label-column", "0"], ""),
    ] {
        assert_eq!(loss(arguments, input), wanted, "{arguments:?}");
    }
}

/// Bytes of an array.
fn bytes_of<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}

/// The numbers of a `.npy` file of float32.
fn numbers(folder: &Folder, name: &str) -> Vec<f32> {
    let bytes = std::fs::read(folder.path(name)).expect("written");
    let start = 10 + u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    bytes[start..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

#[test]
fn arrays_come_back_in_their_own_range() {
    let folder = Folder::new();
    // One of two pictures of 4 x 4 a row, from `low` to `high`.
    let picture = |low: f64, high: f64| -> Vec<f64> {
        (0..64 * 16).map(|i| if (i / 16 + i % 4) % 2 == 0 { low } else { high }).collect()
    };
    let shape = "(64, 4, 4)";
    let u8s: Vec<u8> = picture(0.0, 255.0).iter().map(|&v| v as u8).collect();
    let masks: Vec<i64> = picture(0.0, 1.0).iter().map(|&v| v as i64).collect();
    let u16s: Vec<u16> = picture(100.0, 60_000.0).iter().map(|&v| v as u16).collect();
    let floats: Vec<f32> = picture(3.0, 250.0).iter().map(|&v| v as f32).collect();
    npy(&folder.path("u8.npy"), "|u1", shape, u8s.clone());
    npy(&folder.path("mask.npy"), "<i8", shape, bytes_of(&masks, i64::to_le_bytes));
    npy(&folder.path("u16.npy"), "<u2", shape, bytes_of(&u16s, u16::to_le_bytes));
    npy(&folder.path("f255.npy"), "<f4", shape, bytes_of(&floats, f32::to_le_bytes));
    let train = |file: &str| {
        let options = ["--layers", "8", "--device", "cpu", "-o", "m.st"];
        folder.ok(&[&["train", "autoencoder", file], &options[..]].concat());
    };
    for (name, low, high) in
        [("u8", 0.0, 255.0), ("mask", 0.0, 1.0), ("u16", 100.0, 60_000.0), ("f255", 3.0, 250.0)]
    {
        let file = format!("{name}.npy");
        train(&file);
        folder.ok(&["reconstruct", "m.st", &file, "-o", "back.npy", "--device", "cpu"]);
        let wanted = picture(low, high);
        let off = numbers(&folder, "back.npy")
            .iter()
            .zip(&wanted)
            .map(|(found, wanted)| (*found as f64 - wanted).abs())
            .fold(0.0, f64::max);
        assert!(off < 0.1 * (high - low), "{name}: off by {off}");
    }
    // Flat rows of a model of pictures are these pictures; other axes are refused with both sides.
    train("u8.npy");
    npy(&folder.path("flat.npy"), "|u1", "(64, 16)", u8s.clone());
    let mse = |file: &str| {
        let found = folder.ok(&["reconstruct", "m.st", file, "--device", "cpu", "--json"]);
        json(&found)["mse"].as_f64().expect("an MSE")
    };
    assert_eq!(mse("flat.npy"), mse("u8.npy"));
    npy(&folder.path("wide.npy"), "|u1", "(64, 2, 8)", u8s.clone());
    folder.fails(1, &["encode", "m.st", "wide.npy", "-o", "c.npy"], &["8x2 grey", "4x4 grey"]);
    npy(&folder.path("first.npy"), "|u1", "(16, 3, 4, 4)", [u8s[..768].to_vec()].concat());
    folder.fails(1, &["train", "autoencoder", "first.npy"], &["channels first", "moveaxis"]);
    // What is read is never written over.
    folder.fails(2, &["encode", "m.st", "u8.npy", "-o", "./u8.npy"], &["u8.npy", "replaced"]);
    folder.fails(2, &["reconstruct", "m.st", "u8.npy", "-o", "m.st"], &["m.st"]);
}

#[test]
fn longer_texts_than_those_of_training_are_read_whole() {
    let folder = Folder::new();
    let csv =
        rows(60, |i| if i % 2 == 0 { "up,fine good\n".into() } else { "down,bad sad\n".into() });
    folder.write("short.csv", format!("label,text\n{csv}"));
    folder.ok(&["train", "text", "short.csv", "--device", "cpu", "-o", "m.st"]);
    let long = format!("{} good", "xx ".repeat(70));
    let answer =
        folder.run_with(&["predict", "m.st", "--device", "cpu"], &format!("{long}\nbad\n"));
    let answers = text(&answer.stdout);
    assert!(answers.starts_with("up\t") && answers.contains("\ndown\t"), "{answers}");
    folder.write(
        "long.csv",
        format!("label,text\nup,{long}\ndown,{} bad\ndown,zzz\n", "yy ".repeat(9)),
    );
    let output = folder.run(&["evaluate", "m.st", "long.csv", "--device", "cpu", "--json"]);
    assert!(json(&text(&output.stdout))["accuracy"].as_f64().expect("an accuracy") > 0.6);
    assert!(text(&output.stderr).contains("no known word (line 4)"), "{}", text(&output.stderr));
    // So are they where the model is trained on.
    let more =
        format!("{}up,{long}\ndown,{} bad\n", "up,good\ndown,bad\n".repeat(4), "yy ".repeat(90));
    folder.write("more.csv", format!("label,text\n{more}"));
    for memory in [&[][..], &["--memory", "1GB"]] {
        let train =
            ["train", "text", "more.csv", "--from", "m.st", "--epochs", "2", "--device", "cpu"];
        let told = said(&folder, &[&train[..], &["-o", "on.st"], memory].concat());
        assert!(!told.contains("cut"), "{told}");
    }
    // Where a layer reads one length, what is cut is said.
    folder.ok(&[
        "train",
        "text",
        "short.csv",
        "--pool",
        "flatten",
        "--device",
        "cpu",
        "-o",
        "f.st",
    ]);
    folder.write("cut.csv", "label,text\nup,good xx yy zz\ndown,bad xx yy zz\n");
    let output = folder.run(&["evaluate", "f.st", "cut.csv", "--device", "cpu"]);
    assert!(text(&output.stderr).contains("2 texts are cut"), "{}", text(&output.stderr));
    same_answers(&folder, ["f.st", "cut.csv"], "good xx yy zz\nbad xx yy zz\n", "2 texts are cut");
}

/// A file, and the same rows on standard input, are answered alike and with the same warning, once.
fn same_answers(folder: &Folder, [model, file]: [&str; 2], lines: &str, warning: &str) {
    let of_file = folder.run(&["predict", model, file, "--device", "cpu", "--json"]);
    let of_lines = folder.run_with(&["predict", model, "-", "--device", "cpu", "--json"], lines);
    assert_eq!(text(&of_file.stdout), text(&of_lines.stdout));
    for output in [of_file, of_lines] {
        let said = text(&output.stderr);
        assert_eq!(said.matches(warning).count(), 1, "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn unknown_categories_are_said_once_of_files_and_of_lines() {
    let folder = Folder::new();
    let colour = |i: usize| ["red", "blue"][i % 2];
    folder.write(
        "t.csv",
        format!("a,c,y\n{}", rows(80, |i| format!("{i},{},{}\n", colour(i), i % 5))),
    );
    let train = ["train", "table", "t.csv", "--target", "y", "--epochs", "2", "--device", "cpu"];
    folder.ok(&[&train[..], &["--missing", "mean", "-o", "m"]].concat());
    let new =
        rows(30, |i| format!("{i},{}\n", if i == 4 { "red".into() } else { format!("c{i}") }));
    folder.write("new.csv", format!("a,c\n{new}"));
    same_answers(&folder, ["m", "new.csv"], &format!("a,c\n{new}"), "29 rows hold a category");
    // Where missing values are refused, so are these, in the same words.
    folder.ok(&[&train[..], &["-o", "strict"]].concat());
    folder.fails(1, &["predict", "strict", "new.csv"], &["line 2", "\"c0\"", "blue, red"]);
    let refused = folder.run_with(&["predict", "strict", "-"], &format!("a,c\n{new}"));
    let said = text(&refused.stderr);
    assert!(
        said.contains("line 2") && said.contains("\"c0\"") && said.contains("blue, red"),
        "{said}"
    );
}

/// A regression that a large learning rate drives out of all bounds.
fn wild(folder: &Folder) {
    let table = rows(200, |i| format!("{},{},{}\n", i % 13, i % 7, (i * i) % 101));
    folder.write("wild.csv", format!("a,b,y\n{table}"));
}

#[test]
fn a_run_that_diverges_keeps_its_last_good_weights() {
    let folder = Folder::new();
    wild(&folder);
    for device in ["cpu", "gpu"] {
        let train = [
            "train",
            "table",
            "wild.csv",
            "--target",
            "y",
            "--hidden",
            "32,32",
            "--optimizer",
            "sgd",
            "--momentum",
            "0.9",
            "--device",
            device,
            "-o",
            "m.st",
            "--history",
            "h.json",
            "--epochs",
            "60",
        ];
        // The rate rises to what no model bears only with momentum: some epochs are good.
        let with = |rate: &'static str| [&train[..], &["--learning-rate", rate]].concat();
        folder.ok(&with("0.001"));
        let good = std::fs::read(folder.path("m.st")).expect("a model");
        folder.fails(1, &with("900"), &["became", "step", "learning-rate"]);
        assert!(
            std::fs::read(folder.path("m.st")).expect("a model") == good
                || folder.run(&["summary", "m.st"]).status.success(),
            "{device}: what is there can be read"
        );
        let back = [&with("30")[..], &["--on-nan", "rollback"]].concat();
        let output = folder.run(&back);
        let (code, error) = (output.status.code(), text(&output.stderr));
        assert!(code == Some(0) || error.contains("became"), "{device}: {error}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_run_with_what_it_has_learned() {
    let folder = Folder::new();
    folder.reviews();
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let child = Command::new(env!("CARGO_BIN_EXE_wgslearn"))
            .args(["train", "text", "reviews.csv", "--epochs", "1000000", "--device", "cpu"])
            .args(["-o", "s.st", "--history", "s.json"])
            .current_dir(folder.path("").as_path())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("wgslearn starts");
        std::thread::sleep(std::time::Duration::from_secs(2));
        let id = child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill").success());
        let output = child.wait_with_output().expect("it ends");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains("s.st") && error.contains("stopped"), "{error}");
        let found =
            json(&folder.ok(&["evaluate", "s.st", "reviews.csv", "--json", "--device", "cpu"]));
        assert!(found["accuracy"].as_f64().expect("an accuracy") > 0.9, "{found}");
        assert!(folder.path("s.json").exists());
        std::fs::remove_file(folder.path("s.st")).expect("removed");
    }
}

#[test]
fn nothing_of_a_file_reaches_a_terminal_as_a_sequence() {
    let folder = Folder::new();
    let csv = rows(40, |i| {
        if i % 2 == 0 { "\"up\u{1b}[2J\nnext\",good\n".into() } else { "down\u{9b}K,bad\n".into() }
    });
    folder.write("e.csv", format!("label,text\n{csv}"));
    folder.ok(&["train", "text", "e.csv", "--device", "cpu", "-o", "m.st"]);
    for arguments in [
        &["predict", "m.st", "e.csv", "--device", "cpu"][..],
        &["evaluate", "m.st", "e.csv", "--device", "cpu"],
        &["summary", "m.st"],
    ] {
        let output = folder.run(arguments);
        for bytes in [&output.stdout, &output.stderr] {
            let shown = text(bytes);
            assert!(!shown.contains(['\u{1b}', '\u{9b}']), "{arguments:?}: {shown:?}");
        }
    }
    let answers = folder.ok(&["predict", "m.st", "e.csv", "--device", "cpu"]);
    assert_eq!(answers.lines().count(), 40, "{answers}");
}

/// Figures of every fold, by name.
fn each_fold(found: &Value, name: &str) -> Vec<f64> {
    let folds = found["folds"]["each"].as_array().expect("folds");
    folds.iter().map(|fold| fold["figures"][name].as_f64().expect("a figure")).collect()
}

#[test]
fn folds_test_every_row_once_and_the_model_has_seen_all() {
    let folder = Folder::new();
    let iris = format!("{DATA}iris-train.csv");
    let shared = ["--device", "cpu", "--folds", "4", "--epochs", "60", "--json", "--quiet"];
    let of = |first: &[&str], output: &str| {
        json(&folder.ok(&[first, &shared, &["-o", output]].concat()))
    };
    let found = of(&["train", "table", &iris, "--target", "target"], "a.st");
    let folds = found["folds"]["each"].as_array().expect("folds");
    let rows: u64 = folds.iter().map(|fold| fold["rows"].as_u64().expect("rows")).sum();
    assert_eq!((rows, &found["training_rows"]), (112, &Value::from(112)));
    assert!(folds.iter().all(|fold| fold["training_rows"] == 84));
    let values = each_fold(&found, "accuracy");
    let mean = values.iter().sum::<f64>() / 4.0;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 4.0).sqrt();
    let told = &found["folds"]["figures"]["accuracy"];
    assert!((told["mean"].as_f64().expect("a mean") - mean).abs() < 1e-12 && mean > 0.8, "{told}");
    assert!((told["deviation"].as_f64().expect("one") - deviation).abs() < 1e-12, "{told}");
    // One seed, one result; and the model is that of a run without folds.
    assert_eq!(
        of(&["train", "table", &iris, "--target", "target"], "b.st")["folds"],
        found["folds"]
    );
    folder.ok(&[
        "train", "table", &iris, "--target", "target", "--device", "cpu", "--epochs", "60", "-o",
        "c.st",
    ]);
    let bytes = |name: &str| std::fs::read(folder.path(name)).expect("a model");
    assert_eq!(bytes("a.st"), bytes("c.st"));

    let diabetes = format!("{DATA}diabetes-train.csv");
    let found = of(&["train", "table", &diabetes, "--target", "target"], "d.st");
    assert!(found["folds"]["figures"]["mae"]["mean"].as_f64().expect("in its unit") > 30.0);

    folder.reviews();
    let found = of(&["train", "text", "reviews.csv", "--validation-split", "0.2"], "t.st");
    assert_eq!(found["validation_rows"], 0);
    assert!(each_fold(&found, "f1_macro").iter().all(|&f1| f1 > 0.9), "{found}");
}

#[test]
fn what_cannot_be_folded_is_said() {
    let folder = Folder::new();
    let table =
        rows(40, |i| format!("{},{}\n", i % 5, if i < 3 { "rare" } else { ["a", "b"][i % 2] }));
    folder.write("t.csv", format!("x,y\n{table}"));
    let train = ["train", "table", "t.csv", "--target", "y", "--device", "cpu", "--epochs", "2"];
    let told = said(&folder, &[&train[..], &["--folds", "4", "-o", "m.st"]].concat());
    assert!(told.contains("\"rare\" has 3 rows, fewer than the 4 folds"), "{told}");
    for (folds, words) in [("30", "at most 19"), ("41", "there are 40 rows"), ("1", "from 2")] {
        folder.fails(2, &[&train[..], &["--folds", folds, "-o", "n.st"]].concat(), &[words]);
    }
    let from = ["--folds", "4", "--from", "m.st", "-o", "n.st"];
    folder.fails(2, &[&train[..], &from].concat(), &["folds are given"]);
}

/// What a command prints that reads these bytes from standard input.
fn piped(folder: &Folder, arguments: &[&str], bytes: &[u8]) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wgslearn"))
        .args(arguments)
        .current_dir(folder.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    child.stdin.take().expect("a pipe").write_all(bytes).expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn lines_are_the_same_from_standard_input_as_from_a_file() {
    let folder = Folder::new();
    folder.model();
    let lines = "a fine film\n\nzzz\na dull end\n";
    folder.write("q.txt", lines);
    let predict = ["predict", "m.safetensors", "--device", "cpu"];
    let wanted = folder.ok(&[&predict[..], &["q.txt"]].concat());
    assert_eq!(wanted.lines().count(), 4);
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain(lines.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(lines.as_bytes()).expect("in memory");
    for (name, bytes) in [
        ("as they are", lines.as_bytes().to_vec()),
        ("of Windows", lines.replace('\n', "\r\n").into_bytes()),
        ("of an old Macintosh", lines.replace('\n', "\r").into_bytes()),
        ("without an end", lines.trim_end().as_bytes().to_vec()),
        ("UTF-16", utf16),
        ("packed", packed.finish().expect("in memory")),
    ] {
        assert_eq!(piped(&folder, &predict, &bytes), wanted, "{name}");
    }
}

#[test]
fn tables_with_decimal_commas_are_the_same_tables() {
    let folder = Folder::new();
    let row = |i: usize| format!("{}.25,{}.5,{}\n", i % 7, i % 5, (i % 7 + i % 5) * 2);
    let points = format!("a,b,y\n{}", rows(60, row));
    let commas = points.replace(',', ";").replace('.', ",");
    folder.write("points.csv", &points);
    folder.write("commas.csv", &commas);
    let run = |data: &str, more: &[&str]| {
        let train = ["train", "table", data, "--target", "y", "--device", "cpu", "-o", "m.st"];
        said(&folder, &[&train[..], &["--epochs", "3", "--task", "regression"], more].concat());
        folder.ok(&["evaluate", "m.st", "same.csv", "--device", "cpu", "--json"])
    };
    folder.write("same.csv", &points);
    let wanted = run("points.csv", &[]);
    assert_eq!(run("commas.csv", &[]), wanted);
    assert_eq!(run("commas.csv", &["--memory", "1GB"]), wanted);
    let told = said(&folder, &["evaluate", "m.st", "commas.csv", "--device", "cpu"]);
    assert!(told.contains("1,5 is read as 1.5"), "{told}");
    let answer = |lines: &str| piped(&folder, &["predict", "m.st", "-"], lines.as_bytes());
    let wanted = answer("1.25,2.5\n3.25,0.5\n");
    assert_eq!(answer("1,25;2,5\n3,25;0,5\n"), wanted);
    assert_eq!(answer("y;b;a\n?;2,5;1,25\n?;0,5;3,25\n"), wanted);
    assert_eq!(answer("b,y,a\n2.5,?,1.25\n0.5,?,3.25\n"), wanted);
    // Lines say and refuse what a file's rows do.
    let lines = |lines: &str| folder.run_with(&["predict", "m.st", "-"], lines);
    assert!(text(&lines("1,25;2,5\n").stderr).contains("1,5 is read as 1.5"));
    let refused = lines("1,25;2,5\n3;0.5\n");
    assert_eq!(refused.status.code(), Some(1));
    let told = text(&refused.stderr);
    assert!(told.contains("line 2") && told.contains("which of them"), "{told}");
}

#[test]
fn texts_without_a_length_are_trained_on_whole() {
    let folder = Folder::new();
    // What decides a long text stands behind its 400th word, and nowhere else.
    let row = |i: usize| {
        let (label, word) = [("pos", "good "), ("neg", "bad ")][i / 2 % 2];
        let filler = if i.is_multiple_of(2) { "x ".repeat(500) } else { String::new() };
        format!("{label},{filler}{}\n", word.repeat(if i.is_multiple_of(2) { 60 } else { 2 }))
    };
    folder.write("long.csv", format!("label,text\n{}", rows(60, row)));
    let train = ["train", "text", "long.csv", "--epochs", "60", "--dim", "4"];
    for device in ["cpu", "gpu"] {
        let told = said(&folder, &[&train[..], &["-o", "m.st", "--device", device]].concat());
        assert!(!told.contains("cut"), "{told}");
        let found = folder.ok(&["evaluate", "m.st", "long.csv", "--device", device, "--json"]);
        assert_eq!(json(&found)["accuracy"], 1.0, "{device}");
    }
    // A flatten has a length, and so has who asks for one.
    for more in [&["--pool", "flatten"][..], &["--max-length", "30"]] {
        let train = [&train[..5], &["--epochs", "1", "-o", "c.st", "--device", "cpu"], more];
        let told = said(&folder, &[&train[0][..3], train[1], train[2]].concat());
        assert!(told.contains("30 texts are cut"), "{told}");
    }
}

#[test]
fn numbers_that_cannot_be_kept_are_refused() {
    let folder = Folder::new();
    let label = |i: usize| ["123456789012345678901", "123456789012345678902"][i % 2];
    let line = |i| format!("{{\"text\":\"good\",\"label\":{}}}\n", label(i));
    folder.write("big.jsonl", rows(6, line));
    let train = ["train", "text", "big.jsonl", "--device", "cpu", "-o", "m.st"];
    folder.fails(1, &train, &["line 1", "more digits", "in quotes"]);
    let quoted = |i| format!("{{\"text\":\"good {}\",\"label\":\"{}\"}}\n", i % 2, label(i));
    folder.write("big.jsonl", rows(6, quoted));
    folder.ok(&train);

    folder
        .write("huge.csv", format!("x,z,y\n{}", rows(20, |i| format!("{i}e300,{i},{}\n", i % 2))));
    let minus = |i: usize| format!("\u{2212}{},{}\n", i % 3, i % 3);
    folder.write("minus.csv", format!("x,y\n{}", rows(30, minus)));
    for (file, says) in [
        ("huge.csv", &["column \"x\"", "too large to be scaled", "drop"][..]),
        ("minus.csv", &["line 2", "written with other signs"]),
    ] {
        folder.fails(1, &["train", "table", file, "--target", "y", "-o", "m.st"], says);
    }
}

#[test]
fn dark_pictures_keep_the_scale_of_their_model() {
    let folder = Folder::new();
    let write = |name: &str, kind: &str, values: &dyn Fn(usize) -> f64| {
        let bytes = (0..40 * 16).flat_map(|i| match kind {
            "<u2" => (values(i) as u16).to_le_bytes().to_vec(),
            _ => (values(i) as f32).to_le_bytes().to_vec(),
        });
        npy(&folder.path(name), kind, "(40, 4, 4)", bytes.collect());
    };
    let mse = |model: &str, file: &str| {
        let found = json(&folder.ok(&["reconstruct", model, file, "--device", "cpu", "--json"]));
        (found["mse"].as_f64().expect("a number"), found["data"]["warnings"].clone())
    };
    for (kind, most) in [("<u2", 65_535.0), ("<f4", 255.0)] {
        write("x.npy", kind, &|i| most * ((i * 7 % 16) as f64 / 15.0));
        let train = ["train", "autoencoder", "x.npy", "--layers", "8", "--device", "cpu"];
        folder.ok(&[&train[..], &["--epochs", "20", "-o", "m.st"]].concat());
        // All but black: what the model gives is far from it, and the scale is not guessed anew.
        write("dark.npy", kind, &|i| (2 + i % 9) as f64);
        write("black.npy", kind, &|_| 0.0);
        let (dark, warnings) = mse("m.st", "dark.npy");
        assert_eq!(warnings, Value::Array(Vec::new()), "{kind}");
        let (black, _) = mse("m.st", "black.npy");
        assert!((dark - black).abs() < 0.1, "{kind}: {dark} and {black}");
    }
}

/// Texts of which a tenth is set apart unasked are trained on once more, all of them, for the epochs that the tenth chose: the
/// model is that of a run with these epochs and no rows set apart.
#[test]
fn texts_are_trained_on_once_more_with_the_rows_that_were_set_apart() {
    let folder = Folder::new();
    let words = ["lovely", "dull", "bright", "grim", "film", "plot", "cast", "end"];
    let mut csv = String::from("label,text\n");
    for i in 0..2_100usize {
        let word = |k: usize| words[i.wrapping_mul(2_654_435_761).rotate_right(k as u32 * 5) % 8];
        let is_good =
            [0, 1, 2].iter().filter(|&&k| ["lovely", "bright"].contains(&word(k))).count() > 0;
        csv += &format!(
            "{},{} {} {}\n",
            if is_good { "good" } else { "bad" },
            word(0),
            word(1),
            word(2)
        );
    }
    folder.write("r.csv", csv);
    let train = |more: &str, model: &str| {
        let line = format!("train text r.csv --device cpu --epochs 6 --json -o {model} {more}");
        json(&folder.ok(&line.split_whitespace().collect::<Vec<_>>()))
    };
    let bytes = |model: &str| std::fs::read(folder.path(model)).expect("a model");
    let (refitted, again) = (train("", "a"), train("", "b"));
    assert_eq!(
        (&refitted["refit_rows"], &refitted["validation_rows"]),
        (&2_100.into(), &210.into())
    );
    assert_eq!(refitted["training_rows"], 1_890, "the history is of the first run");
    assert_eq!(bytes("a"), bytes("b"), "the same bits each time");
    let chosen = &again["kept_epoch"];
    let whole = format!("--validation-split 0 --epochs {chosen}");
    let line = format!("train text r.csv --device cpu --quiet -o whole {whole}");
    folder.ok(&line.split_whitespace().collect::<Vec<_>>());
    let weights = |model: &str| {
        let model = wgslearn::Model::load(folder.path(model)).expect("a model");
        model.parameters().iter().map(|parameter| parameter.values.clone()).collect::<Vec<_>>()
    };
    assert_eq!(weights("a"), weights("whole"));
    // Once where rows are named, or it is not wanted; what keeps a run's steps does not go with it.
    for more in ["--no-refit", "--validation-split 0.1", "--checkpoint c", "--folds 2"] {
        assert!(train(more, "once")["refit_rows"].is_null(), "{more}");
    }
    train("--no-refit", "first");
    assert_ne!(weights("a"), weights("first"));
    folder.write("run.toml", "kind = \"text\"\n[data]\ntrain = \"r.csv\"\n[training]\nrefit = true\n[output]\ncheckpoint = \"c\"\n");
    folder.fails(2, &["train", "--config", "run.toml"], &["refit is true", "checkpoint"]);
    let said =
        text(&folder.run(&["train", "text", "r.csv", "--device", "cpu", "-o", "said"]).stderr);
    assert!(said.contains("once more, on all 2100 rows"), "{said}");
}

#[test]
fn rows_that_stand_there_twice_are_said() {
    let folder = Folder::new();
    let text = |i: usize| format!("{},{} film a{i} b{}\n", i % 2, ["bad", "good"][i % 2], i * 7);
    let once = rows(300, text);
    folder.write("once.csv", format!("label,text\n{once}"));
    folder.write("twice.csv", format!("label,text\n{once}{once}"));
    // The same texts, of which every third has the other label.
    let other = rows(300, |i| text(i).replacen(['0', '1'], if i % 3 == 0 { "2" } else { "3" }, 1));
    folder.write("other.csv", format!("label,text\n{once}{other}"));
    let train = |file: &str, split: &str| {
        let options = ["--validation-split", split, "--epochs", "1", "--device", "cpu", "-o", "m"];
        said(&folder, &[&["train", "text", file], &options[..]].concat())
    };
    let found = train("twice.csv", "0.2");
    assert!(found.contains("of 120 validation rows are training rows too"), "{found}");
    assert!(!train("once.csv", "0.2").contains("warning"));
    let folds = ["--folds", "3", "--epochs", "1", "--device", "cpu", "-o", "m"];
    let found = said(&folder, &[&["train", "text", "twice.csv"], &folds[..]].concat());
    assert!(found.contains("of 200 held-out rows are training rows too"), "{found}");
    let found = train("other.csv", "0");
    assert!(found.contains("it must answer 300 of them wrongly"), "{found}");
    // A table has the same few rows again and again, or is copied.
    let number = |i: usize| format!("{}.25,{},{}\n", i * 37 % 1009, i % 5, i % 2);
    let half = rows(200, number);
    folder.write("twice_table.csv", format!("a,b,label\n{half}{half}"));
    folder.write(
        "few.csv",
        format!("a,b,label\n{}", rows(400, |i| format!("{},{},{}\n", i % 3, i % 5, i % 2))),
    );
    for (file, is_said) in [("twice_table.csv", true), ("few.csv", false)] {
        let options =
            ["--target", "label", "--validation-split", "0.2", "--epochs", "1", "-o", "m"];
        let found =
            said(&folder, &[&["train", "table", file, "--device", "cpu"], &options[..]].concat());
        assert_eq!(
            found.contains("validation rows are training rows too"),
            is_said,
            "{file}: {found}"
        );
    }
    let found = said(&folder, &["evaluate", "m", "few.csv", "--device", "cpu"]);
    assert!(found.contains("was trained on rows of this file"), "{found}");
}

#[test]
fn a_column_that_tells_rows_apart_is_said() {
    let folder = Folder::new();
    let table = |name: &str, id: &dyn Fn(usize) -> usize| {
        let row = |i: usize| format!("{},{}.5,{}\n", id(i), i % 7, i % 2);
        format!("{name},x,label\n{}", rows(60, row))
    };
    folder.write("counts.csv", table("number", &|i| i + 100));
    folder.write("named.csv", table("user_id", &|i| i * 7919 % 997));
    folder.write("pandas.csv", table("Unnamed: 0", &|i| i));
    folder.write("fine.csv", table("age", &|i| i * 31 % 60));
    for (file, expected) in [
        ("counts.csv", "column \"number\" counts the rows from 100 on"),
        ("named.csv", "column \"user_id\" is called as what tells rows apart"),
        ("pandas.csv", "column 1 has no name and counts the rows: it is left out"),
        ("fine.csv", ""),
    ] {
        let options = ["--target", "label", "--epochs", "1", "--device", "cpu", "-o", "m"];
        let found = said(&folder, &[&["train", "table", file], &options[..]].concat());
        assert!(
            found.contains(expected) && found.contains("warning") != expected.is_empty(),
            "{found}"
        );
    }
}

#[test]
fn rows_of_labels_that_a_model_does_not_know_can_be_left_out() {
    let folder = Folder::new();
    folder.write(
        "t.csv",
        format!("label,text\n{}", rows(40, |i| format!("l{},w{} of v{}\n", i % 3, i % 3, i % 5))),
    );
    folder.write("test.csv", "label,text\nl1,w1 of v2\nl9,w2 of v1\nl2,w2 of v1\nl8,w2 of v1\n");
    folder.ok(&["train", "text", "t.csv", "--device", "cpu", "-o", "m"]);
    folder.write("t.tsv", format!("x\ty\n{}", rows(40, |i| format!("{}.5\tl{}\n", i % 3, i % 3))));
    folder.write("test.tsv", "x\ty\n1.5\tl1\n0.5\tl9\n2.5\tl2\n2.5\tl8\n");
    folder.ok(&["train", "table", "t.tsv", "--target", "y", "--device", "cpu", "-o", "n"]);
    for (model, file) in [("m", "test.csv"), ("n", "test.tsv")] {
        for command in ["evaluate", "errors"] {
            let says =
                ["line 3: the label \"l9\" is none of the model's: l0, l1, l2", "2 of 4 rows"];
            folder.fails(1, &[command, model, file, "--device", "cpu"], &says);
            let found = said(&folder, &[command, model, file, "--device", "cpu", "--skip-unknown"]);
            let expected = "(2 left out: a label that the model does not know, lines 3, 5)";
            assert!(found.contains(expected), "{found}");
        }
    }
}

/// A number below 1009 without a pattern, for the n-th of a row's.
fn noise(i: usize, n: usize) -> usize {
    let mixed = ((i * 100 + n) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 27)) >> 33) as usize % 1009
}

#[test]
fn a_model_that_tells_no_more_than_one_answer_is_said() {
    let folder = Folder::new();
    // Hashes of the row: nothing to learn from.
    let words =
        |i: usize| (0..6).map(|n| format!("w{}", noise(i, n) % 300)).collect::<Vec<_>>().join(" ");
    let rare = |i: usize| if noise(i, 99).is_multiple_of(10) { "rare" } else { "usual" };
    folder.write(
        "noise.csv",
        format!("label,text\n{}", rows(2000, |i| format!("{},{}\n", rare(i), words(i)))),
    );
    let told = |i: usize| {
        format!("{},{} {}\n", rare(i), words(i), if rare(i) == "rare" { "bad" } else { "good" })
    };
    folder.write("told.csv", format!("label,text\n{}", rows(2000, told)));
    let number = |i: usize| format!("{},{},{}\n", noise(i, 1), noise(i, 2), noise(i, 3));
    folder.write("noise_numbers.csv", format!("a,b,y\n{}", rows(600, number)));
    let sum = |i: usize| format!("{},{},{}\n", noise(i, 1), noise(i, 2), noise(i, 1) + noise(i, 2));
    folder.write("sum.csv", format!("a,b,y\n{}", rows(600, sum)));
    let text = |file: &str| said(&folder, &["train", "text", file, "--device", "cpu", "-o", "m"]);
    let found = text("noise.csv");
    assert!(
        found.contains("of them are \"usual\": always to answer that would be about as good"),
        "{found}"
    );
    assert!(!text("told.csv").contains("always to answer"));
    let table = |file: &str| {
        let options = ["--target", "y", "--validation-split", "0.2", "--device", "cpu", "-o", "m"];
        said(&folder, &[&["train", "table", file], &options[..]].concat())
    };
    let found = table("noise_numbers.csv");
    assert!(found.contains("their mean is about as good an answer"), "{found}");
    assert!(!table("sum.csv").contains("their mean"));
}

#[test]
fn numbers_in_another_unit_are_said() {
    let folder = Folder::new();
    let people = |scale: usize| {
        let row = |i: usize| {
            format!("{},{},{}\n", (60 + i * 7 % 11 + i % 2 * 20) * scale, 160 + i * 5 % 13, i % 2)
        };
        format!("weight,height,label\n{}", rows(80, row))
    };
    folder.write("kg.csv", people(1));
    folder.write("same.csv", people(1));
    folder.write("g.csv", people(1000));
    let train = |kind: &str, more: &[&str]| {
        let options = ["train", kind, "kg.csv", "--epochs", "3", "--device", "cpu", "-o"];
        said(&folder, &[&options[..], more].concat())
    };
    train("table", &["m", "--target", "label"]);
    train("autoencoder", &["a", "--drop", "label"]);
    let expected =
        "column \"weight\": 80 of 80 rows are more than 10 standard deviations from the mean";
    for (command, model) in
        [("evaluate", "m"), ("predict", "m"), ("reconstruct", "a"), ("encode", "a")]
    {
        let output = if command == "encode" { &["-o", "c.csv"][..] } else { &[] };
        for (file, is_said) in [("g.csv", true), ("same.csv", false)] {
            let found =
                said(&folder, &[&[command, model, file, "--device", "cpu"], output].concat());
            assert_eq!(found.contains(expected), is_said, "{command} {file}: {found}");
        }
    }
    for (file, is_said) in [("g.csv", true), ("same.csv", false)] {
        let lines = std::fs::read_to_string(folder.path(file)).expect("a table");
        let found = folder.run_with(&["predict", "m", "-", "--device", "cpu"], &lines);
        assert_eq!(text(&found.stderr).contains(expected), is_said, "lines of {file}");
    }
    let found = train("table", &["m", "--target", "label", "--validation-file", "g.csv"]);
    assert!(found.contains(expected), "{found}");
}

#[test]
fn an_autoencoder_that_gives_the_mean_row_back_is_said() {
    let folder = Folder::new();
    let row =
        |i: usize| (0..64).map(|n| (noise(i, n)).to_string()).collect::<Vec<_>>().join(",") + "\n";
    let names: Vec<String> = (0..64).map(|n| format!("x{n}")).collect();
    folder.write("noise.csv", names.join(",") + "\n" + &rows(300, row));
    let alike = |i: usize| {
        (0..64).map(|n| (i % 17 * (n + 1)).to_string()).collect::<Vec<_>>().join(",") + "\n"
    };
    folder.write("line.csv", names.join(",") + "\n" + &rows(300, alike));
    for (file, is_said) in [("noise.csv", true), ("line.csv", false)] {
        let options = ["--latent", "1", "--validation-split", "0.2", "--device", "cpu", "-o", "m"];
        let found = said(&folder, &[&["train", "autoencoder", file], &options[..]].concat());
        assert_eq!(
            found.contains("the mean row is about as good an answer"),
            is_said,
            "{file}: {found}"
        );
    }
}
