//! Diffing: two published images, platform by platform.

use std::sync::Arc;

use crate::compare::{self, Comparison, Ignore, Kept, Offer, Offered, Options, Side, Subject};
use crate::error::Error;
use crate::image::{ImageError, Location, Platform};
use crate::registry::Traffic;
use crate::workshop::Workshop;

/// Compares two images, for these platforms or for all that either of them is for. What both have by one digest is not
/// read.
///
/// # Errors
///
/// If one of them cannot be found, neither is for a platform that was named, or a registry or this machine fails.
pub fn diff(
    workshop: &Workshop,
    left: &Location,
    right: &Location,
    platforms: &[Platform],
    options: &Options,
    traffic: &Arc<Traffic>,
) -> Result<Vec<Comparison>, Error> {
    let left = Offered::load(workshop, left, traffic)?;
    let right = Offered::load(workshop, right, traffic)?;
    compare::check_names(&options.layers, subjects(&left).chain(subjects(&right)))?;
    let mut kept = Kept::default();
    let mut comparisons = Vec::new();
    for (before, now) in matched(&left, &right, platforms)? {
        comparisons.push(compare_offers((&left.name, before), (&right.name, now), options, &mut kept)?);
    }
    if platforms.is_empty() && options.layers.is_empty() && !options.tree {
        comparisons.extend(indexes(&left, &right, &options.ignore));
    }
    Ok(comparisons)
}

pub(crate) fn subjects(offered: &Offered) -> impl Iterator<Item = &Subject> {
    offered.images.iter().filter_map(|offer| offer.subject.as_ref().ok()).map(AsRef::as_ref)
}

/// Two images for one platform, or one that the other side lacks.
type Pair<'a> = (Option<&'a Offer>, Option<&'a Offer>);

/// What is compared with what: images for one platform, those of the left side first.
fn matched<'a>(left: &'a Offered, right: &'a Offered, platforms: &[Platform]) -> Result<Vec<Pair<'a>>, Error> {
    // Two images without an index over them are meant to be compared, whatever they are for.
    if let (([before], [now]), []) = ((&left.images[..], &right.images[..]), platforms)
        && (left.index.is_none() && right.index.is_none())
    {
        return Ok(vec![(Some(before), Some(now))]);
    }
    let is_meant = |offer: &&Offer| {
        // What is damaged before it says its platform may be any.
        let means = |own: &Platform| platforms.iter().any(|wanted| wanted.accepts(own));
        platforms.is_empty() || offer.platform.as_ref().is_none_or(means)
    };
    let befores: Vec<&Offer> = left.images.iter().filter(is_meant).collect();
    let nows: Vec<&Offer> = right.images.iter().filter(is_meant).collect();
    let is_there = |wanted: &Platform| {
        let all = befores.iter().chain(&nows);
        all.into_iter().any(|offer| offer.platform.as_ref().is_none_or(|own| wanted.accepts(own)))
    };
    if let Some(wanted) = platforms.iter().find(|wanted| !is_there(wanted)) {
        let offered = format!("{} and {}", left.platforms(), right.platforms());
        return Err(ImageError::Platform { wanted: wanted.to_string(), offered }.into());
    }
    let wanted: Vec<Option<&Platform>> = befores.iter().map(|offer| offer.platform.as_ref()).collect();
    let (partners, mut rest) = partners(&wanted, nows);
    let mut pairs = Vec::new();
    for (before, mut now) in befores.into_iter().zip(partners) {
        if now.is_none() {
            let may_be = |now: &&Offer| before.platform.is_none() || now.platform.is_none();
            now = rest.iter().position(may_be).map(|place| rest.remove(place));
        }
        pairs.push((Some(before), now));
    }
    pairs.extend(rest.into_iter().map(|now| (None, Some(now))));
    Ok(pairs)
}

/// The image for each platform, and those that are left: one that says the platform in the same words comes before one
/// that means the same, and none is taken twice.
pub(crate) fn partners<'a>(
    wanted: &[Option<&Platform>],
    offers: Vec<&'a Offer>,
) -> (Vec<Option<&'a Offer>>, Vec<&'a Offer>) {
    let mut rest = offers;
    let mut found: Vec<Option<&Offer>> = vec![None; wanted.len()];
    for fits in [<Platform as PartialEq>::eq, Platform::accepts] {
        for (wanted, found) in wanted.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            let Some(wanted) = wanted else { continue };
            let place = rest.iter().position(|offer| offer.platform.as_ref().is_some_and(|own| fits(wanted, own)));
            *found = place.map(|place| rest.remove(place));
        }
    }
    (found, rest)
}

fn compare_offers(
    (left, before): (&str, Option<&Offer>),
    (right, now): (&str, Option<&Offer>),
    options: &Options,
    kept: &mut Kept,
) -> Result<Comparison, Error> {
    if let (Some(Ok(before)), Some(Ok(now))) = (before.map(|offer| &offer.subject), now.map(|offer| &offer.subject)) {
        return compare::compare(before, now, options, kept);
    }
    let side = |name: &str, offer: Option<&Offer>| {
        let digest = |offer: &Offer| offer.subject.as_ref().ok().and_then(|subject| subject.digest());
        offer.map(|offer| Side { name: name.to_owned(), digest: digest(offer) })
    };
    let platform = [now, before].into_iter().flatten().find_map(|offer| offer.platform.clone());
    let mut comparison = Comparison::of(platform, side(left, before), side(right, now));
    let whys = [(left, before), (right, now)]
        .into_iter()
        .filter_map(|(name, offer)| offer?.subject.as_ref().err().map(|why| format!("{name}: {why}")));
    comparison.damaged = Some(whys.collect::<Vec<_>>().join("; ")).filter(|whys| !whys.is_empty());
    Ok(comparison)
}

/// The indexes, where both have one; that only one has one is a difference as well.
pub(crate) fn indexes(left: &Offered, right: &Offered, ignore: &[Ignore]) -> Option<Comparison> {
    let side = |offered: &Offered| {
        let digest = |(_, bytes): &(_, Vec<u8>)| crate::digest::Digest::of(bytes);
        offered.index.as_ref().map(|index| Side { name: offered.name.clone(), digest: Some(digest(index)) })
    };
    match (&left.index, &right.index) {
        (None, None) => None,
        (Some((before, before_bytes)), Some((now, now_bytes))) => {
            let (left, right) = (side(left)?, side(right)?);
            Some(compare::compare_indexes((left, before, before_bytes), (right, now, now_bytes), ignore))
        }
        _ => Some(Comparison::of(None, side(left), side(right))),
    }
}
