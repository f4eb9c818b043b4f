//! The door: threads on this side, tasks on the other.
//!
//! Nothing above it knows of tokio; nothing is set up before it is first opened.

use std::future::Future;
use std::io::{self, Read};
use std::sync::{Arc, OnceLock};

use bytes::{Buf, Bytes};
use tokio::runtime::{Builder, Handle, Runtime};

use super::{BlobReader, Client, Download, Error, RemoteRepository, Settings, Traffic};
use crate::image::{Descriptor, Repository};

/// The way from threads to registries.
#[derive(Debug)]
pub struct Door {
    settings: Settings,
    opened: OnceLock<(Runtime, Client)>,
}

impl Door {
    /// A door that is still closed.
    pub fn new(settings: Settings) -> Door {
        Door { settings, opened: OnceLock::new() }
    }

    fn open(&self) -> Result<&(Runtime, Client), Error> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        // Two threads serve any number of connections; the bytes are packed elsewhere.
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("registry")
            .enable_all()
            .build()
            .map_err(|error| Error::Threads(Arc::new(error)))?;
        let client = Client::new(self.settings.clone())?;
        Ok(self.opened.get_or_init(|| (runtime, client)))
    }

    /// A repository of a registry; its requests are counted in `traffic`.
    ///
    /// # Errors
    ///
    /// If the settings make no sense or the system gives no more threads.
    pub fn repository(&self, repository: &Repository, traffic: &Arc<Traffic>) -> Result<RemoteRepository, Error> {
        Ok(self.open()?.1.repository(repository, Arc::clone(traffic)))
    }

    /// How many requests a registry gets at a time.
    pub fn concurrency(&self) -> usize {
        self.settings.concurrency
    }

    /// Waits for what is done on the other side. Must not be called from there.
    ///
    /// # Errors
    ///
    /// If the system gives no more threads.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output, Error> {
        Ok(self.open()?.0.block_on(future))
    }

    /// Reads a file of the web from a thread.
    ///
    /// # Errors
    ///
    /// If it is no address, or the system gives no more threads.
    pub fn download(&self, url: &str) -> Result<Download, Error> {
        let (runtime, client) = self.open()?;
        Download::new(runtime.handle().clone(), client.clone(), url)
    }

    /// Reads a blob of a registry from a thread. Its last byte is read only if all of them are what the digest says;
    /// errors hold the registry's [`Error`].
    ///
    /// # Errors
    ///
    /// If the system gives no more threads.
    pub fn blob_reader(&self, remote: &RemoteRepository, descriptor: &Descriptor) -> Result<BlobStream, Error> {
        let handle = self.open()?.0.handle().clone();
        Ok(BlobStream { handle, reader: remote.blob_reader(descriptor), rest: Bytes::new(), failed: None })
    }
}

/// A blob of a registry, read from a thread.
pub struct BlobStream {
    handle: Handle,
    reader: BlobReader,
    rest: Bytes,
    /// Why it ended before its end. Whoever reads on, perhaps because somebody above swallowed the error, is told again.
    failed: Option<Error>,
}

impl Read for BlobStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            if let Some(error) = &self.failed {
                return Err(io::Error::other(error.clone()));
            }
            match self.handle.block_on(self.reader.chunk()) {
                Ok(Some(chunk)) => self.rest = chunk,
                Ok(None) => return Ok(0),
                Err(error) => self.failed = Some(error),
            }
        }
        let count = buffer.len().min(self.rest.len());
        self.rest.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
