//! What people see: nothing that a file holds moves the cursor or breaks a line, names that were meant are told,
//! and plots are written as their names say.

#[allow(unused)]
#[path = "common/cli.rs"]
mod cli;

use cli::{Folder, json, text};

/// A label, a word and a name that clear a screen, set a title and break a line, if they are let.
const HOSTILE: &str = "a\u{1b}[2J\u{1b}]0;x\u{7}\n\tb\u{202e}";

/// What a command writes to both streams, which holds no control character but line ends and tabs.
fn seen(folder: &Folder, arguments: &[&str]) -> (String, String) {
    let output = folder.run(arguments);
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    for written in [&out, &error] {
        let is_bad = |c: char| (c.is_control() && !"\n\t".contains(c)) || c == '\u{202e}';
        assert!(!written.contains(is_bad), "{arguments:?}: {written:?}");
    }
    (out, error)
}

fn rows(folder: &Folder, labels: usize) {
    let row = |i: usize| {
        let label = format!("{HOSTILE}{}", i % labels);
        let word = format!("word{}", i % labels);
        serde_json::json!({ "text": word, "label": label }).to_string() + "\n"
    };
    folder.write("rows.jsonl", (0..2 * labels).map(row).collect::<String>());
}

#[test]
fn labels_of_any_text_stay_in_their_lines() {
    let folder = Folder::new();
    for labels in [2, 30] {
        rows(&folder, labels);
        let train = ["train", "text", "rows.jsonl", "--device", "cpu", "-o", "m.st"];
        let (_, error) = seen(&folder, &[&train[..], &["--epochs", "3"]].concat());
        assert!(folder.path("m.st").exists(), "{error}");
        let (answers, _) = seen(&folder, &["predict", "m.st", "rows.jsonl", "--device", "cpu"]);
        assert_eq!(answers.lines().count(), 2 * labels, "{answers}");
        assert!(answers.lines().all(|line| line.split('\t').count() == 2), "{answers}");
        assert!(answers.contains("a\\u001b[2J\\u001b]0;x\\u0007\\n\\tb\\u202e"), "{answers}");
        let (report, _) = seen(&folder, &["evaluate", "m.st", "rows.jsonl", "--device", "cpu"]);
        assert!(report.contains("\\u001b"), "{report}");
        let (summary, _) = seen(&folder, &["summary", "m.st"]);
        assert_eq!(summary.contains("and 10 more"), labels == 30, "{summary}");
        // As JSON, labels are what they are.
        let line = folder.ok(&["predict", "m.st", "rows.jsonl", "--device", "cpu", "--json"]);
        let answer = json(line.lines().next().expect("an answer"));
        assert!(answer["label"].as_str().is_some_and(|label| label.starts_with(HOSTILE)));
    }
}

#[test]
fn errors_are_one_line_whatever_a_file_holds() {
    let folder = Folder::new();
    let quoted = format!("\"{HOSTILE}\"");
    folder.write("column.csv", format!("{quoted},y\n1,2\n3,4\n"));
    folder.write("field.csv", format!("a,y\n1,2\n{quoted},4\n5,6\n"));
    folder.write("twice.csv", format!("{quoted},{quoted},y\n1,2,3\n"));
    folder.write("once.csv", format!("label,text\n{quoted},x\nup,y\nup,z\n"));
    folder.write("name\u{1b}[2J\n.csv", "label,text\nup,x\n");
    let table = ["train", "table", "--device", "cpu", "--target"];
    for arguments in [
        [&table[..], &["z", "column.csv"]].concat(),
        [&table[..], &["y", "field.csv"]].concat(),
        [&table[..], &["y", "twice.csv"]].concat(),
        vec!["train", "text", "once.csv", "--device", "cpu"],
        vec!["train", "text", "name\u{1b}[2J\n.csv", "--device", "cpu"],
        vec!["summary", "name\u{1b}[2J\n.csv"],
        vec!["summary", "missing\u{1b}[2J\n"],
    ] {
        let (_, error) = seen(&folder, &arguments);
        let last = error.lines().last().unwrap_or_default();
        assert!(last.starts_with("error: ") && last.contains("\\u001b[2J"), "{error}");
    }
}

#[test]
fn names_that_were_meant_are_told() {
    let folder = Folder::new();
    folder.reviews();
    folder.write("rows.jsonl", "{\"txt\": \"a\", \"label\": \"b\"}\n");
    let text = ["train", "text", "--device", "cpu"];
    let fails = |arguments: &[&str], says: &str| {
        folder.fails(1, &[&text[..], arguments].concat(), &[says]);
    };
    fails(&["reviews.csv", "--text-column", "txet"], "\"txet\" (did you mean \"text\"?);");
    fails(&["reviews.csv", "--label-column", "Label"], "(did you mean \"label\"?)");
    fails(&["rows.jsonl"], "no key \"text\" (did you mean \"txt\"?)");
    folder.ok(&[&text[..], &["reviews.csv", "--epochs", "2", "-o", "m.st"]].concat());
    folder.write("test.csv", "label,text\ngoood,a warm film\nbad,dull\n");
    folder.fails(1, &["evaluate", "m.st", "test.csv", "--device", "cpu"], &["mean \"good\"?"]);
    let near = "\"lovly\" (it knows";
    folder.fails(2, &["neighbours", "m.st", "lovly"], &[near, "(did you mean \"lovely\"?)"]);
    folder.write("t.csv", "width,height,y\n1,2,a\n3,4,b\n5,6,a\n7,8,b\n");
    folder.fails(
        1,
        &["train", "table", "t.csv", "--target", "Y", "--device", "cpu"],
        &["(did you mean \"y\"?)", "width, height, y"],
    );
}

#[test]
fn plots_are_what_their_names_say() {
    let folder = Folder::new();
    folder.reviews();
    let mut train = vec!["train", "text", "reviews.csv", "--device", "cpu", "--epochs", "4"];
    train.extend(["--validation-split", "0.2", "--patience", "2"]);
    let plot = |name: &str| folder.ok(&[&train[..], &["--plot", name, "-o", "m.st"]].concat());
    plot("p.png");
    let png = std::fs::read(folder.path("p.png")).expect("written");
    assert!(png.starts_with(b"\x89PNG\r\n"));
    plot("p.SVG");
    let svg = std::fs::read_to_string(folder.path("p.SVG")).expect("written");
    for part in ["<svg ", "epoch", "training", "validation", "best epoch", "accuracy"] {
        assert!(svg.contains(part), "{part} is not in {svg}");
    }
    folder.fails(
        2,
        &[&train[..], &["--plot", "p.pdf", "-o", "none.st"]].concat(),
        &["p.pdf", ".png or .svg"],
    );
    folder.fails(2, &["demo", "--device", "cpu", "--plot", "p.jpg"], &["p.jpg", ".png or .svg"]);
    assert!(!folder.path("none.st").exists());
}
