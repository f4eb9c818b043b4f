//! Assembling a gigabyte of mixed content, by codec.

#![allow(missing_docs)]

mod material;

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::BytesCount;
use tarsia::Workers;
use tarsia::context::{Context, Scanned, digest_files};
use tarsia::image::Tree;
use tarsia::layer::{Codec, Contents, Permits, Placement, assemble, place};

const SIZE: u64 = 1_000_000_000;

fn main() {
    divan::main();
}

fn contents(root: &std::path::Path) -> Contents {
    let context = Context::open(root, &[]).expect("a context");
    let found = context.scan(b"", &Workers::new(0)).expect("a scan");
    let digests = digest_files(&context, &found, None, &Workers::new(0)).expect("digests");
    let placement = Placement { to: b"/opt/".to_vec(), ..Placement::default() };
    place(b"", &Arc::new(Scanned::new(&context, found)), &digests, &placement, &Tree::new()).expect("contents")
}

#[divan::bench(args = [Codec::Gzip, Codec::Zstd, Codec::None], sample_count = 3, sample_size = 1)]
fn a_gigabyte(bencher: Bencher<'_, '_>, codec: Codec) {
    let folder = material::folder();
    let contents = Arc::new(contents(&material::mixed(folder.path(), SIZE)));
    let pool = rayon::ThreadPoolBuilder::new().build().expect("threads");
    let permits = Arc::new(Permits::for_jobs(pool.current_num_threads()));
    let mut blob = File::create(folder.path().join(".blob")).expect("a file");
    bencher.counter(BytesCount::new(SIZE)).bench_local(|| {
        blob.set_len(0).expect("an empty file");
        assemble(&contents, codec, &pool, &permits, &mut blob, &|_| {}).expect("a layer").size
    });
    blob.flush().expect("a written file");
}
