//! Noise: which parts of a block are not worth compressing.
//!
//! Packages hold much that was compressed before: images, archives, bytecode of other machines' caches. Compressing that
//! takes the longest of all and gives nothing, so it is told apart first, piece by piece, at a small part of the cost.
//! All of it is reckoned in whole numbers: the answer decides bytes.

use std::ops::Range;

/// Pieces are judged by themselves.
const PIECE: usize = 8 << 10;
/// A run of noise is shorter than this only at the end of a block: each begins a new deflate stream after it.
const LEAST: usize = 2 * PIECE;

/// How far back deflate finds what repeats.
const WINDOW: usize = 32 << 10;

/// A part of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    /// It is compressed.
    Content(Range<usize>),
    /// It is stored.
    Noise(Range<usize>),
}

/// Divides a block into runs, in order, none of them empty.
pub fn runs(plain: &[u8]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut content = 0;
    let mut at = 0;
    while at < plain.len() {
        let length = noise(&plain[at..]);
        if length >= LEAST && !repeats(&plain[at..at + length]) {
            if content < at {
                runs.push(Run::Content(content..at));
            }
            runs.push(Run::Noise(at..at + length));
            content = at + length;
        }
        at += length.max(PIECE);
    }
    if content < plain.len() {
        runs.push(Run::Content(content..plain.len()));
    }
    runs
}

/// How many bytes at the beginning are pieces of noise.
fn noise(plain: &[u8]) -> usize {
    plain.chunks_exact(PIECE).take_while(|piece| is_even(piece)).count() * PIECE
}

/// Whether all byte values are about equally frequent in a quarter of the piece.
fn is_even(piece: &[u8]) -> bool {
    let mut counts = [[0u32; 256]; 2];
    let mut total = 0u64;
    for line in piece.chunks_exact(256) {
        for pair in line[..64].chunks_exact(2) {
            counts[0][usize::from(pair[0])] += 1;
            counts[1][usize::from(pair[1])] += 1;
        }
        total += 64;
    }
    let squares = counts[0].iter().zip(&counts[1]).map(|(one, other)| u64::from(one + other).pow(2)).sum::<u64>();
    // Of equally frequent values the sum of squares is a 256th of the square of the total, and chance adds the total. What
    // deflate has made is up to an eighth above that; coding what is would gain a hundredth.
    squares * 256 <= total * total + total * total / 8 + total * 256
}

/// Whether much of what looks like noise stands there again within reach of a match.
///
/// One of 64 places is looked at, chosen by what stands there: so what repeats is met again wherever it begins.
fn repeats(plain: &[u8]) -> bool {
    const SLOTS: usize = 1 << 12;
    let mut seen = [0u32; SLOTS];
    let (mut looked, mut again) = (0usize, 0usize);
    for (at, window) in plain.windows(8).enumerate() {
        let Some(eight) = window.first_chunk::<8>() else { break };
        let word = u64::from_le_bytes(*eight);
        let mixed = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if mixed >> 58 == 0 {
            let slot = &mut seen[(mixed >> 46) as usize % SLOTS];
            let before = *slot as usize;
            looked += 1;
            again += usize::from(before > 0 && at + 1 - before <= WINDOW && plain[before - 1..].starts_with(eight));
            *slot = (at + 1) as u32;
        }
    }
    again * 16 > looked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(size: usize, seed: u64) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut bytes = Vec::with_capacity(size + 8);
        while bytes.len() < size {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        bytes.truncate(size);
        bytes
    }

    #[test]
    fn noise_among_text_is_told_apart() {
        let text = b"some text, and some more of it; ".repeat(1000);
        let block = [&text[..], &random(100_000, 1), &text[..], &random(20_000, 2), &text[..]].concat();
        let runs = runs(&block);
        let noisy: usize = runs.iter().map(|run| if let Run::Noise(range) = run { range.len() } else { 0 }).sum();
        assert!(noisy > 85_000 && noisy <= 120_000, "{runs:?}");
        assert_eq!(runs.len(), 5, "{runs:?}");
    }

    #[test]
    fn runs_cover_a_block_in_order() {
        for seed in 0..200usize {
            let parts = (0..seed % 7).map(|part| match (seed + part) % 3 {
                0 => random(seed * 331 + part * 9_973, seed as u64),
                1 => b"text ".repeat(seed * 57 + part),
                _ => random(5_000 + seed, part as u64),
            });
            let block = parts.collect::<Vec<_>>().concat();
            let mut next = 0;
            for run in runs(&block) {
                let (Run::Content(range) | Run::Noise(range)) = run;
                assert!(range.start == next && range.end > next);
                next = range.end;
            }
            assert_eq!(next, block.len());
        }
    }

    #[test]
    fn noise_that_repeats_within_reach_is_content() {
        for period in [100, 1_000, 20_011, 32_000] {
            let block = random(period, 5).repeat(1_000_000 / period);
            assert_eq!(runs(&block), [Run::Content(0..block.len())], "every {period} bytes");
        }
        let block = random(40_000, 5).repeat(20);
        assert_eq!(runs(&block)[0], Run::Noise(0..block.len() / PIECE * PIECE), "out of a match's reach");
    }

    #[test]
    fn what_is_uneven_is_content() {
        let hexadecimal: Vec<u8> =
            random(100_000, 3).iter().map(|byte| b"0123456789abcdef"[usize::from(byte & 15)]).collect();
        let numbers: Vec<u8> = (0..50_000u32).flat_map(|number| (number * 7).to_le_bytes()).collect();
        let few: Vec<u8> = random(100_000, 4).iter().map(|byte| byte % 230).collect();
        for block in [hexadecimal, numbers, few, vec![0; 100_000], Vec::new()] {
            assert!(runs(&block).iter().all(|run| matches!(run, Run::Content(_))));
        }
    }
}
