//! The wire: images in registries, read and written over the
//! [distribution protocol](https://github.com/opencontainers/distribution-spec/blob/main/spec.md).
//!
//! A [`Client`] is made once, of [`Settings`]; a [`RemoteRepository`] is one repository through it:
//!
//! ```no_run
//! use std::sync::Arc;
//! use tarsia::registry::{Client, Settings, Traffic};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Settings::default())?;
//! let traffic = Arc::new(Traffic::default());
//! let repository = client.repository(&"public.ecr.aws/lambda/python".parse()?, traffic.clone());
//! let manifest = repository.manifest("3.12").await?;
//! println!("{} after {} requests", manifest.digest, traffic.snapshot().sent);
//! # Ok(())
//! # }
//! ```
//!
//! What a call passes through, from the top: `pull`, `push`, `tags` say what is wanted; `client` proves who asks, with
//! what `auth` knows of the host; `wire` follows redirects and repeats what failed in passing; `transport` sends one
//! request, at the pace its host can bear.
//!
//! Every byte received is hostile until its digest and size have been checked; every answer read into memory has a
//! limit. Credentials go to the host that they belong to, and into no message.

mod answer;
mod auth;
mod blob;
mod cause;
mod challenge;
mod client;
mod credentials;
mod date;
mod door;
mod download;
mod ecr;
mod endpoint;
mod error;
mod growing;
mod help;
pub mod limits;
mod moving;
mod pace;
mod pull;
mod push;
mod retry;
mod scope;
mod tags;
#[cfg(test)]
mod tests;
mod token;
mod traffic;
mod transport;
mod wire;

pub use answer::Answer;
pub use auth::CredentialProvider;
pub use blob::BlobReader;
pub use cause::Cause;
pub use client::{Client, DEFAULT_CONCURRENCY, RemoteRepository, Settings};
pub use credentials::{CredentialStore, Credentials, CredentialsError, Environment, Found};
pub use door::{BlobStream, Door};
pub use download::Download;
pub use ecr::{EcrHost, Failed, PrivateRegistry, Reason};
pub use endpoint::Mirror;
pub use error::{Action, Error, Login};
pub use moving::{Moved, ReadTag};
pub use pull::{MAX_MANIFEST, ManifestHead, RawManifest};
pub use push::{BlobSource, MountOutcome, PutOutcome, UploadSession};
pub use retry::RetryPolicy;
pub use traffic::{Requests, Traffic};
pub use transport::Progress;
