//! Image-to-image translation with photographs of people: glasses taken off and put on, judged by people that the model
//! has not seen (five-fold cross-validation over people).
//!
//! `cargo run --release --example faces FOLDER [EPOCHS]`. The folder holds two pictures of each person, called
//! `NAME_glasses` and `NAME_noglasses`, as the Yale face database may be laid out; no faces come with wgslearn. A few dozen
//! pictures teach what glasses are only where each is shown many ways, so pairs are moved alike, anew in every step.
//! Writes the grids of the last fold, `faces-off.png` and `faces-on.png`, to the folder where it runs.

use std::path::{Path, PathBuf};

use wgslearn::data::{ImageOptions, read_images};
use wgslearn::files::write_whole;
use wgslearn::report::ssim;
use wgslearn::run::{RunKind, Settings, reconstruct, train};
use wgslearn::{Device, Error, Result};

const SIZE: (usize, usize) = (80, 60);
const FOLDS: usize = 5;
/// Of each person: what the two pictures' names end in.
const KINDS: [&str; 2] = ["glasses", "noglasses"];

/// The pictures of a person, of each kind.
struct Person {
    name: String,
    pictures: [PathBuf; 2],
}

/// The people of a folder, by name.
fn people(folder: &Path) -> Result<Vec<Person>> {
    let read = std::fs::read_dir(folder).map_err(|e| Error::file("read", folder, e))?;
    let mut files: Vec<PathBuf> = read.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let of = |file: &Path, kind: &str| {
        let stem = file.file_stem()?.to_str()?;
        Some(stem.strip_suffix(kind)?.strip_suffix('_')?.to_owned())
    };
    let named = |kind: &str, name: &str| {
        files.iter().find(|file| of(file, kind).as_deref() == Some(name)).cloned()
    };
    let people: Vec<Person> = files
        .iter()
        .filter_map(|file| {
            let name = of(file, KINDS[0])?;
            let pictures = [file.clone(), named(KINDS[1], &name)?];
            Some(Person { name, pictures })
        })
        .collect();
    match people.len() {
        FOLDS.. => Ok(people),
        found => Err(Error::data(
            folder,
            format!(
                "{found} people with two pictures (NAME_glasses, NAME_noglasses); give {FOLDS}"
            ),
        )),
    }
}

/// Copies some people's pictures into a folder a kind, under their names; returns the folders.
fn lay_out<'p>(people: impl Iterator<Item = &'p Person>, folder: &Path) -> Result<[PathBuf; 2]> {
    let folders = KINDS.map(|kind| folder.join(kind));
    for to in &folders {
        std::fs::create_dir_all(to).map_err(|e| Error::file("create", to, e))?;
    }
    for person in people {
        for (from, to) in person.pictures.iter().zip(&folders) {
            let extension = from.extension().unwrap_or_default();
            let to = to.join(&person.name).with_extension(extension);
            std::fs::copy(from, &to).map_err(|e| Error::file("write", &to, e))?;
        }
    }
    Ok(folders)
}

/// Mean squared error and structural similarity over all people.
#[derive(Default)]
struct Figures {
    rows: usize,
    squares: f64,
    structure: f64,
}

impl Figures {
    fn add(&mut self, rows: usize, mse: f64, structure: f64) {
        self.rows += rows;
        self.squares += rows as f64 * mse;
        self.structure += rows as f64 * structure;
    }

    fn print(&self, what: &str) {
        let [mse, ssim] = [self.squares, self.structure].map(|sum| sum / self.rows as f64);
        println!("  {what:<22} MSE {mse:.5}  PSNR {:.2} dB  SSIM {ssim:.4}", -10.0 * mse.log10());
    }
}

/// The figures of the pictures as they are, held against what they are to become.
fn unchanged([from, to]: [&Path; 2]) -> Result<(usize, f64, f64)> {
    let options = ImageOptions { size: Some(SIZE), grey: true };
    let [a, b] = [read_images(from, &options)?, read_images(to, &options)?];
    let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
    let squares: f64 = a.values.iter().zip(&b.values).map(square).sum();
    let structure = ssim(a.shape, &a.values, &b.values, 1.0).unwrap_or_default();
    Ok((a.count(), squares / a.values.len() as f64, structure))
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, epochs) = match &arguments[..] {
        [folder] => (folder, 200),
        [folder, epochs] => {
            let wrong = |_| Error::usage(format!("\"{epochs}\" is no number of epochs"));
            (folder, epochs.parse().map_err(wrong)?)
        }
        _ => return Err(Error::usage("give a folder of NAME_glasses and NAME_noglasses pictures")),
    };
    let people = people(Path::new(folder))?;
    let device = Device::open("auto")?;
    let work = std::env::temp_dir().join(format!("wgslearn-faces-{}", std::process::id()));
    for (title, grid, [from, to]) in
        [("Glasses off", "faces-off.png", [0, 1]), ("Glasses on", "faces-on.png", [1, 0])]
    {
        println!("{title}, {} people in {FOLDS} folds:", people.len());
        let (mut before, mut after) = (Figures::default(), Figures::default());
        for fold in 0..FOLDS {
            let folder = work.join(format!("{fold}"));
            let tested = |i: &usize| i % FOLDS == fold;
            let some = |is_tested: bool| {
                (0..people.len()).filter(move |i| tested(i) == is_tested).map(|i| &people[i])
            };
            let training = lay_out(some(false), &folder.join("train"))?;
            let test = lay_out(some(true), &folder.join("test"))?;
            let mut settings = Settings::new(RunKind::Translate, &training[from]);
            settings.data.targets = Some(training[to].clone());
            settings.images.size = Some(SIZE);
            settings.images.grey = Some(true);
            let moves = ["flip", "shift:4", "rotate:8", "crop:0.8"].map(str::to_owned);
            settings.training.augment = Some(moves.to_vec());
            settings.training.epochs = Some(epochs);
            settings.output.model = Some(folder.join("model.safetensors"));
            let run = settings.resolve()?;
            let outcome = train(&run, &device, &mut |_, _, _| Ok(()), &mut |_| {}, None)?;
            let (rows, mse, structure) = unchanged([&test[from], &test[to]])?;
            before.add(rows, mse, structure);
            let found =
                reconstruct(&outcome.model, &test[from], Some(&test[to]), None, 7, &device)?;
            after.add(found.rows, found.mse, found.ssim.unwrap_or_default());
            if fold + 1 == FOLDS {
                write_whole(Path::new(grid), &found.grid(found.rows)?)?;
            }
        }
        before.print("pictures as they are");
        after.print("what the model gives");
    }
    std::fs::remove_dir_all(&work).map_err(|e| Error::file("remove", &work, e))
}
