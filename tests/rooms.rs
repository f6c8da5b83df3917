//! The rooms of `src` import only from those below them (docs/architecture.md).

use std::path::Path;

/// From top to bottom.
const ROOMS: [&str; 17] = [
    "cli",
    "run",
    "report",
    "train",
    "model",
    "metrics",
    "losses",
    "layers",
    "optimizers",
    "backend",
    "program",
    "kernels",
    "data",
    "text",
    "files",
    "error",
    "printable",
];

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("src is there") {
        let path = entry.expect("readable").path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn rooms_import_only_from_below() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&source, &mut found);
    assert!(found.len() > 50, "only {} files", found.len());
    for path in found {
        let inside = path.strip_prefix(&source).expect("inside src");
        let first = inside.components().next().expect("a name").as_os_str();
        let room = first.to_str().expect("UTF-8").trim_end_matches(".rs");
        let Some(own) = ROOMS.iter().position(|name| *name == room) else {
            assert!(["lib", "main"].contains(&room), "{room} is no room of docs/architecture.md");
            continue;
        };
        let text = std::fs::read_to_string(&path).expect("readable");
        for (line, code) in text.lines().zip(1..).map(|(code, line)| (line, code)) {
            if code.trim_start().starts_with("//") {
                continue;
            }
            for (at, _) in code.match_indices("crate::") {
                let rest = &code[at + "crate::".len()..];
                let name: String =
                    rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                // `crate::Result` and the like are the root's, from the bottom room.
                if let Some(other) = ROOMS.iter().position(|room| *room == name) {
                    let place = path.display();
                    assert!(other >= own, "{place}, line {line}: {room} imports from {name}");
                }
            }
        }
    }
}
