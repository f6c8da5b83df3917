//! Every shader as naga reads it: layouts against the Rust halves, the limits of the portable
//! form, and translation to SPIR-V (Vulkan), MSL (Metal) and HLSL (DX12).

use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ScalarKind, StorageAccess, TypeInner};
use wgslearn::kernels::{ALL, Access, Element, Kernel};

/// Each kernel's each variant, parsed.
fn modules() -> impl Iterator<Item = (&'static Kernel, &'static str, Module)> {
    ALL.iter().flat_map(|kernel| {
        kernel.variants.iter().map(|variant| {
            let source = kernel.source(variant);
            let module = naga::front::wgsl::parse_str(&source).unwrap_or_else(|error| {
                panic!("{} ({}): {}", kernel.name, variant.name, error.emit_to_string(&source))
            });
            (*kernel, variant.name, module)
        })
    })
}

/// The default capabilities hold no subgroups, no float atomics and no 16 or 64 bit types; variants
/// that say so have subgroups.
fn capabilities(kernel: &Kernel, variant: &str) -> Capabilities {
    match kernel.variants.iter().any(|v| v.name == variant && v.requires_subgroup_8) {
        true => Capabilities::default() | Capabilities::SUBGROUP,
        false => Capabilities::default(),
    }
}

fn element(module: &Module, ty: naga::Handle<naga::Type>) -> Element {
    let scalar = match &module.types[ty].inner {
        TypeInner::Scalar(scalar)
        | TypeInner::Vector { scalar, .. }
        | TypeInner::Matrix { scalar, .. } => *scalar,
        other => panic!("{other:?} is no element"),
    };
    assert_eq!(scalar.width, 4);
    match scalar.kind {
        ScalarKind::Float => Element::F32,
        ScalarKind::Uint => Element::U32,
        other => panic!("{other:?} is no element"),
    }
}

#[test]
fn params_have_the_layout_that_the_shader_reads() {
    for (kernel, variant, module) in modules() {
        let place = format!("{} ({variant})", kernel.name);
        let (_, uniform) = module
            .global_variables
            .iter()
            .find(|(_, variable)| variable.space == AddressSpace::Uniform)
            .unwrap_or_else(|| panic!("{place} has no params"));
        assert_eq!(uniform.name.as_deref(), Some("params"), "{place}");
        let TypeInner::Struct { members, span } = &module.types[uniform.ty].inner else {
            panic!("{place}: params is no struct");
        };
        assert_eq!(*span as usize, kernel.params_size, "{place}: size of Params");
        assert_eq!(members.len(), kernel.params.len(), "{place}: fields of Params");
        for (member, field) in members.iter().zip(kernel.params) {
            assert_eq!(member.name.as_deref(), Some(field.name), "{place}");
            assert_eq!(member.offset as usize, field.offset, "{place}: {}", field.name);
            assert_eq!(element(&module, member.ty), field.element, "{place}: {}", field.name);
        }
    }
}

#[test]
fn bindings_are_those_that_the_shader_declares() {
    for (kernel, variant, module) in modules() {
        let place = format!("{} ({variant})", kernel.name);
        let mut storage: Vec<_> = module
            .global_variables
            .iter()
            .filter_map(|(_, variable)| match variable.space {
                AddressSpace::Storage { access } => Some((variable, access)),
                _ => None,
            })
            .collect();
        storage.sort_by_key(|(variable, _)| variable.binding.as_ref().map(|b| b.binding));
        assert_eq!(storage.len(), kernel.bindings.len(), "{place}: bindings");
        for (i, ((variable, access), binding)) in storage.iter().zip(kernel.bindings).enumerate() {
            let resource = variable.binding.as_ref().expect("a storage variable has a binding");
            assert_eq!((resource.group, resource.binding), (0, i as u32 + 1), "{place}");
            assert_eq!(variable.name.as_deref(), Some(binding.name), "{place}");
            let TypeInner::Array { base, .. } = module.types[variable.ty].inner else {
                panic!("{place}: {} is no array", binding.name);
            };
            assert_eq!(element(&module, base), binding.element, "{place}: {}", binding.name);
            let written = access.contains(StorageAccess::STORE);
            assert_eq!(written, binding.access == Access::Write, "{place}: {}", binding.name);
        }
    }
}

#[test]
fn shaders_keep_to_the_portable_form() {
    for (kernel, variant, module) in modules() {
        let place = format!("{} ({variant})", kernel.name);
        // One more is left for params, which software adapters take as storage.
        assert!(kernel.bindings.len() <= 7, "{place}: more than 7 storage bindings");
        for (_, variable) in module.global_variables.iter() {
            assert_ne!(variable.space, AddressSpace::Immediate, "{place}: immediates");
        }
        let mut layouter = naga::proc::Layouter::default();
        layouter.update(module.to_ctx()).expect("sizes are known");
        let shared: u32 = module
            .global_variables
            .iter()
            .filter(|(_, variable)| variable.space == AddressSpace::WorkGroup)
            .map(|(_, variable)| layouter[variable.ty].size)
            .sum();
        assert!(shared <= 16 * 1024, "{place}: {shared} bytes of workgroup memory");
        let [entry] = &module.entry_points[..] else { panic!("{place}: one entry point") };
        assert_eq!(entry.name, "main", "{place}");
        assert!(entry.workgroup_size.iter().product::<u32>() <= 256, "{place}: invocations");
        Validator::new(ValidationFlags::all(), capabilities(kernel, variant))
            .validate(&module)
            .unwrap_or_else(|error| panic!("{place}: {error:?}"));
    }
}

/// What compilers take for uniform and what races goes by a variable's kind: a private variable counts as different in
/// each invocation, so that no barrier may stand behind it; and a store to one component of a workgroup's vector may
/// write the whole vector, so that invocations that store neighbours race.
#[test]
fn barriers_and_workgroup_memory_are_safe_by_any_compiler() {
    let mut stores = 0;
    for (kernel, variant, module) in modules() {
        let place = format!("{} ({variant})", kernel.name);
        let mut private = module.global_variables.iter().map(|(_, variable)| variable);
        let private = private.find(|variable| variable.space == AddressSpace::Private);
        assert!(private.is_none(), "{place}: {private:?} is private; hand it on as an argument");
        let info = Validator::new(ValidationFlags::all(), capabilities(kernel, variant))
            .validate(&module)
            .unwrap_or_else(|error| panic!("{place}: {error:?}"));
        let (all, component) = workgroup_stores(&module, &info);
        stores += all;
        assert!(
            component.is_none(),
            "{place}: {component:?} stores to one component of a workgroup's vector"
        );
    }
    assert!(stores > 500, "only {stores} stores");
}

/// How many stores a module has, and a function with one to a component of a vector in workgroup memory.
fn workgroup_stores(module: &Module, info: &ModuleInfo) -> (usize, Option<String>) {
    let functions = module.functions.iter().map(|(handle, function)| (function, &info[handle]));
    let entries = module.entry_points.iter().enumerate();
    let entries = entries.map(|(i, entry)| (&entry.function, info.get_entry_point(i)));
    let (mut all, mut component) = (0, None);
    for (function, info) in functions.chain(entries) {
        for_statements(&function.body, &mut |statement| {
            let naga::Statement::Store { pointer, .. } = statement else { return };
            all += 1;
            let ty = info[*pointer].ty.inner_with(&module.types);
            let space = AddressSpace::WorkGroup;
            if matches!(ty, TypeInner::ValuePointer { size: None, space: of, .. } if *of == space) {
                component = Some(function.name.clone().unwrap_or_else(|| "main".into()));
            }
        });
    }
    (all, component)
}

#[test]
fn a_store_to_a_component_is_found_whatever_it_is_written_as() {
    let stores = [
        "four.x = 1.0;",
        "fours[2][i] = 1.0;",
        "four[i] += 1.0;",
        "box.inner.y = 2.0;",
        "let p = &four; (*p)[i] = 1.0;",
    ];
    let fine = [
        "four = vec4f(f32(i));",
        "fours[i] = vec4f(1.0);",
        "box.n = 1.0;",
        "many[i] = 1.0;",
        "own.x = 1.0;",
    ];
    for (body, is_found) in
        stores.map(|body| (body, true)).into_iter().chain(fine.map(|body| (body, false)))
    {
        let source = format!(
            "struct Box {{ inner: vec2f, n: f32 }}
            var<workgroup> four: vec4f; var<workgroup> fours: array<vec4f, 4>; var<workgroup> box: Box;
            var<workgroup> many: array<f32, 64>;
            @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) {{ var own: vec4f; if i < 4u {{ {body} }} }}"
        );
        let module = naga::front::wgsl::parse_str(&source).expect("WGSL");
        let info =
            Validator::new(ValidationFlags::all(), Capabilities::default()).validate(&module);
        let (all, component) = workgroup_stores(&module, &info.expect("valid"));
        assert_eq!((all, component.is_some()), (1, is_found), "{body}");
    }
}

/// (1 + x) - 1 and its like, of any constant, which a compiler that takes floats for reals folds into x.
fn cancellation(function: &naga::Function) -> Option<String> {
    use naga::{BinaryOperator, Expression};
    let all = &function.expressions;
    let same = |a: naga::Handle<Expression>, b: naga::Handle<Expression>| {
        a == b
            || matches!((&all[a], &all[b]), (Expression::Literal(a), Expression::Literal(b)) if a == b)
    };
    let float = |at| matches!(&all[at], Expression::Literal(naga::Literal::F32(_)));
    let found = all.iter().find(|(_, expression)| {
        let Expression::Binary { op: outer, left, right } = **expression else { return false };
        let Expression::Binary { op: inner, left: a, right: b } = all[left] else { return false };
        let is_cancelled = match (inner, outer) {
            (BinaryOperator::Add, BinaryOperator::Subtract) => same(a, right) || same(b, right),
            (BinaryOperator::Subtract, BinaryOperator::Add) => same(b, right),
            _ => false,
        };
        is_cancelled && float(right)
    });
    found.map(|(handle, _)| format!("{:?}", function.expressions[handle]))
}

#[test]
fn nothing_is_added_and_taken_away_again() {
    for (kernel, variant, module) in modules() {
        let entries = module.entry_points.iter().map(|entry| &entry.function);
        for function in module.functions.iter().map(|(_, function)| function).chain(entries) {
            let found = cancellation(function);
            let name = function.name.as_deref().unwrap_or("main");
            assert!(found.is_none(), "{} ({variant}), {name}: {found:?}", kernel.name);
        }
    }
    // The check finds what it looks for, whatever stands between.
    let bodies = [
        ("let u = 1.0 + x; return u - 1.0;", true),
        ("return (x + 12582912.0) - 12582912.0;", true),
        ("return (x - 0.5) + 0.5;", true),
        ("return fma(x, 2.0, 1.0) - 1.0;", false),
        ("return bitcast<f32>(max(bitcast<u32>(1.0 + x), 0x3f800000u)) - 1.0;", false),
        ("return (x + 1.0) - 0.5;", false),
    ];
    for (body, is_found) in bodies {
        let module = naga::front::wgsl::parse_str(&format!("fn f(x: f32) -> f32 {{ {body} }}"));
        let module = module.expect("WGSL");
        let (_, function) = module.functions.iter().next().expect("one function");
        assert_eq!(cancellation(function).is_some(), is_found, "{body}");
    }
}

/// Every statement of a block and of the blocks in it.
fn for_statements(block: &naga::Block, each: &mut dyn FnMut(&naga::Statement)) {
    for statement in block {
        each(statement);
        match statement {
            naga::Statement::Block(inner) => for_statements(inner, each),
            naga::Statement::If { accept, reject, .. } => {
                for_statements(accept, each);
                for_statements(reject, each);
            }
            naga::Statement::Switch { cases, .. } => {
                cases.iter().for_each(|case| for_statements(&case.body, each));
            }
            naga::Statement::Loop { body, continuing, .. } => {
                for_statements(body, each);
                for_statements(continuing, each);
            }
            _ => {}
        }
    }
}

/// SPIR-V 1.3, as wgpu has it for Vulkan 1.1, is also written to the folder that `WGSLEARN_SPIRV` names: `scripts/test-browser`
/// has it validated.
#[test]
fn shaders_translate_for_vulkan_metal_and_dx12() {
    let folder = std::env::var_os("WGSLEARN_SPIRV").map(std::path::PathBuf::from);
    if let Some(folder) = &folder {
        std::fs::create_dir_all(folder).expect("a folder");
    }
    let mut number = 0;
    for (kernel, variant, module) in modules() {
        let place = format!("{} ({variant})", kernel.name);
        let info = Validator::new(ValidationFlags::all(), capabilities(kernel, variant))
            .validate(&module)
            .unwrap_or_else(|error| panic!("{place}: {error:?}"));
        let options = naga::back::spv::Options { lang_version: (1, 3), ..Default::default() };
        let spirv = naga::back::spv::write_vec(&module, &info, &options, None)
            .unwrap_or_else(|error| panic!("{place}, SPIR-V: {error}"));
        assert_eq!(spirv.first(), Some(&0x0723_0203), "{place}: SPIR-V's magic number");
        if let Some(folder) = &folder {
            number += 1;
            let file = folder.join(format!("{}.{variant}.{number}.spv", kernel.name));
            let bytes: Vec<u8> = spirv.iter().flat_map(|word| word.to_le_bytes()).collect();
            std::fs::write(file, bytes).expect("written");
        }
        let options =
            naga::back::msl::Options { fake_missing_bindings: true, ..Default::default() };
        let (msl, _) = naga::back::msl::write_string(&module, &info, &options, &Default::default())
            .unwrap_or_else(|error| panic!("{place}, MSL: {error}"));
        assert!(msl.contains("kernel void"), "{place}: an MSL kernel");
        let options =
            naga::back::hlsl::Options { fake_missing_bindings: true, ..Default::default() };
        let mut hlsl = String::new();
        naga::back::hlsl::Writer::new(&mut hlsl, &options, &Default::default())
            .write(&module, &info, None)
            .unwrap_or_else(|error| panic!("{place}, HLSL: {error}"));
        assert!(hlsl.contains("[numthreads("), "{place}: an HLSL kernel");
    }
}

#[test]
fn shader_files_leave_declarations_to_the_kernel() {
    let mut folders =
        vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders"))];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of shaders/") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("readable");
            for repeated in ["struct Params", "@group(", "var<storage", "var<uniform"] {
                assert!(
                    !text.contains(repeated),
                    "{}: {repeated} comes from kernel!",
                    path.display()
                );
            }
            files += 1;
        }
    }
    assert!(files > 60, "only {files} files");
}

#[test]
fn every_shader_file_belongs_to_a_kernel() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/shaders");
    for entry in std::fs::read_dir(folder).expect("shaders/ is there") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|ending| ending == "wgsl") {
            let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
            assert!(ALL.iter().any(|kernel| kernel.name == name), "{name}.wgsl has no Rust half");
        }
    }
}
