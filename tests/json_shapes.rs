//! What commands print with `--json` is what `docs/json.schema.json` says: every command is run, every definition used.

mod common;

use std::collections::BTreeSet;

use common::cli::{Folder, json};
use common::schema::check;
use serde_json::{Value, json};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/");

/// The schema, and the definitions that were used.
struct Shapes {
    root: Value,
    used: BTreeSet<String>,
    folder: Folder,
}

impl Shapes {
    /// Runs a command, and holds each line of what it prints against a definition; returns the last.
    fn hold(&mut self, name: &str, arguments: &str, more: &[&str]) -> Value {
        let mut words: Vec<&str> = arguments.split(' ').collect();
        words.extend(more);
        words.push("--json");
        let printed = self.folder.ok(&words);
        self.used.insert(name.to_owned());
        let schema = &self.root["$defs"][name];
        assert!(schema.is_object(), "no definition {name}");
        let lines: Vec<Value> = printed.lines().map(json).collect();
        for line in &lines {
            if let Err(wrong) = check(&self.root, schema, line, name) {
                panic!("{arguments}: {wrong}");
            }
        }
        lines.last().expect("a line").clone()
    }
}

#[test]
fn every_command_prints_what_the_schema_says() {
    let text = include_str!("../docs/json.schema.json");
    let folder = Folder::new();
    folder.reviews();
    folder.write(
        "several.jsonl",
        (0..40)
            .map(|i| {
                let labels = ["[]", "[\"a\"]", "[\"a\",\"b\"]"][i % 3];
                format!("{{\"text\":\"word{} good\",\"label\":{labels}}}\n", i % 5)
            })
            .collect::<String>(),
    );
    let mut shapes = Shapes { root: json(text), used: BTreeSet::new(), folder };
    let iris = ["train", "test"].map(|part| format!("{DATA}iris-{part}.csv"));
    let diabetes = format!("{DATA}diabetes-test.csv");
    let digits = format!("{DATA}digits-test-images-idx3-ubyte.gz");

    let table = "train table --target target --epochs 2 --quiet --device cpu";
    let found = shapes.hold(
        "train",
        table,
        &[
            &iris[0],
            "--folds",
            "2",
            "--profile",
            "--monitor",
            "f1_macro",
            "--validation-split",
            "0.3",
            "-o",
            "t",
        ],
    );
    assert!(found["folds"].is_object() && found["profile"].is_object(), "{found}");
    // What stops early is profiled as it is trained.
    let stops = ["--validation-split", "0.2", "--patience", "1", "--profile"];
    let found = shapes.hold("train", table, &[&[&diabetes[..], "-o", "d"], &stops[..]].concat());
    assert!(found["profile"].is_object(), "{found}");
    let text = "train text --epochs 2 --quiet --device cpu";
    shapes.hold("train", text, &["reviews.csv", "-o", "r"]);
    shapes.hold("train", text, &["several.jsonl", "-o", "s", "--skip-unknown"]);
    let coder = "train autoencoder --epochs 1 --layers 8,2 --quiet --device cpu";
    shapes.hold("train", coder, &[&digits, "--noise", "gaussian:0.1", "-o", "a"]);
    shapes.hold(
        "train",
        "train autoencoder --layers 4 --epochs 1 --quiet --device cpu",
        &["reviews.csv", "-o", "at"],
    );
    let images = "train images --network mlp --hidden 8 --epochs 1 --quiet --device cpu";
    let labels = format!("{DATA}digits-test-labels-idx1-ubyte.gz");
    let found =
        shapes.hold("train", images, &[&digits, "--labels", &labels, "--test", &digits, "-o", "i"]);
    assert!(found["test"]["mistakes"].is_array(), "{found}");
    let translate = "train translate --epochs 1 --layers 4 --quiet --device cpu";
    shapes.hold("train", translate, &["--input", &digits, "--target", &digits, "-o", "tr"]);
    shapes.hold(
        "train_words",
        "train words reviews.csv --epochs 1 --min-count 1 --quiet --device cpu -o w",
        &[],
    );

    let report = shapes.hold("evaluate", "evaluate t --device cpu", &[&iris[1]]);
    assert!(report["report"].is_object());
    let report = shapes.hold("evaluate", "evaluate d --device cpu", &[&diabetes]);
    assert!(report["regression"]["r2"].is_number(), "{report}");
    shapes.hold("evaluate", "evaluate s several.jsonl --device cpu", &[]);
    shapes.hold("evaluate", "evaluate at reviews.csv --device cpu", &[]);
    shapes.hold("predict", "predict r reviews.csv --device cpu", &[]);
    shapes.hold("predict", "predict r reviews.csv -k 2 --device cpu", &[]);
    shapes.hold("predict", "predict d --device cpu", &[&diabetes]);
    shapes.hold("errors", "errors r reviews.csv --device cpu", &[]);
    shapes.hold("explain", "explain r --device cpu", &["a good film"]);
    let encoded = shapes.hold("encode", "encode a -o c.npy --device cpu", &[&digits]);
    assert_eq!(encoded["width"], 2);
    shapes.hold("decode", "decode a c.npy -o d.npy --device cpu", &[]);
    shapes.hold("reconstruct", "reconstruct a -o r.npy --device cpu", &[&digits]);
    shapes.hold("compare_pca", "compare-pca a --device cpu", &[&digits]);
    shapes.hold("translate", "translate tr -o t.npy --device cpu", &[&digits]);
    shapes.hold("neighbours", "neighbours w film", &[]);
    shapes.hold("neighbours", "analogy w lovely dull film", &[]);
    shapes.hold("similarity", "similarity w lovely dull", &[]);
    shapes.hold("odd_one_out", "odd-one-out w lovely dull film", &[]);
    shapes.folder.write("pairs.tsv", "lovely\tdull\t5\nfilm\tlovely\t9\nfilm\tdull\t1\n");
    shapes.folder.write("analogies.txt", ": opposites\nlovely dull bright cold\n");
    shapes.hold("evaluate_vectors", "evaluate-vectors w pairs.tsv analogies.txt", &[]);
    shapes.hold("quantize", "quantize r -o q --to int8 --data reviews.csv --device cpu", &[]);
    let tune =
        "tune text reviews.csv --trials 2 --epochs 1 --device cpu --quiet -o best.safetensors";
    shapes.hold("tune", tune, &[]);
    shapes.hold("neighbours", "similar at --device cpu", &["a good film"]);
    for model in ["t", "a", "r", "w"] {
        shapes.hold("summary", &format!("summary {model}"), &[]);
    }
    shapes.hold("devices", "devices", &[]);
    shapes.hold("demo", "demo --device cpu", &[]);
    shapes.hold("bench_training", "bench training --workload seed --device cpu", &[]);
    shapes.hold("doctor", "doctor --filter scale_by --device cpu", &[]);

    // What commands print is used; what is left are its parts, and benches that take a minute.
    let defs = shapes.root["$defs"].as_object().expect("definitions");
    let all = shapes.root.to_string();
    for name in
        defs.keys().filter(|name| !["bench_scaling", "bench_kernels"].contains(&name.as_str()))
    {
        let is_part = all.contains(&format!("\"#/$defs/{name}\""));
        assert!(is_part || shapes.used.contains(name), "nobody prints {name}");
    }
}

#[test]
fn the_checker_finds_faults() {
    let root = json!({ "$defs": { "one": { "type": "integer", "minimum": 1, "maximum": 3 } } });
    let schema = json!({
        "type": "object",
        "properties": { "a": { "$ref": "#/$defs/one" }, "b": { "anyOf": [{ "type": "string" }, { "type": "null" }] } },
        "required": ["a"],
        "additionalProperties": false
    });
    let found = |value: Value| check(&root, &schema, &value, "it").is_ok();
    assert!(found(json!({ "a": 1 })) && found(json!({ "a": 3, "b": null })));
    for wrong in [
        json!({}),
        json!({ "a": 0 }),
        json!({ "a": 4 }),
        json!({ "a": 1.5 }),
        json!({ "a": "1" }),
        json!({ "a": 1, "b": 2 }),
        json!({ "a": 1, "c": 2 }),
        json!([]),
    ] {
        assert!(!found(wrong.clone()), "{wrong}");
    }
    assert!(check(&root, &json!({ "oneOf": [] }), &json!(1), "it").is_err());
}
