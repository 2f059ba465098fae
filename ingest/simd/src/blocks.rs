//! Instruction sets that make planes block by block.

use crate::structure::{Eight, GROUP, STEP};
use crate::words::Words;

/// # Safety
///
/// As of [`crate::structure::Arch`].
pub(crate) trait Blocks {
    type Seen: Copy;
    /// The planes of the classes of 64 readable bytes.
    unsafe fn block(text: *const u8, seen: &mut Self::Seen) -> [u64; 8];
}

/// # Safety
///
/// As of [`crate::structure::Arch::planes`].
#[inline(always)]
pub(crate) unsafe fn planes<B: Blocks, W: Words>(text: *const u8, seen: &mut B::Seen) -> [W; 8] {
    let mut planes = [Eight([0; 8]); 8];
    for lane in 0..8 {
        // SAFETY: the last block ends with the group's last byte.
        let block = unsafe { B::block(text.add(lane * STEP), seen) };
        for (plane, bits) in planes.iter_mut().zip(block) {
            plane.0[lane] = bits;
        }
    }
    const { assert!(7 * STEP + 64 == GROUP) };
    // SAFETY: the caller's.
    unsafe { loaded(&planes) }
}

/// # Safety
///
/// As of `W`.
#[inline(always)]
unsafe fn loaded<W: Words>(p: &[Eight; 8]) -> [W; 8] {
    // A closure would not be inlined with the instruction set of its caller.
    // SAFETY: the caller's.
    unsafe {
        let (a, b, c, d) = (W::load(&p[0].0), W::load(&p[1].0), W::load(&p[2].0), W::load(&p[3].0));
        [a, b, c, d, W::load(&p[4].0), W::load(&p[5].0), W::load(&p[6].0), W::load(&p[7].0)]
    }
}

/// # Safety
///
/// As of [`crate::structure::Arch::planes_of_rest`].
#[inline(always)]
pub(crate) unsafe fn planes_of_rest<B: Blocks, W: Words>(rest: &[u8], seen: &mut B::Seen) -> [W; 8] {
    let mut planes = [Eight([0; 8]); 8];
    let (mut at, mut lane) = (0, 0);
    loop {
        let left = &rest[at..];
        let mut padded = [b' '; 64];
        let text = if left.len() < 64 {
            padded[..left.len()].copy_from_slice(left);
            padded.as_ptr()
        } else {
            left.as_ptr()
        };
        // SAFETY: 64 bytes of the line or of the copy.
        let block = unsafe { B::block(text, seen) };
        for (plane, bits) in planes.iter_mut().zip(block) {
            plane.0[lane] = bits;
        }
        at += STEP;
        lane += 1;
        // One byte alone was in the block before.
        if at + 1 >= rest.len() {
            // SAFETY: the caller's.
            return unsafe { loaded(&planes) };
        }
    }
}

/// Writes the places of the bits, as [`crate::structure::Arch::flatten`].
///
/// # Safety
///
/// `out` has room for 64 numbers.
#[inline(always)]
pub(crate) unsafe fn flatten(mut mask: u64, base: u32, out: *mut u32) -> usize {
    let count = mask.count_ones() as usize;
    let mut at = 0;
    while at < count {
        // Eight at a time: places behind the last are written and not counted.
        for i in 0..8 {
            // SAFETY: at most 56 + 8 numbers.
            unsafe { *out.add(at + i) = base.wrapping_add(mask.trailing_zeros()) };
            mask &= mask.wrapping_sub(1);
        }
        at += 8;
    }
    count
}
