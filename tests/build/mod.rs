//! What `build` makes of a spec.

mod bases;
mod config;
mod layers;
mod names;
mod outputs;
mod parents;
mod platforms;
mod specs;
mod transfers;
