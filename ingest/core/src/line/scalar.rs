//! Single values of a line that the structural pass accepted, by where they begin.

use std::ops::Range;

use super::value::{Slots, Value};

/// Whether a literal or a number begins at `at`. Numbers that may exceed a float are rejected.
#[inline]
pub(crate) fn is_right(line: &[u8], at: usize) -> bool {
    let delimiter = |at: usize| matches!(line.get(at), Some(b',' | b'}' | b']'));
    let end = match line[at..] {
        [b'n', b'u', b'l', b'l', ..] | [b't', b'r', b'u', b'e', ..] => at + 4,
        [b'f', b'a', b'l', b's', b'e', ..] => at + 5,
        _ => usize::MAX,
    };
    if delimiter(end) && at > 0 && matches!(line[at - 1], b':' | b',' | b'[') {
        return true;
    }
    let Some(before) = line[..at].iter().rposition(|b| matches!(b, b',' | b':' | b'[')) else { return false };
    number_end(line, before + 1).is_some_and(|end| at < end && delimiter(end))
}

/// Where a number ends. `None`: it is invalid, its exponent has more than two digits, or it may be too large for a
/// float (serde_json decides).
#[cold]
fn number_end(line: &[u8], start: usize) -> Option<usize> {
    let digits = |from: usize| line[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = start + usize::from(line.get(start) == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && line[at] == b'0') {
        return None;
    }
    at += whole;
    if line.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(line.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(line.get(at), Some(b'+' | b'-')));
        let exponent = digits(at);
        if exponent == 0 || exponent > 2 || whole > 200 {
            return None;
        }
        at += exponent;
    }
    Some(at)
}

/// The text of the string whose opening quote is at `at`, as it is written, and whether it has an escape.
#[inline(always)]
pub(crate) fn string(line: &[u8], at: usize) -> Option<(Range<usize>, bool)> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHEST: u64 = 0x8080_8080_8080_8080;
    const QUOTES: u64 = ONES * b'"' as u64;
    const BACKSLASHES: u64 = ONES * b'\\' as u64;
    let from = at + 1;
    let mut to = from;
    // Eight bytes at a time: exact for the first byte found.
    while let Some(word) = line.get(to..to + 8) {
        let word = u64::from_le_bytes(word.try_into().ok()?);
        let zero = |x: u64| x.wrapping_sub(ONES) & !x & HIGHEST;
        let stops = zero(word ^ QUOTES) | zero(word ^ BACKSLASHES);
        if stops != 0 {
            to += stops.trailing_zeros() as usize / 8;
            break;
        }
        to += 8;
    }
    let mut escaped = false;
    while let Some(&byte) = line.get(to) {
        match byte {
            b'"' => return Some((from..to, escaped)),
            b'\\' => {
                escaped = true;
                to += 1;
            }
            _ => {}
        }
        to += 1;
    }
    None
}

/// The scalar that begins at `at`; `Other` where a container does, `Absent` where an array ends. `None`: unsupported.
#[inline(always)]
pub(crate) fn value(line: &[u8], at: usize, slots: &mut Slots) -> Option<Value> {
    Some(match *line.get(at)? {
        b'"' => match string(line, at)? {
            (text, false) => Value::Plain(text),
            (text, true) => decoded(&line[text], &mut slots.scratch),
        },
        b'n' => Value::Null,
        b't' => Value::Bool(true),
        b'f' => Value::Bool(false),
        b']' => Value::Absent,
        b'{' | b'[' => Value::Other,
        _ => return integer(line, at),
    })
}

/// `None`: minus zero, which serde_json does not distinguish from -0.0.
#[inline]
fn integer(line: &[u8], at: usize) -> Option<Value> {
    let negative = line[at] == b'-';
    let from = at + usize::from(negative);
    let count = line[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let to = from + count;
    if !matches!(line.get(to), Some(b',' | b'}' | b']')) {
        return if negative && is_zero(&line[from..]) { None } else { Some(Value::Other) };
    }
    let digits = &line[from..to];
    if count <= 18 {
        let number = digits.iter().fold(0, |number, &b| number * 10 + i64::from(b - b'0'));
        let minus_zero = negative && number == 0;
        return (!minus_zero).then_some(Value::Int(if negative { -number } else { number }));
    }
    let text = std::str::from_utf8(&line[at..to]).ok();
    Some(text.and_then(|text| text.parse().ok()).map_or(Value::Other, Value::Int))
}

/// Whether a number is zero, up to its exponent.
fn is_zero(number: &[u8]) -> bool {
    number.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').all(|b| matches!(b, b'0' | b'.'))
}

/// Decodes a string with escapes, which are valid and no surrogates.
#[cold]
fn decoded(mut text: &[u8], scratch: &mut Vec<u8>) -> Value {
    let from = scratch.len();
    while let Some(at) = text.iter().position(|&b| b == b'\\') {
        scratch.extend_from_slice(&text[..at]);
        let (character, length) = match text.get(at + 1) {
            Some(b'u') => {
                let digits = text.get(at + 2..at + 6).unwrap_or_default();
                let code = digits.iter().fold(0, |code, &b| code << 4 | char::from(b).to_digit(16).unwrap_or(0));
                (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
            }
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            other => (other.map_or('\\', |&b| char::from(b)), 2),
        };
        scratch.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        text = text.get(at + length..).unwrap_or_default();
    }
    scratch.extend_from_slice(text);
    Value::Decoded(from..scratch.len())
}

/// The array of scalars whose bracket is at `at`, and where it ends. `None`: unsupported, as an array of containers is.
pub(crate) fn list(line: &[u8], at: usize, slots: &mut Slots) -> Option<(Value, usize)> {
    let from = slots.items.len();
    let mut here = at + 1;
    loop {
        let item = value(line, here, slots)?;
        match item {
            Value::Absent => break,
            Value::Other if matches!(line[here], b'{' | b'[') => return None,
            _ => slots.items.push(item),
        }
        here = match line[here] {
            b'"' => string(line, here)?.0.end + 1,
            _ => here + line[here..].iter().position(|b| matches!(b, b',' | b']'))?,
        };
        match line.get(here)? {
            b',' => here += 1,
            _ => break,
        }
    }
    Some((Value::List(from..slots.items.len()), here + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_scalars_and_what_is_none() {
        for (line, mark, right) in [
            ("[null]", 1, true),
            ("[true,false]", 6, true),
            ("[nul]", 1, false),
            ("[nulll]", 1, false),
            ("[1.5e-7]", 2, true),
            ("[1.5e-7]", 4, true),
            ("[-0]", 1, true),
            ("[-]", 1, false),
            ("[1.]", 2, false),
            ("[1e5]", 2, true),
            ("[1e555]", 2, false),
            ("[-01]", 1, false),
            ("[ 1]", 1, false),
            ("[1 ]", 2, false),
            // A bracket is no part of the number before it.
            ("[8]]", 2, false),
            ("{\"a\":8}", 6, false),
        ] {
            assert_eq!(is_right(line.as_bytes(), mark), right, "{line} at {mark}");
        }
    }

    #[test]
    fn values() {
        let mut slots = Slots::new(0);
        for (line, expected) in [
            ("5,", Some(Value::Int(5))),
            ("-5}", Some(Value::Int(-5))),
            ("-0,", None),
            ("-0.0,", None),
            ("-0.5,", Some(Value::Other)),
            ("5e1,", Some(Value::Other)),
            ("9223372036854775807,", Some(Value::Int(i64::MAX))),
            ("-9223372036854775808,", Some(Value::Int(i64::MIN))),
            ("9223372036854775808,", Some(Value::Other)),
            ("null,", Some(Value::Null)),
            ("true,", Some(Value::Bool(true))),
            ("false,", Some(Value::Bool(false))),
            ("]", Some(Value::Absent)),
            ("{}", Some(Value::Other)),
            (r#""abc","#, Some(Value::Plain(1..4))),
            (r#""abcdefghijkl","#, Some(Value::Plain(1..13))),
        ] {
            assert_eq!(value(line.as_bytes(), 0, &mut slots), expected, "{line}");
        }
        let line = br#""a\"\\\/\b\f\n\r\t\u00e9\u20ac","#;
        let decoded = value(line, 0, &mut slots).expect("a string");
        assert_eq!(slots.text(line, &decoded), Some("a\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{20ac}".as_bytes()));
        let line = br#"["a",1,null,"b\n"],"#;
        assert_eq!(list(line, 0, &mut slots).map(|(_, end)| end), Some(18));
        assert_eq!(list(b"[1,[]]", 0, &mut slots), None);
    }
}
