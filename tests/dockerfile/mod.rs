//! Dockerfiles: what docker makes of one, tarsia makes too.

mod campaign;
mod dump;
mod expansion;
mod parser;
