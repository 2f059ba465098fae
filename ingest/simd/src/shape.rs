//! Comparisons of a line with one that was seen before, around its marks.

/// Eight bytes, of which those count that `mask` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// The bytes, the first one lowest, and 0 where they do not count.
    pub word: u64,
    /// All ones in each byte that counts.
    pub mask: u64,
}

/// Eight bytes that begin so far from a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// The mark's number.
    pub mark: u32,
    /// From its place to the first byte.
    pub offset: i32,
    /// The bytes.
    pub word: Word,
}

/// The marks of a line.
#[derive(Clone, Copy, Debug)]
pub struct Marks<'a> {
    line: &'a [u8],
    /// In order, and less than the line's length: only the structural pass makes them.
    marks: &'a [u32],
}

impl<'a> Marks<'a> {
    pub(crate) fn new(line: &'a [u8], marks: &'a [u32]) -> Self {
        debug_assert!(marks.is_sorted() && marks.last().is_none_or(|&last| (last as usize) < line.len()));
        Self { line, marks }
    }

    /// Their places in the line.
    #[inline]
    pub fn places(&self) -> &'a [u32] {
        self.marks
    }

    /// Whether there are `skipped` marks and one for each word, and the eight bytes that end with each of these are
    /// those words, and those of each check are the check's.
    #[inline]
    pub fn are(&self, skipped: usize, words: &[Word], checks: &[Check]) -> bool {
        let Some(late) = self.marks.get(skipped..).filter(|late| late.len() == words.len()) else { return false };
        if late.first().is_some_and(|&first| first < 7) {
            return false;
        }
        for (marks, words) in late.chunks(16).zip(words.chunks(16)) {
            let mut different = 0;
            for (&mark, word) in marks.iter().zip(words) {
                // SAFETY: the marks are in order, so that this one is at least 7, and less than the line's length.
                let text = unsafe { word_at(self.line, mark as usize - 7) };
                different |= (text ^ word.word) & word.mask;
            }
            if different != 0 {
                return false;
            }
        }
        let Some(last) = self.line.len().checked_sub(8) else { return checks.is_empty() };
        let mut different = 0;
        for check in checks {
            let Some(&mark) = self.marks.get(check.mark as usize) else { return false };
            let from = (mark as usize).wrapping_add_signed(check.offset as isize);
            if from > last {
                return false;
            }
            // SAFETY: eight bytes from the last place where there are eight, or from before that.
            let text = unsafe { word_at(self.line, from) };
            different |= (text ^ check.word.word) & check.word.mask;
        }
        different == 0
    }
}

/// # Safety
///
/// There are eight bytes from `from` on.
#[inline(always)]
unsafe fn word_at(line: &[u8], from: usize) -> u64 {
    debug_assert!(from + 8 <= line.len());
    // SAFETY: the caller's.
    u64::from_le(unsafe { line.as_ptr().add(from).cast::<u64>().read_unaligned() })
}
