//! The command line as a process: what it prints where, its files, and its exit codes.

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

use common::cli::{Folder, json, npy, text};
use serde_json::Value;

#[test]
fn demo_is_the_whole_tutorial_on_the_adapter() {
    let folder = Folder::new();
    let shown = folder.ok(&["demo", "--device", "gpu"]);
    for part in [
        "[10 10  0  0]",
        "[19 15  0  0]",
        "[ 1  2  0  0]",
        "[ 9  9  0  0]",
        "[ 4 11  0  0]",
        "[19 11  7  7]",
        "[12 13  1  5]",
        "embedding (Embedding) ┆ (None, 4, 8) ┆     160",
        "flatten (Flatten)     ┆ (None, 32)   ┆       0",
        "dense (Dense)         ┆ (None, 1)    ┆      33",
        "Total params: 193 (772.00 B)",
        "loss by epoch",
        "accuracy by epoch",
        "Accuracy: ",
        "Predictions:",
        "precision    recall  f1-score   support",
        "weighted avg",
        "Trained on ",
    ] {
        assert!(shown.contains(part), "\"{part}\" is not in:\n{shown}");
    }
    let png = std::fs::read(folder.path("history.png")).expect("the plot is there");
    assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
}

#[test]
fn demo_says_the_same_on_every_backend() {
    let folder = Folder::new();
    let run = |device: &str| json(&folder.ok(&["demo", "--json", "--device", device]));
    let (gpu, cpu) = (run("gpu"), run("cpu"));
    assert_eq!((&gpu["backend"], &cpu["backend"]), (&"gpu".into(), &"cpu".into()));
    assert_eq!(gpu["history"]["loss"].as_array().map(Vec::len), Some(50));
    let loss = |run: &Value| run["loss"].as_f64().expect("a loss");
    assert!((loss(&gpu) - loss(&cpu)).abs() < 1e-5);
    assert_eq!(gpu["accuracy"], cpu["accuracy"]);
    assert!(!folder.path("history.png").exists(), "--json writes no plot");
}

#[test]
fn a_text_classifier_from_file_to_report() {
    let folder = Folder::new();
    let reviews = folder.reviews();
    let reviews = reviews.to_str().expect("UTF-8");
    let trained = folder.ok(&[
        "train",
        "text",
        reviews,
        "--device",
        "gpu",
        "-o",
        "m.safetensors",
        "--history",
        "h.json",
        "--plot",
        "h.png",
        "--json",
        "--word-ngrams",
        "2",
        "--ngram-buckets",
        "500",
        "--validation-split",
        "0.1",
    ]);
    assert_eq!(json(&trained)["training_rows"], 180);
    let history = json(&std::fs::read_to_string(folder.path("h.json")).expect("a history"));
    assert_eq!(
        history["loss"].as_array().map(Vec::len),
        history["val_accuracy"].as_array().map(Vec::len)
    );
    assert!(folder.path("h.png").exists());

    let found = json(&folder.ok(&["evaluate", "m.safetensors", reviews, "--json"]));
    assert!(found["accuracy"].as_f64().expect("an accuracy") > 0.99, "{found}");
    let shown = folder.ok(&["evaluate", "m.safetensors", reviews, "--device", "gpu"]);
    assert!(shown.contains("f1-score") && shown.contains("truth \\ answer"), "{shown}");

    let summary = folder.ok(&["summary", "m.safetensors"]);
    assert!(summary.contains("mean_pool (MeanPool)") && summary.contains("Labels: bad, good"));

    let answers = folder.run_with(&["predict", "m.safetensors"], "a lovely film\nso dull\n\nxyz\n");
    let lines = text(&answers.stdout);
    let labels: Vec<&str> =
        lines.lines().map(|line| line.split('\t').next().unwrap_or("")).collect();
    assert_eq!(labels.len(), 4, "one answer a line: {lines}");
    assert_eq!(labels[..2], ["good", "bad"]);
    assert!(text(&answers.stderr).contains("2 rows have no known word"));
    let line = folder.run_with(&["predict", "m.safetensors", "-", "--json"], "warm\n");
    let answer = json(&text(&line.stdout));
    assert_eq!(answer["label"], "good");
    assert!(answer["probability"].as_f64().expect("a probability") > 0.5);
    let all = folder.ok(&["predict", "m.safetensors", reviews]);
    assert_eq!(all.lines().count(), 200);
}

#[test]
fn predictions_stream() {
    use std::io::{BufRead, BufReader};
    let folder = Folder::new();
    let model = folder.model();
    let mut child = Command::new(env!("CARGO_BIN_EXE_wgslearn"))
        .args(["predict", model.to_str().expect("UTF-8"), "--device", "cpu"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("wgslearn starts");
    let mut input = child.stdin.take().expect("piped");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    for (question, answer) in [("a warm film", "good"), ("grim and cold", "bad")] {
        writeln!(input, "{question}").expect("written");
        let mut line = String::new();
        output.read_line(&mut line).expect("the answer comes before the input ends");
        assert!(line.starts_with(answer), "{line}");
    }
    drop(input);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let folder = Folder::new();
    folder.reviews();
    for device in ["gpu", "cpu"] {
        let train = |name: &str, seed: &str| {
            folder.ok(&[
                "train",
                "text",
                "reviews.csv",
                "--device",
                device,
                "-o",
                name,
                "--seed",
                seed,
                "--hidden",
                "8",
                "--epochs",
                "3",
            ]);
            std::fs::read(folder.path(name)).expect("the model")
        };
        let first = train("a.safetensors", "3");
        assert!(first == train("b.safetensors", "3"), "on {device}");
        assert!(first != train("c.safetensors", "4"), "another seed gives another model");
    }
}

#[test]
fn every_text_format_trains() {
    let folder = Folder::new();
    folder.reviews();
    let csv = std::fs::read_to_string(folder.path("reviews.csv")).expect("csv");
    let rows: Vec<(&str, String)> = csv
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(','))
        .map(|(label, text)| (label, text.trim_matches('"').to_owned()))
        .collect();
    let tsv: String = rows.iter().map(|(label, text)| format!("{text}\t{label}\n")).collect();
    folder.write("r.tsv", format!("body\tmood\n{tsv}"));
    let jsonl: String = rows
        .iter()
        .map(|(label, text)| format!("{}\n", serde_json::json!({"label": label, "text": text})))
        .collect();
    folder.write("r.jsonl", jsonl);
    let lines: String =
        rows.iter().map(|(label, text)| format!("__label__{label} {text}\n")).collect();
    folder.write("r.txt", lines);
    let train = |arguments: &[&str]| {
        let common =
            ["-o", "m.safetensors", "--device", "cpu", "--json", "--validation-split", "0.1"];
        json(&folder.ok(&[&["train", "text"], arguments, &common].concat()))["history"].clone()
    };
    let histories = [
        train(&["reviews.csv"]),
        train(&["r.tsv", "--text-column", "body", "--label-column", "mood"]),
        train(&["r.jsonl"]),
        train(&["r.txt"]),
    ];
    for history in &histories[1..] {
        assert_eq!(history, &histories[0]);
    }
    let hashed = train(&["r.txt", "--hash-size", "50", "--padding", "pre", "--truncation", "pre"]);
    assert!(hashed["val_accuracy"][0].as_f64().is_some());
    let flat = train(&["r.txt", "--pool", "flatten", "--max-length", "6", "--vocab-size", "9"]);
    assert!(flat["val_accuracy"][0].as_f64().is_some());
}

#[test]
fn tables_train_classifiers_and_regressions() {
    let folder = Folder::new();
    let mut csv = String::from("a,b,kind,price\n");
    for i in 0..120 {
        let (a, b) = ((i % 11) as f64, (i % 7) as f64 * 10.0);
        csv +=
            &format!("{a},{b},{},{}\n", ["low", "mid", "high"][i % 11 / 4], 1000.0 + 30.0 * a - b);
    }
    folder.write("t.csv", &csv);
    let no_price: String =
        csv.lines().map(|l| format!("{}\n", l.rsplit_once(',').expect("fields").0)).collect();
    folder.write("kinds.csv", no_price);
    let no_kind: String = csv
        .lines()
        .map(|line| line.split(',').collect::<Vec<_>>())
        .map(|f| format!("{},{},{}\n", f[0], f[1], f[3]))
        .collect();
    folder.write("prices.csv", no_kind);
    folder.ok(&[
        "train",
        "table",
        "kinds.csv",
        "--target",
        "kind",
        "--hidden",
        "16",
        "--epochs",
        "300",
        "--patience",
        "50",
        "--learning-rate",
        "0.01",
        "-o",
        "k.safetensors",
        "--device",
        "gpu",
    ]);
    let found = json(&folder.ok(&["evaluate", "k.safetensors", "kinds.csv", "--json"]));
    assert!(found["accuracy"].as_f64().expect("an accuracy") > 0.95, "{found}");
    folder.ok(&[
        "train",
        "table",
        "prices.csv",
        "--target",
        "price",
        "--epochs",
        "400",
        "--learning-rate",
        "0.01",
        "--patience",
        "50",
        "-o",
        "p.safetensors",
        "--device",
        "cpu",
    ]);
    let found = json(&folder.ok(&["evaluate", "p.safetensors", "prices.csv", "--json"]));
    assert!(found["regression"]["r2"].as_f64().expect("an R2") > 0.99, "{found}");
    let answers = folder.run_with(&["predict", "p.safetensors"], "3, 20\n");
    let price: f64 = text(&answers.stdout).trim().parse().expect("a price");
    assert!((price - 1070.0).abs() < 10.0, "{price}");
    // Every loss of errors has a regression's figures.
    for loss in ["mae", "{ huber = { delta = 0.5 } }"] {
        let loss = format!("[training]\nloss = {}\n", if loss == "mae" { "\"mae\"" } else { loss });
        folder.write("loss.toml", format!("kind = \"table\"\n{loss}"));
        let train = "train table prices.csv --target price --config loss.toml --epochs 300 --learning-rate 0.02 -o l --device cpu --quiet";
        folder.ok(&train.split(' ').collect::<Vec<_>>());
        let found = json(&folder.ok(&["evaluate", "l", "prices.csv", "--json"]));
        assert!(found["regression"]["r2"].as_f64().expect("an R2") > 0.98, "{found}");
    }
}

/// The TOML file of the documentation, key for key, and an autoencoder of the same arrays.
#[test]
fn config_files_describe_any_run() {
    let folder = Folder::new();
    let rows = 26;
    let ids: Vec<u8> = (0..rows * 6).flat_map(|i| ((i * i % 50) as i64).to_le_bytes()).collect();
    npy(&folder.path("x.npy"), "<i8", &format!("({rows}, 6)"), ids);
    let y: Vec<u8> = (0..rows).flat_map(|i| ((i % 2) as f32).to_le_bytes()).collect();
    npy(&folder.path("y.npy"), "<f4", &format!("({rows}, 1)"), y);
    let toml = |extra: &str| {
        format!(
            r#"
[data]
train = "x.npy"
targets = "y.npy"
[model]
layers = [
  {{ embedding = {{ rows = 50, units = 5 }} }},
  {{ flatten = {{}} }},
  {{ dense = {{ units = 11, activation = "relu" }} }},
  {{ dropout = {{ rate = 0.2 }} }},
  {{ dense = {{ units = 1, activation = "sigmoid" }} }},
]
{extra}
[training]
loss = "binary_crossentropy"
optimizer = {{ adam = {{ learning_rate = 1e-3, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7 }} }}
epochs = 20
batch_size = 13
shuffle = false
seed = 7
[output]
model = "model.safetensors"
history = "history.json"
"#
        )
    };
    folder.write("run.toml", toml(""));
    folder.ok(&["train", "--config", "run.toml", "--device", "gpu"]);
    let first = json(&std::fs::read_to_string(folder.path("history.json")).expect("a history"));
    assert_eq!(first["loss"].as_array().map(Vec::len), Some(20));
    assert_eq!(first["accuracy"].as_array().map(Vec::len), Some(20));
    std::fs::rename(folder.path("model.safetensors"), folder.path("w.safetensors"))
        .expect("renamed");

    // The trained weights as initial ones: the first loss is the last one's successor.
    folder.write("again.toml", toml("initial_weights = \"w.safetensors\""));
    folder.ok(&["train", "--config", "again.toml", "--device", "cpu"]);
    let second = json(&std::fs::read_to_string(folder.path("history.json")).expect("a history"));
    let loss = |history: &Value, epoch: usize| history["loss"][epoch].as_f64().expect("a loss");
    assert!(
        loss(&second, 0) < loss(&first, 0) && (loss(&second, 0) - loss(&first, 19)).abs() < 0.05
    );

    let summary = json(&folder.ok(&["summary", "model.safetensors", "--json"]));
    assert_eq!(summary["parameters"], 50 * 5 + 31 * 11 + 12);

    let matrix: Vec<u8> = (0..40 * 12).flat_map(|i| ((i % 9) as f32 / 9.0).to_le_bytes()).collect();
    npy(&folder.path("m.npy"), "<f4", "(40, 12)", matrix);
    folder.write(
        "ae.toml",
        "[data]\ntrain = \"m.npy\"\ntargets = \"m.npy\"\n[model]\nlayers = [{dense = {units = 4, activation = \"tanh\"}}, {dense = {units = 12, activation = \"sigmoid\"}}]\n[training]\nloss = \"mse\"\nepochs = 30\n[output]\nmodel = \"ae.safetensors\"\n",
    );
    folder.ok(&["train", "--config", "ae.toml", "--device", "gpu"]);
    let found =
        json(&folder.ok(&["evaluate", "ae.safetensors", "m.npy", "--targets", "m.npy", "--json"]));
    assert!(found["loss"].as_f64().expect("a loss") < 0.1, "{found}");
    assert_eq!(folder.ok(&["predict", "ae.safetensors", "m.npy"]).lines().count(), 40);
}

/// The stack of the tutorial's prose: (n,k) through (k,100)(100,50)(50,20)(20,1).
#[test]
fn the_stack_of_the_tutorials_prose_trains() {
    let folder = Folder::new();
    let mut csv = String::from("a,b,c,y\n");
    for i in 0..90 {
        csv += &format!("{},{},{},{}\n", i % 5, i % 3, i % 2, ((i % 5) > 2) as u8);
    }
    folder.write("t.csv", csv);
    folder.ok(&[
        "train",
        "table",
        "t.csv",
        "--target",
        "y",
        "--hidden",
        "100,50,20",
        "-o",
        "m.safetensors",
        "--device",
        "gpu",
        "--epochs",
        "60",
    ]);
    let summary = folder.ok(&["summary", "m.safetensors"]);
    for shape in ["(None, 100)", "(None, 50)", "(None, 20)", "(None, 1)"] {
        assert!(summary.contains(shape), "{summary}");
    }
    let found = json(&folder.ok(&["evaluate", "m.safetensors", "t.csv", "--json"]));
    assert!(found["accuracy"].as_f64().expect("an accuracy") > 0.95, "{found}");
}

#[test]
fn devices_and_benches_speak_json() {
    let folder = Folder::new();
    let devices = json(&folder.ok(&["devices", "--json"]));
    assert!(devices[0]["name"].is_string(), "{devices}");
    let lines =
        folder.ok(&["bench", "training", "--workload", "seed", "--json", "--device", "cpu"]);
    let line = json(&lines);
    assert_eq!((&line["workload"], &line["unit"]), (&"seed".into(), &"ms".into()));
    assert!(line["value"].as_f64().expect("a value") > 0.0);
    let lines =
        folder.ok(&["bench", "kernels", "--filter", "softmax", "--json", "--device", "cpu"]);
    assert!(json(lines.trim())["ratio"].as_f64().expect("a ratio") > 0.0);
}

#[test]
fn wrong_usage_exits_with_2() {
    let folder = Folder::new();
    folder.reviews();
    folder.fails(2, &["frobnicate"], &["frobnicate"]);
    folder.fails(2, &["train"], &["train text FILE"]);
    folder.fails(2, &["train", "text", "reviews.csv", "--no-such-option"], &["--no-such-option"]);
    folder.fails(
        2,
        &["demo", "--device", "no such gpu"],
        &["no such gpu", "there are auto, gpu, cpu"],
    );
    folder.fails(2, &["demo", "--device", "99"], &["\"99\""]);
    folder.fails(
        2,
        &["train", "text", "reviews.csv", "--validation-split", "2"],
        &["validation_split is 2", "from 0 to below 1"],
    );
    folder.fails(2, &["train", "text", "reviews.csv", "--epochs", "0"], &["epochs is 0"]);
    folder.fails(2, &["train", "text", "reviews.csv", "--batch-size", "0"], &["batch_size is 0"]);
    folder.fails(2, &["train", "text", "reviews.csv", "-o", "no/such/m.st"], &["folder"]);
    folder.fails(2, &["train", "text", "reviews.csv", "--learning-rate=-1"], &["learning_rate"]);
    folder.fails(2, &["bench", "training", "--workload", "nothing"], &["seed, text, ae, mm"]);
}

#[test]
fn bad_files_exit_with_1_and_say_where() {
    let folder = Folder::new();
    let train = |name: &str, says: &[&str]| {
        folder.fails(1, &["train", "text", name, "--device", "cpu"], says);
        assert!(!folder.path("model.safetensors").exists(), "nothing is written");
    };
    train("missing.csv", &["missing.csv", "cannot read"]);
    let error = text(&folder.run(&["train", "text", "missing.csv"]).stderr);
    assert_eq!(error.matches("os error").count(), 1, "said once: {error}");
    folder.write("crlf.csv", "a,y\r\ninf,0\r\n");
    folder.fails(1, &["train", "table", "crlf.csv", "--target", "y"], &["crlf.csv, line 2"]);
    folder.write("empty.csv", "");
    train("empty.csv", &["empty.csv", "empty"]);
    folder.write("header.csv", "label,text\n");
    train("header.csv", &["header.csv", "no rows"]);
    folder.write("column.csv", "label,body\na,b\n");
    train("column.csv", &["column.csv, line 1", "\"text\"", "text_column"]);
    folder.write("single.csv", "label,text\nup,fine\nup,good\ndown,bad\n");
    train("single.csv", &["single.csv, line 4", "\"down\"", "allow_single_labels"]);
    folder.write("one.csv", "label,text\nup,fine\nup,good\n");
    train("one.csv", &["\"up\"", "two labels"]);
    folder.write("words.csv", "label,text\nup,fine\nup,ok\ndown,!!!\ndown,bad\n");
    train("words.csv", &["words.csv, line 4", "\"!!!\"", "skip_unknown"]);
    folder.write("utf8.csv", b"label,text\nup,fine\nup,caf\xe9\ndown,bad\ndown,sad\n");
    train("utf8.csv", &["utf8.csv, line 3", "0xe9", "iconv"]);
    folder.write("fields.csv", "label,text\nup,fine\nup,good,better\n");
    train("fields.csv", &["fields.csv, line 3", "3 fields"]);
    folder.write("t.csv", "a,b,y\n1,2,0\n3,Paris,1\n");
    folder.fails(
        1,
        &["train", "table", "t.csv", "--target", "y"],
        &["t.csv, line 3", "\"b\"", "\"Paris\""],
    );
    folder.fails(1, &["train", "table", "t.csv", "--target", "z"], &["\"z\"", "a, b, y"]);
}

#[test]
fn skipping_and_allowing_are_ways_out() {
    let folder = Folder::new();
    let mut csv = String::from("label,text\nnone,...\nodd,one of a kind\n");
    for i in 0..20 {
        csv += if i % 2 == 0 { "up,fine and good\n" } else { "down,bad and sad\n" };
    }
    folder.write("r.csv", csv);
    let way = ["train", "text", "r.csv", "--device", "cpu", "--allow-single-labels"];
    folder.fails(1, &way, &["line 2"]);
    let trained = json(&folder.ok(&[&way[..], &["--skip-unknown", "--json"]].concat()));
    assert_eq!(trained["training_rows"], 21, "one row of 22 has no word");
    assert_eq!(trained["data"][0]["left_out"][0]["rows"], 1);
    let split = [&way[..], &["--skip-unknown", "--json", "--validation-split", "0.1"]].concat();
    assert_eq!(json(&folder.ok(&split))["training_rows"], 19, "2 of them to validate on");
}

#[test]
fn bad_models_exit_with_1_and_say_what_to_do() {
    let folder = Folder::new();
    let model = folder.model();
    let bytes = std::fs::read(&model).expect("the model");
    for len in [0, 4, 100, bytes.len() / 2, bytes.len() - 1] {
        folder.write("cut.safetensors", &bytes[..len]);
        folder.fails(1, &["summary", "cut.safetensors"], &["cut.safetensors", "not a complete"]);
    }
    folder.write("text.safetensors", "this is no model at all");
    folder.fails(1, &["predict", "text.safetensors"], &["text.safetensors"]);
    let newer = text(&bytes[..bytes.len().min(200)].iter().map(|b| b & 0x7f).collect::<Vec<u8>>());
    assert!(newer.contains("\\\"version\\\":2"), "{newer}");
    let at = bytes.windows(12).position(|w| w == b"\\\"version\\\":").map(|i| i + 12);
    let mut later = bytes.clone();
    if let Some(at) = at {
        later[at] = b'9';
    }
    folder.write("later.safetensors", later);
    folder.fails(1, &["summary", "later.safetensors"], &["version 9", "update wgslearn"]);
    folder.write("other.csv", "label,text\nmeh,a warm film\n");
    folder.fails(1, &["evaluate", "m.safetensors", "other.csv"], &["\"meh\"", "bad, good"]);
    folder.write("unknown.csv", "label,text\ngood,xyzzy\n");
    folder.fails(
        1,
        &["evaluate", "m.safetensors", "unknown.csv"],
        &["unknown.csv", "no row has a known word"],
    );
}

#[test]
fn bad_arrays_and_configs_exit_with_1_and_say_where() {
    let folder = Folder::new();
    let config = |layers: &str, extra: &str| {
        folder.write(
            "run.toml",
            format!("[data]\ntrain = \"x.npy\"\ntargets = \"y.npy\"\n{extra}\n[model]\nlayers = [{layers}]\n"),
        );
    };
    let layers = "{embedding = {rows = 50, units = 4}}, {flatten = {}}, {dense = {units = 1, activation = \"sigmoid\"}}";
    let run = ["train", "--config", "run.toml", "--device", "cpu"];
    let ids = |values: &[i64]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    npy(&folder.path("x.npy"), "<i8", "(2, 2)", ids(&[1, 2, 3, 57]));
    npy(&folder.path("y.npy"), "<f4", "(2,)", vec![0; 8]);
    config(layers, "");
    folder.fails(1, &run, &["x.npy, row 2, position 2", "57", "50 rows"]);
    npy(&folder.path("x.npy"), "<i8", "(2, 2)", ids(&[1, 2, 3, -4]));
    folder.fails(1, &run, &["row 2, position 2", "-4"]);
    npy(&folder.path("x.npy"), "<i8", "(2, 2)", ids(&[1, 2, 3]));
    folder.fails(1, &run, &["x.npy", "not a complete .npy"]);
    npy(&folder.path("x.npy"), "<i8", "(3, 2)", ids(&[1, 2, 3, 4, 5, 6]));
    folder.fails(1, &run, &["y.npy", "2 rows of targets for the 3 rows"]);
    let reals: Vec<u8> =
        [1.0f32, f32::NAN, 0.5, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    npy(&folder.path("x.npy"), "<f4", "(2, 2)", reals);
    config("{dense = {units = 1, activation = \"sigmoid\"}}", "");
    folder.fails(1, &run, &["row 1, column 2", "NaN"]);
    npy(&folder.path("x.npy"), "<i8", "(2, 2)", ids(&[1, 2, 3, 4]));
    config("{dense = {unit = 1}}", "");
    folder.fails(1, &run, &["run.toml, line", "unit"]);
    for layer in ["{kind = \"dense\", units = 1}", "{}"] {
        config(layer, "");
        folder.fails(1, &run, &["run.toml, line 6", "one name with its settings behind it"]);
    }
    config("{embedding = {rows = 50, units = 4}}, {dense = {units = 1}}", "");
    folder.fails(1, &run, &["layer 2", "flatten or mean_pool"]);
    config(layers, "colour = 3");
    folder.fails(1, &run, &["run.toml, line 4", "colour"]);
    folder.write("run.toml", "[data\n");
    folder.fails(1, &run, &["run.toml, line 1"]);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let folder = Folder::new();
    folder.model();
    let lines = "a warm film\n".repeat(20_000);
    folder.write("many.txt", lines);
    let mut child = Command::new(env!("CARGO_BIN_EXE_wgslearn"))
        .args(["predict", "m.safetensors", "many.txt", "--device", "cpu"])
        .current_dir(folder.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wgslearn starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn a_killed_run_goes_on_from_its_checkpoint() {
    let folder = Folder::new();
    folder.reviews();
    let arguments = |model: &str| {
        let fixed = "train text reviews.csv --device cpu --epochs 4000 --patience 0 --dim 48 --hidden 64,64 --batch-size 8 --quiet -o";
        fixed.split(' ').map(str::to_owned).chain([model.to_owned()]).collect::<Vec<_>>()
    };
    let short = |model: &str, epochs: &str| {
        let mut list = arguments(model);
        let at = list.iter().position(|a| a == "4000").expect("epochs");
        list[at] = epochs.into();
        list
    };
    // Killed for good: the run is long, and its first checkpoint comes after the first epoch.
    let mut child = Command::new(env!("CARGO_BIN_EXE_wgslearn"))
        .args(arguments("never.safetensors"))
        .args(["--checkpoint", "run.safetensors"])
        .current_dir(folder.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("wgslearn starts");
    while !folder.path("run.safetensors").exists() {
        assert!(child.try_wait().expect("a state").is_none(), "the run ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().expect("killed");
    child.wait().expect("it ends");
    assert!(!folder.path("never.safetensors").exists());

    // Another run does not take it; a cut one is refused.
    let run = |list: Vec<String>| {
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        folder.run(&[&list[..], &["--checkpoint", "run.safetensors"]].concat())
    };
    let other = run(short("a.safetensors", "30"));
    assert_eq!(other.status.code(), Some(1));
    assert!(text(&other.stderr).contains("another run"), "{}", text(&other.stderr));
    let bytes = std::fs::read(folder.path("run.safetensors")).expect("the checkpoint");
    folder.write("run.safetensors", &bytes[..bytes.len() / 2]);
    let cut = run(arguments("a.safetensors"));
    assert!(text(&cut.stderr).contains("not a complete checkpoint"), "{}", text(&cut.stderr));

    // A run that ends removes its checkpoint.
    std::fs::remove_file(folder.path("run.safetensors")).expect("removed");
    assert!(run(short("a.safetensors", "3")).status.success());
    assert!(!folder.path("run.safetensors").exists() && folder.path("a.safetensors").exists());
}

/// A data set of each kind, in the folder.
fn every_kind(folder: &Folder) {
    folder.reviews();
    let table: String = (0..60).map(|i| format!("{},{},{}\n", i % 7, i % 5, i * 3 % 11)).collect();
    folder.write("t.csv", format!("a,b,y\n{table}"));
    let image = |i: usize| ((i * 37 % 101) as f32 / 101.0).to_le_bytes();
    npy(&folder.path("x.npy"), "<f4", "(40, 12)", (0..480).flat_map(image).collect());
    npy(&folder.path("y.npy"), "<f4", "(40, 12)", (1..481).flat_map(image).collect());
    npy(&folder.path("pictures.npy"), "<f4", "(40, 3, 4)", (0..480).flat_map(image).collect());
}

/// Flags that name the data of each kind, and the TOML that does.
const KINDS: [(&[&str], &str); 5] = [
    (&["text", "reviews.csv"], "[data]\ntrain = \"reviews.csv\"\n"),
    (&["table", "t.csv", "--target", "y"], "[data]\ntrain = \"t.csv\"\ntarget_column = \"y\"\n"),
    (&["autoencoder", "x.npy"], "[data]\ntrain = \"x.npy\"\ntargets = \"x.npy\"\n"),
    (
        &["translate", "--input", "x.npy", "--target", "y.npy"],
        "kind = \"translate\"\n[data]\ntrain = \"x.npy\"\ntargets = \"y.npy\"\n",
    ),
    (&["words", "reviews.csv"], "kind = \"words\"\n[data]\ntrain = \"reviews.csv\"\n"),
];

#[test]
fn flags_a_file_and_the_printed_one_are_the_same_run() {
    let folder = Folder::new();
    every_kind(&folder);
    let common = ["--device", "cpu", "--quiet", "--json"];
    for (flags, toml) in KINDS {
        let train = |arguments: &[&str], name: &str| {
            let run = [&["train"], arguments, &common, &["-o", name]].concat();
            let shown = json(&folder.ok(&run));
            (shown["history"].clone(), std::fs::read(folder.path(name)).expect("the model"))
        };
        let by_flags = train(flags, "flags.safetensors");
        folder.write("run.toml", toml);
        let by_file = train(&["--config", "run.toml"], "file.safetensors");
        assert_eq!(by_flags.0, by_file.0, "{flags:?}");
        assert!(by_flags.1 == by_file.1, "{flags:?} and {toml} give other models");

        let printed = folder.ok(&[&["train"], flags, &["--print-config"]].concat());
        folder.write("printed.toml", &printed);
        let by_printed = train(&["--config", "printed.toml"], "printed.safetensors");
        assert!(by_flags.1 == by_printed.1, "{flags:?}: {printed}");
        // What is printed says everything: read again, it prints itself.
        let again = folder.ok(&["train", "--config", "printed.toml", "--print-config"]);
        assert_eq!(printed, again);
    }
}

#[test]
fn flags_lie_over_a_file() {
    let folder = Folder::new();
    every_kind(&folder);
    folder.write(
        "run.toml",
        "[data]\ntrain = \"reviews.csv\"\n[model]\nhidden = [4]\n[training]\nepochs = 9\noptimizer = { sgd = { learning_rate = 0.5, momentum = 0.1 } }\n",
    );
    let printed = |flags: &[&str]| {
        folder.ok(&[&["train"], flags, &["--config", "run.toml", "--print-config"]].concat())
    };
    for form in [&[][..], &["text"]] {
        let flags = ["--epochs", "2", "--momentum", "0.25"];
        let shown = printed(&[form, &flags[..]].concat());
        for line in ["epochs = 2", "hidden = [4]", "sgd = { learning_rate = 0.5, momentum = 0.25 }"]
        {
            assert!(shown.contains(line), "\"{line}\" is not in {shown}");
        }
        // Another optimizer has numbers of its own.
        let shown = printed(&[form, &["--optimizer", "adam", "--hidden", "8,2"]].concat());
        for line in ["hidden = [8, 2]", "adam = { learning_rate = 0.003, beta_1 = 0.9"] {
            assert!(shown.contains(line), "\"{line}\" is not in {shown}");
        }
    }
    folder.fails(2, &["train", "--config", "run.toml", "--window", "3"], &["--window", "text"]);
    folder.write("kind.toml", "kind = \"words\"\n[data]\ntrain = \"reviews.csv\"\n");
    folder.fails(2, &["train", "text", "--config", "kind.toml"], &["words", "text"]);
    // A file's paths are relative to it, a flag's to where the command runs.
    std::fs::create_dir(folder.path("inner")).expect("made");
    folder.write("inner/run.toml", "[data]\ntrain = \"../reviews.csv\"\n");
    let shown = folder.ok(&[
        "train",
        "text",
        "--config",
        "inner/run.toml",
        "-o",
        "here.safetensors",
        "--print-config",
    ]);
    assert!(shown.contains("train = \"inner/../reviews.csv\""), "{shown}");
    assert!(shown.contains("model = \"here.safetensors\""), "{shown}");
}

/// The data do not exist: who reads a file before the check exits with 1.
#[test]
fn what_can_be_checked_is_checked_before_a_file_is_read() {
    let folder = Folder::new();
    folder.write("d.txt", "__label__a b\n");
    let text = |flags: &str, says: &[&str]| {
        let flags: Vec<&str> = flags.split(' ').collect();
        folder.fails(2, &[&["train", "text", "missing.csv"], &flags[..]].concat(), says);
    };
    for rate in ["nan", "-0.5", "1", "inf"] {
        let flag = format!("--dropout={rate}");
        text(&flag, &["dropout is", "from 0 to below 1", "leave it out"]);
    }
    text("--optimizer sgd --momentum 1", &["momentum is 1", "from 0 to below 1"]);
    text("--optimizer sgd --momentum nan", &["momentum is NaN"]);
    text("--momentum 0.5", &["momentum", "adagrad", "another optimizer"]);
    text("--optimizer adam --momentum 0.5", &["momentum", "adam"]);
    for rate in ["nan", "inf", "-1", "1e6"] {
        text(&format!("--learning-rate={rate}"), &["learning_rate is", "from 0 to below 1000"]);
    }
    text("--beta-1 1", &["beta_1 is 1"]);
    text("--batch-size 0", &["batch_size is 0", "from 1 to"]);
    text("--epochs 0", &["epochs is 0", "from 1 to"]);
    text("--epochs -3", &["--epochs", "\"-3\"", "whole number"]);
    text("--epochs many", &["--epochs", "\"many\"", "whole number"]);
    text("--word-ngrams 10000000000", &["word_ngrams is 10000000000", "from 1 to 100"]);
    text(
        "--word-ngrams 2 --ngram-buckets 18446744073709551615",
        &["ngram_buckets", "to 1073741824"],
    );
    text("--max-length 4611686018427387904", &["max_length", "to 1048576"]);
    text("--max-length 1000000 --word-ngrams 50", &["max_length of 1000000", "word_ngrams of 50"]);
    text("--hash-size 99999999999", &["hash_size"]);
    text("--dim 0", &["embedding_units is 0", "--dim"]);
    text("--hidden 8,0", &["hidden is 0"]);
    text("--validation-split 1", &["validation_split is 1"]);
    text("--validation-split 0 --patience 4", &["patience is 4", "validation"]);
    text("--validation-file v.csv --validation-split 0.5", &["validation_split is 0.5"]);
    text("--seed 18446744073709551615", &["seed is 18446744073709551615"]);
    text("-o .", &["output model is .", "folder"]);
    text("--history no/such/h.json", &["history", "no/such", "make it first"]);
    text("--checkpoint no/such/h.json", &["checkpoint", "make it first"]);
    text("-o m --checkpoint m", &["checkpoint is m", "file of model"]);
    text("-o m --history ./m", &["history is ./m", "file of model"]);

    let coder = |flags: &str, says: &[&str]| {
        let flags: Vec<&str> = flags.split(' ').collect();
        folder.fails(2, &[&["train", "autoencoder", "missing"], &flags[..]].concat(), says);
    };
    coder("--size 8589934592x2147483648", &["size is 8589934592x2147483648", "from 1 to 32768"]);
    coder("--size 4294967296x4", &["size is 4294967296x4"]);
    coder("--size 0x4", &["size is 0x4"]);
    coder("--size 30000x30000", &["size is 30000x30000", "pixels"]);
    coder("--size 8", &["--size", "\"8\"", "64x48"]);
    coder("--noise gaussian:nan", &["gaussian:nan"]);
    coder("--freeze-encoder", &["freeze_encoder", "encoder_from"]);
    coder("--layers 8,0", &["encoder is 0", "--layers"]);
    coder("--dropout 0.5", &["dropout", "do nothing"]);

    let words = |flags: &str, says: &[&str]| {
        let flags: Vec<&str> = flags.split(' ').collect();
        folder.fails(2, &[&["train", "words", "missing.txt"], &flags[..]].concat(), says);
    };
    for (flag, name) in [("dim", "units"), ("window", "window"), ("negatives", "negatives")] {
        words(&format!("--{flag} 0"), &[&format!("{name} is 0")]);
    }
    words("--subsample nan", &["subsample is NaN"]);
    words("--learning-rate 0", &["learning_rate is 0", "above 0"]);
    words("-o .", &["folder"]);
    words("--profile", &["profile"]);
    folder.fails(2, &["train", "words", "d.txt", "-o", "d.txt"], &["file of train"]);
}

#[test]
fn outputs_replace_nothing_that_the_run_reads() {
    let folder = Folder::new();
    every_kind(&folder);
    let before = std::fs::read(folder.path("reviews.csv")).expect("the data");
    let train = ["train", "text", "reviews.csv", "--epochs", "1", "--device", "cpu"];
    for flags in [&["-o", "reviews.csv"][..], &["--plot", "./reviews.csv"]] {
        folder.fails(2, &[&train, flags].concat(), &["reviews.csv", "file of train"]);
    }
    folder.write("run.toml", "[data]\ntrain = \"reviews.csv\"\n");
    folder.fails(2, &["train", "--config", "run.toml", "-o", "run.toml"], &["describes the run"]);
    assert!(before == std::fs::read(folder.path("reviews.csv")).expect("the data"));
}

#[test]
fn settings_that_a_run_does_not_read_are_refused() {
    let folder = Folder::new();
    let refused = |toml: &str, says: &[&str]| {
        folder.write("run.toml", toml);
        folder.fails(2, &["train", "--config", "run.toml"], says);
    };
    refused("[data]\ntrain = \"r.csv\"\n[images]\ngrey = true\n", &["grey", "autoencoder", "text"]);
    refused("kind = \"words\"\n[data]\ntrain = \"r.csv\"\n[output]\nplot = \"p.png\"\n", &["plot"]);
    refused(
        "[data]\ntrain = \"r.csv\"\n[model]\nhidden = [3]\nlayers = [{dense = {units = 1}}]\n",
        &["hidden", "one by one"],
    );
    refused("kind = \"table\"\n[data]\ntrain = \"r.csv\"\n", &["target_column"]);
    refused("kind = \"translate\"\n[data]\ntrain = \"r.npy\"\n", &["targets"]);
    refused("[text]\nmin_count = 1\n", &["train"]);
    // What says no more than the default is no request.
    folder.write("run.toml", "[data]\ntrain = \"r.csv\"\n[images]\ngrey = false\n");
    folder.ok(&["train", "--config", "run.toml", "--print-config"]);
    let bad = |toml: &str, says: &[&str]| {
        folder.write("run.toml", toml);
        folder.fails(1, &["train", "--config", "run.toml"], says);
    };
    bad(
        "[data]\ntrain = \"r\"\n[training]\noptimizer = { adma = {} }\n",
        &["line 4", "adma", "adam"],
    );
    bad(
        "[data]\ntrain = \"r\"\n[training]\noptimizer = { adam = { momentum = 1 } }\n",
        &["line 4", "momentum"],
    );
    bad("kind = \"txt\"\n[data]\ntrain = \"r\"\n", &["line 1", "txt", "autoencoder"]);
}

#[test]
fn help_comes_in_groups_and_in_two_lengths() {
    let folder = Folder::new();
    let short = folder.ok(&["train", "text", "-h"]);
    let long = folder.ok(&["train", "text", "--help"]);
    let at = |group: &str| {
        short.find(&format!("\n{group}:\n")).unwrap_or_else(|| panic!("{group}: {short}"))
    };
    for group in ["Data", "Text", "Model", "Training", "Output", "Device"] {
        at(group);
        assert!(long.contains(&format!("\n{group}:\n")));
    }
    assert!(at("Data") < at("Model") && at("Model") < at("Training"));
    assert!(folder.ok(&["train", "autoencoder", "-h"]).contains("\nImages:\n"));
    assert!(short.contains("[default: 0.5]") && !short.contains("[from 0 to below 1]"));
    assert!(long.contains("[from 0 to below 1]") && long.len() > short.len());
}

/// What `doctor` says of one kernel on the adapter, and its shaders. Its checks on the CPU backend are tested beside it.
#[test]
fn doctor_tells_what_a_bug_report_needs() {
    let folder = Folder::new();
    let report = folder.ok(&["doctor", "--device", "gpu", "--filter", "softmax", "--json"]);
    let report = json(&report);
    assert_eq!(report["machine"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(report["machine"]["threads"].as_u64().is_some_and(|count| count > 0));
    assert!(report["ceilings"]["gigaflops"].as_f64().is_some_and(|rate| rate > 0.0));
    assert_eq!(report["wrong"], serde_json::json!([]));
    let adapters = report["adapters"].as_array().expect("a list");
    let taken = adapters.iter().filter(|a| a["index"].is_u64());
    assert!(taken.clone().count() > 0, "these tests need an adapter");
    for adapter in taken {
        assert!(adapter["limits"]["max_buffer_size"].as_u64().is_some_and(|size| size > 0));
        assert!(adapter["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    }
    let variants = report["kernels"][0]["variants"].as_array().expect("a list");
    assert_eq!(report["kernels"][0]["kernel"], "softmax");
    assert_eq!(variants.len(), 2);
    for variant in variants {
        assert!(variant["launches"].as_u64().is_some_and(|count| count >= 3), "{variant}");
        assert!(variant["wrong"].is_null(), "{variant}");
    }
    let told = folder.ok(&["doctor", "--device", "gpu", "--filter", "radix_scan"]);
    assert!(told.contains("right, bits equal") && told.contains("processor"), "{told}");
    // One of its sizes has longer loops than a software adapter goes through, which is refused there and not wrong.
    folder.ok(&["doctor", "--device", "gpu", "--filter", "global_average_pool"]);
    folder.ok(&["doctor", "--shaders", "wgsl"]);
    assert!(folder.path("wgsl/softmax.wide.wgsl").exists());
    folder.fails(2, &["doctor", "--device", "no such"], &["no device is called"]);
}
