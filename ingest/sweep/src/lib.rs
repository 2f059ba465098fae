//! One pass over a text that marks each byte worth a look: every line end, every backslash, and every place where
//! a pair of bytes stands at the distance that it has in all of the names searched for.
//!
//! It does the work of one search per thing in a single sweep of each cache line. It is a crate of its own because
//! the call into code for an instruction set found at run time is the one thing here that Rust cannot check.

/// Two bytes and how far the second lies behind the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The first byte; neither a line end nor a backslash, so that a mark tells by its byte what it is.
    pub first: u8,
    /// The second byte; not zero.
    pub second: u8,
    /// From 1 to [`MAX_DISTANCE`].
    pub distance: usize,
}

/// The greatest distance in a pair.
pub const MAX_DISTANCE: usize = 32;

/// Appends to `marks` the place of each line end, backslash and pair in `text`, in order.
///
/// # Panics
///
/// If `text` has 4 GiB or more, or the pair is not as described.
pub fn sweep(text: &[u8], pair: Pair, marks: &mut Vec<u32>) {
    assert!(u32::try_from(text.len()).is_ok(), "the text is too long");
    assert!((1..=MAX_DISTANCE).contains(&pair.distance) && pair.second != 0, "not a pair");
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, the only thing that the function asks for.
        return unsafe { avx2::sweep(text, pair, marks) };
    }
    plain(text, pair, marks);
}

/// Whether [`sweep`] is vectorised on this machine. If not, it is faster to do without it.
pub fn is_fast() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The same, byte by byte.
fn plain(text: &[u8], pair: Pair, marks: &mut Vec<u32>) {
    for (at, &byte) in text.iter().enumerate() {
        let paired = || byte == pair.first && text.get(at + pair.distance) == Some(&pair.second);
        if byte == b'\n' || byte == b'\\' || paired() {
            marks.push(at as u32);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set_epi64x,
        _mm256_set1_epi8,
    };

    use super::{MAX_DISTANCE, Pair};

    /// Bytes looked at in one step.
    const BLOCK: usize = 64;

    #[target_feature(enable = "avx2")]
    pub(super) fn sweep(text: &[u8], pair: Pair, marks: &mut Vec<u32>) {
        let needles = Needles {
            newline: _mm256_set1_epi8(b'\n' as i8),
            backslash: _mm256_set1_epi8(b'\\' as i8),
            first: _mm256_set1_epi8(pair.first as i8),
            second: _mm256_set1_epi8(pair.second as i8),
        };
        let mut at = 0;
        while let Some(block) = text.get(at..at + BLOCK + pair.distance) {
            marks_of(mask(block, pair.distance, &needles), at, marks);
            at += BLOCK;
        }
        // The rest, followed by zeros, which match nothing.
        while at < text.len() {
            let mut padded = [0; BLOCK + MAX_DISTANCE];
            let rest = &text[at..text.len().min(at + padded.len())];
            padded[..rest.len()].copy_from_slice(rest);
            marks_of(mask(&padded[..BLOCK + pair.distance], pair.distance, &needles), at, marks);
            at += BLOCK;
        }
    }

    struct Needles {
        newline: __m256i,
        backslash: __m256i,
        first: __m256i,
        second: __m256i,
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn mask(block: &[u8], distance: usize, needles: &Needles) -> u64 {
        let (near, far) = (&block[..BLOCK], &block[distance..distance + BLOCK]);
        let low = half(&near[..32], &far[..32], needles);
        let high = half(&near[32..], &far[32..], needles);
        u64::from(low) | u64::from(high) << 32
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn half(near: &[u8], far: &[u8], needles: &Needles) -> u32 {
        let (near, far) = (load(near), load(far));
        let line_or_escape =
            _mm256_or_si256(_mm256_cmpeq_epi8(near, needles.newline), _mm256_cmpeq_epi8(near, needles.backslash));
        let pair = _mm256_and_si256(_mm256_cmpeq_epi8(near, needles.first), _mm256_cmpeq_epi8(far, needles.second));
        _mm256_movemask_epi8(_mm256_or_si256(line_or_escape, pair)) as u32
    }

    /// 32 bytes; compiles to one load.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(crate) fn load(bytes: &[u8]) -> __m256i {
        let word = |i: usize| i64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().expect("eight bytes"));
        _mm256_set_epi64x(word(3), word(2), word(1), word(0))
    }

    #[inline(always)]
    fn marks_of(mut mask: u64, at: usize, marks: &mut Vec<u32>) {
        while mask != 0 {
            marks.push(at as u32 + mask.trailing_zeros());
            mask &= mask - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &[u8], pair: Pair) {
        let (mut fast, mut slow) = (Vec::new(), Vec::new());
        sweep(text, pair, &mut fast);
        plain(text, pair, &mut slow);
        assert_eq!(fast, slow, "{pair:?} in {text:?}");
    }

    #[test]
    fn every_length_and_shift() {
        for distance in [1, 2, 4, 31, MAX_DISTANCE] {
            let pair = Pair { first: b'a', second: b'b', distance };
            for length in 0..3 * 64 + MAX_DISTANCE {
                for at in (0..length).step_by(7) {
                    let mut text = vec![b'.'; length];
                    text[at] = b'a';
                    if let Some(byte) = text.get_mut(at + distance) {
                        *byte = b'b';
                    }
                    text[length - 1] = b'\n';
                    check(&text, pair);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn same_as_byte_by_byte(
            text in prop::collection::vec(prop::sample::select(b"ab\n\\.\0\xff".to_vec()), 0..400),
            distance in 1..=MAX_DISTANCE,
        ) {
            check(&text, Pair { first: b'a', second: b'b', distance });
        }
    }
}
