//! Tests that read like the manual: build a small tree, run the program, look at the result with someone else's tool.
//! One folder a subject.

#![allow(missing_docs, clippy::unwrap_used)]

mod build;
mod bump;
mod check;
mod commands;
mod context;
mod copy;
mod diff;
mod dockerfile;
#[cfg(feature = "ecr")]
mod ecr;
mod golden;
mod init;
mod inspect;
mod lock;
mod plan;
mod push;
mod python;
mod refusals;
mod speed;
mod support;
mod verify;
