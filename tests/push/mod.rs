//! What a push asks of a registry, and what it makes of the answers.

mod counts;
