use std::io::{Seek, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::layer::{Contents, Item, Listing, Permits, Source, assemble, assemble_over};

/// Files by path: how many bytes, and what decides them.
type Files = BTreeMap<String, (usize, u64)>;

fn bytes(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Text and noise.
        let word = if seed.is_multiple_of(3) { state } else { state & 0x0f0f_0f0f_0f0f_0f0f };
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

fn contents(files: &Files) -> Arc<Contents> {
    let item = |(path, &(size, seed)): (&String, &(usize, u64))| {
        let bytes = bytes(size, seed);
        let kind = Kind::File { size: size as u64, digest: Digest::of(&bytes) };
        let entry = Entry { path: path.as_bytes().into(), mode: 0o644, uid: 0, gid: 0, mtime: 0, kind };
        Item { entry, source: Source::Text(bytes.into()) }
    };
    Arc::new(Contents::new(files.iter().map(item).collect()).unwrap())
}

struct Made {
    key: Digest,
    listing: Listing,
    blob: Vec<u8>,
    digests: (Digest, Digest),
}

fn make(contents: &Arc<Contents>, codec: Codec, previous: Option<Previous>) -> Made {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let permits = Arc::new(Permits::new(4));
    let mut blob = Vec::new();
    let assembled = assemble_over(previous, contents, codec, &pool, &permits, &mut blob, &|_| {}).unwrap();
    assert_eq!(assembled.digest, Digest::of(&blob));
    assert_eq!(assembled.size, blob.len() as u64);
    let bytes = Listing::encode(codec, contents.entries(), &assembled.extents).unwrap();
    let listing = Listing::decode(&bytes).unwrap();
    Made { key: contents.key(codec), listing, blob, digests: (assembled.diff_id, assembled.digest) }
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn previous(made: &Made, codec: Codec) -> Option<Previous> {
    Previous::new(&made.key, codec, made.listing.clone(), file(&made.blob))
}

/// What happens to a file.
#[derive(Debug, Clone)]
enum Edit {
    Add(String, usize, u64),
    Remove(usize),
    Replace(usize, u64),
    Resize(usize, usize),
    Move(usize, String),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let size = prop_oneof![0usize..3000, 0usize..300_000, 900_000usize..3_500_000];
    let edit = prop_oneof![
        ("[a-f]{1,4}", size.clone(), 0u64..9).prop_map(|(path, size, seed)| Edit::Add(path, size, seed)),
        any::<usize>().prop_map(Edit::Remove),
        (any::<usize>(), 0u64..9).prop_map(|(at, seed)| Edit::Replace(at, seed)),
        (any::<usize>(), size).prop_map(|(at, size)| Edit::Resize(at, size)),
        (any::<usize>(), "[a-f]{1,4}").prop_map(|(at, path)| Edit::Move(at, path)),
    ];
    prop::collection::vec(edit, 0..4)
}

fn edited(files: &Files, edits: &[Edit]) -> Files {
    let mut files = files.clone();
    for edit in edits {
        let name = |at: usize| files.keys().nth(at % files.len().max(1)).cloned().unwrap_or_default();
        match edit {
            Edit::Add(path, size, seed) => drop(files.insert(path.clone(), (*size, *seed))),
            Edit::Remove(at) => drop(files.remove(&name(*at))),
            Edit::Replace(at, seed) => drop(files.get_mut(&name(*at)).map(|file| file.1 = *seed)),
            Edit::Resize(at, size) => drop(files.get_mut(&name(*at)).map(|file| file.0 = *size)),
            Edit::Move(at, path) => {
                if let Some(file) = files.remove(&name(*at)) {
                    files.insert(path.clone(), file);
                }
            }
        }
    }
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_layer_over_its_previous_version_is_the_same_as_one_from_nothing(
        sizes in prop::collection::btree_map("[a-f]{1,4}", (0usize..400_000, 0u64..9), 0..40),
        large in prop::collection::btree_map("[a-f]{1,4}", (900_000usize..3_500_000, 0u64..9), 0..3),
        edits in edits(),
        zstd: bool,
    ) {
        let codec = if zstd { Codec::Zstd } else { Codec::Gzip };
        let old: Files = sizes.into_iter().chain(large).collect();
        let new = contents(&edited(&old, &edits));
        let old = make(&contents(&old), codec, None);
        let (over, fresh) = (make(&new, codec, previous(&old, codec)), make(&new, codec, None));
        prop_assert_eq!(over.digests, fresh.digests);
        prop_assert!(over.blob == fresh.blob);
        prop_assert_eq!(over.listing, fresh.listing);
    }
}

fn many() -> Files {
    let mut files: Files = (0..600).map(|n| (format!("d{n:04}"), (n * 7919 % 40_000, n as u64))).collect();
    files.insert("large".to_owned(), (5_000_000, 4));
    files
}

#[test]
fn one_edited_file_leaves_all_but_few_blocks_to_be_copied() {
    let old = make(&contents(&many()), Codec::Gzip, None);
    let mut files = many();
    files.insert("d0300".to_owned(), (1234, 77));
    files.insert("moved".to_owned(), files["large"]);
    files.remove("large");
    let new = contents(&files);
    let cut = blocks::cut(new.entries());
    let copies = previous(&old, Codec::Gzip).unwrap().copies(new.entries(), &cut);
    let missing = copies.blocks.iter().filter(|copied| copied.is_none()).count();
    assert!(cut.len() > 15 && missing <= 3, "{missing} of {}", cut.len());
}

#[test]
fn a_layer_of_another_codec_or_key_is_no_previous_version() {
    let made = make(&contents(&many()), Codec::Gzip, None);
    assert!(previous(&made, Codec::Gzip).is_some());
    assert!(previous(&made, Codec::Zstd).is_none());
    assert!(Previous::new(&Digest::of(b"x"), Codec::Gzip, made.listing.clone(), file(&made.blob)).is_none());
    let mut shorter = made.listing.clone();
    shorter.extents.pop();
    assert!(Previous::new(&made.key, Codec::Gzip, shorter, file(&made.blob)).is_none());
    let plain = make(&contents(&many()), Codec::None, None);
    assert!(previous(&plain, Codec::None).is_none());
}

#[test]
fn a_damaged_blob_or_listing_changes_nothing() {
    let new = contents(&many());
    let made = make(&new, Codec::Gzip, None);
    let mut damaged = made.blob.clone();
    for at in (20..damaged.len()).step_by(100_001) {
        damaged[at] ^= 1;
    }
    let mut listing = made.listing.clone();
    for (number, extent) in listing.extents.iter_mut().enumerate() {
        match number % 4 {
            0 => extent.crc ^= 1,
            1 => extent.plain += 1,
            2 => extent.check ^= 1,
            _ => {}
        }
    }
    let mut absurd = made.listing.clone();
    absurd.extents[2].compressed = 1 << 50;
    for (listing, blob) in [
        (made.listing.clone(), &damaged[..]),
        (made.listing.clone(), &damaged[..made.blob.len() / 2]),
        (listing, &made.blob),
        (absurd, &made.blob),
    ] {
        let previous = Previous::new(&made.key, Codec::Gzip, listing, file(blob)).unwrap();
        let again = make(&new, Codec::Gzip, Some(previous));
        assert!(again.blob == made.blob);
    }
}

#[test]
fn a_writer_that_fails_is_told_of() {
    struct Full(AtomicU64);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            match self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed) {
                0..1_000_000 => Ok(bytes.len()),
                _ => Err(std::io::ErrorKind::StorageFull.into()),
            }
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let permits = Arc::new(Permits::new(2));
    for _ in 0..3 {
        let mut out = Full(AtomicU64::new(0));
        let error = assemble(&contents(&many()), Codec::Gzip, &pool, &permits, &mut out, &|_| {}).unwrap_err();
        assert!(matches!(error, crate::layer::Error::Write(error) if error.kind() == std::io::ErrorKind::StorageFull));
    }
}
