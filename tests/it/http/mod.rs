//! The HTTP surface, through real connections.

mod problems;
