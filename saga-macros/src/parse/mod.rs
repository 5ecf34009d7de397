//! Tokens become what was written; nothing is judged yet but its grammar.

mod failure;
mod flow;
mod options;

pub(crate) use failure::{Class, classes};
pub(crate) use flow::{Branch, Flow, SourceName, parse_flow};
pub(crate) use options::Options;
