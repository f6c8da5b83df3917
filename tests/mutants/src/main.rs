//! Runs the mutants of `cargo mutants --list --json` in one build of the whole crate.
//!
//! Usage: mutants CRATE LIST OUTCOMES [--jobs N] [--minutes N] [--shard K/N] [--longest SECONDS] [--only NAME] [--again]
//!     [--budget SECONDS]
//!
//! CRATE is a copy whose sources are written over: every mutant is woven into them behind a switch (`weave.rs`), what does not
//! compile is taken out again, and all tests are built once. Each test is then run on its own with no mutant on, which says how
//! long it takes and which switches it asks; a mutant is tried by the tests that ask its switch, until one fails.
//! `--longest` leaves out tests that take longer, `--only` takes those of programs whose names begin so. OUTCOMES gets a line
//! for each mutant as it is done; those in it already are not run again, but with `--again` those that none caught: by tests
//! that are longer, or of other programs. `--budget` is of a mutant: tests that would go beyond it are left out, those that
//! caught others in its file last.

#![forbid(unsafe_code)]

mod weave;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use serde_json::Value;
use weave::Mutant;

/// The module that the crate gets: a number from the environment, and a file with a byte for each switch that was asked.
const SWITCH: &str = r#"
#[allow(unsafe_code, missing_docs, unused_qualifications)]
pub(crate) mod mutant {
    struct State { on: usize, asked: Option<memmap2::MmapRaw> }
    static STATE: std::sync::OnceLock<State> = std::sync::OnceLock::new();
    fn state() -> State {
        let on = std::env::var("WGSLEARN_MUTANT").ok().and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
        let asked = std::env::var_os("WGSLEARN_MUTANTS_ASKED").map(|path| {
            let file = std::fs::OpenOptions::new().read(true).write(true).open(path).expect("the file of switches");
            memmap2::MmapRaw::map_raw(&file).expect("the map of switches")
        });
        State { on, asked }
    }
    pub(crate) fn on(id: usize) -> bool {
        let state = STATE.get_or_init(state);
        if let Some(asked) = &state.asked {
            assert!(id < asked.len());
            // SAFETY: a byte within the map, written by all as an atomic.
            unsafe { std::sync::atomic::AtomicU8::from_ptr(asked.as_mut_ptr().add(id)) }.store(1, std::sync::atomic::Ordering::Relaxed);
        }
        state.on == id
    }
}
"#;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut positional = Vec::new();
    let (mut jobs, mut minutes, mut shard, mut longest) = (2, 100_000, (0, 1), f64::MAX);
    let (mut only, mut again, mut budget) = (String::new(), false, f64::MAX);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--jobs" => jobs = value()?.parse()?,
            "--again" => again = true,
            "--only" => only = value()?,
            "--budget" => budget = value()?.parse()?,
            "--longest" => longest = value()?.parse()?,
            "--minutes" => minutes = value()?.parse()?,
            "--shard" => {
                let value = value()?;
                let (part, of) = value.split_once('/').ok_or("a shard is K/N")?;
                shard = (part.parse()?, of.parse()?);
                if shard.0 >= shard.1 {
                    return Err(format!("shard {value}: there are the parts 0 to N - 1").into());
                }
            }
            _ => positional.push(PathBuf::from(argument)),
        }
    }
    let [root, list, outcomes] = positional.as_slice() else {
        return Err("usage: mutants CRATE LIST OUTCOMES".into());
    };
    let until = Instant::now() + Duration::from_secs(minutes * 60);

    let list: Vec<Value> = serde_json::from_str(&fs::read_to_string(list)?)?;
    let mutants = list
        .iter()
        .enumerate()
        .map(|(id, value)| Mutant::read(id, value))
        .collect::<Option<Vec<_>>>();
    let mutants = mutants.ok_or("the list holds something that is no mutant")?;
    let unviable = match woven(root, &mutants)? {
        Some(unviable) => unviable,
        None => weave_all(root, &mutants)?,
    };
    let mut tests = match remembered(root, &only) {
        Some(tests) => tests,
        None => baseline(root, build(root)?, &only, mutants.len(), jobs)?,
    };
    tests.retain(|test| test.seconds <= longest);
    let known = fs::read_to_string(outcomes).unwrap_or_default();
    let killers = Mutex::new(killers_of(&known, &tests));
    let done: BTreeSet<&str> = known
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(outcome, _)| !again || !matches!(*outcome, "survived" | "unreached"))
        .map(|(_, name)| name.split('\t').next().unwrap_or(""))
        .collect();
    let log = Mutex::new(fs::OpenOptions::new().create(true).append(true).open(outcomes)?);
    let todo: Vec<&Mutant> = mutants
        .iter()
        .filter(|mutant| !done.contains(mutant.name.as_str()) && mutant.id % shard.1 == shard.0)
        .collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for job in 0..jobs {
            let (next, todo, tests, unviable, log, killers) =
                (&next, &todo, &tests, &unviable, &log, &killers);
            scope.spawn(move || {
                let scratch = root.join(format!("target/scratch{job}"));
                while Instant::now() < until {
                    let Some(mutant) = todo.get(next.fetch_add(1, Ordering::Relaxed)) else {
                        return;
                    };
                    let outcome = match unviable.get(&mutant.id) {
                        Some(why) => format!("{why}\t{}\t", mutant.name),
                        None => try_mutant(root, mutant, tests, budget, killers, &scratch),
                    };
                    let _ = writeln!(log.lock().expect("the log"), "{outcome}");
                }
            });
        }
    });
    Ok(())
}

/// What a crate that is woven already does not have of the mutants.
fn woven(root: &Path, mutants: &[Mutant]) -> Result<Option<BTreeMap<usize, &'static str>>> {
    if !fs::read_to_string(root.join("src/lib.rs"))?.ends_with(SWITCH) {
        return Ok(None);
    }
    let mut missing = BTreeMap::new();
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    for mutant in mutants {
        if !texts.contains_key(mutant.file.as_str()) {
            texts.insert(&mutant.file, fs::read_to_string(root.join(&mutant.file))?);
        }
        if !texts[mutant.file.as_str()].contains(&format!("crate::mutant::on({})", mutant.id)) {
            missing.insert(mutant.id, "unviable");
        }
    }
    Ok(Some(missing))
}

/// Where the tests of programs of this name are written down.
fn baseline_of(root: &Path, only: &str) -> PathBuf {
    root.join(format!("target/baseline-{only}.tsv"))
}

/// The tests as an earlier run of this program wrote them down.
fn remembered(root: &Path, only: &str) -> Option<Vec<Test>> {
    let text = fs::read_to_string(baseline_of(root, only)).ok()?;
    text.lines()
        .map(|line| {
            let mut parts = line.split('\t');
            Some(Test {
                program: PathBuf::from(parts.next()?),
                name: parts.next()?.to_string(),
                seconds: parts.next()?.parse().ok()?,
                asks: parts.next()?.split(' ').filter_map(|id| id.parse().ok()).collect(),
            })
        })
        .collect()
}

/// Weaves all mutants in that compile; why the others are not run, by their numbers.
fn weave_all(root: &Path, mutants: &[Mutant]) -> Result<BTreeMap<usize, &'static str>> {
    let mut unviable = BTreeMap::new();
    let mut sources: BTreeMap<&str, String> = BTreeMap::new();
    for mutant in mutants {
        if !sources.contains_key(mutant.file.as_str()) {
            sources.insert(&mutant.file, fs::read_to_string(root.join(&mutant.file))?);
        }
    }
    let library = root.join("src/lib.rs");
    let text = fs::read_to_string(&library)?;
    fs::write(
        &library,
        format!("#![allow(warnings, unconditional_panic, arithmetic_overflow)]\n{text}{SWITCH}"),
    )?;
    for round in 1.. {
        let mut woven = BTreeMap::new();
        for (file, source) in &sources {
            let here: Vec<&Mutant> = mutants
                .iter()
                .filter(|mutant| mutant.file == *file && !unviable.contains_key(&mutant.id))
                .collect();
            let (text, lost) =
                weave::weave(source, &here).map_err(|why| format!("{file}: {why}"))?;
            unviable.extend(lost.into_iter().map(|id| (id, "no place")));
            fs::write(root.join(file), &text)?;
            woven.insert(*file, text);
        }
        // With what tests alone see, too.
        let check = |more: &[&str]| {
            Command::new("cargo")
                .args(["check", "--quiet", "--lib", "--message-format=json"])
                .args(more)
                .current_dir(root)
                .stderr(Stdio::inherit())
                .output()
        };
        let mut output = check(&[])?;
        if output.status.success() {
            output = check(&["--profile", "test"])?;
        }
        if output.status.success() {
            eprintln!(
                "round {round}: builds, without {} of {} mutants",
                unviable.len(),
                mutants.len()
            );
            return Ok(unviable);
        }
        let mut blamed = BTreeSet::new();
        let mut unexplained = Vec::new();
        for line in output.stdout.lines() {
            let message: Value = serde_json::from_str(&line?)?;
            let message = &message["message"];
            if message["level"] != "error" {
                continue;
            }
            let spans = message["spans"].as_array().cloned().unwrap_or_default();
            let found = spans.iter().filter(|span| span["is_primary"] == true).find_map(|span| {
                let text = woven.get(span["file_name"].as_str()?)?;
                let at = span["byte_start"].as_u64()? as usize;
                // A match that misses an arm: the next arm that may be away.
                let missing = || text[at..].find("*/ if !crate::mutant::on(").map(|arm| at + arm);
                blame(text, if message["code"]["code"] == "E0004" { missing()? } else { at })
            });
            match found {
                Some(id) => {
                    blamed.insert(id);
                }
                None if !spans.is_empty() => {
                    unexplained.push(message["rendered"].as_str().unwrap_or("").to_string())
                }
                None => {}
            }
        }
        eprintln!("round {round}: {} do not build", blamed.len());
        if blamed.is_empty() {
            return Err(format!("errors in no mutant's branch:\n{}", unexplained.join("\n")).into());
        }
        unviable.extend(blamed.into_iter().map(|id| (id, "unviable")));
    }
    unreachable!("rounds end when the crate builds or nothing is left to take out")
}

/// The mutant in whose branch byte `at` of a woven text is.
fn blame(text: &str, at: usize) -> Option<usize> {
    let open = text[..at].rfind("/*<")?;
    let id = text[open + 3..].split("*/").next()?;
    let close = text[open..].find(&format!("/*>{id}*/"))? + open;
    (at < close).then(|| id.parse().ok()).flatten()
}

/// The programs of the tests.
fn build(root: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("cargo")
        .args(["test", "--quiet", "--no-run", "--lib", "--tests", "--message-format=json"])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("the tests do not build".into());
    }
    let mut programs = Vec::new();
    for line in output.stdout.lines() {
        let message: Value = serde_json::from_str(&line?)?;
        if message["reason"] == "compiler-artifact" && message["profile"]["test"] == true {
            programs.extend(message["executable"].as_str().map(PathBuf::from));
        }
    }
    Ok(programs)
}

struct Test {
    program: PathBuf,
    name: String,
    seconds: f64,
    asks: BTreeSet<usize>,
}

/// Every test that passes on its own, how long it takes and which switches it asks.
fn baseline(
    root: &Path,
    programs: Vec<PathBuf>,
    only: &str,
    mutants: usize,
    jobs: usize,
) -> Result<Vec<Test>> {
    let mut names = Vec::new();
    for program in programs {
        let is_asked =
            program.file_name().is_some_and(|name| name.to_string_lossy().starts_with(only));
        if !is_asked {
            continue;
        }
        let output = Command::new(&program)
            .args(["--list", "--format", "terse"])
            .current_dir(root)
            .output()?;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            if let Some(name) = line.strip_suffix(": test") {
                names.push((program.clone(), name.to_string()));
            }
        }
    }
    let (next, tests) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for job in 0..jobs {
            let (next, names, tests) = (&next, &names, &tests);
            scope.spawn(move || {
                let scratch = root.join(format!("target/scratch{job}"));
                let asked = root.join(format!("target/asked{job}"));
                while let Some((program, name)) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let _ = fs::write(&asked, vec![0; mutants]);
                    let start = Instant::now();
                    let limit = Duration::from_secs(120);
                    let passed = run(
                        root,
                        program,
                        &[name],
                        &[("WGSLEARN_MUTANTS_ASKED", asked.as_os_str())],
                        limit,
                        &scratch,
                    );
                    if let Ended::Failed(test) = &passed {
                        eprintln!("not used: {test}");
                    }
                    if let Ended::Passed = passed {
                        let bytes = fs::read(&asked).unwrap_or_default();
                        let asks = bytes
                            .iter()
                            .enumerate()
                            .filter(|(_, byte)| **byte != 0)
                            .map(|(id, _)| id)
                            .collect();
                        let seconds = start.elapsed().as_secs_f64();
                        tests.lock().expect("the tests").push(Test {
                            program: program.clone(),
                            name: name.clone(),
                            seconds,
                            asks,
                        });
                    }
                }
            });
        }
    });
    let tests = tests.into_inner().expect("the tests");
    eprintln!("{} of {} tests pass", tests.len(), names.len());
    let lines = tests.iter().map(|test: &Test| {
        let asks = test.asks.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        format!("{}\t{}\t{}\t{asks}\n", test.program.display(), test.name, test.seconds)
    });
    fs::write(baseline_of(root, only), lines.collect::<String>())?;
    Ok(tests)
}

enum Ended {
    Passed,
    Failed(String),
    TimedOut,
}

/// In a group of its own, so that what it starts ends with it.
#[cfg(unix)]
fn apart(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

/// There are no such groups: a test that hangs is waited for.
#[cfg(not(unix))]
fn apart(_: &mut Command) {}

fn run(
    root: &Path,
    program: &Path,
    names: &[&str],
    set: &[(&str, &std::ffi::OsStr)],
    limit: Duration,
    scratch: &Path,
) -> Ended {
    let _ = fs::remove_dir_all(scratch);
    let _ = fs::create_dir_all(scratch);
    // A mutant may ask for any amount of memory; a group of its own, so that what it starts ends with it.
    let mut command = Command::new("bash");
    apart(&mut command);
    let child = command
        .args(["-c", "ulimit -c 0 -v 20000000; exec \"$0\" \"$@\""])
        .arg(program)
        .args(["--exact", "--test-threads", "1"])
        .args(names)
        .envs(set.iter().copied())
        .env("TMPDIR", scratch.canonicalize().unwrap_or_else(|_| scratch.to_path_buf()))
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return Ended::Failed("bash is needed".into()) };
    let group = child.id();
    let (sender, receiver) = mpsc::channel();
    let output = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut failed = None;
        for line in output
            .into_iter()
            .flat_map(|output| BufReader::new(output).split(b'\n'))
            .map_while(|line| line.ok())
        {
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Some(name) =
                line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
            {
                failed = Some(name.to_string());
                break;
            }
        }
        let _ = sender.send(failed);
    });
    let kill = || {
        let _ = Command::new("kill")
            .args(["-9", "--", &format!("-{group}")])
            .stderr(Stdio::null())
            .status();
    };
    let ended = match receiver.recv_timeout(limit) {
        Err(_) => {
            kill();
            Ended::TimedOut
        }
        Ok(Some(name)) => {
            kill();
            Ended::Failed(name)
        }
        Ok(None) => match child.wait() {
            Ok(status) if status.success() => Ended::Passed,
            _ => Ended::Failed(names.first().map_or(String::new(), |name| {
                format!("{name} or one behind it, which ended the process")
            })),
        },
    };
    let _ = child.wait();
    let _ = reader.join();
    ended
}

/// By file, the tests that caught mutants there, with how many.
type Killers = BTreeMap<String, BTreeMap<(PathBuf, String), usize>>;

/// Those that earlier runs wrote down: `caught TAB FILE:LINE: what TAB PROGRAM test`.
fn killers_of(outcomes: &str, tests: &[Test]) -> Killers {
    let programs: BTreeMap<String, &Path> =
        tests.iter().map(|test| (stem(&test.program), test.program.as_path())).collect();
    let mut killers = Killers::new();
    for line in outcomes.lines() {
        let Some((mutant, test)) =
            line.strip_prefix("caught\t").and_then(|rest| rest.split_once('\t'))
        else {
            continue;
        };
        let mut words = test.split(' ');
        let program = words.next().and_then(|program| programs.get(program));
        let (Some(program), Some(test)) = (program, words.next()) else { continue };
        let file = mutant.split(':').next().unwrap_or("").to_string();
        let of_test = killers.entry(file).or_default();
        *of_test.entry((program.to_path_buf(), test.to_string())).or_default() += 1;
    }
    killers
}

fn stem(program: &Path) -> String {
    program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// `outcome TAB mutant TAB what caught it`.
fn try_mutant(
    root: &Path,
    mutant: &Mutant,
    tests: &[Test],
    budget: f64,
    killers: &Mutex<Killers>,
    scratch: &Path,
) -> String {
    let asking: Vec<&Test> = tests.iter().filter(|test| test.asks.contains(&mutant.id)).collect();
    if asking.is_empty() {
        return format!("unreached\t{}\t", mutant.name);
    }
    // First what caught others in this file, the cheapest a catch before; then what is quick, by programs; then the rest.
    let mut batches: Vec<(f64, &Path, Vec<&str>)> = Vec::new();
    {
        let killers = killers.lock().expect("the killers");
        let known = killers.get(&mutant.file);
        let mut first: Vec<(f64, &Test)> = asking
            .iter()
            .filter_map(|test| {
                Some((
                    test.seconds / *known?.get(&(test.program.clone(), test.name.clone()))? as f64,
                    *test,
                ))
            })
            .collect();
        first.sort_by(|one, other| one.0.total_cmp(&other.0));
        batches.extend(
            first
                .iter()
                .take(6)
                .map(|(_, test)| (test.seconds, test.program.as_path(), vec![test.name.as_str()])),
        );
    }
    for (over, upto) in [(-1.0, 0.6), (0.6, 3.0), (3.0, 1e9)] {
        let mut programs: BTreeMap<&Path, (f64, Vec<&str>)> = BTreeMap::new();
        for test in asking.iter().filter(|test| test.seconds > over && test.seconds <= upto) {
            let (seconds, names) = programs.entry(&test.program).or_default();
            *seconds += test.seconds;
            names.push(&test.name);
        }
        let mut programs: Vec<_> = programs
            .into_iter()
            .map(|(program, (seconds, names))| (seconds, program, names))
            .collect();
        programs.sort_by(|one, other| one.0.total_cmp(&other.0));
        batches.extend(programs);
    }
    let id = mutant.id.to_string();
    let mut spent = 0.0;
    for (seconds, program, names) in batches {
        if spent > 0.0 && spent + seconds > budget {
            continue;
        }
        spent += seconds;
        let limit = Duration::from_secs_f64(20.0 + 3.0 * seconds);
        let stem = stem(program);
        match run(root, program, &names, &[("WGSLEARN_MUTANT", id.as_ref())], limit, scratch) {
            Ended::Passed => {}
            Ended::Failed(name) => {
                let mut killers = killers.lock().expect("the killers");
                let here = killers.entry(mutant.file.clone()).or_default();
                let first = name.split(' ').next().unwrap_or("").to_string();
                *here.entry((program.to_path_buf(), first)).or_default() += 1;
                return format!("caught\t{}\t{stem} {name}", mutant.name);
            }
            Ended::TimedOut => return format!("timeout\t{}\t{stem}", mutant.name),
        }
    }
    format!("survived\t{}\t", mutant.name)
}
