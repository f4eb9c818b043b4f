//! The stations of `src/layer` that are nobody's business but the crate's, compiled once more to be measured alone.
//!
//! Whoever includes this has `use tarsia::{digest, entry};` at its root, as the crate has.

// Their tests are in the way of nobody, and unused here.
#![allow(dead_code, unused_imports)]

#[path = "../../src/layer/blocks.rs"]
pub mod blocks;
#[path = "../../src/layer/gzip.rs"]
pub mod gzip;
#[path = "../../src/layer/noise.rs"]
pub mod noise;
#[path = "../../src/layer/tar.rs"]
pub mod tar;
#[path = "../../src/layer/zstd.rs"]
pub mod zstd;

use crate::digest::Digest;
use crate::entry::{Entry, Kind};

/// `files` files in folders of a hundred, as a layer of Python packages has them.
pub fn entries(files: usize) -> Vec<Entry> {
    let entry =
        |path: String, mode, kind| Entry { path: path.into_bytes().into(), mode, uid: 0, gid: 0, mtime: 0, kind };
    let mut entries = vec![entry("opt".to_owned(), 0o755, Kind::Directory)];
    for number in 0..files {
        let folder = format!("opt/package_{:05}", number / 100);
        if number % 100 == 0 {
            entries.push(entry(folder.clone(), 0o755, Kind::Directory));
        }
        let digest = Digest::of(&number.to_le_bytes());
        let kind = Kind::File { size: 200 + (number as u64 * 7919) % 3000, digest };
        entries.push(entry(format!("{folder}/module_{number:07}.py"), 0o644, kind));
    }
    entries
}
