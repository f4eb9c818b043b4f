//! What a push asks of a registry, and what it makes of the answers.

mod chaos;
mod counts;
mod credentials;
mod faults;
mod fresh;
mod habits;
mod mount;
mod real;
