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

#[cfg(unix)]
mod signals {
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;

    fn start(folder: &Folder, command: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_wgslearn"))
            .args(command)
            .current_dir(folder.path(""))
            .env("WGSLEARN_CACHE", folder.path("cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path("err")).expect("made"))
            .spawn()
            .expect("wgslearn starts")
    }

    fn send(child: &Child, signal: &str) {
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    /// Waits until the run has said `word`.
    fn wait_for(folder: &Folder, child: &mut Child, word: &str) {
        let started = Instant::now();
        while !std::fs::read_to_string(folder.path("err")).expect("there").contains(word) {
            assert!(child.try_wait().expect("a state").is_none(), "the run ended by itself");
            assert!(started.elapsed() < Duration::from_secs(60), "{word} is not said");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_signal_ends_a_run_behind_its_step_and_what_is_best_is_kept() {
        let folder = Folder::new();
        folder.reviews();
        folder.write("w.txt", "one two three four five six seven eight\n".repeat(3000));
        let text_run = "train text reviews.csv --device cpu --epochs 100000 --validation-split 0 -o m --history h.json --plot h.png --checkpoint ck";
        let word_run = "train words w.txt --device cpu --epochs 100000 --min-count 1 --subsample 0 -o m";
        for (command, signal, code) in
            [(text_run, "-INT", 130), (text_run, "-TERM", 143), (word_run, "-INT", 130)]
        {
            let mut child = start(&folder, &words(command));
            wait_for(&folder, &mut child, "epoch 1/");
            send(&child, signal);
            let status = child.wait().expect("it ends");
            let said = std::fs::read_to_string(folder.path("err")).expect("there");
            assert_eq!(status.code(), Some(code), "{said}");
            for part in ["are in m", "To go on"] {
                assert!(said.contains(part), "{part} is not in {said}");
            }
            folder.ok(&["summary", "m"]);
            std::fs::remove_file(folder.path("m")).expect("there");
            if command == text_run {
                assert!(said.contains("goes on from ck"), "{said}");
                for name in ["ck", "h.json", "h.png"] {
                    assert!(folder.path(name).exists(), "{name} is not there");
                }
            }
        }
    }

    #[test]
    fn a_second_signal_ends_a_run_at_once() {
        let folder = Folder::new();
        // A step takes seconds here.
        let row: String = (0..400).map(|i| format!("c{i},")).collect();
        let values: String = (0..400).map(|i| format!("{},", i % 7)).collect();
        folder.write("wide.csv", format!("{row}y\n{}", format!("{values}1\n{values}2\n").repeat(500)));
        let command = "train table wide.csv --target y --task regression --hidden 3000,3000 --batch-size 1000 --epochs 50 --validation-split 0 --device cpu -o m";
        let mut child = start(&folder, &words(command));
        wait_for(&folder, &mut child, "Training on");
        std::thread::sleep(Duration::from_millis(300));
        for _ in 0..2 {
            send(&child, "-INT");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(child.wait().expect("it ends").code(), Some(130));
        assert!(!folder.path("m").exists());
    }
}
