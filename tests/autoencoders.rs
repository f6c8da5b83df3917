//! Autoencoders, translations and word vectors as a user runs them: files in, files and pictures
//! out, on the adapter and on the CPU, and a sentence for everything that is wrong.

mod common;

use common::cli::{Folder, json, npy, text};

/// Stripes of two directions and several phases: images that a few numbers can code.
fn stripes(count: usize, side: usize) -> Vec<u8> {
    let pixel = |i: usize| {
        let (image, at) = (i / (side * side), i % (side * side));
        let (x, y) = (at % side, at / side);
        let along = if image % 2 == 0 { x } else { y };
        if (along + image / 2) % 4 < 2 { 230 } else { 10 }
    };
    (0..count * side * side).map(pixel).collect()
}

fn idx(count: usize, side: usize) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 3];
    for n in [count, side, side] {
        bytes.extend((n as u32).to_be_bytes());
    }
    bytes.extend(stripes(count, side));
    bytes
}

/// A folder of PNG files `names`, each one image of stripes.
fn pictures(folder: &Folder, name: &str, names: &[&str], side: usize) {
    std::fs::create_dir_all(folder.path(name)).expect("a folder");
    let bytes = stripes(names.len(), side);
    for (file, pixels) in names.iter().zip(bytes.chunks_exact(side * side)) {
        let image = image::GrayImage::from_raw(side as u32, side as u32, pixels.to_vec());
        image.expect("pixels").save(folder.path(name).join(file)).expect("written");
    }
}

#[test]
fn images_are_coded_decoded_and_drawn() {
    let folder = Folder::new();
    folder.write("stripes", idx(200, 8));
    folder.write("more", idx(40, 8));
    for device in ["gpu", "cpu"] {
        let shown = json(&folder.ok(&[
            "train",
            "autoencoder",
            "stripes",
            "--layers",
            "32,4",
            "--epochs",
            "30",
            "-o",
            "m",
            "--device",
            device,
            "--json",
        ]));
        assert_eq!(shown["parameters"], 64 * 32 + 32 + 32 * 4 + 4 + 4 * 32 + 32 + 32 * 64 + 64);
        let found = json(&folder.ok(&["reconstruct", "m", "more", "-o", "grid.png", "--json"]));
        assert!(found["mse"].as_f64().expect("a number") < 0.02, "on {device}: {found}");
        assert_eq!(found["worst"].as_array().expect("rows").len(), 6);
        let grid = image::open(folder.path("grid.png")).expect("a picture");
        assert!(grid.width() > 600 && grid.height() > 200);

        folder.ok(&["encode", "m", "more", "-o", "codes.npy", "--device", device]);
        folder.ok(&["encode", "m", "more", "-o", "codes.csv", "--device", device]);
        let codes = std::fs::read_to_string(folder.path("codes.csv")).expect("codes");
        assert!(codes.starts_with("row,code_0,code_1,code_2,code_3\n0,"), "{codes}");
        assert_eq!(codes.lines().count(), 41);
        for codes in ["codes.npy", "codes.csv"] {
            folder.ok(&["decode", "m", codes, "-o", "pictures", "--device", device]);
            let first = image::open(folder.path("pictures/000000.png")).expect("a picture");
            let truth = stripes(1, 8);
            let pixels = first.to_luma8().into_raw();
            let off = pixels.iter().zip(&truth).map(|(a, b)| a.abs_diff(*b));
            assert!(off.max().expect("pixels") < 110, "{codes} on {device}");
        }
        // The same errors as an evaluation finds.
        let evaluated = json(&folder.ok(&["evaluate", "m", "more", "--json", "--device", device]));
        let difference = evaluated["loss"].as_f64().expect("a number")
            - found["mse"].as_f64().expect("a number");
        assert!(difference.abs() < 1e-5, "{evaluated} and {found}");
    }
}

#[test]
fn an_autoencoder_is_held_against_pca() {
    let folder = Folder::new();
    folder.write("a-images-idx3-ubyte", idx(200, 8));
    let labels: Vec<u8> = (0..200).map(|i| i % 2).collect();
    folder.write("a-labels-idx1-ubyte", [&[0, 0, 8, 1, 0, 0, 0, 200][..], &labels].concat());
    let data = "a-images-idx3-ubyte";
    let train = ["train", "autoencoder", data, "--layers", "32,2", "--epochs", "60", "-o", "m"];
    folder.ok(&[&train[..], &["--device", "cpu"]].concat());
    let found = json(&folder.ok(&["compare-pca", "m", data, "-o", "codes.png", "--json"]));
    // Eight patterns need seven components; two of them leave five sixths of the variance or so.
    assert!(found["pca_mse"].as_f64().expect("a number") > 0.05, "{found}");
    assert!(found["ratio"].as_f64().expect("a number") < 0.5, "{found}");
    assert_eq!((&found["components"], &found["rows"]), (&2.into(), &200.into()));
    assert_eq!(image::open(folder.path("codes.png")).expect("a picture").width(), 2740);
    folder.write("labels.txt", "up\ndown\n");
    folder.fails(1, &["compare-pca", "m", data, "--labels", "labels.txt"], &["2 labels", "200"]);
    std::fs::rename(folder.path(data), folder.path("moved")).expect("moved");
    folder.fails(2, &["compare-pca", "m", "moved"], &[data, "not there", "as train"]);
    folder.ok(&["compare-pca", "m", "moved", "--train", "moved"]);
}

#[test]
fn noise_is_undone_and_the_same_for_a_seed() {
    let folder = Folder::new();
    folder.write("stripes", idx(300, 8));
    folder.write("more", idx(60, 8));
    for noise in ["gaussian:0.3", "salt-pepper:0.1", "mask:0.25"] {
        let train = ["train", "autoencoder", "stripes", "--layers", "64,32", "--noise", noise];
        let rest = ["--epochs", "20", "-o", "m", "--device", "cpu"];
        folder.ok(&[&train[..], &rest].concat());
        let shown = folder.ok(&["reconstruct", "m", "more", "-o", "grid.png", "--json"]);
        let found = json(&shown);
        assert_eq!(found["noise"], noise);
        let [before, after] =
            ["noisy_psnr", "psnr"].map(|key| found[key].as_f64().expect("a number"));
        assert!(after > before + 5.0, "{noise}: {found}");
        assert_eq!(shown, folder.ok(&["reconstruct", "m", "more", "--json"]), "{noise}");
        let other = folder.ok(&["reconstruct", "m", "more", "--json", "--seed", "8"]);
        assert_ne!(shown, other, "{noise}");
    }
    // The same file again, byte for byte, on the adapter.
    for name in ["a", "b"] {
        let train = ["train", "autoencoder", "stripes", "--noise", "gaussian:0.2", "--layers", "9"];
        folder.ok(&[&train[..], &["--epochs", "2", "-o", name, "--device", "gpu"]].concat());
    }
    let read = |name| std::fs::read(folder.path(name)).expect("a model");
    assert_eq!(read("a"), read("b"));
    folder.fails(2, &["train", "autoencoder", "stripes", "--noise", "fog:1"], &["fog", "gaussian"]);
}

#[test]
fn pictures_are_translated() {
    let folder = Folder::new();
    let names: Vec<String> = (0..32).map(|i| format!("{i:02}.png")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    pictures(&folder, "plain", &names, 8);
    // Twice as large, so that inputs and targets differ in size.
    std::fs::create_dir_all(folder.path("large")).expect("a folder");
    for name in &names {
        let picture = image::open(folder.path("plain").join(name)).expect("a picture");
        let mut large = picture.resize_exact(16, 16, image::imageops::FilterType::Nearest);
        large.invert();
        large.save(folder.path("large").join(name)).expect("written");
    }
    let train = ["train", "translate", "--input", "plain", "--target", "large", "--layers", "32"];
    let rest = [
        "--batch-size",
        "4",
        "--epochs",
        "60",
        "--validation-split",
        "0",
        "-o",
        "t",
        "--device",
        "cpu",
    ];
    folder.ok(&[&train[..], &rest].concat());
    let found = json(&folder.ok(&[
        "reconstruct",
        "t",
        "plain",
        "--targets",
        "large",
        "-o",
        "g.png",
        "--json",
    ]));
    assert!(found["mse"].as_f64().expect("a number") < 0.01, "{found}");
    folder.ok(&["translate", "t", "plain", "-o", "out"]);
    let out = image::open(folder.path("out/07.png")).expect("a picture");
    assert_eq!((out.width(), out.height()), (16, 16));
    folder.ok(&["translate", "t", "plain/07.png", "-o", "one"]);
    assert!(folder.path("one/07.png").exists());

    // A new decoder on an encoder that stands and stays.
    let quick = ["--epochs", "20", "--validation-split", "0", "--device", "cpu"];
    folder
        .ok(&[&["train", "autoencoder", "plain", "--layers", "32", "-o", "ae"], &quick[..]]
            .concat());
    let stands = ["train", "translate", "--input", "plain", "--target", "large", "-o", "f"];
    let frozen = ["--encoder-from", "ae", "--freeze-encoder"];
    folder.ok(&[&stands[..], &frozen, &quick].concat());
    let kernel = |model: &str| {
        let bytes = std::fs::read(folder.path(model)).expect("a model");
        let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("a model");
        tensors.tensor("dense.kernel").expect("a kernel").data().to_vec()
    };
    assert_eq!(kernel("ae"), kernel("f"));

    // A size is that of all pictures, but for those that have one of their own; and the model's when it is held against others.
    let sized = |more: &[&str]| {
        let train = ["train", "translate", "--input", "plain", "--target", "large", "-o", "s"];
        let size = ["--size", "12x10", "--epochs", "1", "--device", "cpu"];
        folder.ok(&[&train[..], &size, more].concat());
        folder.ok(&["translate", "s", "plain/07.png", "-o", "sized"]);
        folder.ok(&["reconstruct", "s", "plain", "--targets", "large"]);
        folder.ok(&["evaluate", "s", "plain", "--targets", "large"]);
        let out = image::open(folder.path("sized/07.png")).expect("a picture");
        (out.width(), out.height())
    };
    assert_eq!(sized(&[]), (12, 10));
    assert_eq!(sized(&["--target-size", "9x14"]), (9, 14));
    folder.fails(2, &[&train[..], &["--target-size", "9x14"]].concat(), &["without size"]);

    folder.fails(2, &["reconstruct", "t", "plain"], &["translates", "as targets"]);
    folder.fails(2, &["evaluate", "t", "plain"], &["as targets"]);
    std::fs::remove_file(folder.path("large/05.png")).expect("removed");
    folder.fails(1, &train, &["05", "no partner", "large"]);
    let lone = ["train", "translate", "--input", "plain", "--target", "large", "--freeze-encoder"];
    folder.fails(2, &lone, &["encoder_from"]);
}

#[test]
fn matrices_and_tables_are_coded_in_their_own_scale() {
    let folder = Folder::new();
    // Columns of very different scales, all from one number.
    let row = |i: usize| -> [f32; 3] {
        let t = (i as f32 * 0.37).sin();
        [1000.0 + 50.0 * t, -0.01 * t, 7.0 + t * t]
    };
    let mut csv = String::from("mass,charge,age\n");
    let mut bytes = Vec::new();
    for i in 0..300 {
        let [a, b, c] = row(i);
        csv += &format!("{a},{b},{c}\n");
        bytes.extend([a, b, c].iter().flat_map(|v| v.to_le_bytes()));
    }
    folder.write("table.csv", csv);
    npy(&folder.path("matrix.npy"), "<f4", "(300, 3)", bytes);
    for data in ["table.csv", "matrix.npy"] {
        let train = ["train", "autoencoder", data, "--layers", "16,2", "--epochs", "40", "-o", "m"];
        folder.ok(&[&train[..], &["--device", "cpu"]].concat());
        let found = json(&folder.ok(&["reconstruct", "m", data, "-o", "rows.csv", "--json"]));
        assert!(found["mse"].as_f64().expect("a number") < 0.05, "{data}: {found}");
        folder.ok(&["encode", "m", data, "-o", "codes.npy"]);
        folder.ok(&["decode", "m", "codes.npy", "-o", "back.csv"]);
        let back = std::fs::read_to_string(folder.path("back.csv")).expect("rows");
        let line = back.lines().nth(5).expect("a row");
        let values: Vec<f32> = line.split(',').map(|v| v.parse().expect("a number")).collect();
        assert!((values[1] - row(4)[0]).abs() < 15.0, "{data}: {line}");
        folder.fails(2, &["reconstruct", "m", data, "-o", "grid.png"], &["no images", ".npy"]);
    }
    folder.write("plain.csv", "1,2\n3,4\n5,6\n7,9\n");
    let train = ["train", "autoencoder", "plain.csv", "--layers", "2", "--epochs", "2", "-o", "p"];
    let shown = json(&folder.ok(&[&train[..], &["--validation-split", "0", "--json"]].concat()));
    assert_eq!(shown["training_rows"], 4, "a file without a header is all rows");
}

/// Texts of two subjects whose words never meet.
fn subjects(folder: &Folder) {
    let words = [["oil", "price", "barrel", "crude"], ["match", "goal", "team", "coach"]];
    let mut csv = String::from("label,text\n");
    for i in 0..400 {
        let subject = &words[i % 2];
        let word = |n: usize| subject[(i / 2 * 7 + n * n + n * (i / 8)) % 4];
        csv += &format!("{},\"{} {} and {} the {}\"\n", i % 2, word(0), word(1), word(2), word(3));
    }
    folder.write("texts.csv", csv);
}

#[test]
fn texts_are_coded_and_found_again() {
    let folder = Folder::new();
    subjects(&folder);
    for (device, loss) in [("gpu", "softmax"), ("cpu", "bce")] {
        let train = ["train", "autoencoder", "texts.csv", "--layers", "6", "--epochs", "12"];
        let rest = ["--loss", loss, "-o", "m", "--device", device, "--json"];
        let shown = json(&folder.ok(&[&train[..], &rest].concat()));
        let losses = shown["history"]["loss"].as_array().expect("losses");
        assert!(losses[11].as_f64() < losses[0].as_f64(), "{shown}");
        folder.ok(&["encode", "m", "texts.csv", "-o", "codes.npy", "--device", device]);
        let found = json(&folder.ok(&["similar", "m", "crude oil", "-n", "20", "--json"]));
        for document in found.as_array().expect("documents") {
            let text = document["text"].as_str().expect("a text");
            assert!(!text.contains("goal") && !text.contains("team"), "{loss}: {text}");
            assert!(document["line"].as_u64().expect("a line") >= 2);
        }
        folder.ok(&["decode", "m", "codes.npy", "-o", "words.csv"]);
        let words = std::fs::read_to_string(folder.path("words.csv")).expect("words");
        let first = words.lines().nth(1).expect("a row");
        assert!(first.contains("oil") || first.contains("price"), "{loss}: {first}");
    }
    folder.fails(2, &["similar", "m", "zebra"], &["zebra", "known"]);
    folder.fails(2, &["reconstruct", "m", "texts.csv"], &["texts"]);
    // Pairs of words have outputs where a text has them, not one for each of half a million buckets.
    let pairs = ["train", "autoencoder", "texts.csv", "--layers", "6", "--word-ngrams", "2"];
    folder.ok(&[&pairs[..], &["-o", "p", "--epochs", "2", "--device", "cpu"]].concat());
    let model = wgslearn::Model::load(folder.path("p")).expect("a model");
    assert!(model.outputs() < 2_000, "{} outputs", model.outputs());
    folder.ok(&["encode", "p", "texts.csv", "-o", "codes.npy"]);
    folder.ok(&["similar", "p", "oil crude oil", "--documents", "texts.csv"]);
    // Whatever layers it is given, too; a classifier's table has as few rows where no place counts.
    let rows = |kind: &str, behind: &str| {
        let data = "[data]\ntrain = \"texts.csv\"\n[text]\nword_ngrams = 2\nngram_buckets = 5000";
        let layers = format!("layers = [{{ embedding = {{ rows = 0, units = 2 }} }}, {behind}]");
        let training = "[training]\nepochs = 1\nloss = \"categorical_crossentropy\"";
        let run = format!("kind = \"{kind}\"\n{data}\n[model]\n{layers}\n{training}\n");
        folder.write("run.toml", run);
        folder.ok(&["train", "--config", "run.toml", "-o", "t", "--device", "cpu", "--quiet"]);
        wgslearn::Model::load(folder.path("t")).expect("a model").parameters()[0].shape[0]
    };
    let softmax =
        |units: usize| format!("{{ dense = {{ units = {units}, activation = \"softmax\" }} }}");
    let few = rows("text", &format!("{{ mean_pool = {{}} }}, {}", softmax(2)));
    assert!(few < 2_000, "{few}");
    assert!(rows("text", &format!("{{ flatten = {{}} }}, {}", softmax(2))) > 5_000);
    // It has an output for each of them.
    assert_eq!(rows("autoencoder", &format!("{{ flatten = {{}} }}, {}", softmax(few))), few);
    let noisy = ["train", "autoencoder", "texts.csv", "--noise", "mask:0.1"];
    folder.fails(2, &noisy, &["noise"]);
    let hidden = ["train", "autoencoder", "texts.csv", "--hidden", "6"];
    folder.fails(2, &hidden, &["hidden", "layers"]);
}

#[test]
fn words_of_one_subject_become_neighbours() {
    let folder = Folder::new();
    subjects(&folder);
    for (device, method) in [("gpu", "skipgram"), ("cpu", "skipgram"), ("cpu", "cbow")] {
        let train = ["train", "words", "texts.csv", "--method", method, "--dim", "12"];
        let rest = ["--subsample", "0", "--epochs", "30", "-o", "w", "--device", device, "--json"];
        let more = ["--words-per-step", "256"];
        let shown = json(&folder.ok(&[&train[..], &rest, &more].concat()));
        assert_eq!((&shown["vocabulary"], &shown["words"]), (&10.into(), &2400.into()));
        let near = json(&folder.ok(&["neighbours", "w", "Oil", "-n", "3", "--json"]));
        let mut near: Vec<&str> =
            near.as_array().expect("words").iter().map(|n| n["text"].as_str().unwrap()).collect();
        near.sort_unstable();
        assert_eq!(near, ["barrel", "crude", "price"], "{method} on {device}");
        let found = folder.ok(&["similar", "w", "the coach", "-n", "5"]);
        assert!(!found.contains("crude") && found.lines().count() == 5, "{found}");
    }
    folder.ok(&["export", "w", "-o", "vectors.txt"]);
    let vectors = std::fs::read_to_string(folder.path("vectors.txt")).expect("vectors");
    let mut lines = vectors.lines();
    assert_eq!(lines.next(), Some("10 12"));
    assert!(lines.all(|line| line.split(' ').count() == 13));
    let read = |name| std::fs::read(folder.path(name)).expect("a model");
    for name in ["x", "y"] {
        folder.ok(&["train", "words", "texts.csv", "-o", name, "--epochs", "2", "--device", "gpu"]);
    }
    assert_eq!(read("x"), read("y"), "the same seed, the same bytes");
    folder.fails(2, &["neighbours", "w", "zebra"], &["zebra", "10 words"]);
    folder.fails(1, &["evaluate", "w", "texts.csv"], &["word vectors"]);
    folder.fails(1, &["train", "words", "texts.csv", "--min-count", "9999"], &["min_count"]);
}

#[test]
fn bad_data_are_told_and_nothing_is_overwritten() {
    let folder = Folder::new();
    let keep = folder.write("m", "precious");
    let train = |data: &'static str| ["train", "autoencoder", data, "-o", "m", "--device", "cpu"];
    std::fs::create_dir_all(folder.path("empty")).expect("a folder");
    folder.fails(1, &train("empty"), &["empty", "no picture"]);
    pictures(&folder, "mixed", &["a.png", "b.png"], 8);
    pictures(&folder, "larger", &["c.png"], 9);
    std::fs::copy(folder.path("larger/c.png"), folder.path("mixed/c.png")).expect("copied");
    folder.fails(1, &train("mixed"), &["c.png", "9x9", "8x8", "a size of"]);
    folder.fails(2, &[&train("mixed")[..], &["--size", "8"]].concat(), &["64x48"]);
    folder.write("mixed/d.png", "no picture at all");
    folder.fails(1, &[&train("mixed")[..], &["--size", "8x8"]].concat(), &["d.png", "picture"]);
    let nan = [1.0f32, f32::NAN, 0.0, 1.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    npy(&folder.path("nan.npy"), "<f4", "(2, 2)", nan);
    folder.fails(1, &train("nan.npy"), &["row 1, column 2", "NaN"]);
    folder.write("cut", &idx(10, 8)[..300]);
    folder.fails(1, &train("cut"), &["cut short"]);
    folder.fails(1, &train("missing"), &["missing"]);
    folder.write("stripes", idx(20, 8));
    folder.fails(2, &[&train("stripes")[..], &["--layers", "4,0"]].concat(), &["encoder is 0"]);
    let bce = ["train", "autoencoder", "big.npy", "--loss", "bce", "-o", "m"];
    let big = (0..40).flat_map(|i| (i as f32 * 3.0).to_le_bytes()).collect();
    npy(&folder.path("big.npy"), "<f4", "(10, 4)", big);
    folder.fails(2, &bce, &["0 to 1", "mse"]);
    let huge = ["--layers", "16000000,16000000"];
    folder.fails(1, &[&train("stripes")[..], &huge].concat(), &["need", "MB free", "fewer units"]);
    assert_eq!(std::fs::read_to_string(keep).expect("kept"), "precious");

    folder.ok(&[&train("stripes")[..], &["--layers", "4", "--epochs", "1"]].concat());
    npy(&folder.path("codes.npy"), "<f4", "(2, 2)", vec![0; 16]);
    folder.fails(1, &["decode", "m", "codes.npy", "-o", "out"], &["2 elements", "4"]);
    folder.write("wide", idx(3, 9));
    folder.fails(1, &["encode", "m", "wide", "-o", "codes.npy"], &["9x9", "8x8"]);
    folder.fails(2, &["encode", "m", "stripes", "-o", "codes.txt"], &[".npy", ".csv"]);
    folder.ok(&["train", "text", folder.reviews().to_str().expect("UTF-8"), "-o", "c"]);
    folder.fails(1, &["encode", "c", "reviews.csv", "-o", "codes.npy"], &["no latent layer"]);
    folder.fails(2, &["translate", "c", "stripes", "-o", "out"], &["no images"]);
}

/// The fastest variants and the compiled pipelines are remembered; neither that, nor that they were
/// forgotten or spoiled, changes a bit of a result.
#[test]
fn what_is_remembered_changes_no_bit() {
    let folder = Folder::new();
    folder.write("stripes", idx(256, 28));
    let layers = ["--layers", "128,4", "--batch-size", "128", "--epochs", "2"];
    let train = |model: &str| {
        let files = ["train", "autoencoder", "stripes", "--device", "gpu", "-o", model];
        folder.ok(&[&files[..], &layers].concat());
        std::fs::read(folder.path(model)).expect("a model")
    };
    let first = train("a");
    let tuning = folder.path("cache").join("tuning.json");
    let remembered = std::fs::read(&tuning).expect("choices are written down");
    // A checksum of eight bytes comes first.
    assert!(text(&remembered[8..]).contains("dense_forward"));
    assert!(first == train("b"), "remembered");
    let spoiled: Vec<u8> = remembered.iter().map(|byte| byte.wrapping_add(1)).collect();
    std::fs::write(&tuning, spoiled).expect("written");
    assert!(first == train("c"), "spoiled");
    let other = text(&remembered[8..]).replace("subgroup_", "no such variant ");
    std::fs::write(&tuning, other).expect("written");
    assert!(first == train("d"), "of another kind");
}
