//! Reading: the bytes of a layer from where it is, and what is wrong with them if something is.

use std::io::{self, Read};
use std::ops::ControlFlow;

use super::subject::{Subject, SubjectLayer, damage, with_causes};
use crate::base::decompress_exactly;
use crate::digest::{Digest, Digesting};
use crate::error::Error;
use crate::image::{LAYER_LIMIT, Member, TreeError, read_members};

/// Why a layer was not read to its end.
#[derive(Debug)]
pub enum Unread {
    /// Its bytes are not what its digest says, or no layer.
    Damaged(String),
    /// The way to them failed.
    Failed(Error),
    /// Nobody wanted the rest.
    Stopped,
}

impl From<Error> for Unread {
    fn from(error: Error) -> Unread {
        match damage(&error) {
            Some(why) => Unread::Damaged(why),
            None => Unread::Failed(error),
        }
    }
}

/// Reads a layer to its end and makes sure that its blob is what its digest and its plain stream what the config says.
///
/// # Errors
///
/// [`Unread`].
pub fn check(subject: &Subject, layer: &SubjectLayer) -> Result<(), Unread> {
    read_with(subject, layer, |_| Ok(ControlFlow::Continue(()))).map(drop)
}

/// The same, telling of every entry. Gives the digest of what the stream holds beside its entries.
///
/// # Errors
///
/// [`Unread`].
pub fn members(
    subject: &Subject,
    layer: &SubjectLayer,
    tell: &mut dyn FnMut(Member) -> ControlFlow<()>,
) -> Result<Digest, Unread> {
    read_with(subject, layer, |plain| {
        let mut stopped = ControlFlow::Continue(());
        // As everywhere: some layers end with the last byte of the last file.
        let beside = read_members(plain.chain(io::repeat(0).take(3 * 512)), |member| {
            stopped = tell(member);
            stopped
        })
        .map_err(|error| Unread::Damaged(of_layer(&error)))?;
        Ok(match stopped {
            ControlFlow::Continue(()) => ControlFlow::Continue(beside),
            ControlFlow::Break(()) => ControlFlow::Break(()),
        })
    })
}

fn read_with<T>(
    subject: &Subject,
    layer: &SubjectLayer,
    read: impl FnOnce(&mut dyn Read) -> Result<ControlFlow<(), T>, Unread>,
) -> Result<T, Unread> {
    let mut blob = subject.open(layer)?;
    let (result, rest, plain) = {
        let stream = decompress_exactly(&layer.descriptor.media_type, &mut blob);
        let mut plain = Digesting::new(stream.take(LAYER_LIMIT));
        let result = read(&mut plain);
        if matches!(result, Ok(ControlFlow::Break(()))) {
            return Err(Unread::Stopped);
        }
        // Tar readers stop at the end of the archive, and what follows belongs to the digest all the same.
        let rest = if result.is_ok() { io::copy(&mut plain, &mut io::sink()).map(drop) } else { Ok(()) };
        (result, rest, plain.finish().1)
    };
    // A blob that is not what its digest says tells so at its end: what came of it above is only the consequence.
    io::copy(&mut blob, &mut io::sink()).map_err(|error| subject.blame(error))?;
    let ControlFlow::Continue(told) = result? else { return Err(Unread::Stopped) };
    rest.map_err(|error| Unread::Damaged(format!("it cannot be decompressed: {error}")))?;
    match layer.marks.diff_id {
        Some(diff_id) if diff_id != plain => Err(wrong_diff_id(diff_id, plain)),
        _ => Ok(told),
    }
}

/// The words of a stream that no layer may be; they were made for bases.
pub(crate) fn of_layer(error: &TreeError) -> String {
    with_causes(error).replace("a layer of the base image", "it").replace("the base image", "it")
}

fn wrong_diff_id(stated: Digest, found: Digest) -> Unread {
    Unread::Damaged(format!("its plain stream is {found}, and the config says {stated}"))
}
