//! What `build` makes of a spec.

mod bases;
mod layers;
mod names;
mod parents;
