//! The HTTP surface, through real connections.

mod accounts;
mod mcp;
mod problems;
