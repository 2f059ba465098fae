//! The two vectorised passes of the reader: the marker scan, which finds the lines worth decoding ([`scan`]), and the
//! structural pass over such a line ([`Structure`]).
//!
//! This is the one crate with `unsafe` code. Its contract:
//!
//! * The public functions are safe, for every input. They read no byte outside of the slices that they are given, also
//!   where a slice ends at the end of a page.
//! * An [`Isa`] can be made only where the processor has the instruction set. So a function that enables instructions
//!   is reached only through a value that proves them.
//! * Every instruction set gives the same results as [`Isa::portable`], bit for bit; the tests compare them.
//!
//! Generic code is written once, over the traits `Arch` and `Words`, and inlined into one entry point for each
//! instruction set, which enables it (`#[target_feature]`). So the build needs no flag for a processor.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod blocks;
mod class;
mod escapes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod scan;
mod shape;
mod structure;
mod words;

#[cfg(test)]
mod tests;

pub use escapes::Spelling;
pub use scan::{Fingerprints, MAX_DISTANCE};
pub use shape::{Check, Marks, Word};

/// An instruction set that this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Isa {
    /// No special instructions.
    pub const fn portable() -> Self {
        Self(Kind::Portable)
    }

    /// All that this processor has, the best last.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut)]
        let mut all = vec![Self(Kind::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            if has_avx2() {
                all.push(Self(Kind::Avx2));
                if has_avx512() {
                    all.push(Self(Kind::Avx512));
                }
            }
        }
        #[cfg(target_arch = "aarch64")]
        all.push(Self(Kind::Neon));
        all
    }

    /// The best that this processor has.
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self::portable())
    }

    /// Its name: `portable`, `avx2`, `avx512` (with GFNI) or `neon`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx2") && has!("bmi1") && has!("bmi2") && has!("lzcnt") && has!("popcnt")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx512f")
        && has!("avx512bw")
        && has!("avx512dq")
        && has!("avx512vl")
        && has!("avx512vbmi")
        && has!("avx512vbmi2")
        && has!("gfni")
        && has!("vpclmulqdq")
}

/// Checks and marks lines of JSON.
pub struct Structure {
    isa: Isa,
    spelling: Spelling,
    marks: Vec<u32>,
}

/// Lines longer than this are unsupported: their marks would take too much memory, and such lines are rare.
pub const MAX_LENGTH: usize = 1 << 18;

/// A line with a longer run of digits is unsupported. (Such a run fills a block, and shorter ones may.)
pub const MAX_DIGITS: usize = 2 * (structure::STEP - 1) + 1;

impl Structure {
    /// For an instruction set. A line with an escape that spells a byte of `spelling` is unsupported.
    pub fn new(isa: Isa, spelling: Spelling) -> Self {
        Self { isa, spelling, marks: Vec::new() }
    }

    /// The marks of a line, in order: every bracket, every colon behind a key, and every first byte of a run of bytes
    /// that belong to a number or literal and are no digits. `None`: the line is unsupported, which says
    /// nothing about whether it is JSON.
    ///
    /// Of a line with marks this holds:
    ///
    /// * It has 2 to [`MAX_LENGTH`] bytes, begins with `{`, ends with `}`, and is UTF-8 without control characters.
    /// * It has no more than [`MAX_DIGITS`] digits in a row.
    /// * Strings are closed; their escapes are valid, are no surrogates and spell no byte of the spelling.
    /// * It is a JSON text without white space between tokens, if two things hold that the marks are there to check: the
    ///   brackets match, where an opening bracket stands in an object exactly if there is a colon in front of it; and
    ///   what stands from the comma, colon or bracket before a mark of the third kind to the one behind it is a literal
    ///   or a number.
    #[inline]
    pub fn marks<'a>(&'a mut self, line: &'a [u8]) -> Option<Marks<'a>> {
        let (Some(b'{'), Some(b'}'), 2..=MAX_LENGTH) = (line.first(), line.last(), line.len()) else { return None };
        let ascii = match self.isa.0 {
            // SAFETY: no instructions are needed.
            Kind::Portable => unsafe { structure::marks::<portable::Portable>(line, &self.spelling, &mut self.marks) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the Isa proves that the processor has the instructions.
            Kind::Avx2 => unsafe { x86::marks_avx2(line, &self.spelling, &mut self.marks) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the Isa proves that the processor has the instructions.
            Kind::Avx512 => unsafe { x86::marks_avx512(line, &self.spelling, &mut self.marks) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: every 64-bit Arm processor has NEON.
            Kind::Neon => unsafe { structure::marks::<neon::Neon>(line, &self.spelling, &mut self.marks) },
        }?;
        (ascii || simdutf8::basic::from_utf8(line).is_ok()).then(|| Marks::new(line, &self.marks))
    }
}

/// Appends to `marks` the place of each line end, of each backslash, and of each byte that looks like the first of two
/// that `prints` has, in order.
///
/// # Panics
///
/// If `text` has 4 GiB or more.
pub fn scan(isa: Isa, text: &[u8], prints: &Fingerprints, marks: &mut Vec<u32>) {
    assert!(u32::try_from(text.len()).is_ok(), "the text is too long");
    match isa.0 {
        Kind::Portable => portable::scan(text, prints, marks),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the Isa proves that the processor has the instructions.
        Kind::Avx2 => unsafe { x86::scan_avx2(text, prints, marks) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the Isa proves that the processor has the instructions.
        Kind::Avx512 => unsafe { x86::scan_avx512(text, prints, marks) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: every 64-bit Arm processor has NEON; `by_blocks` keeps the block's contract.
        Kind::Neon => unsafe { scan::by_blocks(text, prints, marks, |text| neon::scan_block(text, prints)) },
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use crate::{
        avx2, avx512,
        escapes::Spelling,
        scan::{Fingerprints, by_blocks},
        structure,
    };

    macro_rules! entry_points {
        ($features:literal, $arch:ident, $type:ident, $marks:ident, $scan:ident) => {
            #[target_feature(enable = $features)]
            pub(super) fn $marks(line: &[u8], spelling: &Spelling, marks: &mut Vec<u32>) -> Option<bool> {
                // SAFETY: this function enables the instructions, so that its caller has seen to them.
                unsafe { structure::marks::<$arch::$type>(line, spelling, marks) }
            }
            #[target_feature(enable = $features)]
            pub(super) fn $scan(text: &[u8], prints: &Fingerprints, marks: &mut Vec<u32>) {
                // SAFETY: the same; `by_blocks` keeps the block's contract.
                unsafe { by_blocks(text, prints, marks, |text| $arch::scan_block(text, prints)) }
            }
        };
    }
    entry_points!("avx2,bmi1,bmi2,lzcnt,popcnt", avx2, Avx2, marks_avx2, scan_avx2);
    entry_points!(
        "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,gfni,vpclmulqdq",
        avx512,
        Avx512,
        marks_avx512,
        scan_avx512
    );
}
