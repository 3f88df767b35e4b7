//! DuckDB's types: their names as SQL writes them, and which of them come through Arrow unharmed.

use duckdb::core::{LogicalTypeHandle, LogicalTypeId};

use crate::name::ColumnName;

/// The type as SQL writes it, such as `DECIMAL(18,2)` or `STRUCT(a BIGINT)[]`.
#[expect(clippy::wildcard_enum_match_arm, reason = "the crate marks the list as open")]
pub(super) fn name(logical: &LogicalTypeHandle) -> String {
    if let Some(alias) = logical.get_alias() {
        return alias;
    }
    let child = |child_idx| name(&logical.child(child_idx));
    let members = || {
        let members: Vec<String> = (0..logical.num_children())
            .map(|child_idx| format!("{} {}", member(&logical.child_name(child_idx)), child(child_idx)))
            .collect();
        members.join(", ")
    };
    match logical.id() {
        LogicalTypeId::Boolean => "BOOLEAN".to_owned(),
        LogicalTypeId::Tinyint => "TINYINT".to_owned(),
        LogicalTypeId::Smallint => "SMALLINT".to_owned(),
        LogicalTypeId::Integer => "INTEGER".to_owned(),
        LogicalTypeId::Bigint => "BIGINT".to_owned(),
        LogicalTypeId::UTinyint => "UTINYINT".to_owned(),
        LogicalTypeId::USmallint => "USMALLINT".to_owned(),
        LogicalTypeId::UInteger => "UINTEGER".to_owned(),
        LogicalTypeId::UBigint => "UBIGINT".to_owned(),
        LogicalTypeId::Float => "FLOAT".to_owned(),
        LogicalTypeId::Double => "DOUBLE".to_owned(),
        LogicalTypeId::Timestamp => "TIMESTAMP".to_owned(),
        LogicalTypeId::Date => "DATE".to_owned(),
        LogicalTypeId::Time => "TIME".to_owned(),
        LogicalTypeId::Interval => "INTERVAL".to_owned(),
        LogicalTypeId::Hugeint => "HUGEINT".to_owned(),
        LogicalTypeId::UHugeint => "UHUGEINT".to_owned(),
        LogicalTypeId::Varchar => "VARCHAR".to_owned(),
        LogicalTypeId::Blob => "BLOB".to_owned(),
        LogicalTypeId::Decimal => format!("DECIMAL({},{})", logical.decimal_width(), logical.decimal_scale()),
        LogicalTypeId::TimestampS => "TIMESTAMP_S".to_owned(),
        LogicalTypeId::TimestampMs => "TIMESTAMP_MS".to_owned(),
        LogicalTypeId::TimestampNs => "TIMESTAMP_NS".to_owned(),
        LogicalTypeId::TimestampTZ => "TIMESTAMP WITH TIME ZONE".to_owned(),
        LogicalTypeId::TimeTZ => "TIME WITH TIME ZONE".to_owned(),
        LogicalTypeId::TimeNs => "TIME_NS".to_owned(),
        LogicalTypeId::Enum => "ENUM".to_owned(),
        LogicalTypeId::List | LogicalTypeId::Array => format!("{}[]", child(0)),
        LogicalTypeId::Struct => format!("STRUCT({})", members()),
        LogicalTypeId::Union => format!("UNION({})", members()),
        LogicalTypeId::Map => format!("MAP({}, {})", child(0), child(1)),
        LogicalTypeId::Uuid => "UUID".to_owned(),
        LogicalTypeId::Bit => "BIT".to_owned(),
        LogicalTypeId::Bignum => "BIGNUM".to_owned(),
        LogicalTypeId::SqlNull => "NULL".to_owned(),
        LogicalTypeId::Geometry => "GEOMETRY".to_owned(),
        LogicalTypeId::Variant => "VARIANT".to_owned(),
        _ => "UNKNOWN".to_owned(),
    }
}

/// A member's name, quoted unless it is a plain word.
fn member(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_plain { name.to_owned() } else { ColumnName(name).quoted() }
}

/// Whether values of this type keep their meaning on the way through Arrow.
///
/// DuckDB 1.5 turns the largest `UHUGEINT` into -1 and drops the offset of a `TIMETZ`; the others have no Arrow type
/// that `json` reads. Such columns are cast to text in SQL.
pub(super) fn is_plain(logical: &LogicalTypeHandle) -> bool {
    const ODD: &[LogicalTypeId] = &[
        LogicalTypeId::UHugeint,
        LogicalTypeId::TimeTZ,
        LogicalTypeId::TimeNs,
        LogicalTypeId::Enum,
        LogicalTypeId::Union,
        LogicalTypeId::Uuid,
        LogicalTypeId::Bit,
        LogicalTypeId::Bignum,
        LogicalTypeId::Geometry,
        LogicalTypeId::Variant,
        LogicalTypeId::Unsupported,
    ];
    !ODD.contains(&logical.id()) && (0..logical.num_children()).all(|child_idx| is_plain(&logical.child(child_idx)))
}

/// Whether values of this type can be compared and counted, as `min`, `max` and `count(distinct)` need it.
pub fn is_comparable(type_name: &str) -> bool {
    !(type_name.ends_with(']')
        || ["STRUCT", "MAP", "UNION", "VARIANT", "GEOMETRY", "JSON", "BLOB"].iter().any(|it| type_name.starts_with(it)))
}

/// Whether a column of this type holds numbers.
pub fn is_number(type_name: &str) -> bool {
    is_whole(type_name) || ["FLOAT", "DOUBLE"].contains(&type_name) || type_name.starts_with("DECIMAL")
}

/// Whether a column of this type holds whole numbers.
pub fn is_whole(type_name: &str) -> bool {
    let whole = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"];
    whole.contains(&type_name.strip_prefix('U').unwrap_or(type_name))
}
