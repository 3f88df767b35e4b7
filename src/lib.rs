//! Quire turns spreadsheets into something that language models, scripts and people can question.

pub mod catalog;
pub mod cli;
pub mod engine;
pub mod fault;
pub mod ingest;
pub mod mcp;
pub mod name;
pub mod store;
pub mod tool;
pub mod tools;
pub mod value;
pub mod worker;
pub mod workspace;
