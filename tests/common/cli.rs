//! The command line as a process, in a folder of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder with small data sets.
pub struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    pub fn new() -> Folder {
        Folder { folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), content).expect("written");
        self.path(name)
    }

    /// Runs wgslearn in the folder.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, "")
    }

    pub fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wgslearn"))
            .args(arguments)
            .current_dir(self.folder.path())
            // What runs remember, they remember here.
            .env("WGSLEARN_CACHE", self.folder.path().join("cache"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wgslearn starts");
        // A run that fails early closes its input; that is no failure of the test.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        child.wait_with_output().expect("wgslearn ends")
    }

    /// Runs what must succeed; returns its standard output.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs what must fail with this code and say each of these.
    pub fn fails(&self, code: i32, arguments: &[&str], says: &[&str]) {
        let output = self.run(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        for part in says {
            assert!(error.contains(part), "{arguments:?}: \"{part}\" is not in: {error}");
        }
        assert!(!error.contains("panicked"), "{error}");
    }

    /// 200 reviews whose words tell their label.
    pub fn reviews(&self) -> PathBuf {
        let good = ["lovely", "bright", "warm", "clever"];
        let bad = ["dull", "cold", "stupid", "grim"];
        let mut csv = String::from("label,text\n");
        for i in 0..200 {
            let (label, words) = if i % 2 == 0 { ("good", good) } else { ("bad", bad) };
            let (a, b) = (words[i / 2 % 4], words[i / 8 % 4]);
            csv += &format!("{label},\"a {a} film, {b} from end {} to end\"\n", i % 7);
        }
        self.write("reviews.csv", csv)
    }

    pub fn model(&self) -> PathBuf {
        self.reviews();
        self.ok(&["train", "text", "reviews.csv", "-o", "m.safetensors", "--device", "cpu"]);
        self.path("m.safetensors")
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

pub fn npy(path: &Path, kind: &str, shape: &str, bytes: Vec<u8>) {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend(bytes);
    std::fs::write(path, file).expect("written");
}
