//! The marker scan: one pass over a text that marks each byte worth a look, that is every line end, every backslash,
//! and every place where two bytes stand as they do in one of the names searched for.
//!
//! It does the work of one search for each name in a single pass over each cache line.

/// Bytes scanned in one step.
pub(crate) const BLOCK: usize = 64;

/// The greatest distance of the two bytes.
pub const MAX_DISTANCE: usize = 16;

/// For each of some names two bytes of it, all at one distance, as sets of bytes in up to eight buckets.
#[derive(Clone, Debug)]
pub struct Fingerprints {
    /// Buckets of the first bytes, by the low seven bits of a byte: `first_low[b % 16] & first_high[b / 16]`.
    pub(crate) first: [u8; 128],
    pub(crate) second: [u8; 128],
    pub(crate) first_low: [u8; 16],
    pub(crate) first_high: [u8; 16],
    pub(crate) second_low: [u8; 16],
    pub(crate) second_high: [u8; 16],
    pub(crate) distance: usize,
}

/// Two bytes of a name: where the first is, and both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair {
    place: usize,
    bytes: (u8, u8),
}

impl Fingerprints {
    /// Chooses two rare bytes of each name. Returns where the first of them is in each name as well. `None`: there are
    /// no names, or one has no two bytes of ASCII within the greatest distance.
    pub fn choose(names: &[&[u8]]) -> Option<(Self, Vec<usize>)> {
        let at_distance = |distance| {
            let pairs: Option<Vec<Pair>> = names.iter().map(|name| rarest(name, distance)).collect();
            let buckets = buckets(pairs.as_ref()?);
            let cost: u32 = buckets.iter().map(|(first, second)| cost(first) * cost(second)).sum();
            Some((cost, distance, pairs?, buckets))
        };
        let (_, distance, pairs, buckets) =
            (1..=MAX_DISTANCE).filter_map(at_distance).min_by_key(|(cost, ..)| *cost).filter(|_| !names.is_empty())?;
        let mut prints = Self {
            first: [0; 128],
            second: [0; 128],
            first_low: [0; 16],
            first_high: [0; 16],
            second_low: [0; 16],
            second_high: [0; 16],
            distance,
        };
        for (bucket, (first, second)) in buckets.iter().enumerate() {
            for (bytes, low, high) in [
                (first, &mut prints.first_low, &mut prints.first_high),
                (second, &mut prints.second_low, &mut prints.second_high),
            ] {
                for &byte in bytes {
                    low[usize::from(byte & 15)] |= 1 << bucket;
                    high[usize::from(byte >> 4)] |= 1 << bucket;
                }
            }
        }
        for byte in 0..128 {
            prints.first[byte] = prints.first_low[byte & 15] & prints.first_high[byte >> 4];
            prints.second[byte] = prints.second_low[byte & 15] & prints.second_high[byte >> 4];
        }
        Some((prints, pairs.iter().map(|pair| pair.place).collect()))
    }

    /// Whether the two bytes look like two of a name.
    #[inline]
    pub(crate) fn alike(&self, first: u8, second: u8) -> bool {
        self.first[usize::from(first & 127)] & self.second[usize::from(second & 127)] != 0
    }
}

type Bucket = (Vec<u8>, Vec<u8>);

/// The pairs in up to eight buckets; equal pairs share a bucket, and where there are too many the rarest share
/// one.
fn buckets(pairs: &[Pair]) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for pair in pairs {
        let bucket = (vec![pair.bytes.0], vec![pair.bytes.1]);
        if !buckets.contains(&bucket) {
            buckets.push(bucket);
        }
    }
    while buckets.len() > 8 {
        buckets.sort_by_key(|(first, second)| std::cmp::Reverse(cost(first) * cost(second)));
        let Some((first, second)) = buckets.pop() else { break };
        if let Some(bucket) = buckets.last_mut() {
            bucket.0.extend(first);
            bucket.1.extend(second);
        }
    }
    buckets
}

fn rarest(name: &[u8], distance: usize) -> Option<Pair> {
    // A line end or a backslash would be taken for the other kind of mark.
    let usable = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    let pairs = name.iter().zip(name.iter().skip(distance)).enumerate();
    pairs
        .filter(|(_, (a, b))| usable(**a) && usable(**b))
        .map(|(place, (&a, &b))| Pair { place, bytes: (a, b) })
        .min_by_key(|pair| weight(pair.bytes.0) * weight(pair.bytes.1))
}

fn cost(bytes: &[u8]) -> u32 {
    bytes.iter().map(|&byte| weight(byte)).sum()
}

/// How common a byte is in events, roughly. It only decides how fast the scan is.
fn weight(byte: u8) -> u32 {
    match byte {
        b'e' | b'a' | b't' | b'i' | b'n' | b'o' | b's' | b'r' | b'0'..=b'9' | b'"' | b',' => 8,
        b'd' | b'p' | b'c' | b'u' | b'l' | b'm' | b':' | b'/' => 5,
        b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'{' | b'}' => 3,
        b'_' => 2,
        _ => 1,
    }
}

/// Scans block by block with `mask`.
///
/// # Safety
///
/// `mask` may be called with a pointer to `BLOCK + prints.distance` readable bytes.
#[inline(always)]
pub(crate) unsafe fn by_blocks(
    text: &[u8],
    prints: &Fingerprints,
    marks: &mut Vec<u32>,
    mask: impl Fn(*const u8) -> u64,
) {
    let mut add = |mut mask: u64, at: usize| {
        while mask != 0 {
            marks.push(at as u32 + mask.trailing_zeros());
            mask &= mask - 1;
        }
    };
    let mut at = 0;
    while let Some(block) = text.get(at..at + BLOCK + prints.distance) {
        add(mask(block.as_ptr()), at);
        at += BLOCK;
    }
    // The rest, followed by zeros, which are no bytes of a name.
    while at < text.len() {
        let mut padded = [0; BLOCK + MAX_DISTANCE];
        let rest = &text[at..text.len().min(at + padded.len())];
        padded[..rest.len()].copy_from_slice(rest);
        add(mask(padded.as_ptr()), at);
        at += BLOCK;
    }
}
