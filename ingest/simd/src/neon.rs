//! NEON, which every 64-bit Arm processor has.

use std::arch::aarch64::{
    uint8x16_t, uint8x16x4_t, uint64x2_t, vaddq_u64, vaddvq_u64, vandq_u8, vandq_u64, vbicq_u64, vceqq_u8, vceqq_u64,
    vcgtq_u64, vdupq_n_u8, vdupq_n_u64, veorq_u64, vextq_u64, vgetq_lane_u64, vld1q_u8, vld1q_u8_x4, vld1q_u64,
    vmaxvq_u8, vminq_u8, vminvq_u8, vmvnq_u8, vorrq_u8, vorrq_u64, vpaddq_u8, vqtbl1q_u8, vreinterpretq_u64_u8,
    vshlq_n_u64, vshrq_n_u8, vshrq_n_u64, vst1q_u64, vtstq_u8,
};

use crate::{
    blocks::{self, Blocks},
    class::{HIGH, LOW},
    scan::{BLOCK, Fingerprints},
    structure::Arch,
    words::Words,
};

pub(crate) struct Neon;

#[derive(Clone, Copy)]
pub(crate) struct Four([uint64x2_t; 4]);

impl Four {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(uint64x2_t, uint64x2_t) -> uint64x2_t) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
    #[inline(always)]
    fn map(self, f: impl Fn(uint64x2_t) -> uint64x2_t) -> Self {
        Self(self.0.map(f))
    }
    /// Bit i is set where word i is not zero; its words are all ones or all zeros.
    #[inline(always)]
    fn bits(self) -> u32 {
        let own: [[u64; 2]; 4] = [[1, 2], [4, 8], [16, 32], [64, 128]];
        // SAFETY: every 64-bit Arm processor has NEON; the loads are of two words each.
        unsafe {
            let part = |i: usize| vandq_u64(self.0[i], vld1q_u64(own[i].as_ptr()));
            vaddvq_u64(vorrq_u64(vorrq_u64(part(0), part(1)), vorrq_u64(part(2), part(3)))) as u32
        }
    }
}

// SAFETY of all of them: every 64-bit Arm processor has NEON; loads and stores are of arrays that are as long.
impl Words for Four {
    #[inline(always)]
    unsafe fn load(words: &[u64; 8]) -> Self {
        // SAFETY: see above.
        Self(std::array::from_fn(|i| unsafe { vld1q_u64(words.as_ptr().add(2 * i)) }))
    }
    #[inline(always)]
    unsafe fn store(self, words: &mut [u64; 8]) {
        for (i, two) in self.0.into_iter().enumerate() {
            // SAFETY: see above.
            unsafe { vst1q_u64(words.as_mut_ptr().add(2 * i), two) };
        }
    }
    #[inline(always)]
    unsafe fn splat(word: u64) -> Self {
        // SAFETY: see above.
        Self([unsafe { vdupq_n_u64(word) }; 4])
    }
    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        // SAFETY: see above.
        self.zip(other, |a, b| unsafe { vandq_u64(a, b) })
    }
    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: see above.
        self.zip(other, |a, b| unsafe { vorrq_u64(a, b) })
    }
    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: see above.
        self.zip(other, |a, b| unsafe { veorq_u64(a, b) })
    }
    #[inline(always)]
    unsafe fn but(self, other: Self) -> Self {
        // SAFETY: see above.
        self.zip(other, |a, b| unsafe { vbicq_u64(a, b) })
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        self.zip(other, |a, b| unsafe { vaddq_u64(a, b) })
    }
    #[inline(always)]
    unsafe fn shl1(self) -> Self {
        // SAFETY: see above.
        self.map(|a| unsafe { vshlq_n_u64::<1>(a) })
    }
    #[inline(always)]
    unsafe fn shr63(self) -> Self {
        // SAFETY: see above.
        self.map(|a| unsafe { vshrq_n_u64::<63>(a) })
    }
    #[inline(always)]
    unsafe fn top(self) -> u32 {
        // SAFETY: see above.
        unsafe {
            let top = Self::splat(1 << 63);
            self.and(top).zip(top, |a, b| vceqq_u64(a, b)).bits()
        }
    }
    #[inline(always)]
    unsafe fn fill(bits: u32) -> Self {
        let word = |i: usize| u64::from(bits >> i & 1).wrapping_neg();
        // SAFETY: see above.
        unsafe { Self::load(&std::array::from_fn(word)) }
    }
    #[inline(always)]
    unsafe fn less(self, other: Self) -> u32 {
        // SAFETY: see above.
        other.zip(self, |a, b| unsafe { vcgtq_u64(a, b) }).bits()
    }
    #[inline(always)]
    unsafe fn full(self) -> u32 {
        // SAFETY: see above.
        unsafe { self.zip(Self::splat(!0), |a, b| vceqq_u64(a, b)).bits() }
    }
    #[inline(always)]
    unsafe fn up(self, before: Self) -> Self {
        // SAFETY: see above.
        Self(std::array::from_fn(|i| unsafe {
            vextq_u64::<1>(if i == 0 { before.0[3] } else { self.0[i - 1] }, self.0[i])
        }))
    }
    #[inline(always)]
    unsafe fn any(self) -> bool {
        // SAFETY: see above.
        unsafe {
            let all = vorrq_u64(vorrq_u64(self.0[0], self.0[1]), vorrq_u64(self.0[2], self.0[3]));
            vgetq_lane_u64::<0>(all) | vgetq_lane_u64::<1>(all) != 0
        }
    }
    #[inline(always)]
    unsafe fn prefix_xor(self) -> Self {
        macro_rules! step {
            ($x:expr, $shift:literal) => {
                // SAFETY: see above.
                $x.zip($x, |a, b| unsafe { veorq_u64(a, vshlq_n_u64::<$shift>(b)) })
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

/// One bit for each byte in which `bit` is set.
#[inline(always)]
fn bits(bytes: [uint8x16_t; 4], bit: u8) -> u64 {
    static OWN: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
    // SAFETY: every 64-bit Arm processor has NEON; the load is of 16 bytes.
    unsafe {
        let own = vld1q_u8(OWN.as_ptr());
        let [a, b, c, d] = bytes.map(|x| vandq_u8(vtstq_u8(x, vdupq_n_u8(bit)), own));
        let sum = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
        vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)))
    }
}

/// 64 bytes.
///
/// # Safety
///
/// They are readable.
#[inline(always)]
unsafe fn load(text: *const u8) -> [uint8x16_t; 4] {
    // SAFETY: the caller's.
    let uint8x16x4_t(a, b, c, d) = unsafe { vld1q_u8_x4(text) };
    [a, b, c, d]
}

/// `low[b % 16] & high[b / 16]` of each byte b. Tables choose 0 for a number beyond them.
#[inline(always)]
fn class(text: uint8x16_t, low: &[u8; 16], high: &[u8; 16]) -> uint8x16_t {
    // SAFETY: every 64-bit Arm processor has NEON; the loads are of 16 bytes.
    unsafe {
        let lows = vqtbl1q_u8(vld1q_u8(low.as_ptr()), vandq_u8(text, vdupq_n_u8(15)));
        vandq_u8(lows, vqtbl1q_u8(vld1q_u8(high.as_ptr()), vshrq_n_u8::<4>(text)))
    }
}

impl Blocks for Neon {
    type Seen = (uint8x16_t, uint8x16_t);
    #[inline(always)]
    unsafe fn block(text: *const u8, seen: &mut Self::Seen) -> [u64; 8] {
        // SAFETY: 64 readable bytes.
        unsafe {
            let text = load(text);
            for part in text {
                *seen = (vminq_u8(seen.0, part), vorrq_u8(seen.1, part));
            }
            let classes = text.map(|part| class(part, &LOW, &HIGH));
            std::array::from_fn(|plane| bits(classes, 1 << plane))
        }
    }
}

impl Arch for Neon {
    type Words = Four;
    type Seen = (uint8x16_t, uint8x16_t);
    #[inline(always)]
    unsafe fn nothing() -> Self::Seen {
        // SAFETY: every 64-bit Arm processor has NEON.
        unsafe { (vdupq_n_u8(0xff), vdupq_n_u8(0)) }
    }
    #[inline(always)]
    unsafe fn control_or_beyond(seen: Self::Seen) -> (bool, bool) {
        // SAFETY: every 64-bit Arm processor has NEON.
        unsafe { (vminvq_u8(seen.0) < 0x20, vmaxvq_u8(seen.1) >= 0x80) }
    }
    #[inline(always)]
    unsafe fn planes(text: *const u8, seen: &mut Self::Seen) -> [Four; 8] {
        // SAFETY: the caller's.
        unsafe { blocks::planes::<Self, Four>(text, seen) }
    }
    #[inline(always)]
    unsafe fn planes_of_rest(rest: &[u8], seen: &mut Self::Seen) -> [Four; 8] {
        // SAFETY: the caller's.
        unsafe { blocks::planes_of_rest::<Self, Four>(rest, seen) }
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
/// `BLOCK + prints.distance` bytes are readable.
#[inline(always)]
pub(crate) unsafe fn scan_block(text: *const u8, prints: &Fingerprints) -> u64 {
    const { assert!(BLOCK == 64) };
    // SAFETY: the caller's; every 64-bit Arm processor has NEON.
    unsafe {
        let (near, far) = (load(text), load(text.add(prints.distance)));
        let seven = |part| vandq_u8(part, vdupq_n_u8(127));
        let unmarked: [uint8x16_t; 4] = std::array::from_fn(|i| {
            let first = class(seven(near[i]), &prints.first_low, &prints.first_high);
            let second = class(seven(far[i]), &prints.second_low, &prints.second_high);
            let unlike = vceqq_u8(vandq_u8(first, second), vdupq_n_u8(0));
            let is = |byte| vceqq_u8(near[i], vdupq_n_u8(byte));
            vandq_u8(unlike, vmvnq_u8(vorrq_u8(is(b'\n'), is(b'\\'))))
        });
        !bits(unmarked, 0xff)
    }
}
