//! A search for the settings of a text classifier.

mod common;

use common::cli::{Folder, json, text};

#[test]
fn a_search_by_trials_repeats_and_its_file_trains_the_same_model() {
    let folder = Folder::new();
    folder.reviews();
    std::fs::create_dir(folder.path("out")).expect("a folder");
    let tune = |model: &str| {
        let arguments = [
            "tune",
            "text",
            "reviews.csv",
            "--trials",
            "3",
            "--dropout",
            "0.25",
            "-o",
            model,
            "--device",
            "cpu",
            "--json",
            "--batch-size",
            "16",
            "--word-ngrams",
            "1",
        ];
        let output = folder.run(&arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        (json(&text(&output.stdout)), text(&output.stderr))
    };
    let (found, table) = tune("out/a.safetensors");
    // Three candidates, and the best of them anew for three times as many epochs.
    let trials = found["trials"].as_array().expect("trials");
    let rounds: Vec<u64> = trials.iter().filter_map(|trial| trial["round"].as_u64()).collect();
    assert_eq!(rounds, [1, 1, 1, 2], "{found}");
    let epochs = |trial: usize| trials[trial]["epochs"].as_u64().expect("a number");
    assert_eq!(epochs(3) / 3, epochs(0));
    assert!(trials.iter().all(|trial| trial["choice"]["dropout"] == 0.25), "what is given stays");
    assert_eq!(trials[0]["choice"]["embedding_units"], 16, "the first is the run as it was given");
    assert_eq!((&found["metric"], &found["training_rows"]), (&"accuracy".into(), &200.into()));
    assert!(found["best"]["score"].as_f64() > Some(0.9), "{found}");
    assert_eq!(table.lines().filter(|line| line.contains("0.25")).count(), 4, "{table}");
    let (again, _) = tune("b.safetensors");
    assert_eq!(again["trials"], found["trials"]);
    let bytes = |name: &str| std::fs::read(folder.path(name)).expect("read");
    let weights =
        |name: &str| folder.ok(&["predict", name, "reviews.csv", "--json", "--device", "cpu"]);
    assert_eq!(weights("out/a.safetensors"), weights("b.safetensors"));
    let before = bytes("b.safetensors");
    folder.ok(&["train", "--config", "b.toml", "--device", "cpu", "--quiet"]);
    assert_eq!(bytes("b.safetensors"), before, "the file makes the same model");
    folder.ok(&["train", "--config", "out/a.toml", "--device", "cpu", "--quiet"]);
}

#[test]
fn a_search_by_time_ends() {
    let folder = Folder::new();
    folder.reviews();
    let arguments = [
        "tune",
        "text",
        "reviews.csv",
        "--minutes",
        "0.001",
        "-o",
        "t.safetensors",
        "--quiet",
        "--batch-size",
        "16",
        "--word-ngrams",
        "1",
        "--device",
        "cpu",
    ];
    assert!(folder.ok(&arguments).starts_with("best: candidate "));
    assert_eq!(folder.ok(&["predict", "t.safetensors", "reviews.csv"]).lines().count(), 200);
}

#[test]
fn what_a_search_cannot_do_is_refused() {
    let folder = Folder::new();
    folder.reviews();
    let fails = |more: &[&str], says: &[&str]| {
        let mut arguments = vec!["tune", "text", "reviews.csv", "--device", "cpu"];
        arguments.extend(more);
        folder.fails(2, &arguments, says);
    };
    fails(&["--trials", "0"], &["0 trials"]);
    fails(&["--minutes", "0"], &["above 0"]);
    fails(&["--trials", "3", "--from", "m.safetensors"], &["from"]);
    fails(&["--trials", "3", "--toml", "reviews.csv"], &[".csv"]);
    fails(&["--trials", "3", "--toml", "x.toml", "-o", "x.toml"], &["is read"]);
    fails(&[], &["--trials"]);
    folder.fails(2, &["tune", "text", "-", "--trials", "2"], &["standard input"]);
}
