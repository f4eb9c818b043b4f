//! The reader of base trees: layers and compact forms of any bytes, and what is read is written and read alike.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tarsia::image::Nodes;

// Whether the first part is a compact form, its length, it, and a layer.
fuzz_target!(|input: &[u8]| {
    let Some((head, rest)) = input.split_first_chunk::<5>() else { return };
    let [is_form, length @ ..] = *head;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    let (first, second) = rest.split_at(length.min(rest.len()));
    let mut nodes = Nodes::new();
    if is_form & 1 == 1 {
        let Ok(decoded) = Nodes::decode(&form(first)) else { return };
        nodes = decoded;
    } else if nodes.apply_tar(first).is_err() {
        return;
    }
    if nodes.apply_tar(second).is_ok() {
        assert_eq!(Nodes::decode(&nodes.encode().unwrap()).unwrap(), nodes);
    }
});

/// A compact form of this body: what its checksum would keep from being read.
fn form(body: &[u8]) -> Vec<u8> {
    /// How every zstd frame begins.
    const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let mut form = Nodes::new().encode().unwrap();
    let magic = form.windows(FRAME.len()).position(|bytes| bytes == FRAME).unwrap();
    form.truncate(magic);
    form.extend(zstd::bulk::compress(body, 1).unwrap());
    form
}
