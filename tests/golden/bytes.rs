//! One layer with everything a layer can hold, by codec, down to the blob's digest.

use std::sync::Arc;

use tarsia::digest::Digest;
use tarsia::entry::{Entry, Kind};
use tarsia::layer::{Assembled, Codec, Contents, Item, Permits, Source, assemble};

/// Bytes that compress somewhat, from a seed.
fn content(seed: u64, size: usize) -> Arc<[u8]> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Every eighth seed is noise, the others have few different bytes.
        let word = if seed.is_multiple_of(8) { state } else { state & 0x0303_0303_0303_0303 };
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.truncate(size);
    bytes.into()
}

fn item(path: &[u8], mode: u32, kind: Kind, source: Source) -> Item {
    Item { entry: Entry { path: path.into(), mode, uid: 0, gid: 0, mtime: 0, kind }, source }
}

fn file(path: &[u8], mode: u32, bytes: Arc<[u8]>) -> Item {
    let kind = Kind::File { size: bytes.len() as u64, digest: Digest::of(&bytes) };
    item(path, mode, kind, Source::Text(bytes))
}

fn contents() -> Contents {
    let mut items = vec![
        item(b"opt", 0o755, Kind::Directory, Source::Nothing),
        item(b"tmp", 0o1777, Kind::Directory, Source::Nothing),
        item(b"opt/link", 0o777, Kind::Symlink { target: (*b"../tmp").into() }, Source::Nothing),
        file(b"opt/empty", 0o644, content(1, 0)),
        file(b"opt/noise", 0o644, content(8, 700_000)),
        file(b"opt/large", 0o755, content(3, 3_500_001)),
        file(b"opt/exactly-a-part", 0o644, content(4, 1 << 20)),
        file("opt/größe".as_bytes(), 0o600, content(5, 10)),
        file(b"opt/not-\xff-utf8", 0o644, content(6, 10)),
        file(&[b"opt/", &[b'n'; 120][..]].concat(), 0o644, content(7, 10)),
        item(b"opt/same", 0o755, Kind::Hardlink { target: (*b"opt/large").into() }, Source::Nothing),
    ];
    for number in 0..400u64 {
        items.push(file(
            format!("opt/f{number:03}").as_bytes(),
            0o644,
            content(number, (number * 97 % 20_000) as usize),
        ));
    }
    let mut owned = item(b"opt/owned", 0o700, Kind::Directory, Source::Nothing);
    (owned.entry.uid, owned.entry.gid, owned.entry.mtime) = (3_000_000, 1000, 1_700_000_000);
    items.push(owned);
    Contents::new(items).unwrap()
}

fn assembled(codec: Codec, threads: usize, permits: usize) -> (Assembled, Vec<u8>) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let mut blob = Vec::new();
    let permits = Arc::new(Permits::new(permits));
    let assembled = assemble(&Arc::new(contents()), codec, &pool, &permits, &mut blob, &|_| {}).unwrap();
    assert_eq!(Digest::of(&blob), assembled.digest);
    (assembled, blob)
}

const KEY: [(Codec, &str); 3] = [
    (Codec::Gzip, "sha256:a60ae71e6001160ffa3073aab0351c005b4b5ee9527e71e3cee782c84898d3c2"),
    (Codec::Zstd, "sha256:9e87713bd370d34743c6178f6e47ba4a7d8cf2d5a343a41b172d33b0bb9045fc"),
    (Codec::None, "sha256:0b109b37d65c9f134f7015f7eaf14937c069c27314ba29d6dd60decae32a7435"),
];
const DIFF_ID: &str = "sha256:a653892d90e7f20dfce41d3cf035534d337f33aa98fe66ac025e0bbfc3af0f66";
const BLOB: [(Codec, &str); 2] = [
    (Codec::Gzip, "sha256:ca0fc6d89500430b801f4f19b1ed079c658e5233f29803bc49feb483e9bd5761"),
    (Codec::Zstd, "sha256:7586618ce5107ff8a54e38b8aad64833a157eddc12b8c39aaa130491a63a3277"),
];

#[test]
fn the_layer_has_its_digests_with_any_number_of_threads() {
    for (codec, key) in KEY {
        assert_eq!(contents().key(codec).to_string(), key, "the key with {codec}");
        let (one, blob) = assembled(codec, 1, 1);
        assert_eq!(one.diff_id.to_string(), DIFF_ID, "the plain stream with {codec}");
        for (threads, permits) in [(2, 3), (8, 30)] {
            assert_eq!(assembled(codec, threads, permits), (one.clone(), blob.clone()), "{codec}, {threads} threads");
        }
        match BLOB.iter().find(|(other, _)| *other == codec) {
            Some((_, digest)) => assert_eq!(one.digest.to_string(), *digest, "the blob with {codec}"),
            None => assert_eq!(one.digest, one.diff_id),
        }
    }
}

#[test]
fn the_blocks_lie_where_the_extents_say() {
    use std::io::Read;
    for codec in [Codec::Gzip, Codec::Zstd] {
        let (assembled, blob) = assembled(codec, 2, 8);
        let (_, plain) = self::assembled(Codec::None, 2, 8);
        let mut compressed_at = if codec == Codec::Gzip { 10 } else { 0 };
        let mut plain_at = 0;
        assert!(assembled.extents.len() > 5);
        for extent in &assembled.extents {
            let block = &blob[compressed_at..compressed_at + extent.compressed as usize];
            let mut read = Vec::new();
            match codec {
                // A block ends at a byte boundary but not the stream: as much as it holds can be read from it.
                Codec::Gzip => {
                    let decoder = flate2::read::DeflateDecoder::new(block);
                    decoder.take(extent.plain).read_to_end(&mut read).unwrap();
                }
                _ => read = zstd::decode_all(block).unwrap(),
            }
            assert_eq!(read, &plain[plain_at..plain_at + extent.plain as usize]);
            assert_eq!(crc32fast::hash(&read), extent.crc);
            compressed_at += extent.compressed as usize;
            plain_at += extent.plain as usize;
        }
        assert_eq!(plain_at, plain.len());
        assert_eq!(blob.len() - compressed_at, if codec == Codec::Gzip { 10 } else { 0 });
    }
}

#[test]
fn other_readers_read_the_same_stream() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, _) = assembled(Codec::None, 2, 8);
    let (_, blob) = assembled(Codec::Gzip, 2, 8);
    let path = folder.path().join("layer.tar.gz");
    std::fs::write(&path, blob).unwrap();
    // GNU gzip, Python's zlib, and GNU tar on what comes out.
    let script = format!("gzip -dc {} | sha256sum", path.display());
    let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).starts_with(&plain.diff_id.hex()));
    let script = "import gzip,hashlib,sys; print(hashlib.sha256(gzip.open(sys.argv[1]).read()).hexdigest())";
    let output = std::process::Command::new("python3").arg("-c").arg(script).arg(&path).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), plain.diff_id.hex());
    let output = std::process::Command::new("tar").arg("-tzf").arg(&path).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), contents().items().len());
}
