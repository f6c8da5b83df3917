#![no_main]
#[path = "../target.rs"]
mod target;
target::fuzz!("vectors");
