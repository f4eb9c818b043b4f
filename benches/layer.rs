//! What a layer of fifty thousand files costs beside its contents: tar headers, cutting, the key, the listing, the
//! plain stream.

#![allow(missing_docs)]

#[path = "layer/mod.rs"]
mod layer;

use std::io;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use tarsia::layer::{Codec, Contents, Extent, Item, Listing, Permits, Source, assemble, layer_key};
use tarsia::{digest, entry};

use digest::Digest;
use entry::Kind;

const FILES: usize = 50_000;

fn main() {
    divan::main();
}

#[divan::bench]
fn tar_headers(bencher: Bencher<'_, '_>) {
    let entries = layer::entries(FILES);
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(entries.len())).bench_local(|| {
        out.clear();
        entries.iter().for_each(|entry| layer::tar::write_header(&mut out, entry));
        out.len()
    });
}

/// Paths of more than a hundred bytes need PAX records.
#[divan::bench]
fn tar_headers_of_long_paths(bencher: Bencher<'_, '_>) {
    let mut entries = layer::entries(FILES);
    for entry in &mut entries {
        entry.path = [&entry.path, [b'x'; 100].as_slice()].concat().into();
    }
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(entries.len())).bench_local(|| {
        out.clear();
        entries.iter().for_each(|entry| layer::tar::write_header(&mut out, entry));
        out.len()
    });
}

/// Headers, contents from memory and the digests of both streams, which are the same here.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn tar_stream(bencher: Bencher<'_, '_>) {
    let items = layer::entries(FILES).into_iter().map(|mut entry| {
        let Kind::File { size, .. } = entry.kind else { return Item { entry, source: Source::Nothing } };
        let text: Arc<[u8]> = vec![b'x'; size as usize].into();
        entry.kind = Kind::File { size, digest: Digest::of(&text) };
        Item { entry, source: Source::Text(text) }
    });
    let contents = Arc::new(Contents::new(items.collect()).expect("contents"));
    let pool = rayon::ThreadPoolBuilder::new().build().expect("threads");
    let permits = Arc::new(Permits::for_jobs(pool.current_num_threads()));
    bencher.counter(BytesCount::new(contents.plain_size())).bench_local(|| {
        assemble(&contents, Codec::None, &pool, &permits, &mut io::sink(), &|_| {}).expect("a layer").diff_id
    });
}

#[divan::bench]
fn cut(bencher: Bencher<'_, '_>) {
    let entries = layer::entries(FILES);
    bencher.counter(ItemsCount::new(entries.len())).bench_local(|| layer::blocks::cut(&entries).len());
}

#[divan::bench]
fn key(bencher: Bencher<'_, '_>) {
    let entries = layer::entries(FILES);
    bencher.counter(ItemsCount::new(entries.len())).bench_local(|| layer_key(Codec::Gzip, &entries));
}

fn extents(entries: &[entry::Entry]) -> Vec<Extent> {
    let blocks = layer::blocks::cut(entries);
    let extents =
        blocks.iter().zip(0..).map(|(_, crc)| Extent { plain: 1 << 20, compressed: 300_000, crc, check: crc });
    extents.collect()
}

#[divan::bench]
fn listing_encode(bencher: Bencher<'_, '_>) {
    let entries = layer::entries(FILES);
    let extents = extents(&entries);
    bencher
        .counter(ItemsCount::new(entries.len()))
        .bench_local(|| Listing::encode(Codec::Gzip, &entries, &extents).expect("a listing").len());
}

#[divan::bench]
fn listing_decode(bencher: Bencher<'_, '_>) {
    let entries = layer::entries(FILES);
    let bytes = Listing::encode(Codec::Gzip, &entries, &extents(&entries)).expect("a listing");
    bencher
        .counter(ItemsCount::new(entries.len()))
        .bench_local(|| Listing::decode(&bytes).expect("a listing").entries.len());
}
