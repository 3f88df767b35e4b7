//! The tests: each goes through a surface of the built binary, in data. `cfg(test)` lets the lints know what these are.

#![expect(
    clippy::format_collect,
    clippy::format_push_string,
    clippy::needless_for_each,
    clippy::needless_pass_by_value,
    reason = "tests are written to be read: sheets as text, arguments as `json!`"
)]

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod ask;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod bombs;
#[cfg(test)]
mod contracts;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod http;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod limits;
mod lines;
#[cfg(test)]
mod linked;
#[cfg(test)]
mod paging;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod surfaces;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod workbooks;
