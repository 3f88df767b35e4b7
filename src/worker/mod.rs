//! The process boundary: files are parsed and SQL runs in child processes of this same binary.

pub mod child;
mod frame;
pub mod pool;
mod process;
mod sandbox;
pub mod task;
