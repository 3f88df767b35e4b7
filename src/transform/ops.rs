//! The ops, each with an example: what a malformed step is answered with.

/// Each op with an example, in the order of the schema.
pub const OPS: &[(&str, &str)] = &[
    ("filter", r#"{"op": "filter", "expr": "price > 0 and region is not null"}"#),
    ("select", r#"{"op": "select", "columns": ["region", "price"]}"#),
    ("drop", r#"{"op": "drop", "columns": ["notes"]}"#),
    ("rename", r#"{"op": "rename", "columns": {"Unit price": "price"}}"#),
    ("cast", r#"{"op": "cast", "columns": ["zip"], "to": "VARCHAR"}"#),
    ("derive", r#"{"op": "derive", "column": "total", "expr": "price * quantity"}"#),
    (
        "fill",
        r#"{"op": "fill", "columns": ["region"], "method": "forward"} or {"op": "fill", "columns": ["price"], "value": 0}"#,
    ),
    ("replace", r#"{"op": "replace", "columns": ["city"], "from": "NYC", "to": "New York"}"#),
    ("trim", r#"{"op": "trim", "columns": ["city"], "collapse": true, "case": "title"}"#),
    ("split", r#"{"op": "split", "column": "name", "by": ", ", "into": ["last", "first"]}"#),
    ("merge", r#"{"op": "merge", "columns": ["first", "last"], "by": " ", "to": "name"}"#),
    ("parse_dates", r#"{"op": "parse_dates", "columns": ["ordered"], "format": "%d/%m/%Y"}"#),
    ("parse_numbers", r#"{"op": "parse_numbers", "columns": ["price"], "decimal": ","}"#),
    ("dedupe", r#"{"op": "dedupe", "columns": ["id"], "keep": "last"}"#),
    ("sort", r#"{"op": "sort", "by": ["region", "-price"]}"#),
    ("limit", r#"{"op": "limit", "n": 100}"#),
    ("group", r#"{"op": "group", "by": ["region"], "aggregates": {"total": "sum(price)", "n": "count(*)"}}"#),
    ("pivot", r#"{"op": "pivot", "by": ["region"], "column": "month", "values": "sales", "aggregate": "sum"}"#),
    ("unpivot", r#"{"op": "unpivot", "columns": ["jan", "feb"], "name": "month", "value": "sales"}"#),
    ("join", r#"{"op": "join", "sheet": "customers", "on": {"customer_id": "id"}, "how": "left"}"#),
    ("union", r#"{"op": "union", "sheet": "sales_2023"}"#),
    ("window", r#"{"op": "window", "column": "rank", "expr": "rank()", "by": ["region"], "order": ["-price"]}"#),
    ("sql", r#"{"op": "sql", "sql": "select region, price from this where price > 0"}"#),
];

pub(super) fn example(op: &str) -> &'static str {
    OPS.iter().find(|(name, _)| *name == op).map_or("", |(_, example)| example)
}
