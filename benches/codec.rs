//! Compressing one block of 1 MiB, by compressor, level and material: what it leaves, then how fast it is.
//!
//! The levels are the compressors' own, in the way that layers use them; `shipped` is what layers are made with.

#![allow(missing_docs)]

#[path = "layer/mod.rs"]
mod layer;
mod material;

use std::fmt::{self, Display};
use std::io::{self, Write};

use divan::Bencher;
use divan::counter::BytesCount;
use flate2::{Compress, Compression, FlushCompress};
use tarsia::{digest, entry};

use material::Random;

const SIZE: usize = 1 << 20;

const LEVELS: [u32; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

const MATERIALS: [&str; 4] = ["text", "numbers", "noise", "mixed"];

fn block(material: &str) -> Vec<u8> {
    let mut random = Random::new(3);
    match material {
        "text" => material::text(&mut random, SIZE),
        "numbers" => material::numbers(&mut random, SIZE),
        "noise" => material::noise(&mut random, SIZE),
        _ => {
            let mut block = material::text(&mut random, SIZE / 2);
            block.extend(material::numbers(&mut random, SIZE / 4));
            block.extend(material::noise(&mut random, SIZE / 4));
            block
        }
    }
}

/// Deflates as [`layer::gzip`] does, at a level of choice and whatever the block holds.
fn deflate(state: &mut Compress, room: &mut Vec<u8>, plain: &[u8]) -> usize {
    room.resize(plain.len() + plain.len() / 8 + 1024, 0);
    state.reset();
    state.compress(plain, room, FlushCompress::Sync).expect("a deflated block");
    state.total_out() as usize
}

fn deflater(level: u32) -> Compress {
    Compress::new(Compression::new(level), false)
}

fn compressor(level: u32) -> zstd::bulk::Compressor<'static> {
    zstd::bulk::Compressor::new(level as i32).expect("a compressor")
}

/// What of a block is left, in percent.
fn write_ratios(out: &mut dyn Write) -> io::Result<()> {
    let percent = |bytes: usize| 100.0 * bytes as f64 / SIZE as f64;
    let levels: String = LEVELS.iter().map(|level| format!("{level:>7}")).collect();
    writeln!(out, "{:<16}{levels}{:>9}", "% left, by level", "shipped")?;
    for material in MATERIALS {
        let plain = block(material);
        let mut room = Vec::new();
        let gzip = LEVELS.map(|level| deflate(&mut deflater(level), &mut room, &plain));
        let zstd = LEVELS.map(|level| compressor(level).compress(&plain).expect("a frame").len());
        let shipped = [
            layer::gzip::Deflater::new().block(&plain).bytes.len(),
            layer::zstd::Compressor::new()?.block(&plain)?.bytes.len(),
        ];
        for (name, row, shipped) in [("gzip", gzip, shipped[0]), ("zstd", zstd, shipped[1])] {
            let row: String = row.iter().map(|&bytes| format!("{:>7.2}", percent(bytes))).collect();
            writeln!(out, "{:<16}{row}{:>9.2}", format!("{name} {material}"), percent(shipped))?;
        }
    }
    writeln!(out)
}

fn main() -> io::Result<()> {
    write_ratios(&mut io::stdout().lock())?;
    divan::main();
    Ok(())
}

/// A compressor's level on a material.
struct Case(&'static str, u32);

impl Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

fn cases() -> impl Iterator<Item = Case> {
    MATERIALS.into_iter().flat_map(|material| LEVELS.map(|level| Case(material, level)))
}

#[divan::bench(args = cases(), sample_count = 5, sample_size = 1)]
fn gzip(bencher: Bencher<'_, '_>, &Case(material, level): &Case) {
    let (plain, mut state, mut room) = (block(material), deflater(level), Vec::new());
    bencher.counter(BytesCount::new(SIZE)).bench_local(|| deflate(&mut state, &mut room, &plain));
}

#[divan::bench(args = cases(), sample_count = 5, sample_size = 1)]
fn zstd_frames(bencher: Bencher<'_, '_>, &Case(material, level): &Case) {
    let (plain, mut state) = (block(material), compressor(level));
    bencher.counter(BytesCount::new(SIZE)).bench_local(|| state.compress(&plain).expect("a frame").len());
}

#[divan::bench(args = MATERIALS, sample_count = 20, sample_size = 1)]
fn shipped_gzip(bencher: Bencher<'_, '_>, material: &str) {
    let (plain, mut state) = (block(material), layer::gzip::Deflater::new());
    bencher.counter(BytesCount::new(SIZE)).bench_local(|| state.block(&plain).bytes.len());
}

#[divan::bench(args = MATERIALS, sample_count = 20, sample_size = 1)]
fn shipped_zstd(bencher: Bencher<'_, '_>, material: &str) {
    let (plain, mut state) = (block(material), layer::zstd::Compressor::new().expect("a compressor"));
    bencher.counter(BytesCount::new(SIZE)).bench_local(|| state.block(&plain).expect("a frame").bytes.len());
}
