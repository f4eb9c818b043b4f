//! Documents of an image of a hundred layers over a base of ten: parsed, composed, written.

#![allow(missing_docs)]

use divan::Bencher;
use tarsia::digest::Digest;
use tarsia::image::{BaseDocuments, Config, ConfigEdits, Document, Image, Layer, Platform, compose, media_type};

fn main() {
    divan::main();
}

fn layers(number: u64) -> Vec<Layer> {
    let layer = |number: u64| Layer {
        name: format!("package_{number}"),
        key: Digest::of(&number.to_le_bytes()),
        diff_id: Digest::of(&number.to_be_bytes()),
        digest: Digest::of(format!("{number}").as_bytes()),
        size: 1_000_000 + number,
        media_type: media_type::LAYER_GZIP.to_owned(),
    };
    (0..number).map(layer).collect()
}

fn base() -> BaseDocuments {
    let platform = Platform::new("linux", "arm64");
    let below = composed(&BaseDocuments::scratch(&platform), 10);
    let digest = below.descriptor.digest;
    BaseDocuments::new("registry.example/base:1".into(), digest, &below.manifest, below.config, platform)
        .expect("a base")
}

fn composed(base: &BaseDocuments, number: u64) -> Image {
    let edits = ConfigEdits {
        env: (0..20).map(|number| (format!("NAME_{number}"), "a value of some length".to_owned())).collect(),
        cmd: Some(vec!["python3".into(), "main.py".into()]),
        ..ConfigEdits::default()
    };
    compose(base, &layers(number), &edits, None, 0)
}

#[divan::bench]
fn compose_and_write(bencher: Bencher<'_, '_>) {
    let base = base();
    bencher.bench_local(|| composed(&base, 100).descriptor);
}

#[divan::bench]
fn parse_config(bencher: Bencher<'_, '_>) {
    let bytes = composed(&base(), 100).config_bytes;
    bencher.bench_local(|| Config::parse(&bytes).expect("a config"));
}

#[divan::bench]
fn write_config(bencher: Bencher<'_, '_>) {
    let config = composed(&base(), 100).config;
    bencher.bench_local(|| config.to_bytes());
}

#[divan::bench]
fn parse_manifest(bencher: Bencher<'_, '_>) {
    let bytes = composed(&base(), 100).manifest_bytes;
    bencher.bench_local(|| Document::parse(&bytes, media_type::MANIFEST).expect("a manifest"));
}

#[divan::bench]
fn write_manifest(bencher: Bencher<'_, '_>) {
    let manifest = composed(&base(), 100).manifest;
    bencher.bench_local(|| manifest.to_bytes());
}
