//! What the tests work with: the program, a sandbox of folders, other people's tools.

#![allow(dead_code, unused_imports)]

pub mod altered;
pub mod bases;
pub mod buildah;
pub mod debian;
pub mod docker_registry;
pub mod dockerfiles;
pub mod examples;
pub mod images;
pub mod judge;
pub mod lockfiles;
pub mod material;
pub mod moto;
pub mod package_index;
pub mod registry;
pub mod sandbox;
pub mod tools;
pub mod unprivileged;
pub mod wheels;
pub mod workspace;
pub mod zip;

pub use docker_registry::DockerRegistry;
pub use judge::Unpacked;
pub use moto::Moto;
pub use sandbox::{Run, Sandbox};
