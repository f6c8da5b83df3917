//! The settings of a run are declared once: what is written about them elsewhere is held to the declaration.

use std::path::{Path, PathBuf};

use wgslearn::run::{RunKind, Settings, documentation, hyperparameters, setting_by_flag};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `WGSLEARN_WRITE_DOCS=1 cargo test --test settings` writes the tables.
#[test]
fn the_tables_of_the_documentation_are_the_declarations() {
    let path = root().join("docs/config.md");
    let text = std::fs::read_to_string(&path).expect("docs/config.md");
    let (begin, end) = ("<!-- settings -->\n", "<!-- end of settings -->");
    let (before, rest) = text.split_once(begin).expect("where the tables begin");
    let (written, after) = rest.split_once(end).expect("where they end");
    let tables = documentation();
    if std::env::var_os("WGSLEARN_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{begin}{tables}\n{end}{after}")).expect("written");
        return;
    }
    assert!(
        written.trim() == tables.trim(),
        "docs/config.md differs from src/run/settings.rs: run WGSLEARN_WRITE_DOCS=1 cargo test --test settings"
    );
}

#[test]
fn a_flag_means_one_setting_in_a_kind_of_run() {
    let rows: Vec<_> = Settings::all().chain(hyperparameters()).collect();
    assert!(rows.len() > 50, "only {} settings", rows.len());
    for row in &rows {
        assert!(!row.docs().is_empty() && !row.spec.kinds.is_empty(), "{}", row.name);
        for kind in RunKind::ALL.into_iter().filter(|kind| row.is_for(*kind)) {
            if !row.spec.flag.is_empty() {
                let found = setting_by_flag(row.spec.flag, kind).expect("itself");
                assert!(std::ptr::eq(found, *row), "{} of {}", row.spec.flag, kind.name());
            }
        }
    }
}

#[test]
fn a_program_describes_a_run_as_the_command_line_does() {
    let mut settings = Settings::new(RunKind::Text, "reviews.csv");
    settings.training.epochs = Some(3);
    let config = settings.resolve().expect("complete");
    assert_eq!((config.training.epochs, config.training.batch_size), (3, None));
    assert_eq!(config.model.dropout, 0.5);
    // Without rows to validate on there is no patience.
    settings.data.validation_split = Some(0.0);
    assert_eq!(settings.resolve().expect("complete").training.patience, 0);
    settings.model.dropout = Some(f64::NAN);
    let error = settings.resolve().and_then(|config| config.check()).expect_err("not a rate");
    assert!(error.to_string().contains("dropout is NaN"), "{error}");
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("src is there") {
        let path = entry.expect("readable").path();
        match path.is_dir() {
            true => sources(&path, found),
            false => found.push(path),
        }
    }
}

/// A program that uses the library, or a TOML file, has no flags.
#[test]
fn messages_of_the_library_name_no_flag() {
    let mut found = Vec::new();
    sources(&root().join("src"), &mut found);
    let command_line = [root().join("src/cli"), root().join("src/main.rs")];
    found.retain(|path| command_line.iter().all(|own| !path.starts_with(own)));
    assert!(found.len() > 50, "only {} files", found.len());
    for path in found {
        let text = std::fs::read_to_string(&path).expect("readable");
        for (line, number) in text.lines().zip(1..) {
            let code = line.split("//").next().unwrap_or_default();
            // Where the documentation's tables are made, the flag is a placeholder.
            let mut after = code.split("--").skip(1);
            let names = after.any(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
            assert!(!names, "{}, line {number}: {line}", path.display());
        }
    }
}
