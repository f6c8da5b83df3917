//! What a command writes, held against what it reads before any work: no output is an input, and no two outputs
//! are one file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::data::{ImageShape, file_and_array, image_png};
use crate::error::{Error, Result};
use crate::files;

/// Where a path leads, as far as it exists.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let of_folder = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(folder.join(path.file_name()?))
    };
    // A link may lead to a file that is not there yet.
    let path = &files::target(path).unwrap_or_else(|_| path.to_owned());
    path.canonicalize().ok().or_else(|| of_folder(path)).unwrap_or_else(|| path.clone())
}

/// Whether two paths lead to one file: by name, by links, or by hard links. Arrays of a `.npz` file count as files.
pub(super) fn is_same_file(a: &Path, b: &Path) -> bool {
    if resolved(a) == resolved(b) {
        return true;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let id = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
        id(a).is_some() && id(a) == id(b)
    }
    #[cfg(not(unix))]
    false
}

/// Refuses an output that would replace one of the inputs, or that lies within or is a folder that is read.
///
/// # Errors
/// [`Error::Usage`] with both names, or where no file can have the output's.
pub fn check_output(output: &Path, inputs: &[&Path]) -> Result<()> {
    if let Err(error) = files::check_name(output) {
        let shown = output.display();
        return Err(Error::usage(format!("the output is {shown}, but {error}; name another file")));
    }
    match inputs.iter().find(|input| is_same_file(output, file_and_array(input).0)) {
        None => Ok(()),
        Some(input) => Err(Error::usage(format!(
            "the output {} is {}, which is read: it would be replaced; name another",
            output.display(),
            input.display()
        ))),
    }
}

/// Refuses a file name whose extension is none of these.
///
/// # Errors
/// [`Error::Usage`] says what is written.
pub fn check_extension(output: &Path, what: &str, extensions: &[&str]) -> Result<()> {
    let found = output.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    if found.is_empty() || extensions.contains(&found.as_str()) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{what} cannot be written as .{found}; {} ends in .{found}: name a file that ends in .{}",
        output.display(),
        extensions.join(" or .")
    )))
}

/// Whether an output is one picture, by its name, and no folder of pictures.
fn is_picture(output: &Path) -> bool {
    output.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")) && !output.is_dir()
}

/// Writes a picture, and makes the folders that it lies in.
///
/// # Errors
/// [`Error::File`].
pub(super) fn write_picture(file: &Path, shape: ImageShape, values: &[f32]) -> Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| Error::file("create", folder, e))?;
    }
    files::write_whole(file, &image_png(shape, values)?)
}

/// The files that pictures of these names become in `folder`, `.png` each: refused where two are one, or one is
/// among `inputs`. Names keep the folders that they are in, and lead to no other.
///
/// # Errors
/// [`Error::Usage`] names both.
pub fn picture_files(folder: &Path, names: &[String], inputs: &[&Path]) -> Result<Vec<PathBuf>> {
    // One picture may go to one file.
    if names.len() == 1 && is_picture(folder) {
        check_output(folder, inputs)?;
        return Ok(vec![folder.to_owned()]);
    }
    let mut files = Vec::with_capacity(names.len());
    // Names that differ by the case of letters alone are one file on many systems.
    let mut seen: HashMap<String, &String> = HashMap::new();
    for name in names {
        let within: PathBuf = Path::new(name)
            .components()
            .filter(|part| matches!(part, std::path::Component::Normal(_)))
            .collect();
        let file = within.with_extension("png");
        if let Some(other) = seen.insert(file.to_string_lossy().to_lowercase(), name) {
            return Err(Error::usage(format!(
                "{other} and {name} would both become {}; rename one of them, or write to a .npy file",
                file.display()
            )));
        }
        let path = folder.join(file);
        if path.exists() {
            check_output(&path, inputs)?;
        }
        files.push(path);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn two_names_never_become_one_file() {
        let folder = Path::new("out");
        for twins in
            [["a.jpg", "a.png"], ["b/a.png", "b/a.gif"], ["A.png", "a.png"], ["x.1", "x.2"]]
        {
            let error =
                picture_files(folder, &names(&twins), &[]).expect_err("one file").to_string();
            assert!(error.contains(twins[0]) && error.contains(twins[1]), "{error}");
        }
        let files = picture_files(folder, &names(&["b/a.png", "c/a.png", "../../d.png"]), &[]);
        let files = files.expect("three files");
        assert_eq!(files, ["out/b/a.png", "out/c/a.png", "out/d.png"].map(PathBuf::from));
    }

    #[test]
    fn an_output_is_no_input() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("x.npy");
        std::fs::write(&data, "data").expect("written");
        assert!(check_output(&data, &[&data]).is_err());
        assert!(check_output(&folder.path().join("./x.npy"), &[&data]).is_err());
        #[cfg(unix)]
        for link in ["soft", "hard"] {
            let link = folder.path().join(link);
            match link.ends_with("soft") {
                true => std::os::unix::fs::symlink(&data, &link).expect("a link"),
                false => std::fs::hard_link(&data, &link).expect("a link"),
            }
            assert!(check_output(&link, &[&data]).is_err());
        }
        assert!(check_output(&folder.path().join("y.npy"), &[&data]).is_ok());
        assert!(check_output(Path::new("-"), &[&data]).is_err());
        // A link to what is not there yet, and what it leads to.
        #[cfg(unix)]
        {
            let ahead = folder.path().join("ahead");
            std::os::unix::fs::symlink("later", &ahead).expect("a link");
            assert_eq!(resolved(&ahead), resolved(&folder.path().join("later")));
        }
        let picture = folder.path().join("x.png");
        std::fs::write(&picture, "data").expect("written");
        assert!(picture_files(folder.path(), &names(&["x.jpg"]), &[&picture]).is_err());
        assert!(check_extension(Path::new("a.onnx"), "word vectors", &["txt", "vec"]).is_err());
        assert!(check_extension(Path::new("a.TXT"), "word vectors", &["txt"]).is_ok());
    }
}
