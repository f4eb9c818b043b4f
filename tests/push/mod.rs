//! What a push asks of a registry, and what it makes of the answers.

mod along;
mod cache;
mod cache_from;
mod chaos;
mod counts;
mod credentials;
mod crowd;
mod faults;
mod fresh;
mod habits;
mod hostile;
mod mount;
mod real;
mod shared;
mod why;
