//! Each kind of report: a bad shader that must be reported at its line, and its good twin that must be clean.
//! The line that is reported is marked `//!` in the text.

use wgsl_sanitizer::*;

const HEAD: &str = "struct Params { n: u32, x: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> data: array<u32>;
@group(0) @binding(2) var<storage, read_write> fours: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> fresh: array<f32>;
var<workgroup> slices: array<vec4f, 64>;
var<workgroup> counts: array<atomic<u32>, 4>;
var<workgroup> shared_word: u32;
";
const MAIN: &str = "@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3u,
    @builtin(subgroup_invocation_id) lane: u32) {
";

/// Runs `body` behind the head: data of 128 words, 0, 1, 2, ...; `fours` of `floats` floats; `fresh` unwritten.
fn run_with(functions: &str, body: &str, floats: usize, options: &Options) -> Outcome {
    let main = format!("{MAIN}{body}\n}}\n");
    let pieces = [
        Piece { name: "head.wgsl", text: HEAD },
        Piece { name: "functions.wgsl", text: functions },
        Piece { name: "main.wgsl", text: &main },
    ];
    let shader = Shader::parse(&pieces).unwrap_or_else(|error| panic!("{error}\n{main}"));
    let bind = |binding, words, written| Binding { group: 0, binding, words, written };
    let dispatch = Dispatch {
        workgroups: [2, 1, 1],
        bindings: vec![
            bind(0, vec![17, f32::NAN.to_bits()], true),
            bind(1, (0..128).collect(), true),
            bind(2, vec![1f32.to_bits(); floats], true),
            bind(3, vec![0; 128], false),
        ],
    };
    shader.run("main", &dispatch, options).unwrap_or_else(|error| panic!("{error}\n{main}"))
}

fn run(body: &str) -> Outcome {
    run_with("", body, 512, &Options::default())
}

/// `body` must be reported as `kind`, and nothing else, at its line that ends in `//!`.
#[track_caller]
fn reports(kind: Kind, body: &str) {
    let outcome = run(body);
    let line =
        4 + body.lines().position(|line| line.ends_with("//!")).expect("a marked line") as u32;
    let found: Vec<String> = outcome.reports.iter().map(|report| report.to_string()).collect();
    assert!(!found.is_empty(), "nothing was reported");
    for report in &outcome.reports {
        assert_eq!(report.kind, kind, "{found:#?}");
        assert_eq!(report.place.file, "main.wgsl", "{found:#?}");
    }
    let there = |place: &Place| place.file == "main.wgsl" && place.line == line;
    let hit = |r: &Report| there(&r.place) || r.other.as_ref().is_some_and(there);
    assert!(outcome.reports.iter().any(hit), "not at line {line}: {found:#?}");
}

#[track_caller]
fn clean(body: &str) -> Outcome {
    let outcome = run(body);
    assert!(outcome.reports.is_empty(), "{:#?}", outcome.reports);
    outcome
}

/// shared/product_blocks.wgsl of commit ce2dc5b: four invocations each store a component of one vec4f.
const BLOCKS: &str = "const DEPTH_4: u32 = 4u;
const STRIDE: u32 = 1u;
fn keep(slice: u32, local: u32, values: vec4f) {
    let across = local / DEPTH_4;
    let at = slice + local % DEPTH_4 * 4u * STRIDE + across / 4u * 16u;
    slices[at][across % 4u] = values.x;
    slices[at + STRIDE][across % 4u] = values.y;
    slices[at + 2u * STRIDE][across % 4u] = values.z;
    slices[at + 3u * STRIDE][across % 4u] = values.w;
}
";

#[test]
fn components_of_one_vector_race() {
    let outcome = run_with(BLOCKS, "keep(0u, local, vec4f(1.0));", 512, &Options::default());
    let lines: Vec<u32> = outcome.reports.iter().map(|report| report.place.line).collect();
    for line in 6..=9 {
        assert!(lines.contains(&line), "line {line}: {:#?}", outcome.reports);
    }
    for report in &outcome.reports {
        assert_eq!((report.kind, report.place.file.as_str()), (Kind::Race, "functions.wgsl"));
    }
    // Whole vectors, one an invocation.
    clean(
        "slices[local] = vec4f(f32(local)); workgroupBarrier(); fours[group.x * 64u + local] = slices[63u - local];",
    );
    // A component is read while another is written.
    reports(
        Kind::Race,
        "if local == 0u {\n slices[0].x = 1.0; //!\n } else { fours[group.x * 64u + local].x = slices[0].y; }",
    );
}

#[test]
fn a_last_vector_past_the_binding_is_out_of_bounds() {
    let body =
        "let i = group.x * 64u + local;\nif i * 4u >= params.n { return; }\nfours[i] *= 2.0; //!";
    // 17 floats are four vectors; the fifth is not whole.
    let at = |floats| run_with("", body, floats, &Options::default()).reports;
    let reports = at(17);
    assert!(!reports.is_empty());
    for report in &reports {
        assert_eq!((report.kind, report.place.line), (Kind::OutOfBounds, 6), "{reports:#?}");
    }
    assert!(at(20).is_empty());
}

#[test]
fn races() {
    reports(Kind::Race, "data[0] = local; //!");
    reports(Kind::Race, "data[local] = 1u; //!"); // Both workgroups.
    reports(Kind::Race, "if group.x == 0u {\n data[local] = data[(local + 1u) % 64u]; //!\n }");
    clean("data[group.x * 64u + local] = 1u;");
    clean(
        "if group.x == 0u { let next = data[(local + 1u) % 64u]; storageBarrier(); data[local] = next; }",
    );
    // The other address space's barrier orders nothing here.
    reports(
        Kind::Race,
        "if group.x == 0u {\n let next = data[(local + 1u) % 64u];\n workgroupBarrier();\n data[local] = next; //!\n }",
    );
    reports(Kind::Race, "shared_word += local; //!");
    clean(
        "atomicAdd(&counts[0], local); workgroupBarrier(); data[group.x * 64u + local] = atomicLoad(&counts[0]);",
    );
    // Written before the barrier, and read again while it is written for the next time.
    reports(
        Kind::Race,
        "for (var i = 0u; i < 2u; i++) {\nslices[local] = vec4f(1.0); //!\nworkgroupBarrier();\nfours[group.x * 64u + local] = slices[63u - local];\n}",
    );
    clean(
        "for (var i = 0u; i < 2u; i++) { slices[local] = vec4f(1.0); workgroupBarrier(); fours[group.x * 64u + local] = slices[63u - local]; workgroupBarrier(); }",
    );
    let outcome = clean(
        "if local == 0u { shared_word = 5u + group.x; } data[group.x * 64u + local] = workgroupUniformLoad(&shared_word);",
    );
    assert_eq!((outcome.bindings[1][3], outcome.bindings[1][127]), (5, 6));
}

#[test]
fn accesses_out_of_bounds() {
    reports(Kind::OutOfBounds, "let i = group.x * 64u + local;\nfresh[i + 1u] = 1.0; //!");
    clean("fresh[group.x * 64u + local] = 1.0;");
    reports(Kind::OutOfBounds, "var a: array<u32, 4>;\na[local] = 1u; //!");
    reports(
        Kind::OutOfBounds,
        "let v = vec4u(local);\ndata[group.x * 64u + local] = v[local]; //!",
    );
    clean("var a: array<u32, 4>; a[local % 4u] = 1u; data[group.x * 64u + local] = a[local % 4u];");
}

#[test]
fn reads_of_what_nobody_wrote() {
    reports(Kind::UnwrittenRead, "let i = group.x * 64u + local;\nfresh[i] += 1.0; //!");
    clean("let i = group.x * 64u + local; fresh[i] = 1.0; fresh[i] += 1.0;");
    let body = "data[group.x * 64u + local] = u32(slices[local].x);";
    let strict = Options { strict_workgroup: true, ..Options::default() };
    assert_eq!(run_with("", body, 512, &strict).reports[0].kind, Kind::UnwrittenRead);
    clean(body);
    let body = "var sum: u32; sum += local; data[group.x * 64u + local] = sum;";
    let strict = Options { strict_variables: true, ..Options::default() };
    assert_eq!(run_with("", body, 512, &strict).reports[0].kind, Kind::UnwrittenRead);
    clean(body);
}

#[test]
fn control_flow_that_is_not_uniform() {
    reports(Kind::NonUniform, "if data[group.x * 64u + local] > 3u {\nworkgroupBarrier(); //!\n}");
    reports(Kind::NonUniform, "if local > 9u { return; }\nworkgroupBarrier(); //!");
    reports(Kind::NonUniform, "if lane > 2u {\nlet x = subgroupBroadcast(local, 3u); //!\n}");
    clean("if data[group.x] < 9u { workgroupBarrier(); }");
    let outcome = clean(
        "if local < 8u { data[group.x * 64u + local] = subgroupBroadcast(local + 40u, 3u); }",
    );
    assert_eq!(outcome.bindings[1][..9], [43, 43, 43, 43, 43, 43, 43, 43, 8]);
}

#[test]
fn overflows_that_reach_an_index() {
    let store = "data[group.x * 64u + local] =";
    reports(
        Kind::IndexOverflow,
        &format!(
            "let i = local - 1u; //!\nif local > 5u {{ return; }}\n{store} u32(slices[min(i, 9u)].x);"
        ),
    );
    reports(
        Kind::IndexOverflow,
        &format!(
            "var i = local * 0x10000000u; //!\ni = i + 1u;\n{store} u32(slices[i / 0x10000000u].x);"
        ),
    );
    // A hash may wrap, and what is left of it by %, & or >> may be an index.
    clean(&format!("let h = (local + 7u) * 1664525u + 1013904223u; {store} data[h % 64u] + data[h & 63u] * 0u;").replace("data[h % 64u] + data[h & 63u] * 0u", "h % 64u + (h >> 8u)"));
    clean(
        "var a: array<u32, 8>; let h = (local + 7u) * 1664525u; fresh[group.x * 64u + local] = f32(a[h % 8u] + a[h & 7u] + a[h >> 29u]);",
    );
    clean(
        "var a: array<u32, 8>; if local - 60u < 4u { fresh[group.x * 64u + local] = f32(a[local - 60u]); }",
    );
}

#[test]
fn divisions_by_zero_and_wide_shifts() {
    let store = "data[group.x * 64u + local] =";
    reports(Kind::DivisionByZero, &format!("{store} 7u / local; //!"));
    reports(Kind::DivisionByZero, &format!("{store} 7u % local; //!"));
    clean(&format!("{store} 7u / (local + 1u);"));
    reports(Kind::WideShift, &format!("{store} 7u << local; //!"));
    reports(Kind::WideShift, &format!("{store} 7u >> local; //!"));
    clean(&format!("{store} 7u << (local % 32u);"));
}

#[test]
fn a_nan_that_is_hidden() {
    for hides in ["clamp(params.x, 0.0, 1.0)", "max(params.x, 0.0)", "min(0.0, params.x)"] {
        reports(Kind::HiddenNan, &format!("fresh[group.x * 64u + local] = {hides}; //!"));
    }
    clean("fresh[group.x * 64u + local] = params.x + 1.0;");
    clean("fresh[group.x * 64u + local] = clamp(f32(local), 0.0, 1.0);");
}

#[test]
fn an_endless_loop() {
    let options = Options { most_operations: 100_000, ..Options::default() };
    let outcome = run_with("", "var i = 0u; while i < 5u { i = i / 2u; }", 512, &options);
    assert_eq!(outcome.reports[0].kind, Kind::Endless);
    clean("var i = 0u; while i < 5u { i += 1u; }");
}

#[test]
fn what_is_not_known_is_an_error() {
    let text = "@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(1) fn main() {
    x[0] = sinh(x[1]);
}";
    let shader = Shader::parse(&[Piece { name: "x.wgsl", text }]).expect("it is valid");
    let bindings = vec![Binding { group: 0, binding: 0, words: vec![0; 2], written: true }];
    let dispatch = Dispatch { workgroups: [1, 1, 1], bindings };
    let error = shader.run("main", &dispatch, &Options::default()).expect_err("sinh is not known");
    assert_eq!(error.to_string(), "x.wgsl:3: the interpreter does not know Sinh");
    let nothing = Dispatch { workgroups: [1, 1, 1], bindings: Vec::new() };
    let error = shader.run("main", &nothing, &Options::default()).expect_err("x is not bound");
    assert_eq!(error.to_string(), "x (group 0, binding 0) is bound to nothing");
    let error =
        Shader::parse(&[Piece { name: "a", text: "\n" }, Piece { name: "b", text: "\nfoo" }]);
    assert!(error.expect_err("no WGSL").to_string().starts_with("b:2: "));
}

#[test]
fn orders_of_control_flow_and_functions_give_what_wgsl_says() {
    let functions = "fn twice(x: u32) -> u32 { return 2u * x; }
fn add(p: ptr<function, u32>, x: u32) { *p += x; }
fn pick(x: u32) -> u32 {
    switch x { case 0u, 1u: { return 10u; } case 2u: { } default: { return 30u; } }
    return 20u;
}
";
    let body = "var sum = 0u;
for (var i = 0u; i < 10u; i++) {
    if i == 3u { continue; }
    if i == 6u { break; }
    add(&sum, twice(twice(i)));
}
let m = transpose(mat2x4f(vec4f(1.0, 2.0, 3.0, 4.0), vec4f(5.0, 6.0, 7.0, 8.0)));
let v = vec4i(-7, 7, -1, 3);
let all = array<u32, 8>(sum, pick(local), u32(m[2].y), u32(v.x / 2 + 10), u32(v.z >> 1u), u32(select(v, v.wzyx, v < vec4i(0)).x), u32(any(v == vec4i(3))), countOneBits(255u));
if local < 8u && group.x == 0u { data[local] = all[local]; }";
    let outcome = run_with(functions, body, 512, &Options::default());
    assert!(outcome.reports.is_empty(), "{:#?}", outcome.reports);
    let expected = [4 * (1 + 2 + 4 + 5), 10, 7, 7, u32::MAX, 3, 1, 8];
    let picked = &outcome.bindings[1][..8];
    assert_eq!(picked[0], expected[0]);
    assert_eq!(picked[2..], expected[2..]);
    assert_eq!(picked[1], 10);
}

#[test]
fn arithmetics_differ_as_they_say() {
    // (1 + e)(1 - e) - 1 is -e^2 in one rounding and 0 in two.
    let body = "let e = f32(local + 1u) * 5.9604645e-8 * 2.0;
let i = group.x * 64u + local;
fresh[i] = (1.0 + e) * (1.0 - e) - 1.0;
fours[i] = vec4f(f32(local + 1u) / 3.0, sqrt(f32(local)), fma(1.0 + e, 1.0 - e, -1.0), 1.2e-38 * f32(local + 1u) * 0.1);";
    let by = |arithmetic| {
        let options = Options { arithmetic, ..Options::default() };
        let outcome = run_with("", body, 512, &options);
        let float = |binding: usize, at: usize| f32::from_bits(outcome.bindings[binding][at]);
        [float(3, 0), float(2, 0), float(2, 5), float(2, 2), float(2, 3)]
    };
    let exact = by(Arithmetic::EXACT);
    let e = 5.9604645e-8f32 * 2.0;
    assert_eq!(exact[..4], [(1.0 + e) * (1.0 - e) - 1.0, 1.0 / 3.0, 1.0, -e * e]);
    assert!(exact[4] > 0.0);
    let fused = by(Arithmetic { contraction: Contraction::Always, ..Arithmetic::EXACT });
    assert_eq!(fused[0], -e * e);
    assert_eq!(fused[1..], exact[1..]);
    assert_ne!(fused[0], exact[0]);
    let split = by(Arithmetic { splits_fma: true, ..Arithmetic::EXACT });
    assert_eq!(split[3], exact[0]);
    let flushing = by(Arithmetic { flushes_denormals: true, ..Arithmetic::EXACT });
    assert_eq!(flushing[4], 0.0);
    let mut differs = false;
    for seed in 0..20 {
        let loose = by(Arithmetic { rounding: Some(seed), ..Arithmetic::EXACT });
        let ulps = (loose[1].to_bits() as i64 - exact[1].to_bits() as i64).abs();
        assert!(ulps <= 3, "{ulps} ULP");
        differs |= ulps > 0;
        let again = by(Arithmetic { rounding: Some(seed), ..Arithmetic::EXACT });
        assert_eq!(loose, again);
    }
    assert!(differs);
}

#[test]
fn orders_follow_the_seed() {
    let body = "data[0] = group.x * 64u + local;";
    let last =
        |seed| run_with("", body, 512, &Options { seed, ..Options::default() }).bindings[1][0];
    assert_eq!(last(3), last(3));
    assert!((0..9).any(|seed| last(seed) != last(3)));
}
