use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::base::{Origin, nodes};
use crate::entry::{Entry, Kind};
use crate::events::Events;
use crate::image::{BaseDocuments, Config, Platform, media_type};
use crate::layer::{Codec, Contents, Item, Permits, assemble};
use crate::output::Layout;
use crate::registry::Settings;

/// Kind, path, link and content of an entry.
type Given<'a> = (tar::EntryType, &'a str, &'a str, &'a [u8]);

const FILE: tar::EntryType = tar::EntryType::Regular;
const LINK: tar::EntryType = tar::EntryType::Link;

fn tar_of(entries: &[Given<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for &(kind, path, link, content) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// A folder with a layout, an image in it, and a workshop with a store of its own.
struct Bench {
    folder: tempfile::TempDir,
    base: BaseImage,
    workshop: Workshop,
}

impl Bench {
    fn new(layers: &[&[Given<'_>]]) -> Bench {
        let streams: Vec<Vec<u8>> = layers.iter().map(|layer| tar_of(layer)).collect();
        Bench::of(&streams)
    }

    fn of(streams: &[Vec<u8>]) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(&folder.path().join("layout")).unwrap();
        let layers = streams.iter().enumerate().map(|(number, stream)| {
            let (media_type, blob) = match number % 3 {
                0 => (media_type::LAYER, stream.clone()),
                1 => (media_type::LAYER_ZSTD, zstd::bulk::compress(stream, 1).unwrap()),
                _ => (media_type::LAYER_GZIP, {
                    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                    io::Write::write_all(&mut out, stream).unwrap();
                    out.finish().unwrap()
                }),
            };
            fs::write(blob_path(folder.path(), &Digest::of(&blob)), &blob).unwrap();
            Descriptor::of(media_type, &blob)
        });
        let platform = Platform::fallback();
        let documents = BaseDocuments {
            named: Some(("base".to_owned(), Digest::of(&streams.concat()))),
            layers: layers.collect(),
            config: Config::scratch(&platform),
            platform: platform.clone(),
            annotations: Default::default(),
        };
        let base = BaseImage { platform, documents, origin: Arc::new(Origin::Layout(layout)) };
        let workshop = Workshop::open(&folder.path().join("store"), 1, Settings::default(), Events::silent()).unwrap();
        Bench { folder, base, workshop }
    }

    fn files(&self, paths: &[&str]) -> Result<Vec<BaseFile>, Error> {
        let nodes = nodes(&self.workshop, &self.base).unwrap();
        let paths: Vec<Box<[u8]>> = paths.iter().map(|path| path.as_bytes().into()).collect();
        files(&self.workshop, &self.base, &nodes, &paths)
    }

    fn blob(&self, layer: usize) -> PathBuf {
        blob_path(self.folder.path(), &self.base.documents.layers[layer].digest)
    }

    fn packs(&self) -> Vec<PathBuf> {
        let packs = fs::read_dir(self.folder.path().join("store/packs")).unwrap();
        packs.map(|pack| pack.unwrap().path()).collect()
    }
}

fn blob_path(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join("layout/blobs/sha256").join(digest.hex())
}

/// What a layer of these files holds.
fn packed(files: &[BaseFile]) -> Result<Vec<Vec<u8>>, crate::layer::Error> {
    let items = files.iter().enumerate().map(|(number, file)| {
        let kind = Kind::File { size: file.size, digest: file.digest };
        let entry =
            Entry { path: format!("{number:03}").into_bytes().into(), mode: 0o644, uid: 0, gid: 0, mtime: 0, kind };
        Item { entry, source: file.source.clone() }
    });
    let contents = Arc::new(Contents::new(items.collect()).unwrap());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let mut out = Vec::new();
    assemble(&contents, Codec::None, &pool, &Arc::new(Permits::new(2)), &mut out, &|_| {})?;
    let mut archive = tar::Archive::new(&out[..]);
    let contents = archive.entries().unwrap().map(|entry| {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut entry.unwrap(), &mut bytes).unwrap();
        bytes
    });
    Ok(contents.collect())
}

fn three_layers() -> Bench {
    Bench::new(&[
        &[(FILE, "a", "", b"first a"), (FILE, "b", "", b"b"), (LINK, "c", "a", b""), (FILE, "twice", "", b"1")],
        &[(FILE, "unwanted", "", b"unwanted")],
        &[(FILE, "a", "", b"second a"), (LINK, "d", "b", b""), (FILE, "e", "", b""), (FILE, "e", "", b"second e")],
    ])
}

#[test]
fn contents_are_those_of_the_layer_that_holds_them() {
    let bench = three_layers();
    let files = bench.files(&["a", "c", "d", "e", "b", "twice", "a"]).unwrap();
    let expected: [&[u8]; 7] = [b"second a", b"first a", b"b", b"second e", b"b", b"1", b"second a"];
    for (file, expected) in files.iter().zip(expected) {
        assert_eq!((file.size, file.digest), (expected.len() as u64, Digest::of(expected)));
    }
    assert_eq!(packed(&files).unwrap(), expected);
    assert_eq!(bench.packs().len(), 2, "the layer between is not read for it");
}

#[test]
fn what_was_taken_out_is_not_read_again() {
    let bench = three_layers();
    let first = bench.files(&["c", "e"]).unwrap();
    (0..3).for_each(|layer| fs::remove_file(bench.blob(layer)).unwrap());
    let again = bench.files(&["e", "c"]).unwrap();
    assert_eq!(packed(&again).unwrap(), [&b"second e"[..], b"first a"]);
    assert_eq!(first[0].digest, again[1].digest);
    assert!(bench.files(&["b"]).is_err(), "another file needs the layer");
}

#[test]
fn what_is_no_file_has_no_content() {
    let bench = Bench::new(&[&[
        (tar::EntryType::Directory, "d", "", b""),
        (tar::EntryType::Symlink, "l", "f", b""),
        (tar::EntryType::Fifo, "p", "", b""),
        (LINK, "lost", "nowhere", b""),
        (FILE, "f", "", b"f"),
    ]]);
    for path in ["d", "l", "p", "lost", "none"] {
        let error = bench.files(&["f", path]).unwrap_err();
        assert!(matches!(error, Error::Tree(TreeError::NoContent(_))), "{path}: {error}");
    }
    assert!(bench.packs().is_empty());
}

#[test]
fn a_layer_that_is_not_what_its_digest_says_gives_nothing() {
    // The file comes first, the damage long after it.
    let far = vec![b'x'; 3 << 20];
    for flip in [true, false] {
        let bench = Bench::new(&[&[(FILE, "a", "", b"a"), (FILE, "far", "", &far)]]);
        nodes(&bench.workshop, &bench.base).unwrap();
        let mut blob = fs::read(bench.blob(0)).unwrap();
        match flip {
            true => blob[2 << 20] ^= 1,
            false => blob.truncate(2 << 20),
        }
        fs::write(bench.blob(0), blob).unwrap();
        bench.files(&["a"]).unwrap_err();
        assert!(bench.packs().is_empty());
    }
}

#[test]
fn a_stream_that_ends_within_a_content_gives_nothing() {
    let stream = tar_of(&[(FILE, "a", "", &[b'x'; 10_000])]);
    let mut tree = Nodes::new();
    tree.apply_tar(&stream[..]).unwrap();
    for length in [600, 2000, 10_511] {
        let bench = Bench::of(&[stream[..length].to_vec()]);
        files(&bench.workshop, &bench.base, &tree, &[(*b"a").into()]).unwrap_err();
        assert!(bench.packs().is_empty());
    }
    // Some tools write no padding after the last.
    let bench = Bench::of(&[stream[..10_512].to_vec()]);
    assert_eq!(packed(&bench.files(&["a"]).unwrap()).unwrap(), [vec![b'x'; 10_000]]);
}

#[test]
fn a_damaged_pack_is_an_error_and_made_again() {
    let bench = three_layers();
    let taken = bench.files(&["a"]).unwrap();
    let pack = bench.packs().remove(0);
    let mut bytes = fs::read(&pack).unwrap();
    bytes[0] ^= 1;
    fs::write(&pack, &bytes).unwrap();
    assert!(matches!(packed(&taken), Err(crate::layer::Error::Damaged(_))));
    let again = bench.files(&["a"]).unwrap();
    assert_eq!(packed(&again).unwrap(), [b"second a"]);
    fs::write(bench.packs().remove(0), b"short").unwrap();
    assert_eq!(packed(&bench.files(&["a"]).unwrap()).unwrap(), [b"second a"]);
}

#[test]
fn a_tree_that_lies_is_found_out() {
    let bench = three_layers();
    let mut others = Nodes::new();
    let entries: Vec<Given<'_>> = vec![(FILE, "x", "", b""); 9];
    let mut named: BTreeMap<usize, String> = BTreeMap::new();
    (0..9).for_each(|number| drop(named.insert(number, format!("x{number}"))));
    let entries: Vec<Given<'_>> = entries
        .into_iter()
        .enumerate()
        .map(|(number, (kind, _, link, text))| (kind, &*named[&number], link, text))
        .collect();
    others.apply_tar(&tar_of(&entries)[..]).unwrap();
    let ask = |path: &[u8], nodes: &Nodes| files(&bench.workshop, &bench.base, nodes, &[path.into()]);
    assert!(ask(b"x2", &others).is_err(), "a hard link holds nothing");
    assert!(ask(b"x8", &others).is_err(), "there are not so many entries");
    (0..3).for_each(|_| others.apply_tar(&tar_of(&[(FILE, "y", "", b"")])[..]).unwrap());
    assert!(ask(b"y", &others).is_err(), "there are not so many layers");
    assert!(bench.packs().is_empty());
}

#[test]
fn a_workshop_that_only_looks_keeps_nothing() {
    let bench = three_layers();
    let store = bench.folder.path().join("other");
    let looking = Workshop::look(&store, 1, Settings::default(), Events::silent());
    let nodes = nodes(&looking, &bench.base).unwrap();
    let found = files(&looking, &bench.base, &nodes, &[(*b"a").into()]).unwrap();
    assert_eq!((found[0].size, found[0].digest), (8, Digest::of(b"second a")));
    assert!(packed(&found).is_err());
    assert!(!store.exists());
}
