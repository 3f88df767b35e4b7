//! `summarize_sheet`.
