//! Classes of bytes: eight yes-or-no questions about a byte, a bit each, as one byte.

pub(crate) const QUOTE: usize = 0;
pub(crate) const BACKSLASH: usize = 1;
/// `{` and `[`
pub(crate) const OPEN: usize = 2;
/// `}` and `]`
pub(crate) const CLOSE: usize = 3;
pub(crate) const COMMA: usize = 4;
pub(crate) const COLON: usize = 5;
pub(crate) const DIGIT: usize = 6;
/// With OPEN or CLOSE: of an object. With DIGIT: 0. Alone it means nothing.
pub(crate) const AUX: usize = 7;

/// Which bytes have the class's bit for sure. (AUX is looked at only beside another bit.)
const MEMBERS: [&[u8]; 8] = [b"\"", b"\\", b"{[", b"}]", b",", b":", b"0123456789", b"{}0"];

/// The class of a byte is `LOW[byte % 16] & HIGH[byte / 16]`, and 0 beyond ASCII: each set of bytes but AUX's is one
/// set of low halves under one set of high halves.
pub(crate) static LOW: [u8; 16] = halves(false);
pub(crate) static HIGH: [u8; 16] = halves(true);

const fn halves(high: bool) -> [u8; 16] {
    let mut table = [0; 16];
    let mut class = 0;
    while class < 8 {
        let mut i = 0;
        while i < MEMBERS[class].len() {
            let byte = MEMBERS[class][i];
            table[(if high { byte >> 4 } else { byte & 15 }) as usize] |= 1 << class;
            i += 1;
        }
        class += 1;
    }
    table
}

/// The class of each byte of ASCII.
pub(crate) static CLASS: [u8; 128] = {
    let mut table = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = LOW[byte & 15] & HIGH[byte >> 4];
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_members_and_no_other() {
        for (byte, bits) in CLASS.iter().enumerate() {
            for (class, members) in MEMBERS.iter().enumerate() {
                let relevant = class != AUX || bits & (1 << OPEN | 1 << CLOSE | 1 << DIGIT) != 0;
                if relevant {
                    assert_eq!(bits >> class & 1 == 1, members.contains(&(byte as u8)), "{byte} in {class}");
                }
            }
        }
    }
}
