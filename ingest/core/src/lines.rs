//! Bytes to lines, in pieces that arrive as they please.
//!
//! Whole lines are handed on in place. Only a line that straddles two pieces is copied, once, into the carry; its
//! bytes are never looked at again until the newline comes, so that the cost is linear in the input whatever the
//! size of the pieces. The carry never grows past the limit of a line.

use memchr::{memchr, memrchr};

/// What [`Lines`] hands on. Positions are byte offsets in the stream.
pub(crate) enum Piece<'a> {
    /// One or more whole lines, the last newline included.
    Block(&'a [u8]),
    /// One line without its newline.
    Line(&'a [u8]),
    /// The beginning of a line over the limit, exactly as long as the limit; the rest will be dropped.
    TooLong(&'a [u8]),
    /// The last line of a stream that broke off in it.
    Torn(&'a [u8]),
}

/// Capacity that an emptied carry may keep.
const KEEP: usize = 1 << 20;

pub(crate) struct Lines {
    carry: Vec<u8>,
    limit: usize,
    /// In a line over the limit: drop everything up to the next newline.
    dropping: bool,
    /// Offset of the next byte to be pushed.
    position: u64,
}

impl Lines {
    pub(crate) fn new(limit: usize) -> Self {
        Self { carry: Vec::new(), limit, dropping: false, position: 0 }
    }

    /// Offset of the next byte to be pushed.
    pub(crate) fn pushed(&self) -> u64 {
        self.position
    }

    /// Offset of the first byte that was not handed on yet.
    pub(crate) fn settled(&self) -> u64 {
        self.position - self.carry.len() as u64
    }

    /// Takes bytes of `data` and hands every line that they complete to `handle`, with the line's offset. `handle`
    /// returns how many bytes of a block it has taken, which are whole lines; where that is not all, the rest of `data`
    /// is to be pushed again. Returns how many bytes were taken.
    pub(crate) fn push<'d>(&mut self, data: &'d [u8], mut handle: impl FnMut(u64, Piece<'_>) -> usize) -> usize {
        let mut rest: &'d [u8] = data;
        if self.dropping {
            match memchr(b'\n', rest) {
                None => {
                    self.position += rest.len() as u64;
                    return data.len();
                }
                Some(end) => {
                    self.dropping = false;
                    self.position += end as u64 + 1;
                    rest = &rest[end + 1..];
                }
            }
        } else if !self.carry.is_empty() {
            match memchr(b'\n', rest) {
                None => {
                    self.keep(rest, &mut handle);
                    return data.len();
                }
                Some(end) => {
                    let start = self.settled();
                    let remaining = self.limit - self.carry.len();
                    self.grow(&rest[..end.min(remaining)]);
                    if end > remaining {
                        handle(start, Piece::TooLong(&self.carry));
                    } else {
                        handle(start, Piece::Line(&self.carry));
                    }
                    self.clear();
                    self.position += end as u64 + 1;
                    rest = &rest[end + 1..];
                }
            }
        }
        if let Some(last) = memrchr(b'\n', rest) {
            let taken = handle(self.position, Piece::Block(&rest[..=last]));
            self.position += taken as u64;
            rest = &rest[taken..];
            if taken <= last {
                return data.len() - rest.len();
            }
        }
        self.keep(rest, &mut handle);
        data.len()
    }

    /// Ends the stream. `torn`: it broke off here, so that a line without newline is not a line.
    pub(crate) fn finish(&mut self, torn: bool, mut handle: impl FnMut(u64, Piece<'_>) -> usize) {
        self.dropping = false;
        if !self.carry.is_empty() {
            let piece = if torn { Piece::Torn(&self.carry) } else { Piece::Line(&self.carry) };
            handle(self.settled(), piece);
            self.clear();
        }
    }

    /// Adds the newline-free `part` to the line under way.
    fn keep(&mut self, part: &[u8], handle: &mut impl FnMut(u64, Piece<'_>) -> usize) {
        let start = self.settled();
        let remaining = self.limit - self.carry.len();
        if part.len() > remaining {
            if self.carry.is_empty() {
                handle(start, Piece::TooLong(&part[..remaining]));
            } else {
                self.grow(&part[..remaining]);
                handle(start, Piece::TooLong(&self.carry));
            }
            self.dropping = true;
            self.clear();
        } else {
            self.grow(part);
        }
        self.position += part.len() as u64;
    }

    /// `Vec`'s own growth, but never to a capacity above the limit.
    fn grow(&mut self, part: &[u8]) {
        let needed = self.carry.len() + part.len();
        if needed > self.carry.capacity() {
            let target = (self.carry.capacity() * 2).clamp(needed, self.limit);
            self.carry.reserve_exact(target - self.carry.len());
        }
        self.carry.extend_from_slice(part);
    }

    fn clear(&mut self) {
        // The offset of the next byte does not change here: settled() moves by itself.
        self.carry.clear();
        self.carry.shrink_to(KEEP);
    }
}
