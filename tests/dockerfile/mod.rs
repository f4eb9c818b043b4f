//! Dockerfiles: what docker makes of one, tarsia makes too.

mod archives;
mod campaign;
mod dump;
mod expansion;
mod hostile;
mod layers;
mod merged_usr;
mod named;
mod parser;
mod refusals;
mod runs;
mod tails;
