//! AVX2 (with the bit and carry-less multiplication instructions that every such processor has).

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi8, _mm256_add_epi64, _mm256_and_si256, _mm256_andnot_si256,
    _mm256_blend_epi32, _mm256_broadcastsi128_si256, _mm256_castsi256_pd, _mm256_cmpeq_epi8, _mm256_cmpeq_epi64,
    _mm256_cmpgt_epi64, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_movemask_pd, _mm256_or_si256,
    _mm256_permute4x64_epi64, _mm256_set1_epi8, _mm256_set1_epi64x, _mm256_setr_epi64x, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_slli_epi64, _mm256_srli_epi16, _mm256_srli_epi64, _mm256_storeu_si256,
    _mm256_testz_si256, _mm256_xor_si256,
};

use crate::{
    blocks::{self, Blocks},
    class::{HIGH, LOW},
    scan::{BLOCK, Fingerprints},
    structure::Arch,
    words::Words,
};

pub(crate) struct Avx2;

#[derive(Clone, Copy)]
pub(crate) struct Two(__m256i, __m256i);

macro_rules! both {
    ($function:ident, $a:expr, $b:expr) => {
        // SAFETY: the caller of a function of Words has seen to it that the processor has AVX2.
        unsafe { Two($function($a.0, $b.0), $function($a.1, $b.1)) }
    };
}

// SAFETY of all of them: the caller has seen to it that the processor has AVX2; loads and stores are of arrays that are
// as long.
impl Words for Two {
    #[inline(always)]
    unsafe fn load(words: &[u64; 8]) -> Self {
        let words: *const __m256i = words.as_ptr().cast();
        // SAFETY: see above.
        unsafe { Self(_mm256_loadu_si256(words), _mm256_loadu_si256(words.add(1))) }
    }
    #[inline(always)]
    unsafe fn store(self, words: &mut [u64; 8]) {
        let words: *mut __m256i = words.as_mut_ptr().cast();
        // SAFETY: see above.
        unsafe {
            _mm256_storeu_si256(words, self.0);
            _mm256_storeu_si256(words.add(1), self.1);
        }
    }
    #[inline(always)]
    unsafe fn splat(word: u64) -> Self {
        // SAFETY: see above.
        let half = unsafe { _mm256_set1_epi64x(word as i64) };
        Self(half, half)
    }
    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        both!(_mm256_and_si256, self, other)
    }
    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        both!(_mm256_or_si256, self, other)
    }
    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        both!(_mm256_xor_si256, self, other)
    }
    #[inline(always)]
    unsafe fn but(self, other: Self) -> Self {
        both!(_mm256_andnot_si256, other, self)
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        both!(_mm256_add_epi64, self, other)
    }
    #[inline(always)]
    unsafe fn shl1(self) -> Self {
        both!(_mm256_add_epi64, self, self)
    }
    #[inline(always)]
    unsafe fn shr63(self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm256_srli_epi64::<63>(self.0), _mm256_srli_epi64::<63>(self.1)) }
    }
    #[inline(always)]
    unsafe fn top(self) -> u32 {
        // SAFETY: see above.
        unsafe {
            let (low, high) = (_mm256_castsi256_pd(self.0), _mm256_castsi256_pd(self.1));
            (_mm256_movemask_pd(low) | _mm256_movemask_pd(high) << 4) as u32
        }
    }
    #[inline(always)]
    unsafe fn fill(bits: u32) -> Self {
        // SAFETY: see above.
        unsafe {
            let bits = _mm256_set1_epi64x(i64::from(bits));
            let (low, high) = (_mm256_setr_epi64x(1, 2, 4, 8), _mm256_setr_epi64x(16, 32, 64, 128));
            let (low_bits, high_bits) = (_mm256_and_si256(bits, low), _mm256_and_si256(bits, high));
            Self(_mm256_cmpeq_epi64(low_bits, low), _mm256_cmpeq_epi64(high_bits, high))
        }
    }
    #[inline(always)]
    unsafe fn less(self, other: Self) -> u32 {
        // SAFETY: see above.
        unsafe {
            // There is a signed comparison alone.
            let flip = Self::splat(1 << 63);
            let (a, b) = (self.xor(flip), other.xor(flip));
            Self(_mm256_cmpgt_epi64(b.0, a.0), _mm256_cmpgt_epi64(b.1, a.1)).top()
        }
    }
    #[inline(always)]
    unsafe fn full(self) -> u32 {
        // SAFETY: see above.
        unsafe {
            let ones = Self::splat(!0);
            Self(_mm256_cmpeq_epi64(self.0, ones.0), _mm256_cmpeq_epi64(self.1, ones.1)).top()
        }
    }
    #[inline(always)]
    unsafe fn up(self, before: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            let (low, high) = (_mm256_permute4x64_epi64::<0x93>(self.0), _mm256_permute4x64_epi64::<0x93>(self.1));
            let below_low = _mm256_permute4x64_epi64::<0xff>(before.1);
            let below_high = _mm256_permute4x64_epi64::<0xff>(self.0);
            Self(_mm256_blend_epi32::<3>(low, below_low), _mm256_blend_epi32::<3>(high, below_high))
        }
    }
    #[inline(always)]
    unsafe fn any(self) -> bool {
        // SAFETY: see above.
        unsafe {
            let x = _mm256_or_si256(self.0, self.1);
            _mm256_testz_si256(x, x) == 0
        }
    }
    #[inline(always)]
    unsafe fn prefix_xor(self) -> Self {
        macro_rules! step {
            ($x:expr, $shift:literal) => {
                // SAFETY: see above.
                unsafe { $x.xor(Self(_mm256_slli_epi64::<$shift>($x.0), _mm256_slli_epi64::<$shift>($x.1))) }
            };
        }
        let x = step!(self, 1);
        let x = step!(x, 2);
        let x = step!(x, 4);
        let x = step!(x, 8);
        let x = step!(x, 16);
        step!(x, 32)
    }
}

#[inline(always)]
unsafe fn table(table: &[u8; 16]) -> __m256i {
    // SAFETY: 16 bytes; the caller has seen to AVX2.
    unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast::<__m128i>())) }
}

/// `low[b % 16] & high[b / 16 % 8]` of each byte b; `halves` chooses from the table of low halves.
#[inline(always)]
unsafe fn class(text: __m256i, halves: __m256i, low: &[u8; 16], high: &[u8; 16]) -> __m256i {
    // SAFETY: the caller has seen to AVX2.
    unsafe {
        let high_halves = _mm256_and_si256(_mm256_srli_epi16::<4>(text), _mm256_set1_epi8(7));
        _mm256_and_si256(_mm256_shuffle_epi8(table(low), halves), _mm256_shuffle_epi8(table(high), high_halves))
    }
}

/// The highest bit of each of 64 bytes.
#[inline(always)]
unsafe fn bits(low: __m256i, high: __m256i) -> u64 {
    // SAFETY: the caller has seen to AVX2.
    unsafe { u64::from(_mm256_movemask_epi8(low) as u32) | u64::from(_mm256_movemask_epi8(high) as u32) << 32 }
}

impl Blocks for Avx2 {
    type Seen = (__m256i, __m256i);
    #[inline(always)]
    unsafe fn block(text: *const u8, seen: &mut Self::Seen) -> [u64; 8] {
        // SAFETY: 64 readable bytes; the caller has seen to AVX2.
        unsafe {
            let (low, high) = (_mm256_loadu_si256(text.cast()), _mm256_loadu_si256(text.add(32).cast()));
            seen.0 = _mm256_min_epu8(seen.0, _mm256_min_epu8(low, high));
            seen.1 = _mm256_or_si256(seen.1, _mm256_or_si256(low, high));
            // A byte beyond ASCII chooses zero from the table of low halves.
            let (mut low, mut high) = (class(low, low, &LOW, &HIGH), class(high, high, &LOW, &HIGH));
            let mut planes = [0; 8];
            for plane in planes.iter_mut().rev() {
                *plane = bits(low, high);
                (low, high) = (_mm256_add_epi8(low, low), _mm256_add_epi8(high, high));
            }
            planes
        }
    }
}

impl Arch for Avx2 {
    type Words = Two;
    type Seen = (__m256i, __m256i);
    #[inline(always)]
    unsafe fn nothing() -> Self::Seen {
        // SAFETY: the caller has seen to AVX2.
        unsafe { (_mm256_set1_epi8(-1), _mm256_setzero_si256()) }
    }
    #[inline(always)]
    unsafe fn control_or_beyond(seen: Self::Seen) -> (bool, bool) {
        // SAFETY: the caller has seen to AVX2.
        unsafe {
            let least = _mm256_min_epu8(seen.0, _mm256_set1_epi8(0x1f));
            (_mm256_movemask_epi8(_mm256_cmpeq_epi8(least, seen.0)) != 0, _mm256_movemask_epi8(seen.1) != 0)
        }
    }
    #[inline(always)]
    unsafe fn planes(text: *const u8, seen: &mut Self::Seen) -> [Two; 8] {
        // SAFETY: the caller's.
        unsafe { blocks::planes::<Self, Two>(text, seen) }
    }
    #[inline(always)]
    unsafe fn planes_of_rest(rest: &[u8], seen: &mut Self::Seen) -> [Two; 8] {
        // SAFETY: the caller's.
        unsafe { blocks::planes_of_rest::<Self, Two>(rest, seen) }
    }
    #[inline(always)]
    unsafe fn flatten(mask: u64, base: u32, out: *mut u32) -> usize {
        // SAFETY: the caller's.
        unsafe { blocks::flatten(mask, base, out) }
    }
}

/// The marks of [`BLOCK`] bytes.
///
/// # Safety
///
/// `BLOCK + prints.distance` bytes are readable, and the processor has AVX2.
#[inline(always)]
pub(crate) unsafe fn scan_block(text: *const u8, prints: &Fingerprints) -> u64 {
    const { assert!(BLOCK == 64) };
    // SAFETY: the caller's.
    unsafe {
        let unmarked = (unmarked(text, prints), unmarked(text.add(32), prints));
        !bits(unmarked.0, unmarked.1)
    }
}

/// All ones for each of 32 bytes that is not to be marked.
///
/// # Safety
///
/// As of [`scan_block`], with 32 bytes.
#[inline(always)]
unsafe fn unmarked(text: *const u8, prints: &Fingerprints) -> __m256i {
    // SAFETY: the caller's.
    unsafe {
        let low_half = _mm256_set1_epi8(15);
        let near = _mm256_loadu_si256(text.cast());
        let far = _mm256_loadu_si256(text.add(prints.distance).cast());
        let first = class(near, _mm256_and_si256(near, low_half), &prints.first_low, &prints.first_high);
        let second = class(far, _mm256_and_si256(far, low_half), &prints.second_low, &prints.second_high);
        let unlike = _mm256_cmpeq_epi8(_mm256_and_si256(first, second), _mm256_setzero_si256());
        let newline = _mm256_cmpeq_epi8(near, _mm256_set1_epi8(b'\n' as i8));
        let backslash = _mm256_cmpeq_epi8(near, _mm256_set1_epi8(b'\\' as i8));
        _mm256_andnot_si256(_mm256_or_si256(newline, backslash), unlike)
    }
}
