use std::io::Cursor;

use super::*;
use crate::layer::Stream;

/// Bytes that can only be read from the front.
#[derive(Debug)]
struct Member(Vec<u8>);

impl Stream for Member {
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Cursor::new(self.0.clone())))
    }

    fn name(&self) -> String {
        "`a.bin` in `x.whl`".to_owned()
    }
}

fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

fn contents(files: &[(&str, &[u8], Source)]) -> Arc<Contents> {
    let item = |(path, bytes, source): &(&str, &[u8], Source)| Item {
        entry: Entry {
            path: path.as_bytes().into(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 0,
            kind: Kind::File { size: bytes.len() as u64, digest: Digest::of(bytes) },
        },
        source: source.clone(),
    };
    Arc::new(Contents::new(files.iter().map(item).collect()).unwrap())
}

fn assembled(contents: &Arc<Contents>) -> Result<(Digest, Vec<u8>), Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let mut blob = Vec::new();
    let permits = Arc::new(Permits::new(3));
    let assembled = assemble(contents, Codec::Gzip, &pool, &permits, &mut blob, &|_| ())?;
    Ok((assembled.diff_id, blob))
}

#[test]
fn a_stream_gives_the_same_layer_as_a_file() {
    let (large, small, exact) = (noise(3 * (1 << 20) + 17), noise(1000), noise(2 << 20));
    let files = [("a", &large), ("b", &small), ("c", &exact), ("d", &large)];
    let texts: Vec<_> = files.iter().map(|(path, bytes)| (*path, &bytes[..], Source::Text(bytes[..].into()))).collect();
    let streams: Vec<_> = files
        .iter()
        .map(|(path, bytes)| (*path, &bytes[..], Source::Stream(Arc::new(Member((*bytes).clone())) as Arc<dyn Stream>)))
        .collect();
    assert_eq!(assembled(&contents(&streams)).unwrap(), assembled(&contents(&texts)).unwrap());
}

#[test]
fn a_stream_that_is_not_as_stated_is_refused() {
    for size in [1000, 3 << 20] {
        let bytes = noise(size);
        let mut other = bytes.clone();
        other[size - 1] ^= 1;
        let shorter = bytes[..size - 1].to_vec();
        let longer = [&bytes[..], b"x"].concat();
        for wrong in [other, shorter, longer] {
            let source = Source::Stream(Arc::new(Member(wrong)) as Arc<dyn Stream>);
            let error = assembled(&contents(&[("a", &bytes, source)])).unwrap_err();
            assert_eq!(error.to_string(), "`a.bin` in `x.whl` is not what the wheel's RECORD says", "{size}");
        }
    }
}
