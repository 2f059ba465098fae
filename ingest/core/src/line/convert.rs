//! From a value of a line to that of a column: kinds, units of time, derivations.

use std::borrow::Cow;

use super::value::{Slots, Value};
use crate::projection::{Derivation, Kind, Location, Scalar, Unit};

/// Bytes that the kernel keeps of a task's name.
const COMM: usize = 15;

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    Null,
    Text(Cow<'a, [u8]>),
    Int(i64),
    Bool(bool),
}

/// Converts the value of a location that is there. Values in `missing` become null.
pub(crate) fn convert<'a>(
    slots: &'a Slots,
    line: &'a [u8],
    value: &Value,
    location: &Location,
    kind: Kind,
    missing: &[Scalar],
) -> Cell<'a> {
    let is_missing = |cell: &Cell<'_>| {
        missing.iter().any(|missing| match (cell, missing) {
            (Cell::Text(text), Scalar::Text(missing)) => **text == *missing.as_bytes(),
            (Cell::Int(value), Scalar::Int(missing)) => value == missing,
            (Cell::Bool(value), Scalar::Bool(missing)) => value == missing,
            _ => false,
        })
    };
    let text = slots.text(line, value);
    if let Some(derive) = location.derive {
        return match text.map(|text| Cell::Text(Cow::Borrowed(text))) {
            Some(Cell::Text(Cow::Borrowed(text))) if !is_missing(&Cell::Text(Cow::Borrowed(text))) => {
                derived(text, derive)
            }
            _ => Cell::Null,
        };
    }
    let integer = || match value {
        Value::Int(value) => Some(*value),
        _ if location.text_integer => text.and_then(integer_of),
        _ => None,
    };
    let cell = match kind {
        Kind::Text => match (text, value) {
            (Some(text), _) => Cell::Text(Cow::Borrowed(text)),
            (None, Value::List(items)) => joined(slots, line, &slots.items[items.clone()]),
            _ => Cell::Null,
        },
        Kind::Int64 => integer().map_or(Cell::Null, Cell::Int),
        Kind::Bool => {
            if let Value::Bool(value) = value {
                Cell::Bool(*value)
            } else {
                Cell::Null
            }
        }
        Kind::Time => {
            let time = match location.unit {
                Some(Unit::Nanoseconds(factor)) => integer().and_then(|value| value.checked_mul(factor)),
                Some(Unit::Rfc3339) => text.and_then(rfc3339),
                Some(Unit::Audit) => text.and_then(audit),
                None => None,
            };
            time.map_or(Cell::Null, Cell::Int)
        }
    };
    if is_missing(&cell) { Cell::Null } else { cell }
}

/// Strings with blanks between them; null if one is none.
fn joined<'a>(slots: &Slots, line: &[u8], items: &[Value]) -> Cell<'a> {
    let texts: Option<Vec<&[u8]>> = items.iter().map(|item| slots.text(line, item)).collect();
    texts.map_or(Cell::Null, |texts| Cell::Text(Cow::Owned(texts.join(&b' '))))
}

/// An integer that a text spells: up to 20 digits, perhaps a sign in front.
fn integer_of(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.len() > 20 || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn derived(text: &[u8], derive: Derivation) -> Cell<'_> {
    let or_null = |text: &'_ [u8]| !text.is_empty();
    match derive {
        Derivation::Basename => {
            let name = &text[text.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1)..];
            // A character that would be cut in two is left out.
            let mut length = name.len().min(COMM);
            while length < name.len() && name[length] & 0xc0 == 0x80 {
                length -= 1;
            }
            let name = &name[..length];
            if or_null(name) { Cell::Text(Cow::Borrowed(name)) } else { Cell::Null }
        }
        Derivation::ContainerId => {
            let from = text.windows(3).rposition(|part| part == b"://").map_or(0, |at| at + 3);
            if or_null(&text[from..]) { Cell::Text(Cow::Borrowed(&text[from..])) } else { Cell::Null }
        }
        Derivation::Hash64 => Cell::Int(hash64(text)),
        Derivation::Device => device(text).map_or(Cell::Null, Cell::Int),
    }
}

/// FNV-1a.
fn hash64(text: &[u8]) -> i64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    text.iter().fold(0xcbf2_9ce4_8422_2325, step) as i64
}

/// The number of a device that is written `MAJOR:MINOR` in hexadecimal.
fn device(text: &[u8]) -> Option<i64> {
    let colon = text.iter().position(|&b| b == b':')?;
    let number = |digits: &[u8], most: usize| {
        let fine = (1..=most).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
        fine.then(|| {
            digits.iter().fold(0, |number, &b| number << 4 | i64::from(char::from(b).to_digit(16).unwrap_or(0)))
        })
    };
    Some(number(&text[..colon], 3)? << 20 | number(&text[colon + 1..], 5)?)
}

/// `count` digits from the beginning of a text, and the rest.
fn digits(text: &[u8], count: usize) -> Option<(i64, &[u8])> {
    let (digits, rest) = text.split_at_checked(count)?;
    let all = digits.iter().all(u8::is_ascii_digit);
    all.then(|| (digits.iter().fold(0, |number, &b| number * 10 + i64::from(b - b'0')), rest))
}

fn after<'a>(text: &'a [u8], bytes: &[u8]) -> Option<&'a [u8]> {
    let (first, rest) = text.split_first()?;
    bytes.contains(first).then_some(rest)
}

/// `YYYY-MM-DDTHH:MM:SS.FZ` in nanoseconds since 1970; a blank may stand for the `T`, an offset for the `Z`, and a
/// fraction has any number of digits, of which nine count.
fn rfc3339(text: &[u8]) -> Option<i64> {
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(after(rest, b"-")?, 2)?;
    let (day, rest) = digits(after(rest, b"-")?, 2)?;
    let (hour, rest) = digits(after(rest, b"Tt ")?, 2)?;
    let (minute, rest) = digits(after(rest, b":")?, 2)?;
    let (second, mut rest) = digits(after(rest, b":")?, 2)?;
    let mut fraction = 0;
    if let Some(digits) = after(rest, b".") {
        let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
        if count == 0 {
            return None;
        }
        let digit = |place: usize| if place < count { i64::from(digits[place] - b'0') } else { 0 };
        fraction = (0..9).fold(0, |number, place| number * 10 + digit(place));
        rest = &digits[count..];
    }
    let offset = match rest {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let (hours, rest) = digits(rest, 2)?;
            let (minutes, rest) = digits(after(rest, b":")?, 2)?;
            if !rest.is_empty() || hours > 23 || minutes > 59 {
                return None;
            }
            let offset = (hours * 60 + minutes) * 60;
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    // A leap second is the first of the next minute, as in Unix time.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = ((days(year, month, day)? * 24 + hour) * 60 + minute) * 60 + second - offset;
    i64::try_from(i128::from(seconds) * 1_000_000_000 + i128::from(fraction)).ok()
}

/// Days from 1970 to a day of the Gregorian calendar, from the year 1 on.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if year < 1 || !(1..=longest).contains(&day) {
        return None;
    }
    // Years that begin with March end with the leap day.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Some(365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468)
}

/// `SECONDS.MS:SERIAL` in nanoseconds since 1970.
fn audit(text: &[u8]) -> Option<i64> {
    let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=12).contains(&count) {
        return None;
    }
    let (seconds, rest) = digits(text, count)?;
    let (milliseconds, rest) = digits(after(rest, b".")?, 3)?;
    let serial = after(rest, b":")?;
    if serial.is_empty() || !serial.iter().all(u8::is_ascii_digit) {
        return None;
    }
    (seconds * 1000 + milliseconds).checked_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, time) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-02-01T10:00:00.105123456Z", Some(1_769_940_000_105_123_456)),
            ("2026-02-01 10:00:00.1051234569+00:00", Some(1_769_940_000_105_123_456)),
            ("2026-02-01t11:30:00.5+01:30", Some(1_769_940_000_500_000_000)),
            ("2026-02-01T08:30:00-01:30", Some(1_769_940_000_000_000_000)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_800_000_000_000)),
            ("1969-12-31T23:59:59.999999999Z", Some(-1)),
            ("2000-02-29T00:00:00z", Some(951_782_400_000_000_000)),
            ("1900-02-29T00:00:00Z", None),
            ("2026-02-29T00:00:00Z", None),
            ("0000-01-01T00:00:00Z", None),
            ("1677-09-21T00:12:43.145224192Z", Some(i64::MIN)),
            ("1677-09-21T00:12:43.145224191Z", None),
            ("2262-04-11T23:47:16.854775807Z", Some(i64::MAX)),
            ("2262-04-11T23:47:16.854775808Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-02-01T24:00:00Z", None),
            ("2026-02-01T00:00:00", None),
            ("2026-02-01T00:00:00.Z", None),
            ("2026-02-01T00:00:00+24:00", None),
            ("2026-02-01T00:00:00Z ", None),
            ("", None),
        ] {
            assert_eq!(rfc3339(text.as_bytes()), time, "{text}");
        }
        for (text, time) in [
            ("1769940000.105:812", Some(1_769_940_000_105_000_000)),
            ("1769940000.10:812", None),
            ("1769940000.105:", None),
            ("1769940000.105:8x", None),
            ("999999999999.999:1", None),
            ("", None),
        ] {
            assert_eq!(audit(text.as_bytes()), time, "{text}");
        }
    }

    #[test]
    fn integers_and_derivations() {
        for (text, number) in [
            ("0", Some(0)),
            ("-007", Some(-7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("", None),
            ("-", None),
            ("+1", None),
            ("1 ", None),
            ("000000000000000000001", None),
        ] {
            assert_eq!(integer_of(text.as_bytes()), number, "{text}");
        }
        let text = |derive, text: &'static str| match derived(text.as_bytes(), derive) {
            Cell::Text(text) => Some(String::from_utf8(text.into_owned()).expect("UTF-8")),
            _ => None,
        };
        for (path, name) in [
            ("/usr/bin/sh", Some("sh")),
            ("sh", Some("sh")),
            ("/", None),
            ("", None),
            ("/x/0123456789abcdef", Some("0123456789abcde")),
            ("0123456789abc\u{20ac}", Some("0123456789abc")),
            ("0123456789ab\u{20ac}x", Some("0123456789ab\u{20ac}")),
        ] {
            assert_eq!(text(Derivation::Basename, path).as_deref(), name, "{path}");
        }
        for (id, short) in [("containerd://ab", Some("ab")), ("ab", Some("ab")), ("x://", None), ("", None)] {
            assert_eq!(text(Derivation::ContainerId, id).as_deref(), short, "{id}");
        }
        assert_eq!(device(b"08:02"), Some(8 << 20 | 2));
        for wrong in [&b"08"[..], b":1", b"1:", b"1234:1", b"1:123456", b"g:1", b"1:2:3"] {
            assert_eq!(device(wrong), None);
        }
        assert_eq!(hash64(b""), 0xcbf2_9ce4_8422_2325_u64 as i64);
        assert_eq!(hash64(b"a"), 0xaf63_dc4c_8601_ec8c_u64 as i64);
    }
}
