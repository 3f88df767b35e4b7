//! JSON schemas that every host takes: no `$ref`, no `format`, no nullable types, no unknown properties.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    Tool,
    reply::{self, Reply},
};

/// The argument that every tool with a long reply has.
pub(super) const MAX_BYTES: &str = "max_bytes";

pub(super) fn of_args<T: Tool>() -> Value {
    let mut schema = of::<T::Args>();
    // An argument struct without fields has no properties, which strict hosts want to see.
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if <T::Reply as Reply>::CUTS
        && let Some(properties) = properties.as_object_mut()
    {
        properties.insert(
            MAX_BYTES.to_owned(),
            json!({
                "type": "integer",
                "description": "Byte limit.",
                "default": reply::DEFAULT_BYTES,
            }),
        );
    }
    schema.entry("additionalProperties").or_insert(json!(false));
    Value::Object(schema)
}

pub(super) fn of_reply<T: Tool>() -> Value {
    Value::Object(of::<T::Reply>())
}

/// The properties of an object's schema.
pub(super) fn names(schema: &Value) -> Vec<String> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(Map::keys).cloned().collect()
}

fn of<T: JsonSchema>() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    let Value::Object(mut schema) = schema else { return Map::new() };
    for key in ["$schema", "title", "description"] {
        schema.remove(key);
    }
    for child in schema.values_mut() {
        simplify(child);
    }
    schema
}

/// Takes away what says nothing to a model and what some hosts refuse.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("format").is_some_and(Value::is_string) && fields.contains_key("type") {
                fields.remove("format");
            }
            // Absence is its own default; and that a count is not negative goes without saying.
            if fields.get("default").is_some_and(Value::is_null) && fields.contains_key("type") {
                fields.remove("default");
            }
            if fields.get("minimum") == Some(&json!(0)) {
                fields.remove("minimum");
            }
            fields.values_mut().for_each(simplify);
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
