//! Quire turns spreadsheets into something that language models, scripts and people can question.

pub mod catalog;
pub mod fault;
pub mod ingest;
pub mod name;
pub mod store;
pub mod value;
