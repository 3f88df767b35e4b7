//! The tests: each goes through a surface of the built binary, in data. `cfg(test)` lets the lints know what these are.

#[cfg(test)]
mod contracts;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod linked;
#[cfg(test)]
mod surfaces;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod tools;
