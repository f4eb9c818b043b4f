//! How much work the program is, counted rather than timed: a count needs no quiet machine.

mod instructions;
