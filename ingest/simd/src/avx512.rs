//! AVX-512 with GFNI: planes by three instructions a block.
//!
//! The classes of 64 bytes are looked up; the eight times eight bits of each eight bytes are transposed by a product
//! of matrices over GF(2); the bytes are gathered plane by plane; and eight such registers, one a block, are
//! transposed as eight times eight words.

use std::arch::x86_64::{
    __m128i, __m512i, _knot_mask64, _mm_set_epi64x, _mm512_add_epi32, _mm512_add_epi64, _mm512_alignr_epi64,
    _mm512_and_si512, _mm512_andnot_si512, _mm512_broadcast_i32x4, _mm512_castsi512_si128, _mm512_clmulepi64_epi128,
    _mm512_cmpeq_epi8_mask, _mm512_cmpeq_epi64_mask, _mm512_cmplt_epu8_mask, _mm512_cmplt_epu64_mask,
    _mm512_cvtepu8_epi32, _mm512_extracti32x4_epi32, _mm512_gf2p8affine_epi64_epi8, _mm512_loadu_si512,
    _mm512_mask_loadu_epi8, _mm512_maskz_compress_epi8, _mm512_maskz_permutex2var_epi8, _mm512_min_epu8,
    _mm512_movepi8_mask, _mm512_movepi64_mask, _mm512_movm_epi64, _mm512_or_si512, _mm512_permutex2var_epi8,
    _mm512_permutexvar_epi8, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_shuffle_epi8, _mm512_shuffle_i64x2, _mm512_slli_epi64, _mm512_srli_epi64, _mm512_storeu_si512,
    _mm512_test_epi8_mask, _mm512_test_epi64_mask, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64, _mm512_xor_si512,
};

use crate::{
    class::CLASS,
    scan::{BLOCK, Fingerprints},
    structure::{Arch, STEP},
    words::Words,
};

pub(crate) struct Avx512;

#[derive(Clone, Copy)]
pub(crate) struct One(__m512i);

// SAFETY of all of them: the caller has seen to it that the processor has the instructions; loads and stores are of
// arrays that are as long.
impl Words for One {
    #[inline(always)]
    unsafe fn load(words: &[u64; 8]) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_loadu_si512(words.as_ptr().cast()) })
    }
    #[inline(always)]
    unsafe fn store(self, words: &mut [u64; 8]) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), self.0) }
    }
    #[inline(always)]
    unsafe fn splat(word: u64) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_set1_epi64(word as i64) })
    }
    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_and_si512(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_or_si512(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_xor_si512(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn but(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_andnot_si512(other.0, self.0) })
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_add_epi64(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn shl1(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_slli_epi64::<1>(self.0) })
    }
    #[inline(always)]
    unsafe fn shr63(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_srli_epi64::<63>(self.0) })
    }
    #[inline(always)]
    unsafe fn top(self) -> u32 {
        // SAFETY: see above.
        u32::from(unsafe { _mm512_movepi64_mask(self.0) })
    }
    #[inline(always)]
    unsafe fn fill(bits: u32) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_movm_epi64(bits as u8) })
    }
    #[inline(always)]
    unsafe fn less(self, other: Self) -> u32 {
        // SAFETY: see above.
        u32::from(unsafe { _mm512_cmplt_epu64_mask(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn full(self) -> u32 {
        // SAFETY: see above.
        u32::from(unsafe { _mm512_cmpeq_epi64_mask(self.0, _mm512_set1_epi64(-1)) })
    }
    #[inline(always)]
    unsafe fn up(self, before: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_alignr_epi64::<7>(self.0, before.0) })
    }
    #[inline(always)]
    unsafe fn any(self) -> bool {
        // SAFETY: see above.
        unsafe { _mm512_test_epi64_mask(self.0, self.0) != 0 }
    }
    #[inline(always)]
    unsafe fn prefix_xor(self) -> Self {
        // SAFETY: see above.
        unsafe {
            // A carry-less product with all ones.
            let ones = _mm512_set1_epi64(-1);
            let low = _mm512_clmulepi64_epi128::<0>(self.0, ones);
            Self(_mm512_unpacklo_epi64(low, _mm512_clmulepi64_epi128::<1>(self.0, ones)))
        }
    }
}

/// Byte 8p + i is 8i + p.
static GATHER: [u8; 64] = {
    let mut table = [0; 64];
    let mut i = 0;
    while i < 64 {
        table[i] = ((i % 8) * 8 + i / 8) as u8;
        i += 1;
    }
    table
};

static NUMBERS: [u8; 64] = {
    let mut table = [0; 64];
    let mut i = 0;
    while i < 64 {
        table[i] = i as u8;
        i += 1;
    }
    table
};

/// The planes of 64 bytes, in one register.
///
/// # Safety
///
/// The processor has the instructions.
#[inline(always)]
unsafe fn block(text: __m512i, seen: &mut (__m512i, __m512i)) -> __m512i {
    // SAFETY: the loads are of tables of 64 bytes and of 128.
    unsafe {
        seen.0 = _mm512_min_epu8(seen.0, text);
        seen.1 = _mm512_or_si512(seen.1, text);
        let (low, high) = (CLASS.as_ptr(), CLASS.as_ptr().add(64));
        let (low, high) = (_mm512_loadu_si512(low.cast()), _mm512_loadu_si512(high.cast()));
        let ascii = _knot_mask64(_mm512_movepi8_mask(text));
        let class = _mm512_maskz_permutex2var_epi8(ascii, low, text, high);
        // With the data in the place of the matrix, the product with the identity is the transpose, but for the order
        // of rows.
        let identity = _mm512_set1_epi64(0x8040_2010_0804_0201_u64 as i64);
        let reverse = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0809_0a0b_0c0d_0e0f, 0x0001_0203_0405_0607));
        let transposed = _mm512_gf2p8affine_epi64_epi8::<0>(identity, _mm512_shuffle_epi8(class, reverse));
        _mm512_permutexvar_epi8(_mm512_loadu_si512(GATHER.as_ptr().cast()), transposed)
    }
}

/// The first and third pair of words of both.
#[inline(always)]
unsafe fn even(a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: the caller has seen to the instructions.
    unsafe { _mm512_shuffle_i64x2::<0x88>(a, b) }
}

/// The second and fourth pair of words of both.
#[inline(always)]
unsafe fn odd(a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: the caller has seen to the instructions.
    unsafe { _mm512_shuffle_i64x2::<0xdd>(a, b) }
}

/// Word i of register j becomes word j of register i.
///
/// # Safety
///
/// The processor has the instructions.
#[inline(always)]
unsafe fn transpose(r: [__m512i; 8]) -> [One; 8] {
    // SAFETY: the caller's.
    unsafe {
        // Pairs of words, of blocks 0 and 1, 2 and 3, ...: planes 0, 2, 4, 6 in a0 to a3, and 1, 3, 5, 7 in b0 to b3.
        let (a0, a1, a2, a3) = (
            _mm512_unpacklo_epi64(r[0], r[1]),
            _mm512_unpacklo_epi64(r[2], r[3]),
            _mm512_unpacklo_epi64(r[4], r[5]),
            _mm512_unpacklo_epi64(r[6], r[7]),
        );
        let (b0, b1, b2, b3) = (
            _mm512_unpackhi_epi64(r[0], r[1]),
            _mm512_unpackhi_epi64(r[2], r[3]),
            _mm512_unpackhi_epi64(r[4], r[5]),
            _mm512_unpackhi_epi64(r[6], r[7]),
        );
        let (p04, p26) = ((even(a0, a1), even(a2, a3)), (odd(a0, a1), odd(a2, a3)));
        let (p15, p37) = ((even(b0, b1), even(b2, b3)), (odd(b0, b1), odd(b2, b3)));
        [
            One(even(p04.0, p04.1)),
            One(even(p15.0, p15.1)),
            One(even(p26.0, p26.1)),
            One(even(p37.0, p37.1)),
            One(odd(p04.0, p04.1)),
            One(odd(p15.0, p15.1)),
            One(odd(p26.0, p26.1)),
            One(odd(p37.0, p37.1)),
        ]
    }
}

/// Writes 16 numbers.
///
/// # Safety
///
/// There is room for them, and the processor has the instructions.
#[inline(always)]
unsafe fn put(out: *mut u32, base: __m512i, places: __m128i) {
    // SAFETY: the caller's.
    unsafe { _mm512_storeu_si512(out.cast(), _mm512_add_epi32(base, _mm512_cvtepu8_epi32(places))) }
}

impl Arch for Avx512 {
    type Words = One;
    type Seen = (__m512i, __m512i);
    #[inline(always)]
    unsafe fn nothing() -> Self::Seen {
        // SAFETY: the caller's.
        unsafe { (_mm512_set1_epi8(-1), _mm512_setzero_si512()) }
    }
    #[inline(always)]
    unsafe fn control_or_beyond(seen: Self::Seen) -> (bool, bool) {
        // SAFETY: the caller's.
        unsafe { (_mm512_cmplt_epu8_mask(seen.0, _mm512_set1_epi8(0x20)) != 0, _mm512_movepi8_mask(seen.1) != 0) }
    }
    #[inline(always)]
    unsafe fn planes(text: *const u8, seen: &mut Self::Seen) -> [One; 8] {
        // SAFETY: GROUP readable bytes, of which the last block has the last 64.
        unsafe {
            let mut blocks = [_mm512_setzero_si512(); 8];
            for (lane, planes) in blocks.iter_mut().enumerate() {
                *planes = block(_mm512_loadu_si512(text.add(lane * STEP).cast()), seen);
            }
            transpose(blocks)
        }
    }
    #[inline(always)]
    unsafe fn planes_of_rest(rest: &[u8], seen: &mut Self::Seen) -> [One; 8] {
        // SAFETY: a masked load reads nothing where its mask is 0, and mask bits are set for bytes of `rest` alone.
        unsafe {
            let mut blocks = [_mm512_setzero_si512(); 8];
            for (lane, planes) in blocks.iter_mut().enumerate() {
                let mask = match rest.len().saturating_sub(lane * STEP) {
                    0 => 0,
                    bits @ 1..64 => !(!0_u64 << bits),
                    _ => !0,
                };
                let text = rest.as_ptr().wrapping_add(lane * STEP).cast();
                *planes = block(_mm512_mask_loadu_epi8(_mm512_set1_epi8(b' ' as i8), mask, text), seen);
            }
            transpose(blocks)
        }
    }
    #[inline(always)]
    unsafe fn flatten(mask: u64, base: u32, out: *mut u32) -> usize {
        // SAFETY: room for 64 numbers.
        unsafe {
            let places = _mm512_maskz_compress_epi8(mask, _mm512_loadu_si512(NUMBERS.as_ptr().cast()));
            let base = _mm512_set1_epi32(base as i32);
            let count = mask.count_ones() as usize;
            put(out, base, _mm512_castsi512_si128(places));
            if count > 16 {
                put(out.add(16), base, _mm512_extracti32x4_epi32::<1>(places));
                put(out.add(32), base, _mm512_extracti32x4_epi32::<2>(places));
                put(out.add(48), base, _mm512_extracti32x4_epi32::<3>(places));
            }
            count
        }
    }
}

/// The marks of [`BLOCK`] bytes.
///
/// # Safety
///
/// `BLOCK + prints.distance` bytes are readable, and the processor has the instructions.
#[inline(always)]
pub(crate) unsafe fn scan_block(text: *const u8, prints: &Fingerprints) -> u64 {
    const { assert!(BLOCK == 64) };
    // SAFETY: the caller's; the tables have 128 bytes.
    unsafe {
        let near = _mm512_loadu_si512(text.cast());
        let far = _mm512_loadu_si512(text.add(prints.distance).cast());
        let newline = _mm512_cmpeq_epi8_mask(near, _mm512_set1_epi8(b'\n' as i8));
        let backslash = _mm512_cmpeq_epi8_mask(near, _mm512_set1_epi8(b'\\' as i8));
        newline | backslash | _mm512_test_epi8_mask(look_up(&prints.first, near), look_up(&prints.second, far))
    }
}

/// The table's byte for the low seven bits of each byte.
///
/// # Safety
///
/// The processor has the instructions.
#[inline(always)]
unsafe fn look_up(table: &[u8; 128], text: __m512i) -> __m512i {
    // SAFETY: the table has 128 bytes.
    unsafe {
        let (low, high) = (table.as_ptr(), table.as_ptr().add(64));
        _mm512_permutex2var_epi8(_mm512_loadu_si512(low.cast()), text, _mm512_loadu_si512(high.cast()))
    }
}
