//! What the crate depends on, and where it is unsafe: so many crates at most, none that reaches a network, and no
//! `unsafe` that docs/reliability.md does not list.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Crates that open connections, or exist for programs that do. One of them in the tree is a reason to look.
const NETWORK: [&str; 40] = [
    "async-net",
    "async-std",
    "attohttpc",
    "awc",
    "curl",
    "curl-sys",
    "h2",
    "h3",
    "hickory-resolver",
    "hyper",
    "hyper-util",
    "if-addrs",
    "isahc",
    "lettre",
    "mio",
    "minreq",
    "native-tls",
    "net2",
    "openssl",
    "openssl-sys",
    "quinn",
    "reqwest",
    "rustls",
    "s2n-quic",
    "self_update",
    "sentry",
    "smol",
    "socket2",
    "ssh2",
    "surf",
    "tokio",
    "tokio-native-tls",
    "tokio-rustls",
    "tonic",
    "tungstenite",
    "ureq",
    "webpki-roots",
    "websocket",
    "ws2_32-sys",
    "zmq",
];

/// Ways to reach a network by the standard library.
const CALLS: [&str; 6] =
    ["std::net", "TcpStream", "TcpListener", "UdpSocket", "ToSocketAddrs", "UnixStream"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A package that the binary is built of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    licence: String,
}

/// The packages that the binary is built of on this system, with build scripts' and without tests'.
fn packages() -> BTreeSet<Package> {
    let version = std::process::Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let version = String::from_utf8(version.stdout).expect("UTF-8");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("its host");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--all-features", "--offline", "--locked"])
        // Crates of other systems are not there.
        .args(["--filter-platform", host])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let package = |p: &Value| Package {
        name: text(&p["name"]),
        version: text(&p["version"]),
        licence: text(&p["license"]),
    };
    let named: BTreeMap<String, Package> =
        list(&metadata["packages"]).iter().map(|p| (text(&p["id"]), package(p))).collect();
    let nodes: BTreeMap<String, Value> = list(&metadata["resolve"]["nodes"])
        .into_iter()
        .map(|node| (text(&node["id"]), node))
        .collect();
    let mut left = vec![text(&metadata["resolve"]["root"])];
    let mut seen = BTreeSet::new();
    while let Some(id) = left.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        for dependency in list(&nodes[&id]["deps"]) {
            let is_test = |kind: &Value| kind["kind"] == "dev";
            if !list(&dependency["dep_kinds"]).iter().all(is_test) {
                left.push(text(&dependency["pkg"]));
            }
        }
    }
    seen.iter().map(|id| named[id].clone()).collect()
}

/// Every crate, this one too, that is compiled into the library or the binary on Linux.
#[cfg(target_os = "linux")]
#[test]
fn crates_are_so_many_at_most() {
    let crates = |features: &[&str]| -> BTreeSet<String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = std::process::Command::new(cargo)
            .args(["tree", "--edges", "normal", "--prefix", "none", "--offline", "--locked"])
            .args(features)
            .current_dir(root())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8(output.stdout).expect("UTF-8");
        // A name and a version; what is behind them says that it was there before.
        let named = tree.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "));
        named.collect()
    };
    for (features, most) in [(&[][..], 150), (&["--no-default-features"], 90)] {
        let found = crates(features);
        assert!(found.len() > 50, "the tree is not read: {found:?}");
        assert!(found.len() <= most, "{} crates, {most} at most: {found:?}", found.len());
    }
}

#[test]
fn no_dependency_reaches_a_network() {
    let packages = packages();
    assert!(packages.len() > 80, "only {} packages", packages.len());
    let names: BTreeSet<&str> = packages.iter().map(|of| of.name.as_str()).collect();
    assert!(names.contains("wgpu") && names.contains("safetensors"));
    let found: Vec<&&str> = NETWORK.iter().filter(|name| names.contains(**name)).collect();
    assert!(found.is_empty(), "{found:?} can reach a network");
    // Of other systems and of tests too: all that is locked.
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let lock: toml::Table = toml::from_str(&lock).expect("TOML");
    let locked = lock["package"].as_array().expect("a list");
    assert!(locked.len() > packages.len());
    let depends_on = |package: &&toml::Value, name: &str| {
        let list = package.get("dependencies").and_then(|list| list.as_array());
        let mut names = list.into_iter().flatten().filter_map(|of| of.as_str());
        names.any(|of| of.split(' ').next() == Some(name))
    };
    for package in locked {
        let name = package["name"].as_str().expect("a name");
        if NETWORK.contains(&name) {
            let by = locked.iter().filter(|of| depends_on(of, name));
            let by: Vec<&str> = by.filter_map(|of| of["name"].as_str()).collect();
            // What wgpu has for browsers, whose sandbox has no sockets.
            assert_eq!(by, ["wasm-bindgen-futures"], "{name} can reach a network");
        }
    }
}

/// Whether a licence's expression can be met by these: `A OR B`, `A AND B`, parentheses; `/` is an old `OR`.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.trim();
    // The places of a word outside parentheses.
    let split = |word: &str| -> Vec<String> {
        let (mut parts, mut depth) = (vec![String::new()], 0i32);
        for token in expression
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ")
            .split_whitespace()
        {
            depth += (token == "(") as i32 - (token == ")") as i32;
            match token == word && depth == 0 {
                true => parts.push(String::new()),
                false => {
                    let last = parts.last_mut().expect("one at least");
                    *last += &format!("{}{token}", if last.is_empty() { "" } else { " " });
                }
            }
        }
        parts
    };
    for (word, needs_all) in [("OR", false), ("AND", true)] {
        let parts = split(word);
        if parts.len() > 1 {
            let mut met = parts.iter().map(|part| is_met(part, allowed));
            return if needs_all { met.all(|met| met) } else { met.any(|met| met) };
        }
    }
    match expression.strip_prefix('(').and_then(|rest| rest.trim_end().strip_suffix(')')) {
        Some(inner) => is_met(inner, allowed),
        None => allowed.contains(expression),
    }
}

#[test]
fn licences_are_those_that_deny_toml_allows() {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let rules: toml::Table = toml::from_str(&text).expect("TOML");
    let texts = |value: &toml::Value| -> BTreeSet<String> {
        let list = value.as_array().expect("a list").iter();
        list.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let allowed = texts(&rules["licenses"]["allow"]);
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(GPL-3.0 OR Zlib) AND (MIT)", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("", false),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
    let exceptions: BTreeMap<String, BTreeSet<String>> = rules["licenses"]["exceptions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|of| (of["crate"].as_str().expect("a name").to_owned(), texts(&of["allow"])))
        .collect();
    let packages = packages();
    for package in &packages {
        let excepted = exceptions.get(&package.name);
        let mut allowed = allowed.clone();
        allowed.extend(excepted.into_iter().flatten().cloned());
        assert!(is_met(&package.licence, &allowed), "{package:?}");
    }
    for name in exceptions.keys() {
        assert!(packages.iter().any(|of| of.name == *name), "{name} is no longer there");
    }
}

/// Files of Rust below a folder.
fn sources(folder: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![folder];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("readable").path();
            match path.is_dir() {
                true => left.push(path),
                false if path.extension().is_some_and(|name| name == "rs") => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

/// A file's lines of code, without comments.
fn code(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("readable");
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned());
    lines.collect()
}

#[test]
fn no_code_reaches_a_network() {
    for path in sources(root().join("src")) {
        for line in code(&path) {
            let found = CALLS.iter().find(|call| line.contains(**call));
            assert!(found.is_none(), "{}: {line}", path.display());
        }
    }
}

/// `docs/reliability.md` has a table with a row a file: how many places of it are unsafe, and why they are sound.
#[test]
fn unsafe_code_is_where_the_page_lists_it() {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for path in sources(root().join("src")) {
        let is_unsafe = |line: &&String| {
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.into_iter().any(|word| word == "unsafe")
        };
        let count = code(&path).iter().filter(is_unsafe).count();
        if count > 0 {
            let name = path.strip_prefix(root()).expect("inside").display().to_string();
            found.insert(name.replace('\\', "/"), count);
        }
    }
    let page = std::fs::read_to_string(root().join("docs/reliability.md")).expect("the page");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `src/")?.split('|');
        let file = format!("src/{}", cells.next()?.trim().trim_end_matches('`'));
        Some((file, cells.next()?.trim().parse().ok()?))
    });
    let listed: BTreeMap<String, usize> = rows.collect();
    assert_eq!(found, listed, "found in the code, and listed in docs/reliability.md");
}
