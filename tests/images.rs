//! Pictures with labels: every format gives the same rows and labels, what does not go together is refused with both
//! sides named, and a classifier of pictures works from files to answers.

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};

use common::cli::{Folder, json, npy, text};
use wgslearn::data::Account;
use wgslearn::run::{Loaded, RunKind, Settings, load};
use wgslearn::{Inputs, Model};

const SIDE: usize = 8;
const CLASSES: [&str; 3] = ["across", "down", "slanted"];

/// Stripes of three directions, `each` a class, class by class: pixels and class numbers.
fn stripes(each: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for class in 0..3u8 {
        for i in 0..each {
            labels.push(class);
            for at in 0..SIDE * SIDE {
                let (x, y) = (at % SIDE, at / SIDE);
                let along = [y, x, x + y][class as usize];
                let noise = (at * 37 + i * 101 + class as usize * 13) % 23;
                pixels.push((if (along + i) % 4 < 2 { 210 } else { 20 }) + noise as u8);
            }
        }
    }
    (pixels, labels)
}

fn idx(dimensions: &[usize], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|&n| file.extend((n as u32).to_be_bytes()));
    file.extend(bytes);
    file
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("packed");
    encoder.finish().expect("packed")
}

fn png(path: &Path, pixels: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let side = SIDE as u32;
    image::GrayImage::from_raw(side, side, pixels.to_vec())
        .expect("pixels")
        .save(path)
        .expect("written");
}

/// A folder of one folder a class, whose names are `classes`, with pictures in the order of the rows.
fn class_folder(root: &Path, classes: &[&str], pixels: &[u8], labels: &[u8]) {
    for (row, (pixels, &label)) in pixels.chunks_exact(SIDE * SIDE).zip(labels).enumerate() {
        png(&root.join(classes[label as usize]).join(format!("{row:04}.png")), pixels);
    }
}

fn loaded(path: PathBuf, set: impl FnOnce(&mut Settings)) -> wgslearn::Result<Loaded> {
    let mut settings = Settings::new(RunKind::Images, path);
    set(&mut settings);
    let config = settings.resolve()?;
    config.check()?;
    load(&config)
}

fn classes_of(loaded: &Loaded) -> &[f32] {
    loaded.training.held().expect("in memory").target_values()
}

fn values(loaded: &Loaded) -> &[f32] {
    match loaded.training.held().expect("in memory").inputs() {
        Inputs::Matrix { values, .. } => values,
        _ => panic!("pictures are no ids"),
    }
}

/// A `.npz` file: an archive of `.npy` files.
fn npz(path: &Path, arrays: &[(&str, &Path)]) {
    let mut archive = rawzip::ZipArchiveWriter::new(Vec::new());
    for (name, from) in arrays {
        let name = format!("{name}.npy");
        let (mut entry, config) = archive.new_file(&name).start().expect("a member");
        let mut member = config.wrap(&mut entry);
        member.write_all(&std::fs::read(from).expect("an array")).expect("written");
        let (_, descriptor) = member.finish().expect("written");
        entry.finish(descriptor).expect("written");
    }
    std::fs::write(path, archive.finish().expect("an archive")).expect("written");
}

#[test]
fn every_format_gives_the_same_rows_and_labels() {
    let folder = Folder::new();
    let (pixels, labels) = stripes(4);
    let rows = labels.len();
    let numbers = ["0", "1", "2"];
    // An IDX file with its labels beside it, packed and plain.
    let dimensions = [rows, SIDE, SIDE];
    folder.write("train-images-idx3-ubyte", idx(&dimensions, &pixels));
    folder.write("train-labels-idx1-ubyte.gz", packed(&idx(&[rows], &labels)));
    folder.write("x-images-idx3-ubyte.gz", packed(&idx(&dimensions, &pixels)));
    folder.write("x-labels-idx1-ubyte", idx(&[rows], &labels));
    folder.write("pictures.idx", idx(&dimensions, &pixels));
    let named: Vec<String> = labels.iter().map(u8::to_string).collect();
    folder.write("labels.txt", named.join("\n"));
    folder.write("labels.csv", format!("id,label\n{}", with_numbers(&named)));
    class_folder(&folder.path("folder"), &numbers, &pixels, &labels);
    // A file of paths.
    let mut csv = String::from("file,label\n");
    let mut lines = String::new();
    for (row, label) in labels.iter().enumerate() {
        csv += &format!("folder/{label}/{row:04}.png,{label}\n");
        lines += &format!("{{\"path\": \"folder/{label}/{row:04}.png\", \"label\": {label}}}\n");
    }
    folder.write("list.csv", &csv);
    folder.write("list.tsv", csv.replace(',', "\t"));
    folder.write("list.jsonl", lines);
    // Arrays: bytes with channels or without, reals, Keras' archive.
    let shape = format!("({rows}, {SIDE}, {SIDE})");
    npy(&folder.path("x.npy"), "|u1", &shape, pixels.clone());
    npy(&folder.path("x1.npy"), "|u1", &format!("({rows}, {SIDE}, {SIDE}, 1)"), pixels.clone());
    let reals = pixels.iter().flat_map(|&byte| (byte as f32 / 255.0).to_le_bytes()).collect();
    npy(&folder.path("real.npy"), "<f4", &shape, reals);
    npy(&folder.path("y.npy"), "|u1", &format!("({rows},)"), labels.clone());
    let wide = labels.iter().flat_map(|&label| (label as i64).to_le_bytes()).collect();
    npy(&folder.path("y8.npy"), "<i8", &format!("({rows}, 1)"), wide);
    let [x, y] = ["x.npy", "y.npy"].map(|name| folder.path(name));
    npz(
        &folder.path("keras.npz"),
        &[("x_test", &y), ("x_train", &x), ("y_train", &y), ("y_test", &y)],
    );
    npz(&folder.path("own.npz"), &[("bilder", &x), ("namen", &y)]);

    let truth = loaded(folder.path("train-images-idx3-ubyte"), |_| {}).expect("an IDX file");
    assert_eq!(truth.labels, numbers);
    let bytes: Vec<u8> = values(&truth).iter().map(|&v| (v * 255.0).round() as u8).collect();
    assert_eq!(bytes, pixels);
    let targets: Vec<u8> = classes_of(&truth).iter().map(|&v| v as u8).collect();
    assert_eq!(targets, labels);
    let with = |name: &str, labels: &str| {
        let labels = (!labels.is_empty()).then(|| folder.path(labels));
        loaded(folder.path(name), |settings| settings.data.labels = labels)
    };
    for (name, labels) in [
        ("x-images-idx3-ubyte.gz", ""),
        ("pictures.idx", "labels.txt"),
        ("pictures.idx", "labels.csv"),
        ("pictures.idx", "y8.npy"),
        ("pictures.idx", "train-labels-idx1-ubyte.gz"),
        ("folder", ""),
        ("list.csv", ""),
        ("list.tsv", ""),
        ("list.jsonl", ""),
        ("x.npy", "y.npy"),
        ("x1.npy", "y8.npy"),
        ("real.npy", "labels.txt"),
        ("keras.npz", ""),
    ] {
        let found = with(name, labels).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(values(&found), values(&truth), "{name}");
        assert_eq!(classes_of(&found), classes_of(&truth), "{name}");
        assert_eq!(found.labels, numbers, "{name}");
        let Account { read, .. } = &found.accounts[0];
        assert_eq!((*read, found.accounts[0].rows_left_out()), (rows, 0), "{name}");
    }
    let own = loaded(folder.path("own.npz"), |settings| {
        settings.data.array = Some("bilder".into());
        settings.data.labels_array = Some("namen".into());
    });
    assert_eq!(values(&own.expect("named arrays")), values(&truth));
}

/// Labels behind row numbers, as lines.
fn with_numbers(labels: &[String]) -> String {
    labels.iter().enumerate().map(|(i, label)| format!("{i},{label}\n")).collect()
}

#[test]
fn a_folder_is_read_by_its_folders_and_what_is_left_out_is_said() {
    let folder = Folder::new();
    let (pixels, labels) = stripes(2);
    let root = folder.path("data");
    class_folder(&root, &CLASSES, &pixels, &labels);
    png(&root.join("loose.png"), &pixels[..SIDE * SIDE]);
    png(&root.join("down/deeper/x.png"), &pixels[..SIDE * SIDE]);
    std::fs::write(root.join("down/.DS_Store"), "hidden").expect("written");
    std::fs::write(root.join("down/notes.txt"), "no picture").expect("written");
    std::fs::create_dir(root.join("empty")).expect("a folder");
    let found = loaded(root, |_| {}).expect("a folder");
    assert_eq!(found.labels, CLASSES);
    assert_eq!(classes_of(&found), [0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 2.0]);
    let said = found.accounts[0].warnings.join("; ");
    for part in ["loose.png", "1 hidden", "notes.txt", "the folder empty holds no picture"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let folder = Folder::new();
    let (pixels, labels) = stripes(3);
    let rows = labels.len();
    class_folder(&folder.path("data"), &CLASSES, &pixels, &labels);
    folder.write("pictures.idx", idx(&[rows, SIDE, SIDE], &pixels));
    folder.write("few.idx", idx(&[rows - 1], &labels[1..]));
    npy(&folder.path("x.npy"), "|u1", &format!("({rows}, {SIDE}, {SIDE})"), pixels.clone());
    npy(&folder.path("flat.npy"), "|u1", &format!("({rows}, {})", SIDE * SIDE), pixels.clone());
    npy(&folder.path("y.npy"), "|u1", &format!("({rows},)"), labels.clone());
    npy(&folder.path("onehot.npy"), "|u1", &format!("({rows}, 3)"), [0, 1, 0].repeat(rows));
    let halves = labels.iter().flat_map(|&l| (l as f32 / 2.0).to_le_bytes()).collect();
    npy(&folder.path("half.npy"), "<f4", &format!("({rows},)"), halves);
    png(&folder.path("flat/0001.png"), &pixels[..SIDE * SIDE]);
    for name in ["train", "test"] {
        class_folder(&folder.path("parts").join(name), &CLASSES, &pixels, &labels);
    }
    class_folder(&folder.path("lone"), &CLASSES, &pixels[..4 * SIDE * SIDE], &labels[..4]);
    folder.write("gone.csv", "path,label\ndata/down/none.png,a\n");
    folder.write("columns.csv", "x0,label\n3,a\n");
    let refused = |name: &str, labels: Option<&str>, says: &[&str]| {
        let error = loaded(folder.path(name), |settings| {
            settings.data.labels = labels.map(|name| folder.path(name));
        });
        let error = error.expect_err("refused").to_string();
        for part in says {
            assert!(error.contains(part), "{name}: \"{part}\" is not in: {error}");
        }
    };
    refused("pictures.idx", None, &["labels are not beside it"]);
    refused("pictures.idx", Some("few.idx"), &["8 labels", "9 pictures"]);
    refused("x.npy", None, &["has no labels"]);
    refused("x.npy", Some("onehot.npy"), &["[9, 3]", "argmax"]);
    refused("x.npy", Some("half.npy"), &["row 4", "0.5"]);
    refused("flat.npy", Some("y.npy"), &["64 numbers", "reshape"]);
    refused("data", Some("y.npy"), &["y.npy", "names of its folders"]);
    refused("data/down/0003.png", None, &["one picture"]);
    refused("flat", None, &["no folders of classes"]);
    refused("parts", None, &["test, train", "parts of a data set"]);
    refused("lone", None, &["down/0003.png", "\"down\" appears only once"]);
    refused("gone.csv", None, &["line 2", "none.png", "not there"]);
    refused("columns.csv", None, &["x0", "path_column"]);
}

#[test]
fn a_classifier_goes_from_pictures_to_names_and_back() {
    let folder = Folder::new();
    let (pixels, labels) = stripes(20);
    class_folder(&folder.path("data"), &CLASSES, &pixels, &labels);
    let (other, truth) = stripes(7);
    class_folder(&folder.path("test"), &CLASSES, &other, &truth);
    let train =
        ["train", "images", "data", "--test", "test", "--epochs", "12", "-o", "m", "--json"];
    let shown = json(&folder.ok(&[&train[..], &["--network", "mlp", "--device", "cpu"]].concat()));
    assert!(shown["test"]["accuracy"].as_f64().expect("a number") > 0.9, "{shown}");
    assert_eq!(shown["test"]["report"]["labels"][2], "slanted");
    assert_eq!(shown["test"]["rows"], 21);
    let evaluated = json(&folder.ok(&["evaluate", "m", "test", "--json"]));
    let difference = shown["test"]["loss"].as_f64().expect("a loss")
        - evaluated["loss"].as_f64().expect("a loss");
    assert!(difference.abs() < 1e-5);

    // Names and probabilities, a line a picture.
    let answers = folder.ok(&["predict", "m", "test"]);
    assert_eq!(answers.lines().count(), 21);
    let first: Vec<&str> = answers.lines().next().expect("a line").split('\t').collect();
    assert_eq!(first[..2], ["across/0000.png", "across"], "{answers}");
    assert!(first[2].parse::<f32>().expect("a probability") > 0.4);
    let one = folder.ok(&["predict", "m", "test/down/0007.png", "--json"]);
    assert_eq!((&json(&one)["name"], &json(&one)["label"]), (&"0007.png".into(), &"down".into()));

    // A model that is wrong: its mistakes are drawn, worst first.
    let mut wrong = Model::load(folder.path("m")).expect("a model");
    wrong.labels.rotate_left(1);
    wrong.save(folder.path("wrong")).expect("written");
    let found = folder.ok(&["evaluate", "wrong", "test", "--mistakes", "mistakes.png", "--json"]);
    let mistakes = json(&found)["mistakes"].as_array().expect("mistakes").clone();
    assert!(
        mistakes.len() >= 19
            && mistakes[0]["probability"].as_f64() >= mistakes[1]["probability"].as_f64()
    );
    assert!(mistakes[0]["name"].as_str().expect("a name").ends_with(".png"));
    assert!(image::open(folder.path("mistakes.png")).expect("a picture").width() > 1000);

    // Both sides are named.
    let large = image::GrayImage::new(9, 8);
    std::fs::create_dir_all(folder.path("large/down")).expect("a folder");
    large.save(folder.path("large/down/a.png")).expect("written");
    folder.fails(1, &["predict", "m", "large"], &["9x8 grey", "8x8 grey"]);
    folder.fails(1, &["evaluate", "m", "large"], &["9x8 grey", "8x8 grey"]);
    std::fs::create_dir_all(folder.path("new/up")).expect("a folder");
    std::fs::copy(folder.path("test/down/0007.png"), folder.path("new/up/a.png")).expect("copied");
    folder.fails(1, &["evaluate", "m", "new"], &["up/a.png", "\"up\" is none of the model's"]);
    folder.fails(2, &["translate", "m", "test", "-o", "out"], &["no images"]);
    folder.fails(2, &["train", "images", "data", "--target", "x"], &["--target"]);
    let said = folder.run(&["train", "images", "data", "--test-labels", "y.npy"]);
    assert!(text(&said.stderr).contains("test_labels are given without test"));
}

#[test]
fn a_run_of_pictures_is_told_by_a_file_too() {
    let folder = Folder::new();
    let (pixels, labels) = stripes(6);
    class_folder(&folder.path("data"), &CLASSES, &pixels, &labels);
    folder.write(
        "run.toml",
        "kind = \"images\"\n[data]\ntrain = \"data\"\n[model]\nlayers = [{ dense = { units = 9, activation = \"tanh\" } }, { dense = { units = 3, activation = \"softmax\" } }]\n[training]\nepochs = 2\n[output]\nmodel = \"m\"\n",
    );
    let shown = json(&folder.ok(&["train", "--config", "run.toml", "--device", "cpu", "--json"]));
    assert_eq!(shown["parameters"], 64 * 9 + 9 + 9 * 3 + 3);
    assert_eq!(Model::load(folder.path("m")).expect("a model").labels, CLASSES);
    // Moved at random, and the same again; the same words by a flag and by a file.
    let moved = ["train", "images", "data", "--network", "mlp", "--epochs", "2", "--device", "cpu"];
    let history = |more: &[&str]| {
        json(&folder.ok(&[&moved[..], &["--json"], more].concat()))["history"]["loss"].clone()
    };
    let plain = history(&[]);
    let shifted = history(&["--augment", "flip,shift:2,rotate:10"]);
    assert_ne!(plain, shifted);
    assert_eq!(shifted, history(&["--augment", "flip,shift:2,rotate:10"]));
    assert_eq!(plain, history(&["--augment", "shift:0,crop:1"]));
    folder.fails(2, &[&moved[..], &["--augment", "spin:3"]].concat(), &["spin:3", "rotate:10"]);
    folder.fails(2, &[&moved[..], &["--augment", "crop:2"]].concat(), &["crop:2", "at most 1"]);
    let whole = folder.ok(&["train", "images", "data", "--network", "mlp", "--print-config"]);
    assert!(whole.contains("kind = \"images\"") && whole.contains("network = \"mlp\""), "{whole}");
}

/// Autoencoders, denoisers and translations of pictures have convolutions, whatever the sides' lengths.
#[test]
fn pictures_are_given_back_by_convolutions() {
    let folder = Folder::new();
    let (rows, height, width) = (48, 9, 8);
    let pixel = |i: usize| {
        let (picture, at) = (i / (height * width), i % (height * width));
        let along = if picture % 2 == 0 { at % width } else { at / width };
        if (along + picture / 2) % 4 < 2 { 230u8 } else { 10 }
    };
    let pixels: Vec<u8> = (0..rows * height * width).map(pixel).collect();
    let shape = format!("({rows}, {height}, {width})");
    npy(&folder.path("x.npy"), "|u1", &shape, pixels.clone());
    npy(&folder.path("y.npy"), "|u1", &shape, pixels.iter().map(|byte| 255 - byte).collect());
    let train = |more: &[&str]| {
        let train = ["train", "autoencoder", "x.npy", "-o", "m", "--device", "cpu", "--quiet"];
        folder.ok(&[&train[..], more].concat());
        folder.ok(&["summary", "m"])
    };
    let values =
        |name: &str| wgslearn::data::read_npy(&folder.path(name)).expect("an array").values;
    for (latent, numbers) in [("0", 64), ("5", 5)] {
        let summary = train(&["--latent", latent, "--epochs", "3"]);
        assert!(summary.contains("conv2d_transpose"), "{summary}");
        folder.ok(&["encode", "m", "x.npy", "-o", "codes.npy"]);
        let codes = wgslearn::data::read_npy(&folder.path("codes.npy")).expect("codes");
        assert_eq!(codes.width % numbers, 0, "{latent}: {:?}", codes.shape);
        folder.ok(&["decode", "m", "codes.npy", "-o", "back.npy"]);
        folder.ok(&["reconstruct", "m", "x.npy", "-o", "given.npy"]);
        let (back, given) = (values("back.npy"), values("given.npy"));
        let off = back.iter().zip(&given).map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f64::max) < 0.01, "what is encoded is decoded, with {latent}");
    }
    let pca = ["compare-pca", "m", "x.npy", "--train", "x.npy", "--json"];
    let found = json(&folder.ok(&pca));
    assert!(found["model_mse"].is_number() && found["components"] == 5, "{found}");

    // What is learned of noise is what is taken from the picture: never worse than leaving it.
    let summary = train(&["--noise", "gaussian:0.3", "--epochs", "12", "--batch-size", "8"]);
    assert!(summary.contains("add"), "{summary}");
    let found = json(&folder.ok(&["reconstruct", "m", "x.npy", "--json"]));
    let number = |key: &str| found[key].as_f64().expect("a number");
    assert!(number("psnr") > number("noisy_psnr") + 2.0, "{found}");
    assert!(number("ssim") > number("noisy_ssim"), "{found}");
    folder.ok(&["encode", "m", "x.npy", "-o", "codes.npy"]);
    folder.fails(1, &["decode", "m", "codes.npy", "-o", "back.npy"], &["beyond the latent layer"]);

    let translate = ["train", "translate", "--input", "x.npy", "--target", "y.npy", "-o", "t"];
    folder.ok(&[&translate[..], &["--epochs", "6", "--device", "cpu", "--quiet"]].concat());
    assert!(folder.ok(&["summary", "t"]).contains("concat"));
    folder.ok(&["translate", "t", "x.npy", "-o", "out.npy"]);
    assert_eq!(values("out.npy").len(), pixels.len());

    assert!(!train(&["--dense", "--epochs", "1"]).contains("conv2d"));
    assert!(!train(&["--layers", "7,3", "--epochs", "1"]).contains("conv2d"));
    let both = ["train", "autoencoder", "x.npy", "--latent", "3", "--layers", "7,3", "-o", "m"];
    folder.fails(2, &both, &["latent", "layers"]);
}

#[test]
fn a_small_network_of_convolutions_tells_pictures_apart() {
    let folder = Folder::new();
    let (pixels, labels) = stripes(20);
    class_folder(&folder.path("data"), &CLASSES, &pixels, &labels);
    for device in ["cpu", "gpu"] {
        let train = ["train", "images", "data", "--epochs", "6", "--batch-size", "12", "-o", "m"];
        folder.ok(&[&train[..], &["--device", device, "--hidden", "16", "--quiet"]].concat());
        let found = json(&folder.ok(&["evaluate", "m", "data", "--json", "--device", device]));
        assert!(found["accuracy"].as_f64().expect("a number") > 0.9, "on {device}: {found}");
    }
    assert!(folder.ok(&["summary", "m"]).contains("batch_norm"));
}

/// What scikit-image says: tests/fixtures/ssim/make.py.
#[test]
fn structural_similarity_is_that_of_scikit_image() {
    let fixture = json(include_str!("fixtures/ssim/ssim.json"));
    for case in fixture["cases"].as_array().expect("cases") {
        let number = |key: &str| case[key].as_u64().expect("a number") as usize;
        let [height, width, channels] = ["height", "width", "channels"].map(number);
        let shape = wgslearn::data::ImageShape { width, height, channels };
        let picture = |seed: usize| -> Vec<f32> {
            let value = |i: usize| {
                let (y, x, c) = (i / channels / width, i / channels % width, i % channels);
                ((y * 37 + x * 11 + c * 53 + x * y * seed) % 97) as f32 / 96.0
            };
            (0..shape.len()).map(value).collect()
        };
        let (a, b) = (picture(3), picture(5));
        let part = case["part"].as_f64().expect("a number") as f32;
        let mixed: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + part * (b - a)).collect();
        let found = wgslearn::report::ssim(shape, &a, &mixed, 1.0).expect("large enough");
        let truth = case["ssim"].as_f64().expect("a number");
        assert!((found - truth).abs() < 1e-6, "{case}: {found}");
    }
}

/// A denoiser of small pictures cleans large ones of any size, in tiles where they are large, without a seam.
#[test]
fn pictures_of_any_size_go_through_a_model_that_convolves() {
    let folder = Folder::new();
    let (pixels, labels) = stripes(8);
    class_folder(&folder.path("small"), &CLASSES, &pixels, &labels);
    let train = "train autoencoder small --noise gaussian:0.2 --epochs 2 --device cpu --quiet -o m";
    folder.ok(&train.split(' ').collect::<Vec<_>>());
    let sizes =
        [("a/wide.png", 61, 20), ("b.png", 8, 8), ("large.png", 530, 500), ("dot.png", 1, 3)];
    for (name, width, height) in sizes {
        let path = folder.path("any").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let pixel = |x: u32, y: u32| image::Luma([((x * 7 + y * y * 3) % 256) as u8]);
        image::GrayImage::from_fn(width, height, pixel).save(path).expect("written");
    }
    for device in ["cpu", "gpu"] {
        let out = format!("out-{device}");
        let output = folder.run(&["translate", "m", "any", "-o", &out, "--device", device]);
        let said = text(&output.stderr);
        assert!(
            output.status.success() && said.contains("3 of 4 pictures are of another size"),
            "{said}"
        );
        for (name, width, height) in sizes {
            let found = image::open(folder.path(&out).join(name)).expect("a picture");
            assert_eq!((found.width(), found.height()), (width, height), "{name}");
        }
    }
    // Both devices give the same picture, and a part of the large one that is small enough to go through whole is that part.
    let open = |name: &str| image::open(folder.path(name)).expect("a picture").into_luma8();
    let (cpu, gpu) = (open("out-cpu/large.png"), open("out-gpu/large.png"));
    assert!(cpu.iter().zip(gpu.iter()).all(|(a, b)| a.abs_diff(*b) <= 1));
    let part = image::imageops::crop_imm(&open("any/large.png"), 200, 100, 160, 160).to_image();
    part.save(folder.path("part.png")).expect("written");
    folder.ok(&["translate", "m", "part.png", "-o", "part", "--device", "cpu"]);
    let part = open("part/part.png");
    let same = (40..120).all(|y| {
        (40..120)
            .all(|x| part.get_pixel(x, y).0[0].abs_diff(cpu.get_pixel(x + 200, y + 100).0[0]) <= 1)
    });
    assert!(same, "a part that was cut out is another");
    // One picture may go to one file.
    folder.ok(&["translate", "m", "part.png", "-o", "one.png", "--device", "cpu"]);
    assert_eq!(open("one.png"), open("part/part.png"));
    folder.ok(&["translate", "m", "any", "-o", "all.png", "--device", "cpu"]);
    assert!(folder.path("all.png").join("b.png").is_file(), "several pictures go to a folder");
    // How well they come back, whole, in tiles, and filled up to a size that the layers give back.
    for (picture, pixels) in
        [("part.png", 160 * 160), ("any/large.png", 530 * 500), ("any/a/wide.png", 61 * 20)]
    {
        let run = ["reconstruct", "m", picture, "-o", "back", "--device", "cpu", "--json"];
        let found = folder.run(&run);
        assert!(text(&found.stderr).contains("other than the 8x8"), "{}", text(&found.stderr));
        let found = json(&text(&found.stdout));
        let [mse, noisy] = ["mse", "noisy_mse"].map(|name| found[name].as_f64().expect("an error"));
        assert!(mse > 0.0 && mse < 1.0 && (0.03..0.05).contains(&noisy), "{found}");
        assert!(found["ssim"].as_f64().expect("of pictures") > 0.0, "{found}");
        let name = picture.rsplit('/').next().expect("a name");
        let back = open(&format!("back/{name}"));
        assert_eq!(back.len(), pixels, "{picture}");
    }
    folder.ok(&["reconstruct", "m", "any/a/wide.png", "-o", "grid.png", "--device", "cpu"]);
    // Targets are of that size too: what it gave before, but for what a file of bytes cuts off.
    let against = |targets: &str| {
        let run =
            ["reconstruct", "m", "part.png", "--targets", targets, "--noise", "gaussian:0.0001"];
        json(&folder.ok(&[&run[..], &["--json", "--device", "cpu"]].concat()))["mse"].as_f64()
    };
    let (same, other) = (against("part.png").expect("an error"), against("part/part.png"));
    assert!(other.expect("an error") < 0.1 * same, "what it gave before: {other:?}, {same}");
    let wrong = ["reconstruct", "m", "part.png", "--targets", "b.png"];
    folder.ok(&["translate", "m", "any/b.png", "-o", "b.png", "--device", "cpu"]);
    folder.fails(1, &wrong, &["b.png", "160x160"]);
    let evaluated = json(&folder.ok(&["evaluate", "m", "part.png", "--json", "--device", "cpu"]));
    assert!(evaluated["mse"].as_f64().or(evaluated["loss"].as_f64()).is_some(), "{evaluated}");
    folder.fails(1, &["evaluate", "m", "any/a/wide.png"], &["61x20", "64x20", "reconstruct"]);
    // Nothing that is read is replaced, and a model of one size says what it reads.
    folder.fails(2, &["translate", "m", "any", "-o", "any"], &["any"]);
    folder.fails(2, &["translate", "m", "part.png", "-o", "."], &["part.png"]);
    let dense = "train autoencoder small --dense --epochs 1 --device cpu --quiet -o d";
    folder.ok(&dense.split(' ').collect::<Vec<_>>());
    folder.fails(1, &["translate", "d", "part.png", "-o", "x"], &["160x160", "8x8"]);
    folder.fails(1, &["reconstruct", "d", "part.png"], &["160x160", "8x8"]);
    folder.fails(1, &["evaluate", "d", "part.png"], &["160x160", "8x8"]);
    folder.ok(&["translate", "d", "small/down/0008.png", "-o", "dense.png", "--device", "cpu"]);
    assert_eq!(open("dense.png").dimensions(), (8, 8));
}

/// Several files and folders are answered in their order, pictures called by their paths.
#[test]
fn several_files_and_folders_are_answered() {
    let folder = Folder::new();
    let (pixels, labels) = stripes(12);
    class_folder(&folder.path("train"), &CLASSES, &pixels, &labels);
    let train = "train images train --network mlp --epochs 2 --device cpu --quiet -o m";
    folder.ok(&train.split(' ').collect::<Vec<_>>());
    let [across, down] = ["train/across", "train/down/0013.png"];
    let alone: Vec<serde_json::Value> = [across, down]
        .iter()
        .flat_map(|data| {
            folder.ok(&["predict", "m", data, "--json"]).lines().map(json).collect::<Vec<_>>()
        })
        .collect();
    let together: Vec<serde_json::Value> =
        folder.ok(&["predict", "m", across, down, "--json"]).lines().map(json).collect();
    assert_eq!(together.len(), 13);
    for (a, b) in alone.iter().zip(&together) {
        assert_eq!(a["probability"], b["probability"]);
    }
    let name = |row: &serde_json::Value| row["name"].as_str().expect("a name").replace('\\', "/");
    assert_eq!(name(&together[0]), "train/across/0000.png");
    assert_eq!(name(&together[12]), down);
    folder.fails(1, &["predict", "m", across, "nowhere.png"], &["nowhere.png"]);
    folder.fails(2, &["predict", "m", across, down, "-o", down], &["0013.png"]);

    folder.reviews();
    folder.ok(&["train", "text", "reviews.csv", "--epochs", "2", "--quiet", "-o", "t"]);
    folder.write("a.txt", "good film\nqwertz\n");
    folder.write("b.txt", "bad film\n");
    let output = folder.run(&["predict", "t", "a.txt", "b.txt"]);
    let said = text(&output.stderr);
    assert!(
        said.contains("a.txt") && said.contains("no known word") && !said.contains("b.txt: "),
        "{said}"
    );
    let [a, b] = ["a.txt", "b.txt"].map(|data| folder.ok(&["predict", "t", data]));
    assert_eq!(text(&output.stdout), a + &b);
}

#[test]
fn an_array_of_an_archive_is_named_as_a_file_of_a_folder() {
    let folder = Folder::new();
    let write = |name: &str, each: usize| {
        let (pixels, labels) = stripes(each);
        let rows = labels.len();
        let shape = format!("({rows}, {SIDE}, {SIDE})");
        npy(&folder.path(&format!("x_{name}.npy")), "|u1", &shape, pixels);
        npy(&folder.path(&format!("y_{name}.npy")), "|u1", &format!("({rows},)"), labels);
    };
    write("train", 12);
    write("test", 5);
    let names = ["x_train", "y_train", "x_test", "y_test"];
    let files = names.map(|name| folder.path(&format!("{name}.npy")));
    let arrays: Vec<_> = names.into_iter().zip(files.iter().map(PathBuf::as_path)).collect();
    npz(&folder.path("d.npz"), &arrays);
    let split = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<String>>();
    let ok = |line: &str| {
        let words = split(line);
        folder.ok(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let said = |line: &str| {
        let words = split(line);
        text(&folder.run(&words.iter().map(String::as_str).collect::<Vec<_>>()).stderr)
    };

    // What an archive is by itself: training and test rows of one file are not the same.
    ok("train images d.npz --network mlp --epochs 2 --device cpu --quiet -o m");
    assert_eq!(ok("predict m d.npz/x_test"), ok("predict m x_test.npy"));
    assert_eq!(
        ok("evaluate m d.npz/x_test --labels d.npz/y_test"),
        ok("evaluate m x_test.npy --labels y_test.npy")
    );
    assert_eq!(ok("evaluate m d.npz"), ok("evaluate m d.npz/x_test --labels d.npz/y_test"));
    let is_source = "was trained on rows of this file";
    assert!(!said("evaluate m d.npz").contains(is_source));
    assert!(said("evaluate m d.npz/x_train --labels d.npz/y_train").contains(is_source));

    // In place of any file, one behind the other too.
    let train = "train autoencoder d.npz/x_train --layers 4 --epochs 2 --device cpu --quiet";
    ok(&format!("{train} --validation-file d.npz/x_test -o a"));
    let plain = train.replace("d.npz/x_train", "x_train.npy");
    ok(&format!("{plain} --validation-file x_test.npy -o b"));
    ok(&format!("{} --array x_train -o c", train.replace("/x_train", "")));
    for model in ["a", "b"] {
        ok(&format!("encode {model} d.npz/x_test -o {model}.csv"));
    }
    let codes = |name: &str| std::fs::read_to_string(folder.path(name)).expect("codes");
    assert_eq!(codes("a.csv"), codes("b.csv"));
    // Rows with targets, by a file.
    for (model, x, y) in
        [("rows", "d.npz/x_train", "d.npz/y_train"), ("plain", "x_train.npy", "y_train.npy")]
    {
        let layers = "layers = [{ dense = { units = 1, activation = \"linear\" } }]";
        let data = format!("train = \"{x}\"\ntargets = \"{y}\"\nvalidation_split = 0.0");
        let text = format!("[data]\n{data}\n[model]\n{layers}\n[training]\nepochs = 2\n");
        folder.write("run.toml", text);
        ok(&format!("train --config run.toml --device cpu --quiet -o {model}"));
    }
    assert_eq!(ok("predict rows d.npz/x_test"), ok("predict plain x_test.npy"));
    // Where they were trained: an array of a file.
    for model in ["a", "c"] {
        assert!(ok(&format!("compare-pca {model} d.npz/x_test")).contains("15 rows"));
    }
    let both = ok("predict m d.npz/x_test d.npz/x_train");
    assert_eq!(both, ok("predict m x_test.npy") + &ok("predict m x_train.npy"));

    for (code, line, says) in [
        (1, "predict m d.npz", "x_train, y_train, x_test, y_test"),
        (1, "predict m d.npz/x_tset", "did you mean \"x_test\""),
        (2, "encode a d.npz/x_test -o d.npz", "replaced"),
        (2, "train autoencoder d.npz/x_train -o d.npz", "the file of train"),
        (1, "predict m x_test.npy/x_test", "x_test.npy"),
    ] {
        let words = split(line);
        folder.fails(code, &words.iter().map(String::as_str).collect::<Vec<_>>(), &[says]);
    }
}

/// What lies behind the first frame or page is passed over, and said.
#[test]
fn frames_and_pages_behind_the_first_are_told() {
    use image::codecs::gif::GifEncoder;
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("p")).expect("a folder");
    let frame = |value: u8| image::RgbaImage::from_pixel(4, 3, image::Rgba([value, 9, 9, 255]));
    let gif = |name: &str, frames: &[u8]| {
        let file = std::fs::File::create(folder.path(name)).expect("made");
        let mut encoder = GifEncoder::new(file);
        let frames = frames.iter().map(|&value| image::Frame::new(frame(value)));
        encoder.encode_frames(frames).expect("written");
    };
    gif("p/moving.gif", &[10, 200, 90]);
    gif("p/still.gif", &[10]);
    for kind in ["png", "tiff", "webp", "bmp", "jpg"] {
        let picture = image::DynamicImage::ImageRgba8(frame(10)).into_rgb8();
        picture.save(folder.path("p").join(format!("one.{kind}"))).expect("written");
    }
    // Two pages: two directories of tags, one behind the other.
    let page = |next: u32, at: u32| -> Vec<u8> {
        let tags: [(u16, u16, u32); 7] = [
            (256, 4, 4),
            (257, 4, 3),
            (258, 3, 8),
            (259, 3, 1),
            (262, 3, 1),
            (273, 4, 8),
            (279, 4, 12),
        ];
        let mut page = (tags.len() as u16).to_le_bytes().to_vec();
        for (tag, kind, value) in tags {
            page.extend(tag.to_le_bytes());
            page.extend(kind.to_le_bytes());
            page.extend(1u32.to_le_bytes());
            page.extend(value.to_le_bytes());
        }
        let end = at + page.len() as u32 + 4;
        page.extend(if next == 0 { 0 } else { end }.to_le_bytes());
        page
    };
    let mut tiff = b"II*\0\x14\0\0\0".to_vec();
    tiff.extend([50u8; 12]);
    for next in [1, 0] {
        let at = tiff.len() as u32;
        tiff.extend(page(next, at));
    }
    folder.write("p/pages.tiff", tiff);
    let output = folder.run(
        &"train autoencoder p --layers 2 --epochs 1 --device cpu -o m"
            .split(' ')
            .collect::<Vec<_>>(),
    );
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("2 pictures have several frames or pages"), "{said}");
    assert!(said.contains("moving.gif and others"), "{said}");
    for (name, is_told) in
        [("moving.gif", true), ("pages.tiff", true), ("still.gif", false), ("one.png", false)]
    {
        let output = folder.run(&["encode", "m", &format!("p/{name}"), "-o", "c.csv"]);
        let said = text(&output.stderr);
        assert!(
            output.status.success() && said.contains("several frames") == is_told,
            "{name}: {said}"
        );
    }
}

/// Edges are a part of the loss where they are asked for, with the picture's own size.
#[test]
fn edges_of_pictures_have_a_weight_in_the_loss() {
    let folder = Folder::new();
    let (pixels, labels) = stripes(8);
    class_folder(&folder.path("p"), &CLASSES, &pixels, &labels);
    let train = |more: &str, model: &str| {
        let line = format!(
            "train autoencoder p --latent 4 --epochs 40 --device cpu --json -o {model} {more}"
        );
        json(&folder.ok(&line.split_whitespace().collect::<Vec<_>>()))
    };
    let (plain, edged) = (train("", "m"), train("--edges 2", "e"));
    let loss = |shown: &serde_json::Value| shown["history"]["loss"][0].as_f64().expect("a loss");
    assert!(loss(&edged) > loss(&plain), "{edged}");
    let model = Model::load(folder.path("e")).expect("a model");
    assert_eq!(model.loss(), wgslearn::Loss::edges(2.0, 8, 1));
    // And of their structure, beside squares or amounts.
    let similar = train("--ssim 2", "s");
    assert!(loss(&similar) > loss(&plain), "{similar}");
    let loss_of = |path: &str| Model::load(folder.path(path)).expect("a model").loss();
    assert_eq!(loss_of("s"), wgslearn::Loss::ssim(2.0, 8, 1));
    train("--ssim 2 --loss mae", "sa");
    assert_eq!(loss_of("sa"), wgslearn::Loss::ssim(2.0, 8, 1).of_amounts());
    train("--edges 2 --loss l1", "ea");
    assert_eq!(loss_of("ea"), wgslearn::Loss::edges(2.0, 8, 1).of_amounts());
    // Next to nothing weighs nothing.
    let nothing = train("--edges 0.000000001", "n");
    assert!((loss(&nothing) - loss(&plain)).abs() < 1e-4 * loss(&plain), "{nothing}");
    let error = json(&folder.ok(&["reconstruct", "e", "p", "--json"]));
    assert!(error["mse"].as_f64().expect("an error") < 0.2, "{error}");
    let refused = |more: &str, says: &[&str]| {
        let line = format!("train autoencoder p -o x {more}");
        folder.fails(2, &line.split(' ').collect::<Vec<_>>(), says);
    };
    refused("--edges 1 --loss bce", &["edges", "binary_crossentropy"]);
    refused("--ssim 1 --loss huber", &["ssim", "huber"]);
    refused("--ssim 1 --edges 1", &["edges and ssim"]);
    refused("--ssim -1", &["ssim is -1"]);
    refused("--loss ssim", &["ssim"]);
    refused("--ssim 1 --size 6x8", &["ssim compares windows of 7 x 7", "6 x 8"]);
    refused("--edges -1", &["edges is -1"]);
    refused("--loss edges", &["edges"]);
    folder.write("r.csv", "a,b\n1,2\n2,3\n4,1\n3,3\n5,2\n");
    let rows = "train autoencoder r.csv --layers 1 --edges 1 -o x";
    folder.fails(2, &rows.split(' ').collect::<Vec<_>>(), &["no pictures"]);
    let rows = rows.replace("--edges", "--ssim");
    folder.fails(2, &rows.split(' ').collect::<Vec<_>>(), &["no pictures"]);
}

/// A translation with no option learns from pictures that are mostly dark, of the same colours and of others: a sigmoid at the
/// end of a network with skips was driven to black by them, and stayed there.
#[test]
fn dark_pictures_are_translated() {
    let folder = Folder::new();
    const SIDE: usize = 8;
    // A bright bar at a place of its own, with a gap in the input.
    let value = |picture: usize, x: usize, y: usize, has_gap: bool| {
        let at = 1 + picture % 6;
        let is_gap = has_gap && (3..5).contains(&y);
        (x == at && !is_gap) as u8 * (200 + (picture % 50) as u8)
    };
    let picture = |i: usize, has_gap: bool, channels: usize| {
        let pixels = (0..SIDE * SIDE).map(move |at| value(i, at % SIDE, at / SIDE, has_gap));
        pixels.flat_map(move |value| vec![value; channels])
    };
    let all = |has_gap: bool, channels: usize| -> Vec<u8> {
        (0..64).flat_map(|i| picture(i, has_gap, channels)).collect()
    };
    npy(&folder.path("x.npy"), "|u1", "(64, 8, 8)", all(true, 1));
    npy(&folder.path("grey.npy"), "|u1", "(64, 8, 8)", all(false, 1));
    npy(&folder.path("colour.npy"), "|u1", "(64, 8, 8, 3)", all(false, 3));
    for targets in ["grey.npy", "colour.npy"] {
        let train = ["train", "translate", "--input", "x.npy", "--target", targets, "-o", "m"];
        folder
            .ok(&[&train[..], &["--epochs", "6", "--batch-size", "8", "--device", "cpu"]].concat());
        let found = folder.ok(&["reconstruct", "m", "x.npy", "--targets", targets, "--json"]);
        let found = json(&found);
        assert!(found["mse"].as_f64().expect("a number") < 0.02, "{targets}: {found}");
    }
}

/// Pictures in an array have the scale of pictures for layers that a run gives, as those of files have.
#[test]
fn layers_of_a_file_read_pictures_of_arrays_from_0_to_1() {
    let folder = Folder::new();
    let pixels = (0..40 * 36).map(|i| (i * 7 % 256) as u8).collect();
    npy(&folder.path("x.npy"), "|u1", "(40, 6, 6)", pixels);
    let run = "kind = \"autoencoder\"\n[data]\ntrain = \"x.npy\"\ntargets = \"x.npy\"\n[model]\n\
        layers = [{ dense = { units = 36, activation = \"sigmoid\" } }]\n[training]\nepochs = 2\nloss = \"mse\"\n\
        [output]\nmodel = \"m\"\n";
    folder.write("run.toml", run);
    for more in [&[][..], &["--memory", "1GB"]] {
        folder.ok(&[&["train", "--config", "run.toml", "--device", "cpu"], more].concat());
        let found = json(&folder.ok(&["evaluate", "m", "x.npy", "--device", "cpu", "--json"]));
        assert!(found["loss"].as_f64().expect("a loss") < 0.2, "{found}");
    }
}

/// Pictures of other colours than a model reads are read as it reads them, and that is said: of arrays and files, but not
/// where nothing is lost or it was asked for.
#[test]
fn other_colours_than_the_models_are_told() {
    let folder = Folder::new();
    let (pixels, labels) = stripes(4);
    let coloured = |pixel: u8| [pixel, pixel, 255 - pixel];
    let three =
        |of: fn(u8) -> [u8; 3]| pixels.iter().flat_map(|&pixel| of(pixel)).collect::<Vec<_>>();
    let shape = |channels: &str| format!("(12, {SIDE}, {SIDE}{channels})");
    npy(&folder.path("grey.npy"), "|u1", &shape(""), pixels.clone());
    npy(&folder.path("colour.npy"), "|u1", &shape(", 3"), three(coloured));
    npy(&folder.path("greys.npy"), "|u1", &shape(", 3"), three(|pixel| [pixel; 3]));
    class_folder(&folder.path("grey"), &CLASSES, &pixels, &labels);
    for (row, pixels) in pixels.chunks_exact(SIDE * SIDE).enumerate() {
        let of_class = CLASSES[labels[row] as usize];
        for (kind, of) in [("colour", coloured as fn(u8) -> [u8; 3]), ("greys", |pixel| [pixel; 3])]
        {
            let bytes = pixels.iter().flat_map(|&byte| of(byte));
            let path = folder.path(kind).join(of_class).join(format!("{row}.png"));
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            let picture = image::RgbImage::from_raw(SIDE as u32, SIDE as u32, bytes.collect());
            picture.expect("pixels").save(path).expect("written");
        }
    }
    let train = |data: &str, model: &str, more: &[&str]| {
        let line = ["train", "images", data, "--epochs", "1", "--device", "cpu", "-o", model];
        let trained = folder.run(&[&line[..], more].concat());
        assert!(trained.status.success(), "{}", text(&trained.stderr));
    };
    train("grey", "grey.st", &[]);
    train("colour", "colour.st", &[]);
    train("colour", "made_grey.st", &["--grey"]);
    let told = |model: &str, data: &str| {
        let answer = folder.run(&["predict", model, data, "--device", "cpu"]);
        assert!(answer.status.success(), "{}", text(&answer.stderr));
        text(&answer.stderr).to_string()
    };
    for data in ["colour", "colour.npy"] {
        assert!(told("grey.st", data).contains("in colour: they are read as grey"), "{data}");
        assert_eq!(told("colour.st", data), "");
        assert_eq!(told("made_grey.st", data), "");
    }
    for data in ["grey", "grey.npy"] {
        assert!(told("colour.st", data).contains("grey: they are read as colours"), "{data}");
        assert_eq!(told("grey.st", data), "");
    }
    for data in ["greys", "greys.npy"] {
        assert_eq!(told("grey.st", data), "");
    }
}
