//! What a run keeps when something goes wrong: NaN, signals, checkpoints of other runs, changed files.

mod common;

use common::cli::{Folder, json, text};

/// A table whose regression blows up at a large learning rate.
fn table(folder: &Folder) {
    let rows: String = (0..400)
        .map(|i| {
            let (a, b) = ((i * 37 % 101) as f64 / 50.0 - 1.0, (i * 53 % 89) as f64 / 44.0 - 1.0);
            format!("{a},{b},{}\n", a * 3.0 - b * b)
        })
        .collect();
    folder.write("t.csv", format!("a,b,y\n{rows}"));
}

const BLOWS_UP: &str = "train table t.csv --target y --hidden 64,64,64 --optimizer sgd --learning-rate 0.3 --momentum 0.95 --validation-split 0.1 --epochs 60 --patience 50 --quiet";

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

#[test]
fn a_loss_that_becomes_nan_ends_the_run_with_the_best_weights_before() {
    let folder = Folder::new();
    table(&folder);
    for device in ["cpu", "gpu"] {
        let command = [
            &words(BLOWS_UP)[..],
            &["--device", device, "-o", "m", "--history", "h.json", "--plot", "h.png"],
        ]
        .concat();
        folder.fails(
            1,
            &command,
            &["at step", "(epoch ", "best weights, of epoch", "are in m", "--on-nan rollback"],
        );
        folder.ok(&["summary", "m"]);
        let history = json(&std::fs::read_to_string(folder.path("h.json")).expect("there"));
        assert!(history["best_epoch"].as_u64() >= Some(1), "{history}");
        assert!(folder.path("h.png").exists());
        for name in ["m", "h.json", "h.png"] {
            std::fs::remove_file(folder.path(name)).expect("removed");
        }
    }
}

#[test]
fn a_rollback_goes_on_at_half_the_rate() {
    let folder = Folder::new();
    table(&folder);
    let command =
        [&words(BLOWS_UP)[..], &["--device", "cpu", "-o", "m", "--on-nan", "rollback"]].concat();
    let output = folder.run(&command);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("at the learning rate 0.15"), "{said}");
    // Three times, and no more.
    let hopeless = "train table t.csv --target y --hidden 64,64,64,64 --optimizer sgd --learning-rate 900 --validation-split 0 --epochs 5 --quiet --device cpu -o m2 --on-nan rollback";
    let output = folder.run(&words(hopeless));
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("warning: ").count(), 3, "{said}");
}

#[test]
fn a_model_with_nan_replaces_no_good_one() {
    let folder = Folder::new();
    table(&folder);
    folder.write("m", "what was there");
    // One step, whose update is never seen by a loss.
    let command = "train table t.csv --target y --hidden 64,64,64,64 --optimizer sgd --learning-rate 999 --batch-size 400 --validation-split 0 --epochs 1 --quiet --device cpu -o m";
    let twice = command
        .replace("--epochs 1", "--epochs 2")
        .replace("--learning-rate 999", "--learning-rate 900 --momentum 0.99");
    for command in [command.to_owned(), twice] {
        let output = folder.run(&words(&command));
        let there = std::fs::read(folder.path("m")).expect("there");
        match output.status.code() {
            Some(0) => folder.ok(&["summary", "m"]),
            Some(1) if there == b"what was there" => {
                assert!(text(&output.stderr).contains("no model is written"));
                String::new()
            }
            Some(1) => folder.ok(&["summary", "m"]),
            code => panic!("{code:?}: {}", text(&output.stderr)),
        };
    }
}

#[test]
fn word_vectors_of_which_no_pair_is_trained_are_refused() {
    let folder = Folder::new();
    folder.write("w.txt", "one two\ntwo three\n");
    folder.fails(
        1,
        &words("train words w.txt --min-count 1 --device cpu -o w"),
        &["no pair of words", "subsample"],
    );
    assert!(!folder.path("w").exists());
}
