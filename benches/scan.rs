//! Scanning fifty thousand files: the walk, the digests when all are new, and when all are known.

#![allow(missing_docs)]

mod material;

use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use tarsia::Workers;
use tarsia::context::{Context, ContextIndex, IgnoreRules, Scanned, digest_files};
use tarsia::image::Tree;
use tarsia::layer::{Codec, Placement, place};

const FILES: usize = 50_000;

fn main() {
    divan::main();
}

fn bench(bencher: Bencher<'_, '_>, run: impl Fn(&Context, &ContextIndex, &Workers) + Sync) {
    let folder = material::folder();
    let root = folder.path().join("context");
    material::small_files(&root, FILES);
    // Files are believed only once their times lie a little back.
    std::thread::sleep(std::time::Duration::from_millis(100));
    let context = Context::open(&root, &[]).expect("a context");
    let index = ContextIndex { path: folder.path().join("index"), writable: true };
    let workers = Workers::new(0);
    run(&context, &index, &workers);
    bencher.counter(ItemsCount::new(FILES)).bench_local(|| run(&context, &index, &workers));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn walk(bencher: Bencher<'_, '_>) {
    bench(bencher, |context, _, workers| {
        context.scan(b"", workers).expect("a scan");
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn walk_and_digest(bencher: Bencher<'_, '_>) {
    bench(bencher, |context, _, workers| {
        let found = context.scan(b"", workers).expect("a scan");
        digest_files(context, &found, None, workers).expect("digests");
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn walk_and_know(bencher: Bencher<'_, '_>) {
    bench(bencher, |context, index, workers| {
        let found = context.scan(b"", workers).expect("a scan");
        digest_files(context, &found, Some(index), workers).expect("digests");
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn walk_know_and_key(bencher: Bencher<'_, '_>) {
    bench(bencher, |context, index, workers| {
        let found = context.scan(b"", workers).expect("a scan");
        let digests = digest_files(context, &found, Some(index), workers).expect("digests");
        let placement = Placement { to: b"/opt/".to_vec(), ..Placement::default() };
        let scanned = Arc::new(Scanned::new(context, found));
        let contents = place(b"", &scanned, &digests, &placement, &Tree::new()).expect("contents");
        divan::black_box(contents.key(Codec::Gzip));
    });
}

/// Matching alone: a hundred patterns of all kinds against one path.
#[divan::bench]
fn match_a_hundred_patterns(bencher: Bencher<'_, '_>) {
    let mut rules = IgnoreRules::default();
    for number in 0..25 {
        for pattern in
            [format!("**/cache_{number}"), format!("*.e{number}"), format!("d{number}/**"), format!("a?b{number}*/c")]
        {
            rules.push(&pattern).expect("a pattern");
        }
    }
    bencher.counter(ItemsCount::new(100usize)).bench_local(|| {
        divan::black_box(rules.judge(b"package/part/module_00001.py", None).expect("a verdict").ignored)
    });
}
