//! What a setting is: one row of the table in `settings.rs`, from which come the TOML file, the command
//! line's flags, the checks, `to_toml` and the tables of `docs/config.md`.
//!
//! `settings!` makes of each group of rows two structs: what was given (every field an `Option`, as a TOML
//! file or flags say it), and the complete one that a run reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::value::StrDeserializer;
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::{Format, Missing, TableTask};
use crate::error::Error;
use crate::layers::{BagMode, Layer};
use crate::losses::Loss;
use crate::optimizers::{Optimizer, Schedule};
use crate::text::{Side, Subwords, Tokens};
use crate::train::{OnNan, WordMethod};

/// A result whose error is often only words.
pub(super) type Result<T, E = Error> = std::result::Result<T, E>;

/// What a run makes, which decides the defaults of what is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// A classifier of texts.
    Text,
    /// A classifier or regression on a table of numbers.
    Table,
    /// A classifier of pictures.
    Images,
    /// A model that gives its inputs back.
    Autoencoder,
    /// A model from rows or images to others.
    Translate,
    /// Word vectors by themselves.
    Words,
    /// Any model from one `.npy` file to the targets of another.
    Arrays,
}

impl RunKind {
    /// All of them.
    pub const ALL: [RunKind; 7] = [
        RunKind::Text,
        RunKind::Table,
        RunKind::Images,
        RunKind::Autoencoder,
        RunKind::Translate,
        RunKind::Words,
        RunKind::Arrays,
    ];

    /// Its name in TOML.
    pub fn name(self) -> &'static str {
        match self {
            RunKind::Text => "text",
            RunKind::Table => "table",
            RunKind::Images => "images",
            RunKind::Autoencoder => "autoencoder",
            RunKind::Translate => "translate",
            RunKind::Words => "words",
            RunKind::Arrays => "arrays",
        }
    }
}

/// The kinds of run that a setting is for.
pub type Kinds = &'static [RunKind];

/// The values that a number may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// What its type can hold.
    Any,
    /// A whole number, both ends included.
    Whole(u64, u64),
    /// A number from the first to below the second.
    Below(f64, f64),
    /// A number above the first and below the second.
    Between(f64, f64),
}

impl Range {
    fn holds_whole(&self, value: u64) -> bool {
        match *self {
            Range::Whole(low, high) => (low..=high).contains(&value),
            _ => true,
        }
    }

    /// Whether it holds a number; none holds NaN.
    pub(super) fn holds(&self, value: f64) -> bool {
        match *self {
            Range::Any | Range::Whole(..) => !value.is_nan(),
            Range::Below(low, high) => value >= low && value < high,
            Range::Between(low, high) => value > low && value < high,
        }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Range::Any => Ok(()),
            Range::Whole(low, high) => write!(f, "from {low} to {high}"),
            Range::Below(low, high) => write!(f, "from {low} to below {high}"),
            Range::Between(low, high) => write!(f, "above {low} and below {high}"),
        }
    }
}

/// How a setting is written on a command line and what it may be.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Kinds of run that it is for; others refuse it.
    pub kinds: Kinds,
    /// The flag; empty for none, and for what a command takes without one.
    pub flag: &'static str,
    /// The flag's short form.
    pub short: Option<char>,
    /// What a flag's value is called in help.
    pub value_name: &'static str,
    /// The group of help that it belongs to.
    pub heading: &'static str,
    /// The values that it may have.
    pub range: Range,
    /// Whether the flag takes no value and means `false`.
    pub negated: bool,
    /// Other spellings of values, with what they mean.
    pub spellings: &'static [(&'static str, &'static str)],
    /// Values that are not offered.
    pub withheld: &'static [&'static str],
}

impl Spec {
    /// A setting with a flag.
    pub const fn new(heading: &'static str, kinds: Kinds, flag: &'static str) -> Spec {
        Spec {
            kinds,
            flag,
            short: None,
            value_name: "",
            heading,
            range: Range::Any,
            negated: false,
            spellings: &[],
            withheld: &[],
        }
    }
}

/// How many words a setting takes on a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// None: it is there or not.
    Switch,
    /// One.
    One,
    /// Several, with commas.
    Many,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its section of a TOML file: `training`.
    pub group: &'static str,
    /// Its name there: `epochs`.
    pub name: &'static str,
    /// What it is, a line each.
    pub lines: &'static [&'static str],
    /// Flag, range, kinds of run.
    pub spec: Spec,
    /// How many words it takes.
    pub arity: Arity,
    /// The names of its values, where it is a choice.
    pub choices: fn() -> &'static [&'static str],
}

impl Setting {
    /// What it is, as one line.
    pub fn docs(&self) -> String {
        self.lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }

    /// Whether runs of this kind read it.
    pub fn is_for(&self, kind: RunKind) -> bool {
        self.spec.kinds.contains(&kind)
    }

    /// The kinds that it is for, as words.
    pub fn kinds(&self) -> String {
        let names = |kinds: &mut dyn Iterator<Item = RunKind>| {
            kinds.map(RunKind::name).collect::<Vec<_>>().join(", ")
        };
        let others = || RunKind::ALL.into_iter().filter(|kind| !self.is_for(*kind));
        match others().count() {
            1 => format!("all but {}", names(&mut others())),
            _ => names(&mut self.spec.kinds.iter().copied()),
        }
    }

    /// Refuses a value outside the range.
    pub(super) fn refuse(&self, value: &str) -> Error {
        Error::usage(format!(
            "{} is {value}, but must be {}; leave it out for its default",
            self.name, self.spec.range
        ))
    }
}

/// A type of settings: how it is given, written as text, and held against a range.
pub trait SettingType: Sized + Serialize {
    /// What a file or a flag gives.
    type Given: Clone + PartialEq + std::fmt::Debug;

    /// Words on a command line.
    const ARITY: Arity = Arity::One;

    /// What was given, or the default.
    ///
    /// # Errors
    /// [`Error::Usage`] for what makes no sense by itself.
    fn resolve(given: Option<Self::Given>, default: impl FnOnce() -> Self) -> Result<Self>;

    /// Reads a flag's value; the error says what it should be.
    ///
    /// # Errors
    /// What the text should have been.
    fn parse(text: &str) -> Result<Self::Given, String>;

    /// The names of its values, where it is a choice.
    fn choices() -> &'static [&'static str] {
        &[]
    }

    /// The first number outside the range.
    fn outside(&self, _range: &Range) -> Option<String> {
        None
    }

    /// Puts a relative path into this folder.
    fn join(_given: &mut Self::Given, _folder: &Path) {}

    /// Lays what a flag gives over what a file gives.
    fn overlay(given: &mut Option<Self::Given>, over: Option<Self::Given>) {
        if over.is_some() {
            *given = over;
        }
    }
}

/// A setting's value, of whatever type.
pub(super) trait AnyValue {
    fn outside_of(&self, range: &Range) -> Option<String>;
    fn json(&self) -> Value;
}

impl<T: SettingType> AnyValue for T {
    fn outside_of(&self, range: &Range) -> Option<String> {
        self.outside(range)
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

/// A type that is given as it is, and its `Option`, which has no default.
macro_rules! given_as_is {
    ($($type:ty { $($body:tt)* })+) => {
        $(
            impl SettingType for $type {
                type Given = $type;
                fn resolve(given: Option<$type>, default: impl FnOnce() -> $type) -> Result<$type> {
                    Ok(given.unwrap_or_else(default))
                }
                $($body)*
            }

            impl SettingType for Option<$type> {
                type Given = $type;
                const ARITY: Arity = <$type as SettingType>::ARITY;
                fn resolve(given: Option<$type>, default: impl FnOnce() -> Self) -> Result<Self> {
                    Ok(given.or_else(default))
                }
                fn parse(text: &str) -> Result<$type, String> {
                    <$type as SettingType>::parse(text)
                }
                fn choices() -> &'static [&'static str] {
                    <$type as SettingType>::choices()
                }
                fn outside(&self, range: &Range) -> Option<String> {
                    self.as_ref().and_then(|value| value.outside(range))
                }
                fn join(given: &mut $type, folder: &Path) {
                    <$type as SettingType>::join(given, folder);
                }
            }
        )+
    };
}

given_as_is! {
    bool {
        const ARITY: Arity = Arity::Switch;
        fn parse(text: &str) -> Result<bool, String> {
            text.parse().map_err(|_| "true or false".into())
        }
    }
    usize {
        fn parse(text: &str) -> Result<usize, String> {
            whole(text)
        }
        fn outside(&self, range: &Range) -> Option<String> {
            (!range.holds_whole(*self as u64)).then(|| self.to_string())
        }
    }
    u64 {
        fn parse(text: &str) -> Result<u64, String> {
            whole(text)
        }
        fn outside(&self, range: &Range) -> Option<String> {
            (!range.holds_whole(*self)).then(|| self.to_string())
        }
    }
    f64 {
        fn parse(text: &str) -> Result<f64, String> {
            text.trim().parse().map_err(|_| "a number".into())
        }
        fn outside(&self, range: &Range) -> Option<String> {
            (!range.holds(*self)).then(|| self.to_string())
        }
    }
    String {
        fn parse(text: &str) -> Result<String, String> {
            Ok(text.to_owned())
        }
    }
    PathBuf {
        fn parse(text: &str) -> Result<PathBuf, String> {
            match text.is_empty() {
                true => Err("the path of a file".into()),
                false => Ok(text.into()),
            }
        }
        fn join(given: &mut PathBuf, folder: &Path) {
            *given = folder.join(&*given);
        }
    }
    Subwords {
        fn parse(text: &str) -> Result<Subwords, String> {
            text.parse()
        }
    }
    super::settings::Every {
        fn parse(text: &str) -> Result<super::settings::Every, String> {
            text.parse()
        }
    }
    super::settings::Bytes {
        fn parse(text: &str) -> Result<super::settings::Bytes, String> {
            text.parse()
        }
    }
    Vec<usize> {
        const ARITY: Arity = Arity::Many;
        fn parse(text: &str) -> Result<Vec<usize>, String> {
            let words = text.split(',').filter(|_| !text.is_empty());
            words.map(whole).collect::<Result<_, _>>().map_err(|_| "whole numbers, as 64,32".into())
        }
        fn outside(&self, range: &Range) -> Option<String> {
            self.iter().find_map(|value| value.outside(range))
        }
    }
    Vec<String> {
        const ARITY: Arity = Arity::Many;
        fn parse(text: &str) -> Result<Vec<String>, String> {
            Ok(text.split(',').map(|word| word.trim().to_owned()).filter(|w| !w.is_empty()).collect())
        }
    }
    (usize, usize) {
        fn parse(text: &str) -> Result<(usize, usize), String> {
            let sides = text.split_once(['x', 'X']);
            let parsed = sides.and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
            parsed.ok_or_else(|| "width and height, as 64x48".into())
        }
        fn outside(&self, range: &Range) -> Option<String> {
            let shown = || format!("{}x{}", self.0, self.1);
            let inside = [self.0, self.1].iter().all(|&side| range.holds_whole(side as u64));
            (!inside).then(shown)
        }
    }
    Vec<Layer> {
        fn parse(_: &str) -> Result<Vec<Layer>, String> {
            Err("a list in a TOML file".into())
        }
    }
    Loss {
        fn parse(text: &str) -> Result<Loss, String> {
            // A loss with parameters is named alone for their defaults.
            let with_defaults = || serde_json::from_value(serde_json::json!({ text: {} }));
            choice(text).or_else(|message| with_defaults().map_err(|_| message))
        }
        fn choices() -> &'static [&'static str] {
            variants::<Loss>()
        }
    }
}

/// Enums of names alone: their spelling is serde's, beside the enum.
macro_rules! choices {
    ($($type:ty),+) => {
        given_as_is! {
            $($type {
                fn parse(text: &str) -> Result<$type, String> {
                    choice(text)
                }
                fn choices() -> &'static [&'static str] {
                    variants::<$type>()
                }
            })+
        }
    };
}

choices!(
    super::networks::Network,
    super::settings::Pool,
    super::settings::TuneThreshold,
    BagMode,
    Format,
    Missing,
    OnNan,
    Schedule,
    Side,
    TableTask,
    Tokens,
    WordMethod
);

fn whole<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| "a whole number".into())
}

/// The value of that name, as serde spells it.
fn choice<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, String> {
    let text: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(text).map_err(|_| match variants::<T>() {
        [] => "something else".into(),
        names => format!("one of {}", names.join(", ")),
    })
}

/// The names of an enum's variants, as serde spells them.
pub(super) fn variants<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    struct Ask<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Ask<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(Self::Error::custom("not an enum"))
        }

        fn deserialize_enum<V: Visitor<'de>>(
            self,
            _: &'static str,
            variants: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = variants;
            Err(Self::Error::custom("only asked"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
            option unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier
            ignored_any
        }
    }

    let mut found: &'static [&'static str] = &[];
    // The answer is the list; no value is made.
    let _ = T::deserialize(Ask(&mut found));
    found
}

/// An optimizer as it is given: its name and some of its numbers. In TOML `"sgd"`, or
/// `{ sgd = { momentum = 0.9 } }`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GivenOptimizer {
    /// Its name; that of such runs if not given.
    pub name: Option<String>,
    /// Its numbers by name; the others have their defaults.
    pub numbers: BTreeMap<String, f64>,
}

impl<'de> Deserialize<'de> for GivenOptimizer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Name(String),
            Numbers(BTreeMap<String, BTreeMap<String, f64>>),
        }
        let written = Written::deserialize(deserializer).map_err(|_| {
            D::Error::custom("an optimizer is a name, or a name with its numbers: { sgd = { learning_rate = 0.01 } }")
        })?;
        let given = match written {
            Written::Name(name) => GivenOptimizer { name: Some(name), ..Default::default() },
            Written::Numbers(named) => {
                let mut named = named.into_iter();
                let (Some((name, numbers)), None) = (named.next(), named.next()) else {
                    return Err(D::Error::custom("a run has one optimizer: { adam = {} }"));
                };
                GivenOptimizer { name: Some(name), numbers }
            }
        };
        given.complete(|_, _| None).map_err(D::Error::custom)?;
        Ok(given)
    }
}

impl GivenOptimizer {
    /// The same with a name, `usual` if none is given.
    pub(super) fn named(self, usual: &str) -> GivenOptimizer {
        GivenOptimizer { name: self.name.or_else(|| Some(usual.to_owned())), ..self }
    }

    /// The same with every number: those that are not given are `default` of optimizer and name, or the
    /// optimizer's own.
    pub(super) fn complete(
        &self,
        default: impl Fn(&str, &str) -> Option<f64>,
    ) -> Result<GivenOptimizer> {
        let name = self.name.as_deref().unwrap_or("adam");
        let plain = serde_json::from_value::<Optimizer>(serde_json::json!({ name: {} }));
        let plain = plain.map_err(|_| {
            let known = variants::<Optimizer>().join(", ");
            Error::usage(format!("the optimizer \"{name}\" is not known; take one of {known}"))
        })?;
        let mut numbers = BTreeMap::new();
        if let Some(own) = plain.json()[name].as_object() {
            for (key, value) in own {
                let own = value.as_f64().unwrap_or_default();
                numbers.insert(key.clone(), default(name, key).unwrap_or(own));
            }
        }
        for (key, &value) in &self.numbers {
            let Some(known) = numbers.get_mut(key) else {
                let known: Vec<&str> = numbers.keys().map(String::as_str).collect();
                return Err(Error::usage(format!(
                    "{key} is no number of the optimizer {name}, which has {}; leave it out, or take another optimizer",
                    known.join(", ")
                )));
            };
            let row = super::settings::hyperparameters().iter().find(|row| row.name == key);
            match row {
                Some(row) if !row.spec.range.holds(value) => {
                    return Err(row.refuse(&value.to_string()));
                }
                _ if !value.is_finite() => {
                    return Err(Error::usage(format!("{key} is {value}, but must be a number")));
                }
                _ => *known = value,
            }
        }
        Ok(GivenOptimizer { name: Some(name.to_owned()), numbers })
    }
}

impl SettingType for Optimizer {
    type Given = GivenOptimizer;

    fn resolve(given: Option<GivenOptimizer>, default: impl FnOnce() -> Self) -> Result<Self> {
        let Some(given) = given else { return Ok(default()) };
        let given = given.complete(|_, _| None)?;
        let name = given.name.unwrap_or_default();
        let json = serde_json::json!({ name: given.numbers });
        serde_json::from_value(json).map_err(|e| Error::usage(format!("the optimizer: {e}")))
    }

    fn parse(text: &str) -> Result<GivenOptimizer, String> {
        match variants::<Optimizer>().contains(&text) {
            true => Ok(GivenOptimizer { name: Some(text.to_owned()), ..Default::default() }),
            false => Err(format!("one of {}", variants::<Optimizer>().join(", "))),
        }
    }

    fn choices() -> &'static [&'static str] {
        variants::<Optimizer>()
    }

    fn overlay(given: &mut Option<GivenOptimizer>, over: Option<GivenOptimizer>) {
        let Some(over) = over else { return };
        let given = given.get_or_insert_default();
        if over.name.is_some() && over.name != given.name {
            // Another optimizer has other numbers.
            *given = GivenOptimizer { name: over.name, numbers: BTreeMap::new() };
        }
        given.numbers.extend(over.numbers);
    }
}

/// Makes a group's structs and its rows.
macro_rules! settings {
    ($(
        $(#[doc = $group_doc:literal])+
        $group:ident: $how:tt $Config:ident, $Given:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $type:ty = $default:expr, $spec:expr;
            )+
        }
    )+) => {
        $(
            $crate::run::setting::complete_struct! {
                $how $(#[doc = $group_doc])+ $Config { $($(#[doc = $doc])+ $field: $type,)+ }
            }

            $(#[doc = $group_doc])+
            ///
            /// What was given; the rest has defaults.
            #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
            #[serde(default, deny_unknown_fields)]
            pub struct $Given {
                $(
                    $(#[doc = $doc])+
                    pub $field: Option<<$type as SettingType>::Given>,
                )+
            }

            impl $Given {
                const ROWS: &'static [Setting] = &[$(
                    Setting {
                        group: stringify!($group),
                        name: stringify!($field),
                        lines: &[$($doc),+],
                        spec: $spec,
                        arity: <$type as SettingType>::ARITY,
                        choices: <$type as SettingType>::choices,
                    },
                )+];

                fn resolve(&self, defaults: &Defaults) -> Result<$Config> {
                    Ok($Config {$(
                        $field: {
                            let default: fn(&Defaults) -> $type = $default;
                            <$type as SettingType>::resolve(self.$field.clone(), || default(defaults))?
                        },
                    )+})
                }

                fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
                    $(
                        if name == stringify!($field) {
                            self.$field = Some(<$type as SettingType>::parse(text)?);
                        }
                    )+
                    Ok(())
                }

                fn overlay(&mut self, over: $Given) {
                    $(<$type as SettingType>::overlay(&mut self.$field, over.$field);)+
                }

                fn join(&mut self, folder: &std::path::Path) {
                    $(
                        if let Some(given) = &mut self.$field {
                            <$type as SettingType>::join(given, folder);
                        }
                    )+
                }

                /// The rows that are given.
                fn given(&self) -> Vec<&'static Setting> {
                    let given = [$(self.$field.is_some()),+];
                    Self::ROWS.iter().zip(given).filter(|(_, given)| *given).map(|(row, _)| row).collect()
                }

                fn each(config: &$Config, visit: &mut dyn FnMut(&'static Setting, &dyn AnyValue)) {
                    let mut rows = Self::ROWS.iter();
                    $(
                        if let Some(row) = rows.next() {
                            visit(row, &config.$field);
                        }
                    )+
                }
            }
        )+

        /// A training run, described and complete: what [`crate::run::train`] reads.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub struct RunConfig {
            /// What the run makes.
            pub kind: RunKind,
            $(
                $(#[doc = $group_doc])+
                pub $group: $Config,
            )+
        }

        /// A training run as somebody gives it, by a TOML file, by flags or in a program: what is not given
        /// has the default of its kind.
        #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Settings {
            /// What the run makes; told from the data's settings if not given.
            pub kind: Option<RunKind>,
            $(
                $(#[doc = $group_doc])+
                pub $group: $Given,
            )+
        }

        impl Settings {
            /// Every setting, in the order of a file, but an optimizer's numbers.
            pub fn all() -> impl Iterator<Item = &'static Setting> {
                [$($Given::ROWS),+].into_iter().flatten()
            }

            /// What a group is.
            pub(super) fn groups() -> Vec<(&'static str, String)> {
                vec![$((stringify!($group), [$($group_doc),+].concat().trim().to_owned())),+]
            }

            /// Sets what a setting's text says; the error says what it should be.
            ///
            /// # Errors
            /// What the text should have been.
            pub fn set(&mut self, setting: &Setting, text: &str) -> Result<(), String> {
                let meant = setting.spec.spellings.iter().find(|(written, _)| *written == text);
                let text = meant.map_or(text, |(_, meant)| meant);
                if setting.group == OPTIMIZER {
                    let number = <f64 as SettingType>::parse(text)?;
                    let optimizer = self.training.optimizer.get_or_insert_default();
                    optimizer.numbers.insert(setting.name.to_owned(), number);
                }
                $(
                    if setting.group == stringify!($group) {
                        self.$group.set(setting.name, text)?;
                    }
                )+
                Ok(())
            }

            /// Lays `over` over this.
            pub fn overlay(&mut self, over: Settings) {
                self.kind = over.kind.or(self.kind);
                $(self.$group.overlay(over.$group);)+
            }

            /// Takes relative paths to be in this folder, as those of a file of settings are in the file's.
            pub fn join(&mut self, folder: &std::path::Path) {
                $(self.$group.join(folder);)+
            }

            /// The settings that are given.
            pub(super) fn given(&self) -> Vec<&'static Setting> {
                [$(self.$group.given()),+].concat()
            }

            /// The run with the defaults of its kind.
            pub(super) fn with(&self, defaults: &Defaults) -> Result<RunConfig> {
                Ok(RunConfig { kind: defaults.kind, $($group: self.$group.resolve(defaults)?,)+ })
            }
        }

        impl RunConfig {
            /// Visits every setting with its value.
            pub(super) fn each(&self, visit: &mut dyn FnMut(&'static Setting, &dyn AnyValue)) {
                $($Given::each(&self.$group, visit);)+
            }
        }
    };
}

/// The complete struct of a group, unless it is defined elsewhere.
macro_rules! complete_struct {
    (extern $($rest:tt)*) => {};
    (struct $(#[doc = $group_doc:literal])+ $Config:ident {
        $($(#[doc = $doc:literal])+ $field:ident: $type:ty,)+
    }) => {
        $(#[doc = $group_doc])+
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub struct $Config {
            $(
                $(#[doc = $doc])+
                pub $field: $type,
            )+
        }
    };
}

pub(super) use complete_struct;
pub(super) use settings;
