use super::*;
use crate::store::{Keep, Store};

fn key(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// A pack of these contents, whose index is `index`.
fn put(store: &Store, name: &str, contents: &[&[u8]]) -> Pack {
    let mut new = store.new_pack().unwrap();
    let mut offset = 0;
    for &(mut content) in contents {
        let expected = Packed { offset, size: content.len() as u64, digest: Digest::of(content) };
        offset += expected.size;
        assert_eq!(new.add(&mut content).unwrap(), expected);
    }
    new.commit(&key(name), b"index".to_vec()).unwrap()
}

fn path(store: &Store, name: &str) -> PathBuf {
    store.root().join("packs").join(key(name).hex())
}

#[test]
fn a_pack_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert!(store.pack(&key("a")).is_none());
    put(&store, "a", &[b"one", b"", b"three"]);
    let pack = store.pack(&key("a")).unwrap();
    assert_eq!((pack.index(), pack.size()), (&b"index"[..], 8));
    assert!(pack.source(3, 5).is_some() && pack.source(8, 0).is_some());
    assert!(pack.source(4, 5).is_none() && pack.source(u64::MAX, 2).is_none());
    // Another process that made the same.
    put(&Store::open(folder.path()).unwrap(), "a", &[b"one", b"", b"three"]);
    assert!(store.pack(&key("a")).is_some());
    assert_eq!(fs::read_dir(folder.path().join("temporary")).unwrap().count(), 0);
    let empty = put(&store, "empty", &[]);
    assert_eq!(empty.size(), 0);
    assert_eq!(store.pack(&key("empty")).unwrap().size(), 0);
}

#[test]
fn what_is_dropped_leaves_nothing_behind() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("no network"))
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut new = store.new_pack().unwrap();
    new.add(&mut &b"one"[..]).unwrap();
    assert!(matches!(new.add(&mut Failing), Err(PackError::Read(_))));
    drop(new);
    for name in ["temporary", "packs"] {
        assert_eq!(fs::read_dir(folder.path().join(name)).unwrap().count(), 0);
    }
}

#[test]
fn damage_to_its_end_makes_it_no_pack() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    put(&store, "a", &[b"contents"]);
    let path = path(&store, "a");
    let whole = fs::read(&path).unwrap();
    for at in 8..whole.len() {
        let mut wrong = whole.clone();
        wrong[at] ^= 1;
        fs::write(&path, wrong).unwrap();
        // The digest of the contents is a matter of verifying.
        let of_contents = whole.len() - 48..whole.len() - 16;
        assert_eq!(store.pack(&key("a")).is_some(), of_contents.contains(&at), "{at}");
        assert!(store.damaged_pack(&path).unwrap().is_some(), "{at}");
    }
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(store.pack(&key("a")).is_none(), "{length}");
    }
    fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
    assert!(store.pack(&key("a")).is_none());
    // What is another's pack is nobody's under this name.
    fs::write(&path, &whole).unwrap();
    fs::copy(&path, self::path(&store, "b")).unwrap();
    assert!(store.pack(&key("b")).is_none() && store.pack(&key("a")).is_some());
}

#[test]
fn verifying_removes_damaged_packs_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for name in ["good", "flipped", "short"] {
        put(&store, name, &[b"contents"]);
    }
    let mut bytes = fs::read(path(&store, "flipped")).unwrap();
    bytes[0] ^= 1;
    fs::write(path(&store, "flipped"), &bytes).unwrap();
    bytes.truncate(20);
    fs::write(path(&store, "short"), &bytes).unwrap();
    let mut damaged = store.verify(&|_| {}).unwrap();
    damaged.sort_by_key(|damage| damage.name != format!("packs/{}", key("flipped").hex()));
    assert_eq!(damaged.len(), 2);
    assert_eq!(damaged[0].holds, Digest::of(b"bontents"));
    assert_eq!(damaged[1].holds, Digest::of(&bytes));
    assert!(store.pack(&key("good")).is_some());
    assert_eq!(store.verify(&|_| {}).unwrap(), []);
    assert_eq!(fs::read_dir(folder.path().join("packs")).unwrap().count(), 1);
}

#[test]
fn pruning_removes_packs_that_were_not_used_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(40 * 86_400);
    let month = Keep { unused_for: Some(Duration::from_secs(30 * 86_400)), bytes: None };
    for name in ["old", "used"] {
        put(&store, name, &[b"contents"]);
        File::options().append(true).open(path(&store, name)).unwrap().set_modified(long_ago).unwrap();
    }
    assert!(store.pack(&key("used")).is_some());
    assert!(store.prune(month).unwrap().bytes > 8);
    assert!(store.pack(&key("old")).is_none() && store.pack(&key("used")).is_some());
    let size = fs::metadata(path(&store, "used")).unwrap().len();
    store.prune(Keep { unused_for: None, bytes: Some(size) }).unwrap();
    assert!(store.pack(&key("used")).is_some());
    store.prune(Keep { unused_for: None, bytes: Some(size - 1) }).unwrap();
    assert!(store.pack(&key("used")).is_none());
}

#[test]
fn a_store_that_is_only_looked_at_digests_and_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::look(&folder.path().join("none"));
    let pack = put(&store, "a", &[b"one", b"two"]);
    assert_eq!(pack.size(), 6);
    assert!(pack.source(3, 3).is_some());
    assert!(!folder.path().join("none").exists());
}
