//! What the program refuses, with which exit code, and in which words.

mod arguments;
mod bases;
mod contexts;
mod machine;
mod messages;
mod python;
mod registries;
mod specs;
mod transfers;
