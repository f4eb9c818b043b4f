//! What `build` makes of a spec.

mod bases;
