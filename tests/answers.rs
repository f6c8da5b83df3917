//! What a classifier says of rows: the most probable labels, its mistakes, and why.

mod common;

use common::cli::{Folder, text};
use serde_json::Value;

/// Three classes, told by one word.
fn three(folder: &Folder) {
    let mut csv = String::from("label,text\n");
    for i in 0..90 {
        let (label, word) = [("red", "rose"), ("green", "leaf"), ("blue", "sea")][i % 3];
        csv += &format!("{label},\"a {word} number {}\"\n", i % 7);
    }
    folder.write("three.csv", csv);
    folder.ok(&[
        "train",
        "text",
        "three.csv",
        "-o",
        "three.safetensors",
        "--epochs",
        "10",
        "--device",
        "cpu",
    ]);
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).expect("JSON")
}

#[test]
fn the_most_probable_labels_are_answered_as_asked() {
    let folder = Folder::new();
    three(&folder);
    let predict = |more: &[&str], input: &str| {
        let mut arguments = vec!["predict", "three.safetensors", "-", "--device", "cpu"];
        arguments.extend(more);
        let output = folder.run_with(&arguments, input);
        assert!(output.status.success(), "{more:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    // As before where nothing is asked.
    let plain = predict(&[], "a rose\nthe sea\n");
    let fields: Vec<&str> = plain.lines().flat_map(|line| line.split('\t')).collect();
    assert_eq!((fields[0], fields[2], fields.len()), ("red", "blue", 4), "{plain}");
    let all = json(predict(&["--json"], "a rose\n").trim());
    assert_eq!(all["outputs"].as_array().map(Vec::len), Some(3), "{all}");
    // All labels, the most probable first.
    let top = json(predict(&["-k", "3", "--json", "--with-text"], "a rose\n").trim());
    let labels = top["labels"].as_array().expect("labels");
    let probabilities: Vec<f64> =
        labels.iter().map(|label| label["probability"].as_f64().expect("a number")).collect();
    assert_eq!((labels.len(), &labels[0]["label"]), (3, &Value::from("red")), "{top}");
    assert!(probabilities.windows(2).all(|pair| pair[0] >= pair[1]), "{top}");
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{top}");
    assert_eq!((&top["text"], &top["outputs"]), (&Value::from("a rose"), &Value::Null));
    // Below the threshold there is no label, but a line.
    let none = predict(&["--threshold", "1.0"], "a rose\nthe sea\n");
    assert_eq!(none, "\n\n");
    let first = predict(&["-k", "2", "--threshold", "0.5", "--with-text"], "a rose\n");
    let fields: Vec<&str> = first.trim().split('\t').collect();
    assert_eq!((fields[0], fields[2], fields.len()), ("red", "a rose", 3), "{first}");
    // A file of a format.
    folder.write("new.csv", "text\n\"a rose, red\"\nthe sea\n");
    let file = ["predict", "three.safetensors", "new.csv", "-k", "2", "--with-text", "-o", "a.csv"];
    assert_eq!(folder.ok(&file), "");
    let written = std::fs::read_to_string(folder.path("a.csv")).expect("written");
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(lines[0], "text,label_1,probability_1,label_2,probability_2");
    assert!(lines[1].starts_with("\"a rose, red\",red,0.") && lines.len() == 3, "{written}");
    folder.ok(&["predict", "three.safetensors", "new.csv", "-o", "a.jsonl"]);
    let written = std::fs::read_to_string(folder.path("a.jsonl")).expect("written");
    assert_eq!(json(written.lines().next().expect("a line"))["label"], "red");
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let folder = Folder::new();
    three(&folder);
    let refused = |more: &[&str], says: &[&str]| {
        let mut arguments = vec!["predict", "three.safetensors", "three.csv"];
        arguments.extend(more);
        folder.fails(2, &arguments, says);
    };
    refused(&["-k", "4"], &["4 labels", "has 3", "1 to 3"]);
    refused(&["-k", "0"], &["0 labels"]);
    refused(&["--threshold", "1.5"], &["1.5", "from 0 to 1"]);
    refused(&["--threshold=-0.1"], &["-0.1"]);
    refused(&["--threshold", "nan"], &["NaN"]);
    refused(&["-o", "answers.png"], &[".png", ".csv"]);
    refused(&["-o", "three.csv"], &["is read"]);
    let rows: String = (0..40).map(|i| format!("{i},{}\n", 3 * i)).collect();
    folder.write("line.csv", format!("x,y\n{rows}"));
    folder.ok(&[
        "train",
        "table",
        "line.csv",
        "--target",
        "y",
        "-o",
        "line.safetensors",
        "--epochs",
        "2",
    ]);
    for arguments in [["-k", "1"], ["--threshold", "0.5"]] {
        let [flag, value] = arguments;
        let predict = ["predict", "line.safetensors", "line.csv", flag, value];
        folder.fails(2, &predict, &["regression", "classifiers"]);
    }
    folder.fails(2, &["errors", "line.safetensors", "line.csv"], &["regression"]);
    folder.fails(2, &["explain", "line.safetensors", "a text"], &["no texts"]);
    // The rows of a table stand beside their answers, under the target's name.
    folder.ok(&["predict", "line.safetensors", "line.csv", "--with-text", "-o", "y.csv"]);
    let written = std::fs::read_to_string(folder.path("y.csv")).expect("written");
    assert!(written.starts_with("text,y\n\"0,0\","), "{written}");
}

#[test]
fn mistakes_are_told_with_line_and_text() {
    let folder = Folder::new();
    three(&folder);
    let rows = "label,text\nred,a rose\n\nblue,the rose rose\ngreen,a leaf\nblue,number rose\nred,the sea\n";
    folder.write("test.csv", rows);
    let found = json(folder.ok(&["errors", "three.safetensors", "test.csv", "--json"]).trim());
    assert_eq!((&found["rows"], &found["wrong"]), (&Value::from(5), &Value::from(3)), "{found}");
    let mistakes = found["mistakes"].as_array().expect("mistakes");
    let mut lines: Vec<u64> = mistakes.iter().filter_map(|m| m["line"].as_u64()).collect();
    let sure: Vec<f64> = mistakes.iter().filter_map(|m| m["probability"].as_f64()).collect();
    assert!(sure.windows(2).all(|pair| pair[0] >= pair[1]) && sure.len() == 3, "{found}");
    lines.sort_unstable();
    assert_eq!(lines, [4, 6, 7]);
    let of_line = |line: u64| mistakes.iter().find(|m| m["line"] == line).expect("the line");
    assert_eq!(of_line(4)["text"], "the rose rose");
    assert_eq!((&of_line(7)["truth"], &of_line(7)["answer"]), (&"red".into(), &"blue".into()));
    assert_eq!(
        found["confused"][0],
        serde_json::json!({"truth": "blue", "answer": "red", "rows": 2})
    );
    let told = folder.ok(&["errors", "three.safetensors", "test.csv", "-n", "1"]);
    assert!(told.starts_with("rows 5  wrong 3 (0.6000)\n"), "{told}");
    assert!(told.contains("2  blue -> red"), "{told}");
    assert_eq!(told.lines().filter(|line| line.matches('\t').count() == 4).count(), 1, "{told}");
}

#[test]
fn words_explain_an_answer() {
    let folder = Folder::new();
    three(&folder);
    let explain = |arguments: &[&str], input: &str| -> Vec<Value> {
        let mut all = vec!["explain", "three.safetensors", "--json", "--device", "cpu"];
        all.extend(arguments);
        let output = folder.run_with(&all, input);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).lines().map(json).collect()
    };
    let found = explain(&["a ROSE, number"], "");
    let words = found[0]["words"].as_array().expect("words");
    let names: Vec<&str> = words.iter().filter_map(|word| word["word"].as_str()).collect();
    assert_eq!((&found[0]["label"], names), (&"red".into(), vec!["a", "rose", "number"]));
    let part = |word: usize| words[word]["part"].as_f64().expect("a number");
    assert!(part(1) > part(0).abs() && part(1) > part(2).abs(), "{found:?}");
    // Several texts, and another label: the same word speaks against it.
    let found = explain(&["-", "--label", "blue"], "a rose\n\nthe sea sea\n");
    assert_eq!(found.len(), 3);
    let part = |text: usize, word: usize| found[text]["words"][word]["part"].as_f64();
    assert!(part(0, 1) < Some(0.0) && part(2, 1) > Some(0.0) && part(2, 1) == part(2, 2));
    let plain = folder.ok(&["explain", "three.safetensors", "a rose", "--device", "cpu"]);
    assert!(plain.starts_with("red\t") && !plain.contains('\u{1b}'), "{plain}");
    folder.fails(2, &["explain", "three.safetensors", "x", "--label", "rad"], &["rad", "red"]);
}

mod exact {
    use wgslearn::model::{Parameter, Preprocessor};
    use wgslearn::run::{Explanation, explain};
    use wgslearn::text::{TextEncoder, TextOptions};
    use wgslearn::*;

    /// Numbers between -1 and 1 that look random.
    fn wave(count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * i + 3 * i + 1) as f32 * 0.37).sin()).collect()
    }

    fn model(word_ngrams: usize, length: usize, behind: Vec<Layer>, loss: Loss) -> Model {
        let mut options = TextOptions::default();
        (options.word_ngrams, options.ngram_buckets, options.max_length) =
            (word_ngrams, 50, length);
        let encoder = TextEncoder::fit(&["one two three four", "five"], &options).expect("options");
        let mut layers = vec![Layer::embedding(encoder.rows(), 3)];
        layers.extend(behind);
        let input = Input::Ids { length: encoder.width() };
        let mut model = Model::new(input, layers, loss, 3).expect("a model");
        let values = |p: &Parameter| Parameter { values: wave(p.count()), ..p.clone() };
        let weights = model.parameters().iter().map(values).collect();
        model.set_parameters(weights).expect("the same shapes");
        model.labels = ["a", "b", "c"].map(str::to_owned)[..model.outputs().max(2)].to_vec();
        model.preprocessor = Preprocessor::Text(encoder);
        model
    }

    fn bias(model: &Model) -> &[f32] {
        &model.parameters().last().expect("a bias").values
    }

    fn sum(found: &Explanation) -> f64 {
        found.words.iter().map(|word| word.part).sum()
    }

    /// Where nothing bends, parts and bias are the score: of a mean, of n-grams, of one output and of several.
    #[test]
    fn parts_of_a_linear_model_add_up_to_the_score_less_the_bias() {
        let texts = ["two three unseen one", "five five", ""].map(str::to_owned);
        for ngrams in [1, 3] {
            let layers =
                vec![Layer::dropout(0.5), Layer::mean_pool(), Layer::dense(3, Activation::Softmax)];
            let model = model(ngrams, 0, layers, Loss::CategoricalCrossentropy);
            for (class, label) in ["a", "b", "c"].iter().enumerate() {
                let found =
                    explain(&model, &texts, Some(label), &Device::cpu()).expect("explained");
                for found in &found {
                    let off = (found.rest - bias(&model)[class] as f64).abs();
                    assert!(off < 2e-6, "{ngrams} {label} {found:?}");
                    assert_eq!(found.padding, 0.0);
                }
                assert_eq!(found[0].words.len(), 4);
                assert!((sum(&found[0]) + found[0].rest - found[0].logit).abs() < 1e-12);
            }
        }
        // One output: the first label has the negative of the second.
        let layers = vec![Layer::mean_pool(), Layer::dense(1, Activation::Sigmoid)];
        let model = model(1, 0, layers, Loss::BinaryCrossentropy);
        let of = |label| {
            explain(&model, &texts[..1], Some(label), &Device::cpu()).expect("explained").remove(0)
        };
        let (a, b) = (of("a"), of("b"));
        assert!((a.logit + b.logit).abs() < 1e-12 && (sum(&a) + sum(&b)).abs() < 1e-12);
        assert!((b.rest - bias(&model)[0] as f64).abs() < 2e-6, "{b:?}");
        assert!((a.probability + b.probability - 1.0).abs() < 1e-6);
    }

    /// A row of one length: what padding adds is told by itself, for each text.
    #[test]
    fn padding_is_told_apart() {
        let layers = vec![Layer::flatten(), Layer::dense(1, Activation::Sigmoid)];
        let model = model(1, 4, layers, Loss::BinaryCrossentropy);
        let texts = ["one", "one two three four five six"].map(str::to_owned);
        let found = explain(&model, &texts, Some("b"), &Device::cpu()).expect("explained");
        for found in &found {
            assert!((found.rest - bias(&model)[0] as f64).abs() < 2e-6, "{found:?}");
        }
        assert!(found[0].padding != 0.0 && found[1].padding == 0.0, "{found:?}");
        assert_eq!((found[1].words.len(), found[1].cut), (4, 2));
    }

    /// Behind a bend it is the gradient: a slope of the score along the embedding of a word.
    #[test]
    fn parts_of_a_bent_model_are_slopes() {
        let layers = vec![
            Layer::mean_pool(),
            Layer::dense(5, Activation::Tanh),
            Layer::dense(3, Activation::Softmax),
        ];
        let model = model(1, 0, layers, Loss::CategoricalCrossentropy);
        let explained = |model: &Model| {
            let texts = ["three one".to_owned()];
            explain(model, &texts, Some("c"), &Device::cpu()).expect("explained").remove(0)
        };
        let part = explained(&model).words[0].part;
        // The word "three" has the id 4; its embedding times 1 + h.
        let scaled = |by: f32| {
            let mut model = model.clone();
            let mut table = model.parameters()[0].clone();
            table.values[12..15].iter_mut().for_each(|value| *value *= by);
            model.set_parameters(vec![table]).expect("the same shape");
            explained(&model).logit
        };
        let slope = (scaled(1.01) - scaled(0.99)) / 0.02;
        assert!((slope - part).abs() < 1e-3, "{slope} {part}");
    }
}

/// Of hashed n-grams only the buckets that were used are stored, and a table in fewer bits answers nearly the same.
#[test]
fn small_models_are_small_and_answer_the_same() {
    let folder = Folder::new();
    folder.reviews();
    folder.ok(&[
        "train",
        "text",
        "reviews.csv",
        "-o",
        "m.safetensors",
        "--word-ngrams",
        "2",
        "--device",
        "cpu",
        "--epochs",
        "30",
    ]);
    let size = |name: &str| folder.path(name).metadata().expect("written").len();
    // 500,000 buckets of 16 numbers would be 32 MB.
    assert!(size("m.safetensors") < 200_000, "{}", size("m.safetensors"));
    let plain = folder.ok(&["predict", "m.safetensors", "reviews.csv", "--device", "cpu"]);
    for (storage, off) in [("f32", 0.0), ("f16", 1e-3), ("int8", 1e-2)] {
        let quantize = [
            "quantize",
            "m.safetensors",
            "-o",
            "s.safetensors",
            "--to",
            storage,
            "--data",
            "reviews.csv",
            "--json",
        ];
        let found = json(folder.ok(&quantize).trim());
        assert_eq!(found["bytes"].as_u64(), Some(size("s.safetensors")));
        let accuracy = |of: &str| found[of]["accuracy"].as_f64().expect("an accuracy");
        assert!((accuracy("before") - accuracy("after")).abs() < 0.01, "{found}");
        let small = folder.ok(&["predict", "s.safetensors", "reviews.csv", "--device", "cpu"]);
        for (a, b) in plain.lines().zip(small.lines()) {
            let probability = |line: &str| -> f64 {
                line.split('\t').nth(1).expect("a probability").parse().expect("a number")
            };
            assert!((probability(a) - probability(b)).abs() <= off, "{storage}: {a} {b}");
        }
        if storage == "int8" {
            assert!(size("s.safetensors") < size("m.safetensors"), "{found}");
        }
    }
    // Rows of labels that it does not know are refused, and left out where that is said.
    folder.write("other.csv", "label,text\nodd,a good film\ngood,a good film\nbad,a bad film\n");
    let mut other = vec!["quantize", "m.safetensors", "-o", "s.safetensors", "--data", "other.csv"];
    folder.fails(1, &other, &["\"odd\"", "skip_unknown"]);
    other.extend(["--skip-unknown", "--json"]);
    let found = json(folder.ok(&other).trim());
    assert_eq!(
        (found["rows"].as_u64(), found["data"]["read"].as_u64()),
        (Some(2), Some(3)),
        "{found}"
    );
    // A changed bit of a small model is found, and a model without a table has nothing to make small.
    let mut bytes = std::fs::read(folder.path("s.safetensors")).expect("read");
    let within = bytes.len() - 200;
    bytes[within] ^= 1;
    folder.write("broken.safetensors", bytes);
    folder.fails(1, &["predict", "broken.safetensors", "reviews.csv"], &["checksum"]);
    folder.fails(2, &["quantize", "m.safetensors", "-o", "m.safetensors"], &["is read"]);
}
