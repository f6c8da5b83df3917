//! Texts with any number of labels: from a file to a model, its report, its thresholds and its answers.

mod common;

use common::cli::{Folder, json, text};
use serde_json::Value;

/// Texts of up to three topics, each told by its word; some have none.
fn topics(folder: &Folder) {
    let topics = [("sea", "wave"), ("wood", "leaf"), ("sky", "cloud")];
    let (mut lines, mut csv, mut list) =
        (String::new(), String::from("text,label\n"), String::new());
    for i in 0..240 {
        let own: Vec<_> = (0..3).filter(|topic| (i % 8) & (1 << topic) != 0).collect();
        let words: Vec<&str> = own.iter().map(|&topic| topics[topic].1).collect();
        let labels: Vec<&str> = own.iter().map(|&topic| topics[topic].0).collect();
        let text = format!("a {} number {}", words.join(" "), i % 7);
        labels.iter().for_each(|label| lines += &format!("__label__{label} "));
        lines += &format!("{text}\n");
        csv += &format!("{text},{}\n", labels.join("|"));
        list += &format!("{}\n", serde_json::json!({"text": text, "labels": labels}));
    }
    folder.write("topics.txt", lines);
    folder.write("topics.csv", csv);
    folder.write("topics.jsonl", list);
}

fn train(folder: &Folder, file: &str, more: &[&str]) -> String {
    let mut arguments = vec!["train", "text", file, "--device", "cpu", "--json"];
    arguments.extend(more);
    if !more.contains(&"--epochs") {
        arguments.extend(["--epochs", "60"]);
    }
    let output = folder.run(&arguments);
    assert!(output.status.success(), "{file}: {}", text(&output.stderr));
    text(&output.stderr)
}

#[test]
fn every_format_gives_the_same_model_of_several_labels() {
    let folder = Folder::new();
    topics(&folder);
    let said = train(&folder, "topics.txt", &["-o", "m.safetensors"]);
    assert!(said.contains("120 rows have several labels") && said.contains("by itself"), "{said}");
    train(&folder, "topics.csv", &["-o", "c.safetensors", "--label-separator", "|"]);
    train(&folder, "topics.jsonl", &["-o", "j.safetensors"]);
    let summary = json(&folder.ok(&["summary", "m.safetensors", "--json"]));
    assert_eq!(
        (&summary["kind"], &summary["labels"]),
        (&"multi_label".into(), &serde_json::json!(["sea", "sky", "wood"]))
    );
    for (model, data) in
        [("m", "topics.txt"), ("c", "topics.csv"), ("j", "topics.jsonl"), ("m", "topics.jsonl")]
    {
        let found =
            json(&folder.ok(&["evaluate", &format!("{model}.safetensors"), data, "--json"]));
        assert_eq!((&found["rows"], &found["report"]), (&240.into(), &Value::Null), "{model}");
        let report = &found["labels"];
        let of = |path: &str| report.pointer(path).and_then(Value::as_f64).expect("a number");
        assert_eq!(of("/micro_average/support"), 360.0);
        assert!(of("/micro_average/f1") > 0.99 && of("/macro_average/f1") > 0.99, "{report}");
        // Of 210 rows that have a label, 360 labels in all.
        assert!((of("/at_k/0/recall") - 210.0 / 360.0 * of("/at_k/0/precision")).abs() < 1e-12);
        assert_eq!(of("/at_k/1/recall"), 1.0);
    }
    let shown = folder.ok(&["evaluate", "m.safetensors", "topics.txt"]);
    assert!(shown.contains("micro avg") && shown.contains("P@1, R@1"), "{shown}");

    // All labels above the threshold; a text may have none.
    let predict = |more: &[&str], input: &str| {
        let mut arguments = vec!["predict", "m.safetensors", "-", "--device", "cpu"];
        arguments.extend(more);
        text(&folder.run_with(&arguments, input).stdout)
    };
    let lines = predict(&[], "a wave cloud\na number\n");
    let first: Vec<&str> = lines.lines().next().unwrap_or("").split('\t').step_by(2).collect();
    assert!(first.len() == 2 && first.contains(&"sea") && first.contains(&"sky"), "{lines}");
    assert_eq!(lines.lines().nth(1), Some(""));
    assert_eq!(
        json(predict(&["-k", "1", "--json"], "a leaf\n").trim())["labels"][0]["label"],
        "wood"
    );
    let all = json(predict(&["--threshold", "0", "--json"], "a leaf\n").trim());
    assert_eq!(all["labels"].as_array().map(Vec::len), Some(3));
    folder.write("new.csv", "text\na wave cloud\na number\n");
    folder.ok(&["predict", "m.safetensors", "new.csv", "-o", "a.csv"]);
    let written = std::fs::read_to_string(folder.path("a.csv")).expect("written");
    let lines: Vec<&str> = written.lines().collect();
    assert!(
        lines[0] == "labels,probabilities" && lines[1].starts_with("s") && lines[1].contains(';')
    );
    assert_eq!(lines[2], ",");

    // Mistakes name what was missed and what was given.
    folder.write("wrong.txt", "__label__sea __label__wood a wave\na cloud\n__label__wood a leaf\n");
    let found = json(&folder.ok(&["errors", "m.safetensors", "wrong.txt", "--json"]));
    assert_eq!((&found["rows"], &found["wrong"]), (&3.into(), &2.into()), "{found}");
    let of_line = |line: u64| {
        let all = found["mistakes"].as_array().expect("mistakes");
        all.iter().find(|mistake| mistake["line"] == line).expect("the line").clone()
    };
    assert_eq!(of_line(1)["truth"], serde_json::json!(["sea", "wood"]));
    assert_eq!(of_line(1)["answer"], serde_json::json!(["sea"]));
    assert_eq!(of_line(2)["answer"], serde_json::json!(["sky"]));
    let explained = folder.ok(&["explain", "m.safetensors", "a wave leaf", "--label", "wood"]);
    assert!(explained.starts_with("wood\t"), "{explained}");
}

#[test]
fn thresholds_are_fixed_or_tuned_and_kept() {
    let folder = Folder::new();
    topics(&folder);
    let thresholds = |model: &str| {
        json(&folder.ok(&["summary", model, "--json"]))["thresholds"]
            .as_array()
            .expect("a list")
            .len()
    };
    let split = ["--validation-split", "0.2", "--epochs", "15"];
    for (name, tune, count) in [("one", "one", 1), ("each", "each", 3)] {
        let model = format!("{name}.safetensors");
        let mut more = vec!["-o", &model[..], "--tune-threshold", tune];
        more.extend(split);
        train(&folder, "topics.txt", &more[..]);
        assert_eq!(thresholds(&model), count);
    }
    train(&folder, "topics.txt", &["-o", "fixed.safetensors", "--threshold", "0.999"]);
    assert_eq!(thresholds("fixed.safetensors"), 1);
    let predict = ["predict", "fixed.safetensors", "-", "--device", "cpu"];
    assert_eq!(text(&folder.run_with(&predict, "number\n").stdout), "\n");
    // Trained on, a model keeps its labels.
    folder.write("more.txt", "__label__sea a wave\n__label__sky a cloud\na number\n");
    train(&folder, "more.txt", &["--from", "fixed.safetensors", "-o", "on.safetensors"]);
    assert_eq!(json(&folder.ok(&["summary", "on.safetensors", "--json"]))["kind"], "multi_label");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let folder = Folder::new();
    topics(&folder);
    folder.reviews();
    let fails = |code: i32, file: &str, more: &[&str], says: &[&str]| {
        let mut arguments = vec!["train", "text", file, "--device", "cpu", "--epochs", "1"];
        arguments.extend(more);
        folder.fails(code, &arguments, says);
    };
    fails(2, "topics.txt", &["--tune-threshold", "one"], &["no rows are set apart"]);
    fails(
        2,
        "topics.txt",
        &["--tune-threshold", "one", "--threshold", "0.5", "--validation-split", "0.1"],
        &["both given"],
    );
    fails(2, "topics.txt", &["--threshold", "1.5"], &["1.5"]);
    fails(2, "reviews.csv", &["--threshold", "0.4"], &["one label"]);
    fails(1, "topics.csv", &[], &["line 2", "empty"]);
    folder.write("none.txt", "__label__a x\ny\n");
    fails(1, "none.txt", &[], &["line 2", "no label"]);
    folder.write("all.txt", "__label__a x\n__label__a y\n");
    fails(1, "all.txt", &["--multi-label"], &["every row has every label"]);
    // A model of one label a text reads no texts of several; one of several leaves labels out that it does not know.
    folder.model();
    folder.fails(1, &["evaluate", "m.safetensors", "topics.txt"], &["line 1", "0 labels"]);
    train(&folder, "topics.txt", &["-o", "t.safetensors"]);
    folder.write("new.txt", "__label__sea __label__fire a wave\n__label__sky a cloud\n");
    let output = folder.run(&["evaluate", "t.safetensors", "new.txt", "--json"]);
    assert!(text(&output.stderr).contains("\"fire\"") || text(&output.stdout).contains("fire"));
    assert_eq!(json(&text(&output.stdout))["rows"], 2);
}
