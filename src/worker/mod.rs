//! The process boundary: files are parsed and SQL runs in child processes of this same binary.

pub mod child;
mod frame;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub mod heap;
mod idle;
pub mod meter;
pub mod pool;
mod priority;
mod process;
mod queue;
mod sandbox;
mod shares;
mod spawner;
pub mod task;
