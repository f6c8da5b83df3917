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

const BLOWS_UP: &str = "train table t.csv --target y --hidden 64,64,64 --optimizer sgd --learning-rate 0.3 --momentum 0.8 --validation-split 0.1 --epochs 60 --patience 50 --quiet";

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
fn word_vectors_of_a_tiny_text_are_trained_on_all_words() {
    let folder = Folder::new();
    folder.write("w.txt", "one two\ntwo three\n");
    let output = folder.run(&words("train words w.txt --min-count 1 --device cpu -o w --json"));
    let said = text(&output.stderr);
    assert!(said.contains("subsample 0.001 left no two words"), "{said}");
    assert!(json(&text(&output.stdout))["history"]["loss"][0].as_f64() > Some(0.0));
    assert!(folder.path("w").exists());
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
        folder.write("w.txt", "one two three four five six seven eight\n".repeat(40));
        let text_run = "train text reviews.csv --device cpu --epochs 100000 --validation-split 0 -o m --history h.json --plot h.png --checkpoint ck";
        let word_run =
            "train words w.txt --device cpu --epochs 100000 --min-count 1 --subsample 0 -o m";
        for (command, signal, code) in
            [(text_run, "-INT", 130), (text_run, "-TERM", 143), (word_run, "-INT", 130)]
        {
            let mut child = start(&folder, &words(command));
            // A run that goes on from its checkpoint begins with a later epoch.
            wait_for(&folder, &mut child, "/100000");
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
        let values = |n: usize| (0..400).map(|i| format!("{},", (i * n) % 7)).collect::<String>();
        let rows: String = (0..1000).map(|n| format!("{}{n}\n", values(n))).collect();
        folder.write("wide.csv", format!("{row}y\n{rows}"));
        let command = "train table wide.csv --target y --hidden 3000,3000 --batch-size 1000 --epochs 50 --validation-split 0 --device cpu -o m";
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

/// A checkpoint of this run, left by a run whose output could not be written in the end.
#[cfg(unix)]
fn checkpoint(folder: &Folder, run: &str) {
    use std::process::{Command, Stdio};
    let command = format!("{run} -o never --checkpoint ck");
    let mut child = Command::new(env!("CARGO_BIN_EXE_wgslearn"))
        .args(words(&command))
        .current_dir(folder.path(""))
        .env("RAYON_NUM_THREADS", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("wgslearn starts");
    while !folder.path("ck").exists() {
        assert!(child.try_wait().expect("a state").is_none(), "the run ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // It stands still, so that it cannot end first, and holds the lock.
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-STOP", &id]).status().expect("kill").success());
    let other = command.replace("-o never", "-o other");
    folder.fails(2, &words(&other), &["another run is using the checkpoint ck"]);
    child.kill().expect("killed");
    child.wait().expect("it ends");
}

#[cfg(unix)]
#[test]
fn a_checkpoint_is_of_its_data_and_settings_and_of_nothing_else() {
    let folder = Folder::new();
    table(&folder);
    let run = "train table t.csv --target y --device cpu --quiet --validation-split 0 --hidden 32 --epochs 1000 --batch-size 4";
    checkpoint(&folder, run);
    let kept = std::fs::read(folder.path("ck")).expect("there");
    let refused = |run: &str, says: &[&str]| {
        folder.fails(1, &words(&format!("{run} -o m --checkpoint ck")), says);
        assert!(std::fs::read(folder.path("ck")).expect("there") == kept);
    };
    refused(
        &run.replace("--hidden 32", "--hidden 33"),
        &["another run", "model.hidden", "remove it"],
    );
    refused(&format!("{run} --seed 8"), &["training.seed is 7, and this run's 8"]);
    refused(&run.replace("1000", "999"), &["1000 epochs, and this run for 999"]);
    // One value of one row is another.
    let rows = std::fs::read_to_string(folder.path("t.csv")).expect("there");
    folder.write("other.csv", rows.replacen("-1,", "-1.5,", 1));
    refused(
        &run.replace("t.csv", "other.csv"),
        &["another run", "400 training rows hold other data"],
    );
    // The same rows by another name are the same data; and a flipped bit is found wherever it is.
    for at in (0..kept.len()).step_by(kept.len() / 40) {
        let mut flipped = kept.clone();
        flipped[at] ^= 4;
        folder.write("flipped", flipped);
        folder.fails(1, &words(&format!("{run} -o m --checkpoint flipped")), &["flipped"]);
    }
    // What is no checkpoint is never said to be removed.
    for (name, content) in [("notes.txt", "dear notes"), ("empty", "")] {
        folder.write(name, content);
        let output = folder.run(&words(&format!("{run} -o m --checkpoint {name}")));
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(!said.contains("remove it") && said.contains("name another file"), "{said}");
        assert_eq!(std::fs::read_to_string(folder.path(name)).expect("there"), content);
    }
    folder.write("x.previous", "dear notes");
    folder.fails(
        2,
        &words(&format!("{run} -o m --checkpoint x")),
        &["x.previous", "something else"],
    );
}

#[cfg(unix)]
#[test]
fn a_checkpoint_goes_on_by_other_threads_names_and_with_more_epochs() {
    let folder = Folder::new();
    table(&folder);
    let run = "train table t.csv --target y --device cpu --quiet --validation-split 0 --hidden 32 --batch-size 4 --schedule constant";
    checkpoint(&folder, &format!("{run} --epochs 400"));
    folder.ok(&words(&format!("{run} --epochs 410 -o whole")));
    std::fs::copy(folder.path("t.csv"), folder.path("u.csv")).expect("copied");
    // Damaged, the last gives way to the one before.
    let kept = std::fs::read(folder.path("ck")).expect("there");
    folder.write("ck.previous", &kept);
    folder.write("ck", &kept[..kept.len() / 2]);
    let output = folder.run(&words(&format!("{run} --epochs 410 -o m --checkpoint ck")));
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("not a complete checkpoint") && said.contains("Going on from"), "{said}");
    let of = |name: &str| std::fs::read(folder.path(name)).expect("there");
    assert!(of("m") == of("whole"), "the same bytes as a run that was not stopped");
    assert!(!folder.path("ck").exists() && !folder.path("ck.previous").exists());
    assert!(!folder.path(".ck.lock").exists());
    folder.write("ck", &kept);
    let moved = run.replace("t.csv", "u.csv");
    folder.ok(&words(&format!("{moved} --epochs 410 -o m --checkpoint ck --checkpoint-every 5m")));
}

#[cfg(unix)]
#[test]
fn word_vectors_go_on_from_a_checkpoint_to_the_same_bytes() {
    let folder = Folder::new();
    let line = |i: usize| format!("one two{} three{} four five{}\n", i % 7, i % 11, i % 5);
    folder.write("w.txt", (0..500).map(line).collect::<String>());
    for method in ["skipgram", "cbow"] {
        let run = format!(
            "train words w.txt --device cpu --quiet --min-count 1 --dim 8 --epochs 15 --method {method}"
        );
        folder.ok(&words(&format!("{run} -o whole")));
        checkpoint(&folder, &run);
        folder.fails(
            1,
            &words(&format!("{run} --window 4 -o m --checkpoint ck")),
            &["another run", "words.window is 5, and this run's 4"],
        );
        folder.ok(&words(&format!("{run} -o m --checkpoint ck --checkpoint-every 1s")));
        let of = |name: &str| std::fs::read(folder.path(name)).expect("there");
        assert!(of("m") == of("whole"), "the same bytes as a run that was not stopped");
        assert!(!folder.path("ck").exists() && !folder.path("ck.previous").exists());
    }
}

#[cfg(unix)]
#[test]
fn two_runs_do_not_write_one_output() {
    use std::process::{Command, Stdio};
    let folder = Folder::new();
    table(&folder);
    let run = "train table t.csv --target y --device cpu --validation-split 0 -o m";
    let mut first = Command::new(env!("CARGO_BIN_EXE_wgslearn"))
        .args(words(&format!("{run} --epochs 1000000")))
        .current_dir(folder.path(""))
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(folder.path("err")).expect("made"))
        .spawn()
        .expect("wgslearn starts");
    while !std::fs::read_to_string(folder.path("err")).expect("there").contains("Training on") {
        assert!(first.try_wait().expect("a state").is_none(), "the run ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let second = format!("{run} --epochs 1 --quiet");
    folder.fails(2, &words(&second), &["another run is going to write m", "name another file"]);
    folder.ok(&words(&second.replace("-o m", "-o n")));
    first.kill().expect("killed");
    first.wait().expect("it ends");
    folder.ok(&words(&second));
}

/// Several processes with one cache, which none of them finds filled, in one folder.
#[test]
fn processes_share_a_cache_and_a_folder() {
    let folder = Folder::new();
    table(&folder);
    let run = "train table t.csv --target y --device gpu --quiet --epochs 3 --hidden 40,40 -o";
    std::thread::scope(|scope| {
        for i in 0..3 {
            let folder = &folder;
            scope.spawn(move || folder.ok(&words(&format!("{run} m{i}"))));
        }
    });
    folder.ok(&words(&format!("{run} later")));
    let of = |name: &str| std::fs::read(folder.path(name)).expect("there");
    for i in 0..3 {
        assert!(of(&format!("m{i}")) == of("later"), "m{i} has other bytes");
    }
}

#[test]
fn a_batch_in_parts_is_asked_for_by_a_flag() {
    let folder = Folder::new();
    table(&folder);
    let run = "train table t.csv --target y --device cpu --quiet --json --epochs 3 --hidden 16";
    let loss = |more: &str| {
        let found = json(&folder.ok(&words(&format!("{run}{more} -o m"))));
        found["history"]["loss"][2].as_f64().expect("a loss")
    };
    let (whole, parts) = (loss(""), loss(" --micro-batch 3"));
    assert!((whole - parts).abs() < 1e-5 * (1.0 + whole), "{parts} for {whole}");
    folder.fails(2, &words(&format!("{run} --micro-batch 0")), &["micro_batch"]);
}

#[cfg(unix)]
#[test]
fn a_checkpoint_that_cannot_be_written_is_said_and_the_run_goes_on() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    folder.reviews();
    symlink("gone/ck", folder.path("ck")).expect("a link");
    std::fs::create_dir(folder.path("gone")).expect("a folder");
    let command = "train text reviews.csv --device cpu --epochs 300 --validation-split 0 -o m --checkpoint ck";
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_wgslearn"))
        .args(words(command))
        .current_dir(folder.path(""))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("wgslearn starts");
    // The folder goes as soon as it was found writable.
    std::thread::sleep(std::time::Duration::from_millis(10));
    let _ = std::fs::remove_dir_all(folder.path("gone"));
    let output = child.wait_with_output().expect("it ends");
    let said = text(&output.stderr);
    // Gone before the run began, it is refused; after, it is said.
    match output.status.code() {
        Some(2) => assert!(said.contains("does not exist"), "{said}"),
        code => {
            assert_eq!(code, Some(0), "{said}");
            assert!(folder.path("m").exists());
        }
    }
    folder.fails(
        2,
        &words("train text reviews.csv --checkpoint-every 5m"),
        &["checkpoint_every", "without checkpoint"],
    );
    folder.fails(
        2,
        &words("train text reviews.csv --checkpoint ck2 --checkpoint-every 5x"),
        &["30s, 5m or 2h"],
    );
    folder.fails(
        2,
        &words("train text reviews.csv --checkpoint ck2 -o ck2.previous"),
        &["ck2.previous"],
    );
}

#[test]
fn a_flipped_bit_of_a_model_file_is_an_error_and_files_without_a_checksum_open() {
    let folder = Folder::new();
    folder.reviews();
    folder.ok(&words("train text reviews.csv --epochs 1 --quiet --device cpu --dim 2 -o m"));
    let bytes = std::fs::read(folder.path("m")).expect("there");
    let load = |bytes: &[u8]| wgslearn::Model::load(folder.write("x", bytes));
    let model = load(&bytes).expect("as it was written");
    assert_eq!(model.kind(), wgslearn::model::Kind::Classifier);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            if at > 40 && (at + bit) % 5 != 0 {
                continue;
            }
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let error = load(&flipped).expect_err(&format!("bit {bit} of byte {at}"));
            if at > bytes.len() - 100 {
                assert!(error.to_string().contains("checksum is wrong"), "{error}");
            }
        }
    }
    // As older files are: neither checksum nor kind.
    let start = 8 + u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
    let head = String::from_utf8(bytes[8..start].to_vec()).expect("JSON");
    let at = head.find(",\\\"checksum\\\":\\\"").expect("a checksum");
    let older =
        head.replace(&head[at..at + 50], "").replace("\\\"kind\\\":\\\"classifier\\\",", "");
    assert_eq!(older.len(), head.len() - 50 - 24);
    let padded = format!("{older}{}", " ".repeat(head.len() - older.len()));
    let older = [&bytes[..8], padded.as_bytes(), &bytes[start..]].concat();
    let older = load(&older).expect("an older file");
    assert_eq!((older.kind(), older.parameters()), (model.kind(), model.parameters()));
}

#[test]
fn every_command_says_the_kind_of_its_model() {
    use wgslearn::model::Kind;
    let folder = Folder::new();
    folder.reviews();
    table(&folder);
    let image = |i: usize| ((i * 37 % 101) as f32 / 101.0).to_le_bytes();
    common::cli::npy(&folder.path("x.npy"), "<f4", "(40, 12)", (0..480).flat_map(image).collect());
    common::cli::npy(&folder.path("y.npy"), "<f4", "(40, 12)", (1..481).flat_map(image).collect());
    for (command, kind) in [
        ("text reviews.csv", Kind::Classifier),
        ("table t.csv --target y", Kind::Regression),
        ("autoencoder x.npy --layers 3", Kind::Autoencoder),
        ("translate --input x.npy --target y.npy --layers 3", Kind::Translation),
        ("words reviews.csv", Kind::WordVectors),
    ] {
        folder.ok(&words(&format!("train {command} --epochs 1 --quiet --device cpu -o m")));
        assert_eq!(wgslearn::Model::load(folder.path("m")).expect("a model").kind(), kind);
    }
}

#[test]
fn a_finished_model_is_trained_on_by_from() {
    let folder = Folder::new();
    table(&folder);
    folder.reviews();
    let fixed = "--device cpu --quiet --json --validation-split 0 --schedule constant";
    for data in ["table t.csv --target y --hidden 8", "text reviews.csv"] {
        let first = format!("train {data} {fixed} --epochs 3 -o first");
        let history = json(&folder.ok(&words(&first)))["history"]["loss"].clone();
        let plain = data.replace(" --hidden 8", "");
        let on = format!("train {plain} {fixed} --epochs 3 --from first -o second");
        let more = json(&folder.ok(&words(&on)))["history"]["loss"].clone();
        // It goes on where the first ended, not from fresh weights.
        let (begun, ended) = (history[0].as_f64(), history[2].as_f64());
        assert!(more[0].as_f64() < begun && more[2].as_f64() < ended, "{history} then {more}");
    }
    // Targets on another scale are those of the model: half of the rows, all of them large.
    let rows = std::fs::read_to_string(folder.path("t.csv")).expect("there");
    let large =
        rows.lines().filter(|line| !line.rsplit(',').next().is_some_and(|y| y.starts_with('-')));
    folder.write("large.csv", large.map(|line| format!("{line}\n")).collect::<String>());
    folder.ok(&words(&format!(
        "train table t.csv --target y {fixed} --epochs 60 --hidden 16 -o first"
    )));
    let on = format!("train table large.csv --target y {fixed} --epochs 1 --from first -o second");
    let loss = json(&folder.ok(&words(&on)))["history"]["loss"][0].as_f64();
    assert!(loss < Some(0.5), "{loss:?}");
    // A label that the model does not know, other columns, another kind, its own file.
    folder.ok(&words(&format!("train text reviews.csv {fixed} --epochs 1 -o texts")));
    let other = std::fs::read_to_string(folder.path("reviews.csv")).expect("there");
    folder.write("other.csv", other.replace("bad,", "worse,"));
    let refused = |command: &str, code: i32, says: &[&str]| {
        folder.fails(code, &words(&format!("train {command} {fixed} --epochs 1")), says);
    };
    refused("text other.csv --from texts -o m", 1, &["other.csv, line", "\"worse\"", "bad, good"]);
    refused("table t.csv --target y --from texts -o m", 1, &["texts"]);
    refused("text reviews.csv --from texts -o texts", 2, &["file of from"]);
    refused("text reviews.csv --from texts --hidden 4 -o m", 2, &["hidden is given", "from"]);
}
