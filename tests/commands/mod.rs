//! The commands around building and pushing.

mod cache;
mod help;
