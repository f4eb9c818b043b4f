//! The wire against a server that says what each test tells it to.

mod auth;
mod ecr;
mod pull;
mod push;
mod server;
