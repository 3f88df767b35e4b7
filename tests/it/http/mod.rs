//! The HTTP surface, through real connections.

mod mcp;
mod problems;
