//! Quire turns spreadsheets into something that language models, scripts and people can question.

pub mod engine;
pub mod fault;
pub mod ingest;
pub mod name;
pub mod value;
