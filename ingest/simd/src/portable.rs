//! Without special instructions: classes by a table, planes by transposing eight bytes at a time.

use crate::{
    blocks::{self, Blocks},
    class::CLASS,
    scan::Fingerprints,
    structure::Arch,
    words::Plain,
};

pub(crate) struct Portable;

/// All bytes or'ed, eight by eight, and in the bytes' highest bits whether a byte was a control character.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    all: u64,
    control: u64,
}

/// Byte i of the result has bit i of each byte: the transpose of eight times eight bits.
#[inline(always)]
fn transpose(mut x: u64) -> u64 {
    for (shift, mask) in [(7, 0x00aa_00aa_00aa_00aa), (14, 0x0000_cccc_0000_cccc), (28, 0xf0f0_f0f0_u64)] {
        let t = (x ^ x >> shift) & mask;
        x ^= t ^ t << shift;
    }
    x
}

impl Blocks for Portable {
    type Seen = Seen;
    #[inline(always)]
    unsafe fn block(text: *const u8, seen: &mut Seen) -> [u64; 8] {
        // SAFETY: 64 readable bytes.
        let text: &[u8; 64] = unsafe { &*text.cast() };
        let mut planes = [0; 8];
        for (i, eight) in text.chunks_exact(8).enumerate() {
            let mut classes = [0; 8];
            for (class, &byte) in classes.iter_mut().zip(eight) {
                // A byte beyond ASCII has no class.
                *class = CLASS[usize::from(byte & 127)] & !((byte as i8) >> 7) as u8;
            }
            let word = eight.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
            seen.all |= word;
            seen.control |= word.wrapping_sub(0x2020_2020_2020_2020) & !word;
            let bits = transpose(u64::from_le_bytes(classes)).to_le_bytes();
            for (plane, bits) in planes.iter_mut().zip(bits) {
                *plane |= u64::from(bits) << (8 * i);
            }
        }
        planes
    }
}

impl Arch for Portable {
    type Words = Plain;
    type Seen = Seen;
    #[inline(always)]
    unsafe fn nothing() -> Seen {
        Seen { all: 0, control: 0 }
    }
    #[inline(always)]
    unsafe fn control_or_beyond(seen: Seen) -> (bool, bool) {
        const HIGHEST: u64 = 0x8080_8080_8080_8080;
        (seen.control & HIGHEST != 0, seen.all & HIGHEST != 0)
    }
    #[inline(always)]
    unsafe fn planes(text: *const u8, seen: &mut Seen) -> [Plain; 8] {
        // SAFETY: the caller's.
        unsafe { blocks::planes::<Self, Plain>(text, seen) }
    }
    #[inline(always)]
    unsafe fn planes_of_rest(rest: &[u8], seen: &mut Seen) -> [Plain; 8] {
        // SAFETY: the caller's.
        unsafe { blocks::planes_of_rest::<Self, Plain>(rest, seen) }
    }
    #[inline(always)]
    unsafe fn flatten(mask: u64, base: u32, out: *mut u32) -> usize {
        // SAFETY: the caller's.
        unsafe { blocks::flatten(mask, base, out) }
    }
}

pub(crate) fn scan(text: &[u8], prints: &Fingerprints, marks: &mut Vec<u32>) {
    for (at, &byte) in text.iter().enumerate() {
        let alike = || text.get(at + prints.distance).is_some_and(|&second| prints.alike(byte, second));
        if byte == b'\n' || byte == b'\\' || alike() {
            marks.push(at as u32);
        }
    }
}
