//! What a context holds.

mod ignore;
