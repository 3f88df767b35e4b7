//! Quire turns spreadsheets into something that language models, scripts and people can question.
//!
//! # Where things live
//!
//! Lowest layer first; a module uses only those above it here (a test, `tests/it/tidy.rs`, reads the `use` lines).
//!
//! | module | is |
//! |---|---|
//! | [`fault`] | the one error that crosses a surface, and the table of its codes |
//! | [`digest`] | SHA-256 sums, by which version files are named |
//! | [`secret`] | texts that no log may show and no memory keep |
//! | [`name`], [`value`] | names of sheets and columns; column types |
//! | [`context`] | what goes with a call: its cancellation, its progress |
//! | [`engine`] | the only DuckDB: opens it locked down, checks SQL by its syntax tree (`guard`), runs it, makes JSON of rows |
//! | [`ingest`] | the only calamine and CSV reader: format, encoding, dialect, types, Parquet, the receipt; `layout` is where tables lie |
//! | [`stats`] | summaries of sheets and tests of hypotheses: builds SQL, computes from its answers |
//! | [`export`] | the only `rust_xlsxwriter`: rows out to CSV, XLSX, Parquet and JSON, and what those can't say |
//! | [`transform`] | typed steps into SQL, each a SELECT over the step before |
//! | [`worker`] | the process boundary: `task` and `frame` are the protocol, `child` the worker, `pool` and `process` its server |
//! | [`catalog`] | the only SQLite: users, sources, sheets, versions, results, history; applies `migrations/` |
//! | [`store`] | version files, results and originals on disk: sealed, published, swept |
//! | [`workspace`] | one user's sheets: import, refresh of linked files, reading, results; which paths may be reached |
//! | [`tool`] | what a tool is, the registry, schemas, the budget of a reply; knows no particular tool |
//! | [`llm`] | the only reqwest: OpenAI-compatible models, retries, streams, tokens, transcripts |
//! | [`ask`] | a question into calls of the read tools, and an answer that is checked |
//! | [`tools`] | one file per tool; their contracts are in `tools/` at the top of the repository |
//! | [`auth`] | the only argon2 and jsonwebtoken: accounts, passwords, sessions, tokens; whose workspace a caller gets |
//! | [`mcp`] | the only rmcp: MCP over stdio, and for `http` over HTTP |
//! | [`http`] | the only axum: who asks, routes over the registry, problem documents, health |
//! | [`cli`] | the only clap: one file per subcommand, and the configuration |
//!
//! # The way of a query
//!
//! `mcp` or `cli` calls `Registry::call(workspace, name, args)`; the tool parses its arguments and asks the `Workspace`,
//! which reads changed linked files again and sends a worker one frame with the SQL. There `engine::guard` asks DuckDB's
//! parser what the SQL is, views are made for just the sheets that it names, and it runs once: the first page goes back,
//! the rest into a file that a `result` handle names. The reply is cut to its budget by `tool::reply`.
//!
//! # The way of a file
//!
//! A worker of its own reads the file (`ingest`) and writes one Parquet file per table and a receipt; the server seals
//! and publishes the files and commits them in one transaction (`catalog::Catalog::commit_import`).
//!
//! # What must stay true
//!
//! - The server process never parses a user's file and never runs a user's SQL: `engine` and `ingest` run in workers.
//! - A version file is never written to once it has its name, and no catalog row names a file that is not there.
//! - Nothing but protocol or data goes to standard output; no cell, token or key into a log.
//! - What a caller may reach is decided by the `Workspace` it was given, never by an argument.
//! - Only `cli::config` reads the environment; only `worker` knows of operating systems.

pub mod ask;
pub mod auth;
pub mod catalog;
pub mod cli;
pub mod context;
pub mod digest;
pub mod engine;
pub mod export;
pub mod fault;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
pub mod ingest;
pub mod llm;
pub mod mcp;
pub mod name;
pub mod secret;
pub mod stats;
pub mod store;
pub mod tool;
pub mod tools;
pub mod transform;
pub mod value;
pub mod worker;
pub mod workspace;
