//! Schemas of fields that hold any value.

use schemars::{Schema, SchemaGenerator, json_schema};

pub(super) fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({})
}

pub(super) fn pairs(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "array", "items": {}}})
}
