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

/// By folds, every row is tested once: a trial's score is a mean over them, the same when it is asked for again, and the
/// best is trained on all rows.
#[test]
fn a_search_by_folds_compares_on_all_rows() {
    let folder = Folder::new();
    folder.reviews();
    let tune = |model: &str, trials: &str| {
        let arguments = [
            "tune",
            "text",
            "reviews.csv",
            "--trials",
            trials,
            "--folds",
            "4",
            "-o",
            model,
            "--device",
            "cpu",
            "--json",
            "--quiet",
            "--batch-size",
            "16",
        ];
        json(&folder.ok(&arguments))
    };
    let found = tune("a.safetensors", "4");
    assert_eq!(found["training_rows"], 200);
    assert!(found["best"]["score"].as_f64() > Some(0.9), "{found}");
    let rounds = found["trials"].as_array().expect("trials").iter();
    let rounds: Vec<u64> = rounds.filter_map(|trial| trial["round"].as_u64()).collect();
    assert_eq!(rounds, [1, 1, 1, 1, 2, 2], "{found}");
    // Fold by fold it is what `train --folds` tells: of one candidate, the run as it was given.
    let one = tune("b.safetensors", "1");
    assert_eq!(one, {
        let mut again = tune("c.safetensors", "1");
        for name in ["model", "toml"] {
            again[name] = one[name].clone();
        }
        again
    });
    let score = one["best"]["score"].as_f64().expect("a number");
    let rows = score * 200.0;
    assert!((rows - rows.round()).abs() < 1e-9, "50 rows a fold, so a mean of whole rows: {score}");
    folder.ok(&["train", "--config", "b.toml", "--device", "cpu", "--quiet"]);
}

/// Character n-grams are searched, too, but where the run cannot have them or says what it has.
#[test]
fn subwords_are_searched() {
    let folder = Folder::new();
    folder.reviews();
    let subwords = |more: &[&str]| -> Vec<String> {
        let mut arguments = vec![
            "tune",
            "text",
            "reviews.csv",
            "--trials",
            "8",
            "--device",
            "cpu",
            "--json",
            "--quiet",
            "--dim",
            "4",
            "--ngram-buckets",
            "5000",
            "-o",
            "m.safetensors",
        ];
        arguments.extend(more);
        let found = json(&folder.ok(&arguments));
        let trials = found["trials"].as_array().expect("trials").iter();
        trials.map(|trial| trial["choice"]["subwords"].to_string()).collect()
    };
    let found = subwords(&[]);
    assert_eq!(found[0], "null", "the run as it was given");
    assert!(found.contains(&"\"3-5\"".into()) && found.contains(&"\"3-6\"".into()), "{found:?}");
    assert!(subwords(&["--subwords", "2-3"]).iter().all(|subwords| subwords == "\"2-3\""));
    for cannot in [["--hash-size", "500"], ["--pool", "flatten"]] {
        assert!(subwords(&cannot).iter().all(|subwords| subwords == "null"), "{cannot:?}");
    }
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
    fails(&["--trials", "2", "--folds", "3", "--validation-split", "0.2"], &["folds", "all rows"]);
    folder.fails(
        2,
        &["tune", "text", "reviews.csv", "--trials", "2", "--folds", "201"],
        &["200 rows"],
    );
    folder.fails(2, &["tune", "text", "-", "--trials", "2"], &["standard input"]);
}
