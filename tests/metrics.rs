//! Metrics against scikit-learn's own figures (`tests/fixtures/metrics/make.py` writes them).

use std::collections::BTreeMap;

use serde::Deserialize;
use wgslearn::metrics::{self, Average, Metric, Predictions};
use wgslearn::report::{ClassificationReport, RegressionReport};

#[derive(Deserialize)]
struct Fixture {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    width: usize,
    target_width: usize,
    outputs: Vec<f64>,
    targets: Vec<f64>,
    /// By metric; none where scikit-learn refuses or answers NaN.
    expected: BTreeMap<String, Option<f64>>,
    each_output: BTreeMap<String, Option<Vec<f64>>>,
}

impl Case {
    fn predictions(&self) -> Predictions<'_> {
        Predictions::from_f64(&self.outputs, self.width, &self.targets, self.target_width)
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

fn cases() -> Vec<Case> {
    let text = include_str!("fixtures/metrics/metrics.json");
    let fixture: Fixture = serde_json::from_str(text).expect("a fixture");
    assert!(fixture.cases.len() > 40);
    fixture.cases
}

/// Relative to the figure, or to a thousandth where it is smaller (R2 near 0 is a difference of ones).
fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    let bound = tolerance * expected.abs().max(1e-3);
    assert!((found - expected).abs() <= bound, "{what}: {found}, scikit-learn {expected}");
}

#[test]
fn every_metric_is_scikit_learns() {
    for case in cases() {
        let predictions = case.predictions();
        for (name, expected) in &case.expected {
            let metric = metrics::by_name(name).expect("a metric");
            let what = format!("{} of {}", name, case.name);
            match (metric.compute(&predictions), expected) {
                (Ok(found), Some(expected)) => assert_near(found, *expected, 1e-12, &what),
                (Err(error), None) => {
                    let sentence = error.to_string();
                    assert!(sentence.contains("; ") || sentence.contains("scikit"), "{sentence}");
                }
                (found, expected) => panic!("{what}: {found:?}, scikit-learn {expected:?}"),
            }
        }
    }
}

#[test]
fn every_name_has_figures() {
    let case = cases().remove(0);
    let held: Vec<&str> =
        case.expected.keys().map(|name| name.split(':').next().unwrap_or(name)).collect();
    for name in metrics::names() {
        assert!(held.contains(&name), "make.py has no figures of {name}");
    }
    for name in ["accuracy", "roc_auc", "rmse"] {
        assert!(metrics::names().any(|known| known == name), "{name} is not among the names");
    }
}

#[test]
fn each_output_is_scikit_learns() {
    for case in cases().iter().filter(|case| case.width == case.target_width) {
        let predictions = case.predictions();
        for (name, expected) in &case.each_output {
            let found = match name.as_str() {
                "mse" => metrics::Mse.each_output(&predictions),
                "rmse" => metrics::Rmse.each_output(&predictions),
                "mae" => metrics::Mae.each_output(&predictions),
                "r2" => metrics::R2.each_output(&predictions),
                name => panic!("{name} has no figures of each output"),
            };
            let Some(expected) = expected else {
                assert!(found.is_err(), "{name} of {}: {found:?}", case.name);
                continue;
            };
            let found = found.expect("figures");
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert_near(*found, *expected, 1e-12, &format!("{name} of {}", case.name));
            }
        }
    }
}

#[test]
fn single_precision_outputs_give_the_same_to_their_rounding() {
    for case in cases() {
        let single = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
        let (outputs, targets) = (single(&case.outputs), single(&case.targets));
        let predictions = Predictions::new(&outputs, case.width, &targets, case.target_width)
            .expect("predictions");
        // Certain mistakes cost what the precision says (the next test); values far from zero lose digits.
        let certain = case.outputs.iter().any(|&output| output == 0.0 || output == 1.0);
        let far = case.outputs.iter().any(|output| output.abs() > 1e3);
        for (name, expected) in &case.expected {
            let Some(expected) = expected else { continue };
            if !(far || certain && name == "log_loss") {
                let found = metrics::by_name(name).expect("a metric").compute(&predictions);
                let what = format!("{name} of {}", case.name);
                assert_near(found.expect(name), *expected, 1e-5, &what);
            }
        }
    }
}

#[test]
fn log_loss_of_certain_mistakes_is_cut_at_the_precision_of_the_outputs() {
    let log_loss = metrics::by_name("log_loss").expect("a metric");
    let single = Predictions::new(&[0.0, 1.0], 1, &[1.0, 1.0], 1).expect("predictions");
    // scikit-learn clips to eps of the outputs' type: numpy.finfo(float32).eps is 2^-23.
    let expected = (-(2f64.powi(-23)).ln() - (1.0 - 2f64.powi(-23)).ln()) / 2.0;
    assert_near(log_loss.compute(&single).expect("a loss"), expected, 1e-14, "single precision");
    let double = Predictions::from_f64(&[0.0, 1.0], 1, &[1.0, 1.0], 1).expect("predictions");
    let expected = (-f64::EPSILON.ln() - (1.0 - f64::EPSILON).ln()) / 2.0;
    assert_near(log_loss.compute(&double).expect("a loss"), expected, 1e-14, "double precision");
}

#[test]
fn names_come_back_and_say_what_is_better() {
    for name in metrics::names() {
        let asked = if name == "top_k_accuracy" { "top_k_accuracy:5" } else { name };
        let metric = metrics::by_name(asked).expect("a metric");
        assert_eq!(metric.name(), asked);
        let lower = ["log_loss", "mse", "rmse", "mae"].contains(&name);
        assert_eq!(metric.higher_is_better(), !lower, "{name}");
    }
}

#[test]
fn wrong_names_are_answered_with_the_right_ones() {
    let sentence = |name: &str| metrics::by_name(name).expect_err("no metric").to_string();
    let unknown = sentence("f2");
    for word in ["\"f2\"", "accuracy", "f1_macro", "top_k_accuracy:K", "roc_auc_ovr_weighted", "r2"]
    {
        assert!(unknown.contains(word), "{unknown}");
    }
    for name in ["top_k_accuracy", "top_k_accuracy:0", "top_k_accuracy:x", "top_k_accuracy:-1"] {
        assert!(sentence(name).contains("write top_k_accuracy:5"), "{}", sentence(name));
    }
    assert!(sentence("mse:2").contains("takes no argument"), "{}", sentence("mse:2"));
    assert!(metrics::by_name("").is_err());
}

#[test]
fn predictions_that_do_not_fit_are_refused() {
    let refused = |outputs: &[f32], width, targets: &[f32], target_width, word: &str| {
        let error = Predictions::new(outputs, width, targets, target_width).expect_err(word);
        assert!(error.to_string().contains(word), "{error}");
    };
    refused(&[], 1, &[], 1, "no rows");
    refused(&[0.5], 0, &[1.0], 1, "width 0");
    refused(&[0.5], 1, &[], 0, "width 0");
    refused(&[0.5; 3], 3, &[1.0; 2], 2, "width 2");
    refused(&[0.5; 3], 1, &[1.0; 2], 1, "3 outputs and 2 targets");
    refused(&[0.5; 5], 2, &[1.0; 2], 1, "5 outputs and 2 targets");
    refused(&[0.5; 4], 2, &[1.0; 3], 2, "4 outputs and 3 targets");
    refused(&[0.5, 0.5, f32::NAN, 0.5], 2, &[1.0; 2], 1, "output 0 of row 1 is NaN");
    refused(&[0.5; 2], 1, &[1.0, f32::INFINITY], 1, "target 0 of row 1 is inf");
    refused(&[0.5; 4], 2, &[1.0, 2.0], 1, "target of row 1 is 2");
    refused(&[0.5; 4], 2, &[-1.0, 1.0], 1, "target of row 0 is -1");
    refused(&[0.5; 4], 2, &[0.5, 1.0], 1, "target of row 0 is 0.5");
}

#[test]
fn refusals_name_the_row_and_the_way_out() {
    let sentence = |name: &str, predictions: &Predictions<'_>| {
        let metric = metrics::by_name(name).expect("a metric");
        metric.compute(predictions).expect_err(name).to_string()
    };
    let values = Predictions::new(&[0.5, 0.5], 1, &[1.0, 3.0], 1).expect("predictions");
    for name in ["accuracy", "f1", "roc_auc", "log_loss", "average_precision", "top_k_accuracy:1"] {
        let found = sentence(name, &values);
        assert!(found.contains("target 0 of row 1 is 3") && found.contains("mse"), "{found}");
    }
    let classes = Predictions::new(&[0.2, 0.3, 0.5], 3, &[1.0], 1).expect("predictions");
    for name in ["mse", "rmse", "mae", "r2"] {
        assert!(sentence(name, &classes).contains("one class number"));
    }
    assert!(sentence("f1", &classes).contains("f1_macro"));
    assert!(sentence("roc_auc", &classes).contains("roc_auc_ovr"));
    let micro = metrics::RocAuc { average: Average::Micro };
    assert!(micro.compute(&classes).is_err());
    let none = metrics::TopKAccuracy { k: 0 };
    assert!(none.compute(&classes).is_err());
    let logits = Predictions::new(&[0.5, 1.5], 1, &[1.0, 0.0], 1).expect("predictions");
    assert!(sentence("log_loss", &logits).contains("output 0 of row 1 is 1.5"));
}

#[test]
fn predictions_say_what_they_hold() {
    let labels = Predictions::new(&[0.5; 6], 3, &[1.0; 6], 3).expect("predictions");
    assert_eq!((labels.rows(), labels.width(), labels.target_width()), (2, 3, 3));
    assert_eq!((labels.classes(), labels.is_binary(), labels.is_multilabel()), (3, false, true));
    let one = Predictions::new(&[0.5; 2], 1, &[1.0; 2], 1).expect("predictions");
    assert_eq!((one.classes(), one.is_binary(), one.is_multilabel()), (2, true, false));
    let two = Predictions::new(&[0.5; 4], 2, &[1.0; 2], 1).expect("predictions");
    assert_eq!((two.rows(), two.classes(), two.is_binary()), (2, 2, true));
    let three = Predictions::new(&[0.5; 6], 3, &[1.0; 2], 1).expect("predictions");
    assert!(!three.is_binary() && !three.is_multilabel());
    assert_eq!((labels.outputs(), labels.targets()), (&[0.5; 6][..], &[1.0; 6][..]));
    let counts = two.answers("accuracy").expect("counts");
    assert_eq!((counts.classes(), counts.support(0), counts.support(1)), (2, 0, 2));
}

#[test]
fn the_regression_report_has_scikit_learns_figures() {
    for case in cases().iter().filter(|case| case.width == case.target_width) {
        let report = RegressionReport::new(&case.targets, &case.outputs, case.width);
        let report = report.expect("a report");
        for (name, found) in [("mse", report.mse), ("rmse", report.rmse), ("mae", report.mae)] {
            let expected = case.expected[name].expect("a figure");
            assert_near(found, expected, 1e-12, &format!("{name} of {}", case.name));
        }
        assert_eq!(report.r2.is_some(), case.expected["r2"].is_some(), "{}", case.name);
        if let (Some(found), Some(expected)) = (report.r2, case.expected["r2"]) {
            assert_near(found, expected, 1e-12, &format!("r2 of {}", case.name));
        }
    }
}

#[test]
fn the_classification_report_has_scikit_learns_figures() {
    let classes = |case: &&Case| case.target_width == 1 && case.width > 1;
    for case in cases().iter().filter(classes) {
        let answer = |row: &[f64]| {
            (1..row.len()).fold(0, |best, j| if row[j] > row[best] { j } else { best })
        };
        let answers: Vec<usize> = case.outputs.chunks_exact(case.width).map(answer).collect();
        let truth: Vec<usize> = case.targets.iter().map(|&class| class as usize).collect();
        let labels: Vec<String> = (0..case.width).map(|class| class.to_string()).collect();
        let report = ClassificationReport::new(&truth, &answers, &labels).expect("a report");
        let (plain, weighted) = (report.macro_average, report.weighted_average);
        for (name, found) in [
            ("accuracy", report.accuracy),
            ("precision_macro", plain.precision),
            ("recall_macro", plain.recall),
            ("f1_macro", plain.f1),
            ("precision_weighted", weighted.precision),
            ("recall_weighted", weighted.recall),
            ("f1_weighted", weighted.f1),
        ] {
            let expected = case.expected[name].expect("a figure");
            assert_near(found, expected, 1e-12, &format!("{name} of {}", case.name));
        }
    }
}

/// Equal targets whose mean is rounded have a variance above 0, which explains nothing all the same.
#[test]
fn r2_of_equal_targets_is_0_whatever_their_mean_is_rounded_to() {
    let (targets, outputs) = ([0.1, 0.1, 0.1], [0.1, 0.2, 0.3]);
    let mean: f64 = targets.iter().sum::<f64>() / 3.0;
    assert_ne!(mean, 0.1);
    let predictions = Predictions::from_f64(&outputs, 1, &targets, 1).expect("predictions");
    let found = metrics::by_name("r2").expect("a metric").compute(&predictions).expect("a figure");
    assert_eq!(found, 0.0);
}

#[test]
fn roc_auc_of_one_class_says_which_rows_are_missing() {
    for (truth, says) in [(0.0, "no row of 3 is of class"), (1.0, "every row of 3 is of class")] {
        let predictions =
            Predictions::new(&[0.2, 0.5, 0.7], 1, &[truth; 3], 1).expect("predictions");
        let refused = metrics::by_name("roc_auc").expect("a metric").compute(&predictions);
        let sentence = refused.expect_err("of one class").to_string();
        assert!(sentence.contains(says), "{sentence}");
    }
}
