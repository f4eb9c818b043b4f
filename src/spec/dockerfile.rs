//! Dockerfiles: their text read into instructions, and the variables in those expanded.
//!
//! Nothing here touches a disk or knows an image. The authority is BuildKit's front end (`frontend/dockerfile/parser`,
//! `instructions` and `shell` in [moby/buildkit](https://github.com/moby/buildkit)); `tests/dockerfile` holds what that
//! code answered for some hundred cases.
//!
//! ```
//! use tarsia::spec::dockerfile::{Instruction, parse};
//!
//! let dockerfile = parse("FROM debian:13 AS base\nCOPY --chown=1:1 \\\n  a b /x/\n").unwrap();
//! assert_eq!(dockerfile.instructions[1].text, "COPY --chown=1:1 a b /x/");
//! let Instruction::Copy(copy) = &dockerfile.instructions[1].instruction else { panic!() };
//! assert_eq!(copy.destination.value, "/x/");
//! ```

mod commands;
mod duration;
mod error;
mod evaluate;
mod expand;
mod flags;
mod heredoc;
mod instruction;
mod interpret;
mod json;
mod lines;
mod named;
mod node;
mod parse;
mod pattern;
mod ports;
mod program;
mod run;
mod signal;
mod stage;
mod steps;
mod text;
mod transfer;
mod words;

pub use error::ParseError;
pub use evaluate::Evaluated;
pub use expand::{EXPANSION_LIMIT, Environment, ExpandError, Lexer, NESTING_LIMIT, expand, expand_raw, expand_words};
pub use instruction::{Command, Dockerfile, Healthcheck, Heredoc, Instruction, Line, Transfer};
pub use lines::{FILE_LIMIT, LINE_LIMIT};
pub use named::NamedContext;
pub use parse::{ERROR_LIMIT, parse, parse_trigger};
pub use pattern::MATCHING_LIMIT;
pub use program::{Arguments, Program};
pub use stage::{Stage, StageBase};
pub use steps::{Refusal, exec_steps, steps};
pub use text::Text;
