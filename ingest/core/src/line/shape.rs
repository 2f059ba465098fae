//! Shapes: what lines of one kind have in common, which is the places of brackets and keys, and the texts that decide
//! where the projected values lie.
//!
//! A shape records a walk over a line's marks as a list of comparisons. The walk over any line that passes them all
//! would take the same steps, so the values lie at the same marks. The list has, for each mark, the eight bytes that
//! end with it, and further words around it where that is not enough.

use illshell_ingest_simd::{Check, Marks, Word};

/// Where the value of a slot begins: one byte behind a mark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub(super) slot: usize,
    pub(super) mark: usize,
    /// An array that is taken as a whole.
    pub(super) whole: bool,
}

#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Marks too near to the line's beginning for a word, which come first.
    early: usize,
    /// For each other mark.
    words: Vec<Word>,
    checks: Vec<Check>,
    /// Marks of numbers and literals.
    pub(super) scalars: Vec<u32>,
    pub(super) sources: Vec<Source>,
    /// Some of what the walk looked at can't be expressed as comparisons: the shape must not be used.
    pub(super) is_incomplete: bool,
}

/// How much of the eight bytes that end with a mark counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) u32);

impl Bytes {
    fn mask(self) -> u64 {
        if self.0 == 0 { 0 } else { !0 << (64 - 8 * self.0.min(8)) }
    }
}

const LONGEST: usize = 128;

impl Shape {
    /// Adds the next mark, at `at`; its last `count` bytes up to the mark must be the same.
    pub(super) fn mark(&mut self, line: &[u8], at: usize, count: Bytes) {
        let word = at.checked_sub(7).and_then(|from| word_at(line, from));
        let Some(word) = word else {
            self.early += 1;
            let from = at + 1 - (count.0 as usize).min(at + 1);
            return self.text(line, self.early - 1, at, from..at + 1);
        };
        let mask = count.mask();
        self.words.push(Word { word: word & mask, mask });
    }

    /// The bytes in `range` must be the same, as far from the mark with this number and place.
    pub(super) fn text(&mut self, line: &[u8], mark: usize, at: usize, range: std::ops::Range<usize>) {
        if range.len() > LONGEST {
            self.is_incomplete = true;
            return;
        }
        let mut from = range.start;
        while from < range.end {
            let count = (range.end - from).min(8);
            // A word that ends with the text, if there is one; the line's last bytes have none behind them.
            let (start, mask) = match (from + count).checked_sub(8) {
                Some(start) => (start, Bytes(count as u32).mask()),
                None => (from, if count == 8 { !0 } else { !(!0 << (8 * count)) }),
            };
            let Some(word) = word_at(line, start) else {
                self.is_incomplete = true;
                return;
            };
            let offset = start as i32 - at as i32;
            self.checks.push(Check { mark: mark as u32, offset, word: Word { word: word & mask, mask } });
            from += count;
        }
    }

    /// Marks so far.
    pub(super) fn marks(&self) -> usize {
        self.early + self.words.len()
    }

    /// Whether a line has the shape, but for numbers and literals.
    #[inline]
    pub(super) fn fits(&self, line: &[u8], marks: Marks<'_>) -> bool {
        marks.places().last().is_some_and(|&last| last as usize + 1 == line.len())
            && marks.are(self.early, &self.words, &self.checks)
    }
}

fn word_at(line: &[u8], from: usize) -> Option<u64> {
    let bytes = line.get(from..from.wrapping_add(8))?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}
