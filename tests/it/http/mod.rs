//! The HTTP surface, through real connections.

mod accounts;
mod ask;
mod guards;
mod isolation;
mod mcp;
mod openapi;
mod problems;
mod turns;
mod uploads;
