//! The part of JSON Schema that `docs/json.schema.json` uses: type, enum, properties, required, additionalProperties,
//! items, anyOf, minimum, maximum, and $ref to a definition. A word that is not known here fails.

use serde_json::{Map, Value};

/// Words that say something to people alone.
const NOTES: [&str; 3] = ["description", "title", "$schema"];

/// What is wrong with `value` by `schema`, whose references are definitions of `root`: the first fault, with its place.
pub fn check(root: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    let Some(schema) = schema.as_object() else { return Err(format!("{place}: no schema")) };
    for (word, says) in schema {
        let wrong = |what: String| Err(format!("{place}: {what}: {value}"));
        match (word.as_str(), says) {
            ("$ref", Value::String(name)) => {
                let at = name.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
                check(root, at.ok_or_else(|| format!("no {name}"))?, value, place)?;
            }
            ("type", Value::String(name)) if !is(name, value) => {
                return wrong(format!("no {name}"));
            }
            ("type", Value::Array(names)) => {
                if !names.iter().filter_map(Value::as_str).any(|name| is(name, value)) {
                    return wrong(format!("none of {says}"));
                }
            }
            ("enum", Value::Array(values)) if !values.contains(value) => {
                return wrong(format!("none of {says}"));
            }
            ("anyOf", Value::Array(schemas)) => {
                let found: Vec<_> =
                    schemas.iter().map(|schema| check(root, schema, value, place)).collect();
                if found.iter().all(Result::is_err) {
                    return wrong(format!("none of its kinds: {found:?}"));
                }
            }
            ("minimum", least) if value.as_f64() < least.as_f64() && value.is_number() => {
                return wrong(format!("below {least}"));
            }
            ("maximum", most) if value.as_f64() > most.as_f64() => {
                return wrong(format!("above {most}"));
            }
            ("items", item) => {
                for (i, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, item, value, &format!("{place}[{i}]"))?;
                }
            }
            ("required", Value::Array(names)) => {
                let has = |name: &&Value| name.as_str().is_some_and(|n| value.get(n).is_some());
                if let (true, Some(name)) =
                    (value.is_object(), names.iter().find(|name| !has(name)))
                {
                    return wrong(format!("no key {name}"));
                }
            }
            ("properties" | "additionalProperties", _) => keys(root, schema, value, place)?,
            ("type" | "enum" | "minimum" | "maximum" | "$defs", _) => {}
            (note, _) if NOTES.contains(&note) => {}
            (word, _) => return Err(format!("{place}: the schema says {word}")),
        }
    }
    Ok(())
}

fn keys(
    root: &Value,
    schema: &Map<String, Value>,
    value: &Value,
    place: &str,
) -> Result<(), String> {
    for (key, value) in value.as_object().into_iter().flatten() {
        let place = format!("{place}.{key}");
        match (
            schema.get("properties").and_then(|known| known.get(key)),
            schema.get("additionalProperties"),
        ) {
            (Some(known), _) => check(root, known, value, &place)?,
            (None, Some(Value::Bool(false))) => {
                return Err(format!("{place}: a key that the schema does not have"));
            }
            (None, Some(other @ Value::Object(_))) => check(root, other, value, &place)?,
            (None, _) => {}
        }
    }
    Ok(())
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}
