//! Word vectors and fastText's models: read, written and used as fastText and gensim do (tests/fixtures/vectors).

mod common;

use common::cli::{Folder, json, text};
use serde_json::Value;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/vectors/");

fn fixture(name: &str) -> String {
    format!("{FIXTURES}{name}")
}

fn expected() -> Value {
    json(&std::fs::read_to_string(fixture("expected.json")).expect("a fixture"))
}

#[track_caller]
fn near(found: &Value, expected: &Value, by: f64) {
    let (found, expected) = (found.as_f64().expect("found"), expected.as_f64().expect("expected"));
    assert!((found - expected).abs() < by, "{found}, not {expected}");
}

/// The answers to texts, a JSON object each.
fn answers(folder: &Folder, model: &str, texts: &[&str]) -> Vec<Value> {
    folder.write("texts.txt", texts.join("\n") + "\n");
    let found = folder.ok(&["predict", model, "texts.txt", "--json", "--device", "cpu"]);
    found.lines().map(json).collect()
}

#[test]
fn classifiers_of_fasttext_answer_as_fasttext_does() {
    let (folder, expected) = (Folder::new(), expected());
    let texts: Vec<&str> =
        expected["texts"].as_array().expect("texts").iter().filter_map(Value::as_str).collect();
    for name in ["supervised", "plain"] {
        let written = folder.path("again.bin");
        folder.ok(&["export", &fixture(&format!("{name}.bin")), "-o", "again.bin"]);
        for model in [fixture(&format!("{name}.bin")), written.to_string_lossy().into_owned()] {
            let found = answers(&folder, &model, &texts);
            assert_eq!(found.len(), texts.len());
            for (found, expected) in found.iter().zip(expected[name].as_array().expect("rows")) {
                let label = found["label"].as_str().expect("a label");
                near(&found["probability"], &expected[label], 1e-5);
            }
        }
    }
    folder.fails(
        1,
        &["predict", &fixture("hierarchical.bin"), "-"],
        &["hierarchical softmax", "ova"],
    );
    folder.fails(1, &["predict", &fixture("quantised.ftz"), "-"], &["quantised", ".bin"]);
}

/// A head without a bias, of one output and of one for each label, goes to fastText's file and answers as before.
#[test]
fn classifiers_without_a_bias_become_fasttext_files() {
    let folder = Folder::new();
    let reviews = folder.reviews().to_string_lossy().into_owned();
    for head in ["units = 1, activation = \"sigmoid\"", "units = 2, activation = \"softmax\""] {
        let layers = format!(
            "layers = [{{ embedding = {{ rows = 40, units = 4 }} }}, {{ mean_pool = {{}} }}, \
             {{ dense = {{ {head}, use_bias = false }} }}]"
        );
        folder.write(
            "run.toml",
            format!("kind = \"text\"\n[data]\ntrain = \"{reviews}\"\n[model]\n{layers}\n"),
        );
        let line =
            ["train", "--config", "run.toml", "--epochs", "2", "--device", "cpu", "-o", "own.st"];
        folder.ok(&line);
        folder.ok(&["export", "own.st", "-o", "own.bin"]);
        let texts = ["a lovely film", "dull from end to end"];
        let [own, theirs] = ["own.st", "own.bin"].map(|model| answers(&folder, model, &texts));
        for (own, theirs) in own.iter().zip(&theirs) {
            assert_eq!(own["label"], theirs["label"]);
            near(&theirs["probability"], &own["probability"], 1e-4);
        }
    }
}

#[test]
fn words_have_the_neighbours_that_fasttext_and_gensim_find() {
    let (folder, expected) = (Folder::new(), expected());
    let neighbours =
        |file: &str, word: &str| json(&folder.ok(&["neighbours", file, word, "-n", "5", "--json"]));
    for (word, expected) in expected["neighbours"].as_object().expect("words") {
        for (found, expected) in neighbours(&fixture("words.bin"), word)
            .as_array()
            .expect("five")
            .iter()
            .zip(expected.as_array().expect("five"))
        {
            near(&found["similarity"], &expected[0], 1e-5);
        }
    }
    let lovely = neighbours(&fixture("words.bin"), "lovely");
    folder.ok(&["export", &fixture("words.bin"), "-o", "w.bin", "--format", "word2vec-binary"]);
    folder.ok(&["export", &fixture("words.bin"), "-o", "w.txt"]);
    let glove = std::fs::read_to_string(fixture("words.vec")).expect("a fixture");
    folder.write("glove.txt", glove.split_once('\n').expect("a first line").1);
    for file in
        ["w.bin", "w.txt", "glove.txt", &fixture("words.vec"), &fixture("words.word2vec.bin")]
    {
        let found = neighbours(file, "Lovely");
        for (found, other) in
            found.as_array().expect("five").iter().zip(lovely.as_array().expect("five"))
        {
            near(&found["similarity"], &other["similarity"], 1e-6);
        }
    }
    folder.fails(2, &["neighbours", "glove.txt", "lovly"], &["does not know", "lovely"]);
    folder.fails(
        2,
        &["similarity", &fixture("words.vec"), "dull", "lovly"],
        &["does not know", "lovely"],
    );

    let file = fixture("words.vec");
    let found =
        json(&folder.ok(&["analogy", &file, "lovely", "film", "bright", "-n", "3", "--json"]));
    for (found, expected) in
        found.as_array().expect("three").iter().zip(expected["analogy"].as_array().expect("three"))
    {
        assert_eq!(found["text"], expected[0]);
        near(&found["similarity"], &expected[1], 1e-6);
    }
    assert_eq!(
        folder.ok(&["odd-one-out", &file, "lovely", "bright", "film"]).trim(),
        expected["odd"].as_str().expect("a word")
    );
    let found = json(&folder.ok(&["similarity", &file, "dull", "cold", "--json"]));
    near(&found["similarity"], &expected["similarity"], 1e-6);
    let found = json(&folder.ok(&[
        "evaluate-vectors",
        &file,
        &fixture("pairs.tsv"),
        &fixture("analogies.txt"),
        "--json",
    ]));
    near(&found[0]["spearman"], &expected["pairs"]["spearman"], 1e-9);
    // Cosines that differ in their fourth decimal: single precision shows.
    near(&found[0]["pearson"], &expected["pairs"]["pearson"], 1e-4);
    assert_eq!((&found[0]["unknown"], &found[0]["skipped"]), (&1.into(), &1.into()));
    assert_eq!(found[1]["correct"], expected["analogies"]["correct"]);
    near(&found[1]["accuracy"], &expected["analogies"]["accuracy"], 1e-9);
    assert_eq!(found[1]["unknown"], 1);
}

#[test]
fn vectors_are_written_by_extension() {
    let folder = Folder::new();
    let model = fixture("words.bin");
    for name in ["v.vec", "v.txt", "v.bin", "v.npy", "v.csv", "v.svg.csv"] {
        folder.ok(&["export", &model, "-o", name]);
        assert!(folder.path(name).exists(), "{name}");
    }
    let words =
        std::fs::read_to_string(folder.path("v.words.txt")).expect("words beside the array");
    assert_eq!(words.lines().count(), 24);
    // Rows of words and buckets are the same bits again.
    let bits = |path: &std::path::Path| std::fs::read(path).expect("a model");
    let (ours, theirs) = (bits(&folder.path("v.bin")), bits(model.as_ref()));
    let inputs = 5 * 4 * (24 + 60);
    let window = &ours[ours.len() - inputs - 17 - 24 * 20..][..inputs];
    assert!(theirs.windows(inputs).any(|other| other == window), "the matrix is another");
    folder.fails(2, &["export", &model, "-o", "v.json"], &[".json", ".vec"]);
    folder.fails(2, &["export", &model, "-o", "v.npy", "--format", "csv"], &[".npy", ".csv"]);
    folder.reviews();
    folder.ok(&[
        "train",
        "text",
        "reviews.csv",
        "-o",
        "m.st",
        "--device",
        "cpu",
        "--epochs",
        "1",
        "--word-ngrams",
        "2",
    ]);
    folder.fails(1, &["export", "m.st", "-o", "m.bin"], &["word n-grams", "subwords"]);
}

/// Every cut and many changed bytes: an error or an answer, never a panic, nor memory that the file does not tell of.
#[test]
fn damaged_files_are_refused() {
    let folder = Folder::new();
    for name in ["words.bin", "supervised.bin", "words.word2vec.bin", "words.vec"] {
        let whole = std::fs::read(fixture(name)).expect("a fixture");
        let path = folder.path(name);
        let file = path.to_str().expect("UTF-8");
        let steps = (0..whole.len()).step_by(whole.len() / 12 + 1);
        for at in steps {
            std::fs::write(&path, &whole[..at]).expect("written");
            let output = folder.run(&["neighbours", file, "lovely"]);
            assert!(!text(&output.stderr).contains("panicked"), "{name} cut at {at}");
            assert!(!output.status.success(), "{name} cut at {at}");
        }
        // Sizes in the header.
        for at in [8, 28, 32, 40, 44, 52, 64, 68, 72, 80, 88] {
            let mut wrong = whole.clone();
            wrong[at..at + 4].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
            std::fs::write(&path, &wrong).expect("written");
            let output = folder.run(&["neighbours", file, "lovely"]);
            assert!(!text(&output.stderr).contains("panicked"), "{name} changed at {at}");
        }
    }
    folder.write("short.vec", "2 3\na 1 2 3\nb 1 2\n");
    folder.fails(1, &["neighbours", "short.vec", "a"], &["line 3", "2 numbers", "have 3"]);
    folder.write("nan.vec", "1 2\na 1 nan\n");
    folder.fails(1, &["neighbours", "nan.vec", "a"], &["line 2", "nan"]);
    folder.write("many.vec", "9 2\na 1 2\n");
    folder.fails(1, &["neighbours", "many.vec", "a"], &["9 words", "1 are there"]);
}

#[test]
fn subwords_give_unknown_words_a_meaning() {
    let folder = Folder::new();
    folder.reviews();
    let output = folder.run(&[
        "train",
        "text",
        "reviews.csv",
        "-o",
        "m.st",
        "--device",
        "cpu",
        "--subwords",
        "3-5",
        "--word-ngrams",
        "2",
        "--epochs",
        "20",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let found = answers(&folder, "m.st", &["lovelyy briight", "stupidd grimm"]);
    assert_eq!((&found[0]["label"], &found[1]["label"]), (&"good".into(), &"bad".into()));
    // The same, whatever stands beside: rows grow where a text is longer.
    let long = "lovelyy ".repeat(300);
    let found = answers(&folder, "m.st", &["lovelyy", &long]);
    near(&found[0]["probability"], &found[1]["probability"], 0.05);
    folder.fails(2, &["train", "text", "reviews.csv", "--subwords", "6-3"], &["3-6"]);
    folder.fails(
        2,
        &["train", "text", "reviews.csv", "--subwords", "3-6", "--hash-size", "99"],
        &["hash_size"],
    );

    // Word vectors, on both devices where there is an adapter.
    let lines: String = (0..300)
        .map(|i| {
            format!(
                "the {} cat sleeps near a {} house\n",
                ["black", "white"][i % 2],
                ["large", "small"][i / 2 % 2]
            )
        })
        .collect();
    folder.write("words.txt", lines);
    folder.ok(&[
        "train",
        "words",
        "words.txt",
        "-o",
        "w.st",
        "--device",
        "cpu",
        "--dim",
        "8",
        "--subwords",
        "3-4",
        "--epochs",
        "2",
    ]);
    let found = json(&folder.ok(&["neighbours", "w.st", "blackish", "-n", "1", "--json"]));
    assert_eq!(found[0]["text"], "black");
    folder.ok(&["export", "w.st", "-o", "w.bin"]);
    assert_eq!(json(&folder.ok(&["neighbours", "w.bin", "blackish", "-n", "1", "--json"])), found);
}

#[test]
fn pretrained_vectors_are_what_a_run_begins_with() {
    let folder = Folder::new();
    folder.reviews();
    let vectors = fixture("words.vec");
    let train = |more: &[&str]| {
        let common = [
            "train",
            "text",
            "reviews.csv",
            "-o",
            "m.st",
            "--device",
            "cpu",
            "--pretrained",
            &vectors,
        ];
        folder.run(&[&common[..], more].concat())
    };
    let output = train(&["--freeze", "--epochs", "2"]);
    let said = text(&output.stderr);
    assert!(
        output.status.success() && said.contains("words have a pretrained vector in"),
        "{said}"
    );
    // Frozen: the vectors are the file's.
    let ask = |file: &str| {
        json(&folder.ok(&["similarity", file, "dull", "cold", "--json"]))["similarity"].clone()
    };
    assert_eq!(ask("m.st"), ask(&vectors));
    assert!(train(&["--epochs", "30", "--learning-rate", "0.01"]).status.success());
    assert_ne!(ask("m.st"), ask(&vectors), "trained on");
    let refused = |more: &[&str], says: &str| {
        let output = train(more);
        let said = text(&output.stderr);
        assert!(!output.status.success() && said.contains(says), "{said}");
    };
    refused(&["--dim", "7"], "7");
    refused(&["--subwords", "3-6"], "n-grams");
    folder.fails(2, &["train", "text", "reviews.csv", "--freeze"], &["pretrained"]);
    folder.ok(&[
        "train",
        "words",
        "reviews.csv",
        "-o",
        "w.st",
        "--device",
        "cpu",
        "--pretrained",
        &vectors,
        "--epochs",
        "1",
    ]);
    folder.write("other.vec", "1 2\nxyz 1 2\n");
    folder.fails(
        1,
        &["train", "text", "reviews.csv", "--pretrained", "other.vec"],
        &["none of the"],
    );
}

#[test]
fn texts_without_spaces_are_parted_unasked() {
    let folder = Folder::new();
    let rows: String = (0..60)
        .map(|i| if i % 2 == 0 { "好,这部电影很好看\n" } else { "坏,这部电影很难看\n" })
        .collect();
    folder.write("zh.csv", format!("label,text\n{rows}"));
    let output = folder.run(&["train", "text", "zh.csv", "-o", "m.st", "--device", "cpu"]);
    assert!(text(&output.stderr).contains("tokens = unicode"), "{}", text(&output.stderr));
    let found = answers(&folder, "m.st", &["这个故事很好看", "这个故事很难看"]);
    assert_eq!((&found[0]["label"], &found[1]["label"]), (&"好".into(), &"坏".into()));
    let output = folder
        .run(&["train", "text", "zh.csv", "-o", "m.st", "--device", "cpu", "--tokens", "char"]);
    assert!(output.status.success() && !text(&output.stderr).contains("unicode"));
}

/// Words that belong together become one, in every command, and documents are near where they share what is rare.
#[test]
fn phrases_are_words_and_documents_are_near_by_what_is_rare() {
    let folder = Folder::new();
    let words = |line: &'static str| -> Vec<&str> { line.split(' ').collect() };
    let shown = |arguments: &[&str]| json(&folder.ok(arguments));
    let towns = ["new york", "los angeles"];
    let about = [["bridge", "subway"], ["beach", "studio"]];
    let mut lines = String::new();
    for i in 0..600 {
        let [a, b] = about[i % 2];
        let (town, thing) = (towns[i % 2], if i / 2 % 2 == 0 { a } else { b });
        // "new" and "los" stand alone, too, so that both are words.
        let other = ["a new day of the year", "the los is the what"][i / 3 % 2];
        lines += &format!("the {thing} of the {town} is the {thing}\n{other}\n");
    }
    folder.write("towns.txt", &lines);
    let train = "train words towns.txt -o m --min-count 2 --dim 16 --epochs 6 --device cpu --json";
    let found = shown(&[&words(train)[..], &["--phrases", "2"]].concat());
    assert!(found["phrases"].as_u64() >= Some(2), "{found}");
    let near = shown(&["neighbours", "m", "new_york", "-n", "3", "--json"]);
    let near: Vec<&str> =
        near.as_array().expect("words").iter().filter_map(|n| n["text"].as_str()).collect();
    assert!(near.contains(&"bridge") || near.contains(&"subway"), "{near:?}");
    let plain = shown(&words(train));
    assert_eq!(plain["phrases"], 0);
    folder.fails(2, &["neighbours", "m", "new_york"], &["new_york"]);
    shown(&[&words(train)[..], &["--phrases", "2"]].concat());

    // Frequent words are all that the asked text and most documents share.
    folder.write(
        "d.csv",
        "text\nthe of the is the what\nthe subway is the the of\nthe beach of the is the\nthe studio of what\n",
    );
    let (near, far) = ("the subway is the the of", "the beach of the is the");
    // The nearest text, and how much nearer `near` is than `far`, which has the same frequent words in its order.
    let ask = |more: &[&str]| {
        let ask = ["similar", "m", "the bridge of the is the", "--documents", "d.csv", "--json"];
        let found = shown(&[&ask[..], more].concat());
        let of = |wanted: &str| {
            let mut all = found.as_array().expect("texts").iter();
            let one = all.find(|one| one["text"] == wanted).expect("every text");
            one["similarity"].as_f64().expect("a cosine")
        };
        (found[0]["text"].as_str().expect("a text").to_owned(), of(near) - of(far))
    };
    let (nearest, margin) = ask(&["--weighting", "sif"]);
    assert_eq!(nearest, near);
    let (_, of_means) = ask(&[]);
    assert!(margin > 2.0 * of_means, "by what is rare {margin}, by means {of_means}");
    // The same file whichever way vectors are asked for, and zeros for what is not known.
    folder.write("e.csv", "text\nthe bridge\nlos angeles\nqwertz\n");
    for weighting in ["mean", "sif"] {
        let encode = ["encode", "m", "e.csv", "-o", "v.csv", "--weighting", weighting];
        let output = folder.run(&encode);
        let said = text(&output.stderr);
        assert!(output.status.success() && said.contains("no known word"), "{said}");
        let rows = std::fs::read_to_string(folder.path("v.csv")).expect("vectors");
        assert_eq!(rows.lines().count(), 4);
        let last: Vec<&str> = rows.lines().last().expect("a row").split(',').skip(1).collect();
        assert!(last.iter().all(|value| *value == "0"), "{last:?}");
    }
    // What has no words' vectors is not weighed by frequency.
    folder.write("r.csv", "text,label\ngood,a\nbad,b\ngood good,a\nbad bad,b\n");
    folder.ok(&words("train text r.csv -o c --epochs 1 --device cpu --quiet"));
    folder.fails(1, &words("encode c r.csv -o v.npy --weighting sif"), &["latent"]);
    // How often words were there goes to fastText's file and comes back.
    folder.ok(&words("export m -o m.bin"));
    let again = wgslearn::Model::load(folder.path("m.bin")).expect("a model");
    let counts = |model: &wgslearn::Model| match &model.preprocessor {
        wgslearn::model::Preprocessor::Text(encoder) => encoder.counts().to_vec(),
        _ => panic!("a model of texts"),
    };
    let model = wgslearn::Model::load(folder.path("m")).expect("a model");
    assert_eq!(counts(&again), counts(&model));
    assert!(counts(&model)[0] > 600);
}
