//! What this machine can do at most, and how close assembling comes to it.
//!
//! `cargo bench --bench limits` prints a table, `-- --json` one JSON document for `benches/rivals/run`. `--tree DIR`
//! takes the contents to compress from there instead of a seeded mix; `--store DIR` says on which file system small
//! files are brought to disk; `--rounds N` how often everything is measured. Medians count.

#![allow(missing_docs)]

#[path = "layer/mod.rs"]
mod layer;
mod material;

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde_json::{Value, json};
use tarsia::Workers;
use tarsia::context::{Context, Scanned, digest_files};
use tarsia::image::Tree;
use tarsia::layer::{Codec, Contents, Permits, Placement, assemble, place};
use tarsia::{digest, entry};

const MB: f64 = 1e6;

/// The files whose `stat` is measured.
const FILES: usize = 50_000;

/// One thing that the machine can do only so fast.
struct Limit {
    name: &'static str,
    what: &'static str,
    unit: &'static str,
    value: f64,
}

/// Assembling beside its codec alone, both on all cores: medians in seconds, and of the rounds' ratios.
struct Pair {
    codec: Codec,
    bytes: u64,
    size: u64,
    alone: f64,
    assembly: f64,
    ratio: f64,
    /// The same of the CPU's time. It tells more where others use the machine too.
    cpu_ratio: f64,
}

struct Bench {
    pool: rayon::ThreadPool,
    rounds: usize,
    limits: Vec<Limit>,
}

fn time(run: impl FnOnce()) -> f64 {
    let began = Instant::now();
    run();
    began.elapsed().as_secs_f64()
}

/// Seconds of CPU that this process has taken.
fn cpu() -> f64 {
    // Linux counts here in hundredths of a second, whatever its clock.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

impl Bench {
    /// Measures how long `run` takes, and notes `amount` over that.
    fn rate(&mut self, name: &'static str, what: &'static str, unit: &'static str, amount: f64, run: impl Fn() + Sync) {
        run();
        let seconds = median((0..self.rounds).map(|_| time(&run)).collect());
        self.limits.push(Limit { name, what, unit, value: amount / seconds });
    }

    /// The same on one core, and on all of them with a share of the work each.
    fn rates(&mut self, name: [&'static str; 2], what: &'static str, unit: &'static str, work: Work<'_>) {
        self.rate(name[0], what, unit, work.amount, || (work.run)(0, 1));
        let threads = self.pool.current_num_threads();
        let seconds = (0..self.rounds).map(|_| {
            time(|| {
                self.pool.install(|| (0..threads).into_par_iter().for_each(|share| (work.run)(share, threads)));
            })
        });
        let value = work.amount / median(seconds.collect());
        self.limits.push(Limit { name: name[1], what, unit, value });
    }

    /// Measures how long one of `count` turns takes, in milliseconds.
    fn turn(&mut self, name: &'static str, what: &'static str, count: usize, mut run: impl FnMut(usize)) {
        let turns = (0..self.rounds * count).map(|turn| time(|| run(turn)));
        let value = 1000.0 * median(turns.collect());
        self.limits.push(Limit { name, what, unit: "ms", value });
    }
}

/// Work that can be shared.
struct Work<'a> {
    amount: f64,
    /// Does one share of so many.
    run: &'a (dyn Fn(usize, usize) + Sync),
}

/// The share of `all` that is the `share`th of so many.
fn slice<T>(all: &[T], share: usize, of: usize) -> &[T] {
    &all[all.len() * share / of..all.len() * (share + 1) / of]
}

fn digests(bench: &mut Bench) {
    let bytes = material::noise(&mut material::Random::new(5), 64 << 20);
    let run = |share, of| {
        let mut hasher = digest::Hasher::new();
        hasher.update(slice(&bytes, share, of));
        black_box(hasher.finish());
    };
    let work = Work { amount: bytes.len() as f64 / MB, run: &run };
    bench.rates(["sha256_core", "sha256_cores"], "SHA-256", "MB/s", work);
}

fn files(bench: &mut Bench, folder: &Path) -> io::Result<()> {
    let root = folder.join("files");
    material::small_files(&root, FILES);
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for found in fs::read_dir(folder)? {
            let found = found?;
            let list = if found.file_type()?.is_dir() { &mut folders } else { &mut paths };
            list.push(found.path());
        }
    }
    let run = |share, of| slice(&paths, share, of).iter().for_each(|path| drop(black_box(fs::symlink_metadata(path))));
    let work = Work { amount: paths.len() as f64, run: &run };
    bench.rates(["stat_core", "stat_cores"], "stat of files by path", "files/s", work);

    let large = folder.join("large");
    const SIZE: u64 = 1 << 30;
    let part = material::noise(&mut material::Random::new(6), 16 << 20);
    let mut file = File::create(&large)?;
    (0..SIZE / part.len() as u64).try_for_each(|_| file.write_all(&part))?;
    let run = |share: usize, of: usize| {
        use std::os::unix::fs::FileExt;
        let file = File::open(&large).expect("the file that was just written");
        let mut room = vec![0; 1 << 20];
        let (mut at, end) = (SIZE * share as u64 / of as u64, SIZE * (share as u64 + 1) / of as u64);
        while at < end {
            at += file.read_at(&mut room, at).expect("bytes") as u64;
        }
        black_box(&room);
    };
    bench.rates(
        ["read_core", "read_cores"],
        "reading a file from memory",
        "MB/s",
        Work { amount: SIZE as f64 / MB, run: &run },
    );
    fs::remove_file(&large)
}

/// One byte there and back, then many in one direction.
fn loopback(bench: &mut Bench) -> io::Result<()> {
    const SIZE: usize = 1 << 30;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || -> io::Result<()> {
        let (mut echo, _) = listener.accept()?;
        echo.set_nodelay(true)?;
        let mut byte = [0];
        while echo.read(&mut byte)? == 1 {
            echo.write_all(&byte)?;
        }
        let mut room = vec![0; 256 << 10];
        for sink in listener.incoming() {
            let mut sink = sink?;
            while sink.read(&mut room)? > 0 {}
            sink.write_all(&[0])?;
        }
        Ok(())
    });
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    bench.turn("round_trip", "a byte over loopback and back", 1000, |_| {
        stream.write_all(&[1]).expect("a connection");
        stream.read_exact(&mut [0]).expect("an answer");
    });
    drop(stream);
    let room = vec![0; 256 << 10];
    bench.rate("loopback", "loopback, one connection", "MB/s", SIZE as f64 / MB, || {
        let mut stream = TcpStream::connect(address).expect("a connection");
        (0..SIZE / room.len()).for_each(|_| stream.write_all(&room).expect("a connection"));
        stream.shutdown(std::net::Shutdown::Write).expect("an end");
        stream.read_exact(&mut [0]).expect("an answer");
    });
    Ok(())
}

fn disk(bench: &mut Bench, store: &Path) {
    let folder = tempfile::Builder::new().prefix("limits").tempdir_in(store).expect("a folder of the store's");
    bench.turn("commit", "a file of 1 KB written, brought to disk and renamed", 20, |turn| {
        let temporary = folder.path().join("temporary");
        let mut file = File::create(&temporary).expect("a file");
        file.write_all(&[0; 1024]).expect("a written file");
        file.sync_all().expect("a file on disk");
        fs::rename(&temporary, folder.path().join(format!("{turn}"))).expect("a renamed file");
    });
}

fn process(bench: &mut Bench) {
    bench.turn("process", "a process that does nothing", 50, |_| {
        assert!(Command::new("true").status().expect("a run").success());
    });
}

fn contents(root: &Path) -> Contents {
    let context = Context::open(root, &[]).expect("a context");
    let workers = Workers::new(0);
    let found = context.scan(b"", &workers).expect("a scan");
    let digests = digest_files(&context, &found, None, &workers).expect("digests");
    let placement = Placement { to: b"/opt/".to_vec(), ..Placement::default() };
    place(b"", &Arc::new(Scanned::new(&context, found)), &digests, &placement, &Tree::new()).expect("contents")
}

/// Compresses blocks on all cores, and forgets what comes of it.
fn compress(pool: &rayon::ThreadPool, codec: Codec, blocks: &[&[u8]]) {
    pool.install(|| match codec {
        Codec::Gzip => blocks.par_iter().for_each_init(layer::gzip::Deflater::new, |state, block| {
            black_box(state.block(block));
        }),
        Codec::Zstd => blocks.par_iter().for_each_init(
            || layer::zstd::Compressor::new().expect("a compressor"),
            |state, block| drop(black_box(state.block(block))),
        ),
        Codec::None => {}
    });
}

/// The codec with the blocks of a layer in memory, and the assembly of that layer from its files, in turns.
fn assembly(bench: &mut Bench, tree: &Path, folder: &Path) -> Vec<Pair> {
    let contents = Arc::new(contents(tree));
    let permits = Arc::new(Permits::for_jobs(bench.pool.current_num_threads()));
    let assemble = |pool: &rayon::ThreadPool, codec, out: &mut (dyn Write + Send)| {
        assemble(&contents, codec, pool, &permits, out, &|_| {}).expect("a layer")
    };
    let mut plain = Vec::with_capacity(contents.plain_size() as usize);
    let extents = assemble(&bench.pool, Codec::None, &mut plain).extents;
    let mut rest = &plain[..];
    let mut blocks = Vec::new();
    for extent in extents {
        let (block, after) = rest.split_at(extent.plain as usize);
        blocks.push(block);
        rest = after;
    }
    let mut pairs = Vec::new();
    for codec in [Codec::Gzip, Codec::Zstd] {
        let (mut alone, mut assembly, mut ratios, mut cpu_ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut size = 0;
        for _ in 0..bench.rounds {
            let mut blob = File::create(folder.join("blob")).expect("a file");
            let began = cpu();
            let first = time(|| compress(&bench.pool, codec, &blocks));
            let between = cpu();
            let second = time(|| size = assemble(&bench.pool, codec, &mut blob).size);
            alone.push(first);
            assembly.push(second);
            ratios.push(second / first);
            cpu_ratios.push((cpu() - between) / (between - began));
        }
        let bytes = plain.len() as u64;
        let (alone, assembly) = (median(alone), median(assembly));
        let (name, what) = match codec {
            Codec::Gzip => ("gzip_cores", "gzip as shipped, input in memory"),
            _ => ("zstd_cores", "zstd as shipped, input in memory"),
        };
        bench.limits.push(Limit { name, what, unit: "MB/s", value: bytes as f64 / MB / alone });
        let (ratio, cpu_ratio) = (median(ratios), median(cpu_ratios));
        pairs.push(Pair { codec, bytes, size, alone, assembly, ratio, cpu_ratio });
    }
    pairs
}

fn write_table(out: &mut dyn Write, bench: &Bench, pairs: &[Pair]) -> io::Result<()> {
    for Limit { name, what, unit, value } in &bench.limits {
        let digits = if *value < 100.0 { 3 } else { 0 };
        writeln!(out, "{name:<14}{value:>12.digits$} {unit:<8} {what}")?;
    }
    writeln!(
        out,
        "\n{:<8}{:>12}{:>12}{:>10}{:>12}{:>8}{:>11}",
        "codec", "plain", "blob", "alone s", "assembly s", "ratio", "CPU ratio"
    )?;
    for Pair { codec, bytes, size, alone, assembly, ratio, cpu_ratio } in pairs {
        let codec = codec.to_string();
        writeln!(out, "{codec:<8}{bytes:>12}{size:>12}{alone:>10.3}{assembly:>12.3}{ratio:>8.2}{cpu_ratio:>11.2}")?;
    }
    Ok(())
}

fn document(bench: &Bench, pairs: &[Pair]) -> Value {
    let limit =
        |limit: &Limit| json!({"name": limit.name, "what": limit.what, "unit": limit.unit, "value": limit.value});
    let pair = |pair: &Pair| {
        json!({
            "codec": pair.codec, "plain": pair.bytes, "blob": pair.size, "alone": pair.alone,
            "assembly": pair.assembly, "ratio": pair.ratio, "cpu_ratio": pair.cpu_ratio,
        })
    };
    json!({
        "cores": bench.pool.current_num_threads(),
        "limits": bench.limits.iter().map(limit).collect::<Vec<_>>(),
        "assembly": pairs.iter().map(pair).collect::<Vec<_>>(),
    })
}

/// The value of an option of the command line.
fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn main() -> io::Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().build().map_err(io::Error::other)?;
    let rounds = option("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let mut bench = Bench { pool, rounds, limits: Vec::new() };
    let folder = material::folder();
    let store = option("--store").map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    digests(&mut bench);
    files(&mut bench, folder.path())?;
    loopback(&mut bench)?;
    disk(&mut bench, &store);
    process(&mut bench);
    let tree =
        option("--tree").map_or_else(|| material::mixed(&folder.path().join("tree"), 256_000_000), PathBuf::from);
    // Files are believed only once their times lie a little back.
    std::thread::sleep(Duration::from_millis(100));
    let pairs = assembly(&mut bench, &tree, folder.path());
    let mut out = io::stdout().lock();
    if std::env::args().any(|argument| argument == "--json") {
        return writeln!(out, "{:#}", document(&bench, &pairs));
    }
    write_table(&mut out, &bench, &pairs)
}
