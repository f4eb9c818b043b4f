//! What `plan` says a push would do, and why; and that saying so is all it does.

mod nothing;
mod why;
