//! Writes all mutants of a file into it, each behind a switch that is asked at run time.
//!
//! A mutant of `cargo mutants --list --json` is a place (line and column of an operator, a body, a guard, an arm, a field) and
//! what stands there instead. `a + b` with the mutants 4 (`-`) and 5 (`*`) becomes
//!
//!     (if crate::mutant::on(4) { (a) - (b) } else if crate::mutant::on(5) { (a) * (b) } else { a + b })
//!
//! so that one build serves every mutant. What a mutant's own branch holds is the source as it was: only one is on at a time.
//! Comments `/*<4*/` and `/*>4*/` stand around each branch, by which an error of the compiler is laid to its mutant.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::Value;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// One change to one place.
pub struct Mutant {
    /// Its number, by which it is switched on.
    pub id: usize,
    pub name: String,
    pub file: String,
    genre: String,
    start: (usize, usize),
    replacement: String,
}

impl Mutant {
    pub fn read(id: usize, value: &Value) -> Option<Self> {
        let text = |key: &str| value[key].as_str().map(String::from);
        let start = &value["span"]["start"];
        Some(Self {
            id,
            name: text("name")?,
            file: text("file")?,
            genre: text("genre")?,
            start: (start["line"].as_u64()? as usize, start["column"].as_u64()? as usize),
            replacement: text("replacement").unwrap_or_default(),
        })
    }
}

enum Change {
    /// Text before what stands here.
    Insert(String),
    /// Another operator between two operands.
    Binary { left: Range<usize>, right: Range<usize>, mutants: Vec<(usize, String)> },
    /// The operand without its operator.
    Unary { operand: Range<usize>, mutants: Vec<usize> },
    /// A guard that is always true or false, and arms that are not there.
    Guard { constant: Vec<(usize, String)>, deleted: Vec<usize> },
    /// A structure without one of its fields: the rest of the source with the field cut out.
    Fields(Vec<(usize, Range<usize>)>),
}

struct Edit {
    range: Range<usize>,
    change: Change,
}

struct Finder<'m> {
    at: BTreeMap<(usize, usize, &'static str), Vec<&'m Mutant>>,
    edits: Vec<Edit>,
    found: BTreeSet<usize>,
    /// How many constants stand around: what is evaluated at compile time can ask no switch.
    constant: usize,
}

fn place(span: proc_macro2::Span) -> (usize, usize) {
    let start = span.start();
    (start.line, start.column + 1)
}

fn has_let(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) if matches!(binary.op, syn::BinOp::And(_)) => {
            has_let(&binary.left) || has_let(&binary.right)
        }
        _ => false,
    }
}

impl Finder<'_> {
    fn take(&mut self, span: proc_macro2::Span, genre: &'static str) -> Vec<(usize, String)> {
        if self.constant > 0 {
            return Vec::new();
        }
        let (line, column) = place(span);
        let mutants = self.at.get(&(line, column, genre)).cloned().unwrap_or_default();
        self.found.extend(mutants.iter().map(|mutant| mutant.id));
        mutants.iter().map(|mutant| (mutant.id, mutant.replacement.clone())).collect()
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        // A constant function can ask no switch, and what `impl Trait` stands for is one type.
        if signature.constness.is_some()
            || matches!(&signature.output, syn::ReturnType::Type(_, kind) if matches!(**kind, syn::Type::ImplTrait(_)))
        {
            return;
        }
        let Some(first) = block.stmts.first() else { return };
        let mutants = self.take(first.span(), "FnValue");
        let at = block.brace_token.span.open().byte_range().end;
        let text = mutants
            .iter()
            .map(|(id, value)| {
                format!(" if crate::mutant::on({id}) {{ /*<{id}*/ return {value}; /*>{id}*/ }}")
            })
            .collect::<String>();
        if !text.is_empty() {
            self.edits.push(Edit { range: at..at, change: Change::Insert(text) });
        }
    }

    fn inside(&mut self, constant: bool, visit: impl FnOnce(&mut Self)) {
        self.constant += usize::from(constant);
        visit(self);
        self.constant -= usize::from(constant);
    }
}

impl<'a> Visit<'a> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.function(&item.sig, &item.block);
        self.inside(item.sig.constness.is_some(), |finder| visit::visit_item_fn(finder, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        self.inside(item.sig.constness.is_some(), |finder| visit::visit_impl_item_fn(finder, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        self.inside(item.sig.constness.is_some(), |finder| {
            visit::visit_trait_item_fn(finder, item)
        });
    }

    fn visit_item_const(&mut self, item: &'a syn::ItemConst) {
        self.inside(true, |finder| visit::visit_item_const(finder, item));
    }

    fn visit_impl_item_const(&mut self, item: &'a syn::ImplItemConst) {
        self.inside(true, |finder| visit::visit_impl_item_const(finder, item));
    }

    fn visit_item_static(&mut self, item: &'a syn::ItemStatic) {
        self.inside(true, |finder| visit::visit_item_static(finder, item));
    }

    fn visit_type_array(&mut self, item: &'a syn::TypeArray) {
        self.inside(true, |finder| visit::visit_type_array(finder, item));
    }

    fn visit_expr_const(&mut self, item: &'a syn::ExprConst) {
        self.inside(true, |finder| visit::visit_expr_const(finder, item));
    }

    fn visit_expr_repeat(&mut self, item: &'a syn::ExprRepeat) {
        self.visit_expr(&item.expr);
        self.inside(true, |finder| finder.visit_expr(&item.len));
    }

    fn visit_pat(&mut self, item: &'a syn::Pat) {
        self.inside(true, |finder| visit::visit_pat(finder, item));
    }

    fn visit_expr_binary(&mut self, item: &'a syn::ExprBinary) {
        if !has_let(&item.left) && !has_let(&item.right) {
            let mutants = self.take(item.op.span(), "BinaryOperator");
            if !mutants.is_empty() {
                let change = Change::Binary {
                    left: item.left.span().byte_range(),
                    right: item.right.span().byte_range(),
                    mutants,
                };
                self.edits.push(Edit { range: item.span().byte_range(), change });
            }
        }
        visit::visit_expr_binary(self, item);
    }

    fn visit_expr_unary(&mut self, item: &'a syn::ExprUnary) {
        let mutants = self.take(item.op.span(), "UnaryOperator");
        if !mutants.is_empty() {
            let mutants = mutants.into_iter().map(|(id, _)| id).collect();
            let change = Change::Unary { operand: item.expr.span().byte_range(), mutants };
            self.edits.push(Edit { range: item.span().byte_range(), change });
        }
        visit::visit_expr_unary(self, item);
    }

    fn visit_arm(&mut self, item: &'a syn::Arm) {
        let deleted =
            self.take(item.span(), "MatchArm").into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        match &item.guard {
            Some((_, guard)) if !has_let(guard) => {
                let constant = self.take(guard.span(), "MatchArmGuard");
                if !deleted.is_empty() || !constant.is_empty() {
                    self.edits.push(Edit {
                        range: guard.span().byte_range(),
                        change: Change::Guard { constant, deleted },
                    });
                }
            }
            Some(_) => {}
            None => {
                if !deleted.is_empty() {
                    let at = item.pat.span().byte_range().end;
                    let off = deleted
                        .iter()
                        .map(|id| format!("!crate::mutant::on({id})"))
                        .collect::<Vec<_>>();
                    let text =
                        format!(" /*<{id}*/ if {} /*>{id}*/", off.join(" && "), id = deleted[0]);
                    self.edits.push(Edit { range: at..at, change: Change::Insert(text) });
                }
            }
        }
        visit::visit_arm(self, item);
    }

    fn visit_expr_struct(&mut self, item: &'a syn::ExprStruct) {
        let mut fields = Vec::new();
        for pair in item.fields.pairs() {
            let range = pair.span().byte_range();
            for (id, _) in self.take(pair.value().span(), "StructField") {
                fields.push((id, range.clone()));
            }
        }
        if !fields.is_empty() {
            self.edits
                .push(Edit { range: item.span().byte_range(), change: Change::Fields(fields) });
        }
        visit::visit_expr_struct(self, item);
    }
}

/// The source with every one of `mutants` behind its switch, and those that have no place in it.
pub fn weave(source: &str, mutants: &[&Mutant]) -> Result<(String, Vec<usize>), String> {
    let file = syn::parse_file(source).map_err(|error| error.to_string())?;
    let mut at: BTreeMap<(usize, usize, &'static str), Vec<&Mutant>> = BTreeMap::new();
    for mutant in mutants {
        let genre = [
            "FnValue",
            "BinaryOperator",
            "UnaryOperator",
            "MatchArmGuard",
            "MatchArm",
            "StructField",
        ]
        .into_iter()
        .find(|genre| *genre == mutant.genre)
        .ok_or_else(|| {
            format!("{}: a kind of mutant that this program does not know", mutant.genre)
        })?;
        at.entry((mutant.start.0, mutant.start.1, genre)).or_default().push(mutant);
    }
    let mut finder = Finder { at, edits: Vec::new(), found: BTreeSet::new(), constant: 0 };
    finder.visit_file(&file);
    let mut edits = finder.edits;
    edits.sort_by_key(|edit| (edit.range.start, std::cmp::Reverse(edit.range.end)));
    let lost =
        mutants.iter().map(|mutant| mutant.id).filter(|id| !finder.found.contains(id)).collect();
    Ok((write(source, &edits, 0..source.len()), lost))
}

/// The part `range` of the source with `edits`, which are in the order of their starts, outer before inner.
fn write(source: &str, edits: &[Edit], range: Range<usize>) -> String {
    let mut text = String::new();
    let mut done = range.start;
    let mut next = 0;
    while let Some(edit) = edits.get(next) {
        text += &source[done..edit.range.start];
        let inner = edits[next + 1..]
            .iter()
            .take_while(|other| other.range.end <= edit.range.end && !edit.range.is_empty())
            .count();
        text += &change(source, edit, &edits[next + 1..next + 1 + inner]);
        done = edit.range.end;
        next += 1 + inner;
    }
    text + &source[done..range.end]
}

fn change(source: &str, edit: &Edit, inner: &[Edit]) -> String {
    let branch = |id: usize, text: &str| {
        format!("if crate::mutant::on({id}) {{ /*<{id}*/ {text} /*>{id}*/ }} else ")
    };
    let whole = || write(source, inner, edit.range.clone());
    match &edit.change {
        Change::Insert(text) => text.clone(),
        Change::Binary { left, right, mutants } => {
            let (left, right) = (&source[left.clone()], &source[right.clone()]);
            let assigns = |operator: &str| {
                operator.ends_with('=') && !["==", "!=", "<=", ">="].contains(&operator)
            };
            let branches = mutants.iter().map(|(id, operator)| {
                let text = if assigns(operator) {
                    format!("{left} {operator} ({right})")
                } else {
                    format!("({left}) {operator} ({right})")
                };
                branch(*id, &text)
            });
            format!("({}{{ {} }})", branches.collect::<String>(), whole())
        }
        Change::Unary { operand, mutants } => {
            let branches =
                mutants.iter().map(|id| branch(*id, &source[operand.clone()])).collect::<String>();
            format!("({branches}{{ {} }})", whole())
        }
        Change::Guard { constant, deleted } => {
            let mut text = format!("({})", whole());
            for (id, value) in constant {
                text = match value.as_str() {
                    "true" => format!("(/*<{id}*/ crate::mutant::on({id}) /*>{id}*/ || {text})"),
                    _ => format!("(/*<{id}*/ !crate::mutant::on({id}) /*>{id}*/ && {text})"),
                };
            }
            for id in deleted {
                text = format!("(/*<{id}*/ !crate::mutant::on({id}) /*>{id}*/ && {text})");
            }
            text
        }
        Change::Fields(fields) => {
            let branches = fields.iter().map(|(id, cut)| {
                branch(
                    *id,
                    &format!(
                        "{}{}",
                        &source[edit.range.start..cut.start],
                        &source[cut.end..edit.range.end]
                    ),
                )
            });
            format!("({}{{ {} }})", branches.collect::<String>(), whole())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mutant at the only place where `found` stands in the source.
    fn mutant(source: &str, id: usize, genre: &str, found: &str, replacement: &str) -> Mutant {
        let at = source.find(found).expect("it is there");
        let line = source[..at].matches('\n').count() + 1;
        let column = at - source[..at].rfind('\n').map_or(0, |end| end + 1) + 1;
        Mutant {
            id,
            name: String::new(),
            file: String::new(),
            genre: genre.into(),
            start: (line, column),
            replacement: replacement.into(),
        }
    }

    fn woven(source: &str, mutants: &[Mutant]) -> (String, Vec<usize>) {
        weave(source, &mutants.iter().collect::<Vec<_>>()).expect("Rust")
    }

    #[test]
    fn every_kind_of_mutant_stands_behind_its_switch() {
        let cases = [
            (
                "fn f() -> u8 { a * (b + c) }",
                ("BinaryOperator", "+ c", "-"),
                "fn f() -> u8 { a * ((if crate::mutant::on(3) { /*<3*/ (b) - (c) /*>3*/ } else { b + c })) }",
            ),
            (
                "fn f() { x += g(y); }",
                ("BinaryOperator", "+=", "-="),
                "fn f() { (if crate::mutant::on(3) { /*<3*/ x -= (g(y)) /*>3*/ } else { x += g(y) }); }",
            ),
            (
                "fn f() { if !x {} }",
                ("UnaryOperator", "!x", ""),
                "fn f() { if (if crate::mutant::on(3) { /*<3*/ x /*>3*/ } else { !x }) {} }",
            ),
            (
                "fn f() -> u8 { g() }",
                ("FnValue", "g()", "0"),
                "fn f() -> u8 { if crate::mutant::on(3) { /*<3*/ return 0; /*>3*/ } g() }",
            ),
            (
                "fn f() { match x { 1 if y => 2, _ => 3 } }",
                ("MatchArmGuard", "y =>", "true"),
                "fn f() { match x { 1 if (/*<3*/ crate::mutant::on(3) /*>3*/ || (y)) => 2, _ => 3 } }",
            ),
            (
                "fn f() { match x { 1 => 2, _ => 3 } }",
                ("MatchArm", "1 =>", ""),
                "fn f() { match x { 1 /*<3*/ if !crate::mutant::on(3) /*>3*/ => 2, _ => 3 } }",
            ),
            (
                "fn f() { S { a: 1, b: 2, ..c } }",
                ("StructField", "a: 1", ""),
                "fn f() { (if crate::mutant::on(3) { /*<3*/ S {  b: 2, ..c } /*>3*/ } else { S { a: 1, b: 2, ..c } }) }",
            ),
        ];
        for (source, (genre, found, replacement), expected) in cases {
            let mutants = [mutant(source, 3, genre, found, replacement)];
            assert_eq!(woven(source, &mutants), (expected.to_owned(), Vec::new()));
        }
    }

    #[test]
    fn a_mutant_around_another_has_the_source_in_its_branch() {
        let source = "fn f() { a + b * c }";
        let mutants = [
            mutant(source, 0, "BinaryOperator", "+ b", "-"),
            mutant(source, 1, "BinaryOperator", "* c", "/"),
            mutant(source, 2, "BinaryOperator", "* c", "+"),
        ];
        let inner = "(if crate::mutant::on(1) { /*<1*/ (b) / (c) /*>1*/ } else \
                     if crate::mutant::on(2) { /*<2*/ (b) + (c) /*>2*/ } else { b * c })";
        let expected = format!(
            "fn f() {{ (if crate::mutant::on(0) {{ /*<0*/ (a) - (b * c) /*>0*/ }} else {{ a + {inner} }}) }}"
        );
        assert_eq!(woven(source, &mutants).0, expected);
    }

    #[test]
    fn what_can_ask_no_switch_has_no_place() {
        for source in [
            "const A: u8 = b + c;",
            "const fn f() -> u8 { b + c }",
            "fn f() { [0; b + c]; }",
            "fn f(x: [u8; b + c]) {}",
            "fn f() { if let Some(b) = b + c && d {} }",
        ] {
            let (found, replacement) =
                if source.contains("let") { ("&& d", "||") } else { ("+ c", "-") };
            let mutants = [mutant(source, 5, "BinaryOperator", found, replacement)];
            assert_eq!(woven(source, &mutants), (source.to_owned(), vec![5]));
        }
        let source = "fn f() -> impl Iterator<Item = u8> { g() }";
        assert_eq!(woven(source, &[mutant(source, 5, "FnValue", "g()", "h()")]).1, [5]);
    }
}
