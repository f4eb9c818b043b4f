//! What the tests work with: the program, a sandbox of folders, other people's tools.

#![allow(dead_code, unused_imports)]

pub mod docker_registry;
pub mod moto;
pub mod registry;
pub mod sandbox;
pub mod tools;

pub use docker_registry::DockerRegistry;
pub use moto::Moto;
pub use sandbox::{Run, Sandbox};
