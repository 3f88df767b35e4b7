//! A door for the fuzz target of frames.

use std::io;

use super::{
    frame,
    task::{Confinement, Order},
};

/// Reads frames as a worker does, and runs none.
pub fn read_frames(mut input: &[u8]) -> io::Result<()> {
    if frame::read::<Confinement>(&mut input)?.is_some() {
        while frame::read::<Order>(&mut input)?.is_some() {}
    }
    Ok(())
}
