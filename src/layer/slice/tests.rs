use super::*;
use crate::entry::{Entry, Kind};
use crate::layer::{Codec, Contents, Item, PART, Permits, Source, assemble};

/// A file with these contents, and the layer of an entry for each.
fn layer(folder: &Path, contents: &[Vec<u8>], changed: impl FnOnce(&mut Vec<u8>)) -> Arc<Contents> {
    let path = folder.join("pack");
    let mut bytes = contents.concat();
    changed(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    let file = Arc::new(SliceFile { file: Some(File::open(&path).unwrap()), path });
    let mut offset = 0;
    let items = contents.iter().enumerate().map(|(number, content)| {
        let size = content.len() as u64;
        let kind = Kind::File { size, digest: Digest::of(content) };
        let path = format!("f{number}").into_bytes().into();
        let slice = Slice { file: Arc::clone(&file), offset, size };
        offset += size;
        let entry = Entry { path, mode: 0o644, uid: 0, gid: 0, mtime: 0, kind };
        Item { entry, source: Source::Slice(Arc::new(slice)) }
    });
    Arc::new(Contents::new(items.collect()).unwrap())
}

fn pack(contents: &Arc<Contents>) -> Result<Vec<u8>, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let mut out = Vec::new();
    assemble(contents, Codec::None, &pool, &Arc::new(Permits::new(3)), &mut out, &|_| {})?;
    Ok(out)
}

fn contents() -> Vec<Vec<u8>> {
    let large: Vec<u8> = (0..PART * 2 + 77).map(|at| (at % 251) as u8).collect();
    vec![b"small".to_vec(), large, Vec::new(), b"last".to_vec()]
}

#[test]
fn slices_are_packed_like_any_content() {
    let folder = tempfile::tempdir().unwrap();
    let packed = pack(&layer(folder.path(), &contents(), |_| {})).unwrap();
    let mut archive = tar::Archive::new(&packed[..]);
    let read = archive.entries().unwrap().map(|entry| {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut entry.unwrap(), &mut bytes).unwrap();
        bytes
    });
    assert_eq!(read.collect::<Vec<_>>(), contents());
}

#[test]
fn a_damaged_file_is_an_error_and_gone() {
    let whole = contents().concat().len();
    for at in [0, 5, 5 + PART as usize, whole - 5, whole - 4, whole - 1] {
        let folder = tempfile::tempdir().unwrap();
        let error = pack(&layer(folder.path(), &contents(), |bytes| bytes[at] ^= 1)).unwrap_err();
        assert!(matches!(error, Error::Damaged(_)), "{at}: {error}");
        assert!(!folder.path().join("pack").exists());
    }
    for length in [0, 4, 1000, whole - 1] {
        let folder = tempfile::tempdir().unwrap();
        let error = pack(&layer(folder.path(), &contents(), |bytes| bytes.truncate(length))).unwrap_err();
        assert!(matches!(error, Error::Damaged(_)), "{length}: {error}");
    }
}

#[test]
fn what_was_not_kept_cannot_be_packed() {
    let file = Arc::new(SliceFile { path: PathBuf::from("none"), file: None });
    let mut out = Vec::new();
    let slice = Slice { file, offset: 0, size: 3 };
    assert!(matches!(slice.append(3, &Digest::of(b"abc"), &mut out), Err(Error::Slice { .. })));
    assert!(matches!(slice.append(4, &Digest::of(b"abc"), &mut out), Err(Error::Damaged(_))));
}
