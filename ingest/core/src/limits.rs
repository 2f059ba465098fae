//! Limits on nesting and digits: `json.loads` may reject well-formed lines beyond them, so such lines are deferred.

/// A line that nests deeper is deferred.
pub const MAX_DEPTH: usize = 128;

/// A line with a run of more digits than this is deferred. A float holds numbers of 308 digits, and Python limits the
/// digits of an integer to 4300; its own switch can lower that, but never below 640.
pub const MAX_DIGITS: usize = 300;

/// Whether `line`, a JSON text, nests deeper than [`MAX_DEPTH`].
pub(crate) fn too_deep(line: &[u8]) -> bool {
    openers(line) > MAX_DEPTH && depth(line) > MAX_DEPTH
}

/// Counts `[` and `{`, in strings as well. Blocks of 128 keep the counters in bytes, which vectorises.
fn openers(line: &[u8]) -> usize {
    line.chunks(128).map(|block| block.iter().map(|&b| u8::from(b | 0x20 == b'{')).sum::<u8>() as usize).sum()
}

fn depth(line: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let mut bytes = line.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => loop {
                match bytes.next() {
                    None | Some(b'"') => break,
                    Some(b'\\') => _ = bytes.next(),
                    Some(_) => {}
                }
            },
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Whether `line` holds a run of more than [`MAX_DIGITS`] digits.
pub(crate) fn too_many_digits(line: &[u8]) -> bool {
    // Such a run covers two neighbours of every sample this far apart.
    const STRIDE: usize = MAX_DIGITS / 2;
    // No branch in the loop: whether a sample is a digit is unpredictable.
    let (suspicious, _) = line.iter().step_by(STRIDE).fold((false, false), |(found, previous), byte| {
        let digit = byte.is_ascii_digit();
        (found | (previous & digit), digit)
    });
    suspicious && line.split(|b| !b.is_ascii_digit()).any(|run| run.len() > MAX_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_at_the_limit() {
        let nested = |n: usize| [b"[".repeat(n), b"]".repeat(n)].concat();
        assert!(!too_deep(&nested(MAX_DEPTH)));
        assert!(too_deep(&nested(MAX_DEPTH + 1)));
        assert!(!too_deep(&[b"[\"\\\"".to_vec(), b"[".repeat(4 * MAX_DEPTH), b"\"]".to_vec()].concat()));
        assert!(!too_deep(&b"[],".repeat(10 * MAX_DEPTH)));
    }

    #[test]
    fn digits_at_the_limit_wherever_the_run_lies() {
        for shift in 0..2 * MAX_DIGITS {
            let mut line = vec![b' '; shift];
            line.extend(b"7".repeat(MAX_DIGITS));
            assert!(!too_many_digits(&line));
            line.push(b'7');
            assert!(too_many_digits(&line));
            line.push(b' ');
            assert!(too_many_digits(&line));
        }
    }
}
