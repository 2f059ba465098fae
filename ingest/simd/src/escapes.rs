//! Escapes in strings: which are right, and which spell a byte that the caller looks for.

/// Bytes whose escaped spelling makes a line unsupported. What the caller searches for by its plain spelling (keys,
/// names, values of conditions) may be made of these bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling {
    ascii: u128,
    beyond: bool,
}

impl Spelling {
    /// The bytes of `texts`.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut set = Self { ascii: 0, beyond: false };
        for byte in texts.into_iter().flat_map(str::bytes) {
            match byte {
                0..128 => set.ascii |= 1 << byte,
                _ => set.beyond = true,
            }
        }
        set
    }

    fn has(&self, code: u32) -> bool {
        if code < 128 { self.ascii >> code & 1 == 1 } else { self.beyond }
    }

    /// Whether the escape whose second byte is at `at` is valid and spells no byte of the set. Surrogates are
    /// never: whether one has its other half is not looked at.
    pub(crate) fn fine(&self, line: &[u8], at: usize) -> bool {
        let code = match line.get(at) {
            Some(&byte @ (b'"' | b'\\' | b'/')) => u32::from(byte),
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => 10,
            Some(b'r') => 13,
            Some(b't') => 9,
            Some(b'u') => {
                let Some(digits) = line.get(at + 1..at + 5) else { return false };
                let mut code = 0;
                for &digit in digits {
                    let Some(value) = char::from(digit).to_digit(16) else { return false };
                    code = code << 4 | value;
                }
                code
            }
            _ => return false,
        };
        code >> 11 != 0x1b && !self.has(code)
    }
}

/// The bytes that a backslash in front escapes, of 64 bytes with backslashes at `backslashes`. `carry`: whether the
/// first of them is escaped; becomes whether the last is, which the next 64 begin with.
#[inline(always)]
pub(crate) fn escaped(backslashes: u64, carry: &mut u64) -> u64 {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    // In a run of backslashes every second one escapes. Subtracting a run's start from the bits behind it at odd
    // places separates runs that start at odd places from the others.
    let potential = backslashes & !*carry;
    let code = ((potential << 1 | ODD).wrapping_sub(potential)) ^ ODD;
    let escaped = code ^ (backslashes | *carry);
    *carry = escaped >> 63;
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn table() {
        let spelling = Spelling::of(["ab/"]);
        for (text, fine) in [
            (r"\n", true),
            (r"\\", true),
            (r"\/", false),
            (r"\u0041", true),
            (r"\u0061", false),
            (r"\u00e9", true),
            (r"\ud83d", false),
            (r"\u00e", false),
            (r"\u00g0", false),
            (r"\x", false),
            (r"\", false),
        ] {
            assert_eq!(spelling.fine(text.as_bytes(), 1), fine, "{text}");
        }
        assert!(!Spelling::of(["\u{e9}"]).fine(br"\u0416", 1));
    }

    proptest! {
        #[test]
        fn same_as_one_by_one(words in prop::collection::vec(prop_oneof![any::<u64>(), Just(!0), Just(1 << 63)], 1..4)) {
            let mut carry = 0;
            let mut slow = false; // the next byte is escaped
            for (i, &word) in words.iter().enumerate() {
                // Bit 0 is the last bit of the word before.
                let word = if i == 0 { word & !1 } else { word & !1 | words[i - 1] >> 63 };
                let fast = escaped(word, &mut carry);
                for bit in 1..64 {
                    prop_assert_eq!(fast >> bit & 1 == 1, slow, "bit {} of word {}", bit, i);
                    slow = !slow && word >> bit & 1 == 1;
                }
            }
        }
    }
}
