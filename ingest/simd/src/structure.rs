//! The grammar of JSON on bit planes; docs/reading.md explains the method.
//!
//! A line is cut into blocks of 64 bytes that overlap by one byte, so that a block's bit 0 is the last byte of the
//! block before: a neighbour that is known. Eight blocks make a group, whose bits are handled as eight words at once.

use std::mem::MaybeUninit;

use crate::{
    class::{AUX, BACKSLASH, CLOSE, COLON, COMMA, DIGIT, OPEN, QUOTE},
    escapes::{Spelling, escaped},
    words::Words,
};

/// Bytes from one block to the next.
pub(crate) const STEP: usize = 63;
/// Bytes that a group looks at: eight blocks.
pub(crate) const GROUP: usize = 7 * STEP + 64;
/// Groups that go through each phase together.
const GROUPS: usize = 8;
/// All bits of a block but the one that it shares with the block before.
const OWN: u64 = !1;

/// An instruction set.
///
/// # Safety
///
/// Every function may be called only where the processor has the instruction set, and must be inlined into a function
/// that enables it.
pub(crate) trait Arch {
    type Words: Words;
    /// The least of all bytes seen, and whether one was beyond ASCII.
    type Seen: Copy;

    unsafe fn nothing() -> Self::Seen;
    /// Whether a control character was seen, and whether a byte beyond ASCII.
    unsafe fn control_or_beyond(seen: Self::Seen) -> (bool, bool);
    /// The planes of the classes of eight blocks. `text` is the first of [`GROUP`] readable bytes.
    unsafe fn planes(text: *const u8, seen: &mut Self::Seen) -> [Self::Words; 8];
    /// The same of 1 to [`GROUP`] bytes; what is behind them counts as spaces. Nothing behind them is read.
    unsafe fn planes_of_rest(rest: &[u8], seen: &mut Self::Seen) -> [Self::Words; 8];
    /// Writes `base` plus the number of each set bit to `out`, in order, and returns how many. May write up to 64
    /// numbers.
    unsafe fn flatten(mask: u64, base: u32, out: *mut u32) -> usize;
}

#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(crate) struct Eight(pub(crate) [u64; 8]);

/// What a group has to know of the group before.
struct State<W> {
    /// All ones: the group begins within a string.
    in_string: u32,
    /// 1: the group's first byte is escaped.
    escape: u64,
    /// Closing quotes of strings where a key may stand.
    closed: W,
    /// Digits 0 that begin a number.
    zeros: W,
    carry_key: u32,
    carry_colon: u32,
    carry_element: u32,
    error: W,
    bad_escape: bool,
    /// Not 0: a block was all digits.
    long_number: u32,
}

/// Carries each bit of `bits` up through the ones of `ones` to the first zero behind them. The eight words are one
/// long row of own bits; bit 0 of each is only there for the carry to come in.
///
/// # Safety
///
/// As of `W`.
#[inline(always)]
unsafe fn carry_through<W: Words>(ones: W, bits: W, carry: &mut u32) -> W {
    // SAFETY: the caller's.
    unsafe {
        let one = W::splat(1);
        let ones = ones.or(one);
        let sum = ones.add(bits.but(one));
        // Which words a carry comes out of, and which it would go right through: one addition for all eight.
        let (out, through) = (sum.less(ones), sum.full());
        let carries = through + (out << 1 | *carry);
        *carry = carries >> 8 & 1;
        sum.add(W::fill((carries ^ through) & 0xff).and(one))
    }
}

/// The marks of one group. `lanes`: blocks that hold bytes of the line; `valid`: their bits.
///
/// # Safety
///
/// As of `A`.
#[inline(always)]
unsafe fn marks_of<A: Arch>(
    p: &[A::Words; 8],
    valid: A::Words,
    s: &mut State<A::Words>,
    (line, at, lanes): (&[u8], usize, usize),
    spelling: &Spelling,
) -> A::Words {
    // SAFETY: the caller's.
    unsafe {
        let own = A::Words::splat(OWN);
        let mut quotes = p[QUOTE];
        if s.escape != 0 || p[BACKSLASH].any() {
            let (mut unescaped, mut backslashes) = (Eight([0; 8]), Eight([0; 8]));
            quotes.store(&mut unescaped.0);
            p[BACKSLASH].store(&mut backslashes.0);
            s.bad_escape |= !take_escaped(&mut unescaped, &backslashes, &mut s.escape, (line, at, lanes), spelling);
            quotes = A::Words::load(&unescaped.0);
        }
        s.long_number |= p[DIGIT].or(A::Words::splat(1)).full();

        // Inside of strings, the opening quote included. A word's own parity is known at once; whether it begins in a
        // string is the parity of all words before it, up to the byte that they share.
        let parity = quotes.prefix_xor();
        let mut turns = parity.shl1().top();
        for shift in [1, 2, 4] {
            turns ^= turns << shift;
        }
        let begins_inside = turns << 1 ^ s.in_string;
        s.in_string ^= (turns >> 7 & 1).wrapping_neg();
        let inside = parity.xor(A::Words::fill(begins_inside & 0xff));

        let open = p[OPEN].but(inside);
        let close = p[CLOSE].but(inside);
        let comma = p[COMMA].but(inside);
        let colon = p[COLON].but(inside);
        let opening = quotes.and(inside);
        let closing = quotes.but(inside);
        let brackets = open.or(close);
        // Numbers and literals, and whatever should not be there.
        let scalar = valid.but(inside.or(quotes)).but(brackets.or(comma).or(colon));
        let object_open = open.and(p[AUX]);

        // What may stand next to what.
        let value_place = open.but(p[AUX]).or(comma).or(colon).shl1();
        let after_open = open.shl1();
        let after_value = closing.or(close).or(scalar).shl1();
        let mut error = open.but(value_place);
        error = error.or(opening.but(value_place.or(object_open.shl1())));
        error = error.or(scalar.but(value_place.or(scalar.shl1())));
        error = error.or(comma.but(after_value)).or(close.but(after_value.or(after_open)));

        // A key is a string behind `{` or a comma, with a colon behind it. What else stands there is an element of an
        // array. A bracket says by itself in which kind of container it stands: a closing one by what it is, an
        // opening one by a colon in front of it. So the colons and elements since the bracket before must agree.
        let key_place = object_open.or(comma).shl1();
        let closed = carry_through(inside, opening.and(key_place), &mut s.carry_key).and(closing).and(own);
        let after_key = closed.or(closed.up(s.closed).shr63()).shl1();
        s.closed = closed;
        error = error.or(colon.but(after_key));
        let element = key_place.but(opening.or(close)).or(after_key.but(colon));
        let between = brackets.xor(A::Words::splat(!0));
        let had_colon = carry_through(between, colon, &mut s.carry_colon);
        let had_element = element.or(carry_through(between, element.but(brackets), &mut s.carry_element));
        let in_object = close.and(p[AUX]).or(open.and(colon.shl1()));
        error = error.or(in_object.and(had_element)).or(brackets.but(in_object).and(had_colon));

        // No digit stands behind a 0 that begins a number.
        let zeros = scalar.and(p[DIGIT]).and(p[AUX]).and(value_place).and(own);
        error = error.or(zeros.or(zeros.up(s.zeros).shr63()).shl1().and(scalar).and(p[DIGIT]));
        s.zeros = zeros;

        s.error = s.error.or(error.and(own));
        let odd = scalar.but(p[DIGIT]);
        brackets.or(colon).or(odd.but(odd.shl1())).and(own)
    }
}

/// Takes off the quotes that a backslash escapes. Whether all escapes are right and spell nothing that they must not.
#[inline(never)]
fn take_escaped(
    quotes: &mut Eight,
    backslashes: &Eight,
    carry: &mut u64,
    (line, at, lanes): (&[u8], usize, usize),
    spelling: &Spelling,
) -> bool {
    let mut fine = true;
    for (lane, (quotes, &backslashes)) in quotes.0.iter_mut().zip(&backslashes.0).enumerate().take(lanes) {
        if backslashes | *carry == 0 {
            continue;
        }
        let mut escaped = escaped(backslashes, carry);
        *quotes &= !escaped;
        escaped &= OWN;
        while escaped != 0 {
            fine &= spelling.fine(line, at + lane * STEP + escaped.trailing_zeros() as usize);
            escaped &= escaped - 1;
        }
    }
    fine
}

/// Checks a line that is not empty, and writes its marks; see [`crate::Structure::marks`]. `None`: unsupported. Returns
/// whether the line is ASCII.
///
/// # Safety
///
/// As of `A`.
#[inline(always)]
pub(crate) unsafe fn marks<A: Arch>(line: &[u8], spelling: &Spelling, marks: &mut Vec<u32>) -> Option<bool> {
    // SAFETY: the processor is the caller's part. `planes` gets GROUP bytes of the line, `flatten` room for one number
    // for each byte of the line and 64 more; what is initialised is counted before it is read.
    unsafe {
        marks.clear();
        marks.reserve(line.len() + 64);
        let first = marks.as_mut_ptr();
        let mut out = first;
        let zero = A::Words::splat(0);
        let mut s = State {
            in_string: 0,
            escape: 0,
            closed: zero,
            zeros: zero,
            carry_key: 0,
            carry_colon: 0,
            carry_element: 0,
            error: zero,
            bad_escape: false,
            long_number: 0,
        };
        let mut seen = A::nothing();
        let mut planes = [const { MaybeUninit::<[A::Words; 8]>::uninit() }; GROUPS];
        let mut words = [const { MaybeUninit::<Eight>::uninit() }; GROUPS];
        let mut at = 0;
        let mut ended = false;
        // Three phases over some groups at a time: each is long on throughput and short on latency.
        while !ended {
            let base = at;
            let (mut groups, mut lanes, mut valid) = (0, 8, A::Words::splat(!0));
            while groups < GROUPS && at + GROUP < line.len() {
                planes[groups].write(A::planes(line.as_ptr().add(at), &mut seen));
                groups += 1;
                at += 8 * STEP;
            }
            if groups < GROUPS {
                let rest = &line[at..];
                planes[groups].write(A::planes_of_rest(rest, &mut seen));
                groups += 1;
                // A block with nothing but the byte that it shares with the one before has nothing of its own.
                lanes = (rest.len() - 1).div_ceil(STEP).max(1);
                valid = A::Words::load(&valid_bits(rest.len()).0);
                ended = true;
            }
            for k in 0..groups {
                let last = ended && k + 1 == groups;
                let place = (line, base + k * 8 * STEP, if last { lanes } else { 8 });
                let valid = if last { valid } else { A::Words::splat(!0) };
                let found = marks_of::<A>(planes[k].assume_init_ref(), valid, &mut s, place, spelling);
                let mut eight = Eight([0; 8]);
                found.store(&mut eight.0);
                words[k].write(eight);
            }
            for (k, eight) in words.iter().enumerate().take(groups) {
                let last = ended && k + 1 == groups;
                for (lane, &mask) in eight.assume_init_ref().0.iter().enumerate().take(if last { lanes } else { 8 }) {
                    out = out.add(A::flatten(mask, (base + (k * 8 + lane) * STEP) as u32, out));
                }
            }
        }
        marks.set_len(out.offset_from(first) as usize);
        let (control, beyond) = A::control_or_beyond(seen);
        let fine = !control && !s.bad_escape && s.long_number == 0 && s.in_string & 1 == 0 && !s.error.any();
        fine.then_some(!beyond)
    }
}

/// Bits of eight blocks that stand for the first `length` bytes.
#[inline(always)]
fn valid_bits(length: usize) -> Eight {
    Eight(std::array::from_fn(|lane| match length.saturating_sub(lane * STEP) {
        0 => 0,
        bits @ 1..64 => !(!0 << bits),
        _ => !0,
    }))
}
