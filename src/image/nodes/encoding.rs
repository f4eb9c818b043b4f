//! The compact form in which trees are kept and travel.
//!
//! After the magic one zstd frame. In it the number of layers; for each of the files that name owners 0, or 1 and its
//! text; then every path in order: how many bytes it shares with the one before, the others, a letter, and what the
//! letter says of it.

use std::collections::BTreeMap;

use super::{AccountText, Detail, DetailKind, Lying, NODE_LIMIT, Node, Nodes, Placed, SIZE_LIMIT};
use crate::binary::{Reader, put_number, put_signed, put_text};
use crate::entry::normalise_path;
use crate::image::accounts::{ACCOUNTS_LIMIT, AccountFile};
use crate::image::tree::TreeError;

const MAGIC: &[u8] = b"tarsia tree 3\n";

/// The largest compact form before compression, in bytes. What is said of a path beside its name takes some 20.
const FORM_LIMIT: usize = SIZE_LIMIT + 128 * (1 << 20);

impl Nodes {
    /// Whether this begins like a tree of the form that is read back.
    pub fn is_encoded(beginning: &[u8]) -> bool {
        beginning.starts_with(MAGIC)
    }

    /// The tree's compact form.
    ///
    /// # Errors
    ///
    /// If zstd cannot allocate its working memory.
    pub fn encode(&self) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        put_number(&mut body, u64::from(self.layers));
        for file in AccountFile::ALL {
            match self.accounts.get(&file) {
                Some(kept) => {
                    body.push(1);
                    put_text(&mut body, &kept.text);
                }
                None => body.push(0),
            }
        }
        let mut last: &[u8] = b"";
        let mut last_entry = 0;
        for (path, Lying { node, detail, placed }) in &self.nodes {
            // Sorted paths share their beginnings.
            let shared = path.iter().zip(last).take_while(|(a, b)| a == b).count();
            put_number(&mut body, shared as u64);
            put_text(&mut body, &path[shared..]);
            match node {
                Node::Directory { mode, uid, gid } => {
                    body.push(b'd');
                    put_owner(&mut body, *mode, *uid, *gid);
                }
                Node::Symlink { target } => {
                    body.push(b'l');
                    put_text(&mut body, target);
                }
                Node::File => match detail.as_ref().map(|detail| &detail.kind) {
                    Some(DetailKind::Regular) => body.push(b'f'),
                    Some(DetailKind::HardLink { target }) => {
                        body.push(b'h');
                        put_text(&mut body, target);
                    }
                    _ => body.push(b'o'),
                },
            }
            if let Some(Detail { mode, uid, gid, layer, entry, .. }) = detail {
                put_owner(&mut body, *mode, *uid, *gid);
                put_number(&mut body, u64::from(*layer));
                // Streams are mostly sorted: the difference is mostly one.
                put_signed(&mut body, i64::from(*entry) - last_entry);
                last_entry = i64::from(*entry);
            }
            put_number(&mut body, u64::from(placed.layer));
            if !matches!(node, Node::Directory { .. }) {
                put_number(&mut body, placed.size);
            }
            last = path;
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&crate::binary::compress(&body)?);
        Ok(bytes)
    }

    /// Reads a tree's compact form. Nothing in it is believed, everything is bounded.
    ///
    /// # Errors
    ///
    /// [`TreeError::Damaged`].
    pub fn decode(bytes: &[u8]) -> Result<Nodes, TreeError> {
        let frame = bytes.strip_prefix(MAGIC).ok_or(TreeError::Damaged)?;
        let size = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten();
        let size = size.and_then(|size| usize::try_from(size).ok()).filter(|&size| size <= FORM_LIMIT);
        let body = zstd::bulk::decompress(frame, size.ok_or(TreeError::Damaged)?).map_err(|_| TreeError::Damaged)?;
        parse(&body).ok_or(TreeError::Damaged)
    }
}

fn put_owner(out: &mut Vec<u8>, mode: u32, uid: u64, gid: u64) {
    put_number(out, u64::from(mode));
    put_number(out, uid);
    put_number(out, gid);
}

fn owner(reader: &mut Reader<'_>) -> Option<(u32, u64, u64)> {
    let mode = u32::try_from(reader.number()?).ok().filter(|&mode| mode <= 0o7777)?;
    Some((mode, reader.number()?, reader.number()?))
}

fn layer(reader: &mut Reader<'_>, tree: &Nodes) -> Option<u32> {
    u32::try_from(reader.number()?).ok().filter(|&layer| layer < tree.layers)
}

fn parse(body: &[u8]) -> Option<Nodes> {
    let mut reader = Reader(body);
    let mut tree = Nodes { layers: u32::try_from(reader.number()?).ok()?, ..Nodes::default() };
    let mut texts: BTreeMap<AccountFile, Box<[u8]>> = BTreeMap::new();
    for file in AccountFile::ALL {
        match reader.byte()? {
            0 => {}
            1 => drop(texts.insert(file, reader.bytes(ACCOUNTS_LIMIT)?.into())),
            _ => return None,
        }
    }
    let mut last: Vec<u8> = Vec::new();
    let mut last_entry = 0_i64;
    let (mut size, mut count) = (0, 0);
    while !reader.0.is_empty() {
        let shared = usize::try_from(reader.number()?).ok()?;
        let mut path = last.get(..shared)?.to_vec();
        path.extend_from_slice(reader.text()?);
        let normal = path > last && normalise_path(&path).as_deref() == Some(&path[..]);
        // The bytes that paths share are not in the form.
        size += path.len();
        count += 1;
        if !normal || count > NODE_LIMIT || size > SIZE_LIMIT {
            return None;
        }
        let (node, kind) = match reader.byte()? {
            b'd' => {
                let (mode, uid, gid) = owner(&mut reader)?;
                let layer = layer(&mut reader, &tree)?;
                tree.nodes.insert(path.clone().into(), Lying::directory(mode, uid, gid, layer));
                last = path;
                continue;
            }
            b'l' => (Node::Symlink { target: reader.text()?.into() }, DetailKind::Symlink),
            b'f' => (Node::File, DetailKind::Regular),
            b'h' => {
                let target = reader.text()?;
                let target = normalise_path(target).filter(|normal| **normal == *target)?;
                (Node::File, DetailKind::HardLink { target })
            }
            b'o' => (Node::File, DetailKind::Other),
            _ => return None,
        };
        let (mode, uid, gid) = owner(&mut reader)?;
        let content = layer(&mut reader, &tree)?;
        last_entry = last_entry.checked_add(reader.signed()?)?;
        let entry = u32::try_from(last_entry).ok()?;
        let detail = Some(Detail { mode, uid, gid, layer: content, entry, kind });
        let placed = Placed { layer: layer(&mut reader, &tree)?, size: reader.number()? };
        tree.nodes.insert(path.clone().into(), Lying { node, detail, placed });
        last = path;
    }
    for (file, text) in texts {
        let from = tree.detail(file.path().as_bytes()).filter(|detail| detail.kind == DetailKind::Regular)?;
        let from = (from.layer, from.entry);
        tree.accounts.insert(file, AccountText { from, text });
    }
    Some(tree)
}
