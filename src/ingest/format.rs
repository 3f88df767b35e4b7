//! What a file is, by its content.

/// The formats that are read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Xlsx,
    Xlsm,
    Xlsb,
    Xls,
    Ods,
}
