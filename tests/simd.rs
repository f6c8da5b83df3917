//! The CPU backend in each form of vectors that this processor has (`WGSLEARN_SIMD`): every kernel's reference, and whole
//! runs, whose bits do not depend on the width.

mod common;

use std::process::Command;

use common::Checked;
use common::cli::Folder;
use wgslearn::kernels::ALL;
use wgslearn::kernels::simd::{self, Form};

/// Run by the test below, once in each form: a process has one.
#[test]
#[ignore = "run in each form by the test below"]
fn references_in_this_form() {
    let wanted = std::env::var("WGSLEARN_SIMD").expect("the form is set");
    assert_eq!(simd::form().name(), wanted);
    let sizes = [
        [1, 1, 1, 1],
        [5, 31, 17, 2],
        [64, 128, 96, 1],
        [37, 100, 52, 3],
        [130, 36, 4, 2],
        [7, 700, 9, 1],
    ];
    for (seed, sizes) in sizes.into_iter().enumerate() {
        for kernel in ALL {
            if let Err(message) = Checked::new(kernel, seed as u64, sizes).check_references() {
                panic!("{message} at sizes {sizes:?} in the form {wanted}");
            }
        }
    }
}

#[test]
fn every_reference_is_right_in_every_form() {
    let tests = std::env::current_exe().expect("this program");
    for form in Form::available() {
        let run = Command::new(&tests)
            .args(["--exact", "references_in_this_form", "--ignored"])
            .env("WGSLEARN_SIMD", form.name())
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && said.contains("1 passed"), "{}: {said}", form.name());
    }
}

/// AVX-512 and AVX2 round alike; the baseline of x86-64 has no fused multiply-add.
#[test]
fn a_model_has_the_same_bits_whatever_the_width() {
    let folder = Folder::new();
    let reviews = folder.reviews().display().to_string();
    let fused: Vec<Form> = Form::available().filter(|form| *form != Form::Baseline).collect();
    let mut models = Vec::new();
    for form in &fused {
        let model = folder.path(form.name());
        let run = Command::new(env!("CARGO_BIN_EXE_wgslearn"))
            .args(["train", "text", &reviews, "--device", "cpu", "--epochs", "3", "--hidden", "33"])
            .args(["--quiet", "-o", &model.display().to_string()])
            .env("WGSLEARN_SIMD", form.name())
            .output()
            .expect("it runs");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        models.push(std::fs::read(model).expect("a model"));
    }
    for (form, model) in fused.iter().zip(&models) {
        assert!(*model == models[0], "{} gives other bits than {}", form.name(), fused[0].name());
    }
}

#[test]
fn a_form_that_is_none_is_refused() {
    let folder = Folder::new();
    let reviews = folder.reviews().display().to_string();
    let run = Command::new(env!("CARGO_BIN_EXE_wgslearn"))
        .args(["train", "text", &reviews, "--device", "cpu"])
        .env("WGSLEARN_SIMD", "avx3")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.code() == Some(2) && said.contains("avx3") && said.contains("baseline"),
        "{said}"
    );
}
