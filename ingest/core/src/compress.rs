//! Compression, detected from the content: gzip with any number of members, zstd with any number of frames.
//!
//! The decoders work on slices and never read by themselves, so that an interrupted read cannot disturb them.

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, InBuffer, Operation, OutBuffer};

/// zstd frames that need a window above 2^27 bytes (128 MiB) are an error.
pub const WINDOW_LOG_MAX: u32 = 27;

const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const ZSTD_SKIPPABLE: &[u8] = b"\x2a\x4d\x18";

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// `"none"`, `"gzip"` or `"zstd"`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Detects the compression from the first bytes. `None`: more bytes are needed.
pub(crate) fn sniff(head: &[u8]) -> Option<Compression> {
    let shared = |magic: &[u8]| magic.iter().zip(head).all(|(a, b)| a == b);
    let skippable = |head: &[u8]| match head.split_first() {
        Some((0x50..=0x5f, rest)) => ZSTD_SKIPPABLE.iter().zip(rest).all(|(a, b)| a == b),
        Some(_) => false,
        None => true,
    };
    match (shared(GZIP), shared(ZSTD) || skippable(head)) {
        (true, _) if head.len() >= GZIP.len() => Some(Compression::Gzip),
        (_, true) if head.len() >= ZSTD.len() => Some(Compression::Zstd),
        (false, false) => Some(Compression::None),
        _ => None,
    }
}

/// What one step of a decoder did.
pub(crate) struct Progress {
    pub(crate) taken: usize,
    pub(crate) given: usize,
    /// The damage, if the decoder met any after that.
    pub(crate) damage: Option<String>,
}

pub(crate) trait Decompressor: Send {
    /// Takes from `input` and gives to `output`, which is not empty. A step that does neither needs more input.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Progress;
    /// Whether the input may end here.
    fn at_boundary(&self) -> bool;
}

pub(crate) struct Gzip {
    inflate: Decompress,
    state: GzipState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum GzipState {
    /// Before the first byte of a member; between members there may be zeros.
    Between,
    Inside,
    /// The byte 1f came where a member may begin.
    Magic,
}

impl Gzip {
    pub(crate) fn new() -> Self {
        Self { inflate: Decompress::new_gzip(15), state: GzipState::Inside }
    }
}

impl Decompressor for Gzip {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        let mut skipped = 0;
        if self.state == GzipState::Between {
            skipped = input.iter().take_while(|&&b| b == 0).count();
            match input.get(skipped) {
                None => return Progress { taken: skipped, given: 0, damage: None },
                Some(0x1f) => {
                    self.inflate = Decompress::new_gzip(15);
                    self.state = GzipState::Magic;
                }
                Some(_) => {
                    let damage = Some("trailing bytes are not a gzip member".to_owned());
                    return Progress { taken: skipped, given: 0, damage };
                }
            }
        }
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(&input[skipped..], output, FlushDecompress::None);
        let taken = (self.inflate.total_in() - before_in) as usize;
        let given = (self.inflate.total_out() - before_out) as usize;
        if taken > 0 {
            self.state = GzipState::Inside;
        }
        let damage = match status {
            Ok(Status::StreamEnd) => {
                self.state = GzipState::Between;
                None
            }
            Ok(Status::Ok | Status::BufError) => None,
            Err(error) => Some(error.to_string()),
        };
        Progress { taken: skipped + taken, given, damage }
    }

    fn at_boundary(&self) -> bool {
        self.state == GzipState::Between
    }
}

pub(crate) struct Zstd {
    decoder: zstd::stream::raw::Decoder<'static>,
    /// How much input the decoder asked for. It gets no more at once, so that a step decodes at most one block, and a
    /// damaged block never affects the blocks before it.
    hint: usize,
    inside: bool,
}

/// The least input with which a zstd frame can begin.
const ZSTD_START: usize = 5;

impl Zstd {
    pub(crate) fn new() -> std::io::Result<Self> {
        let mut decoder = zstd::stream::raw::Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
        Ok(Self { decoder, hint: ZSTD_START, inside: true })
    }
}

impl Decompressor for Zstd {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        let input = &input[..input.len().min(self.hint)];
        if input.is_empty() && !self.inside {
            return Progress { taken: 0, given: 0, damage: None };
        }
        let mut source = InBuffer::around(input);
        let mut target = OutBuffer::around(output);
        let result = self.decoder.run(&mut source, &mut target);
        let (taken, given) = (source.pos(), target.pos());
        let damage = match result {
            Ok(0) => {
                self.inside = false;
                self.hint = ZSTD_START;
                None
            }
            Ok(hint) => {
                self.inside |= taken > 0;
                self.hint = hint;
                None
            }
            Err(error) => Some(match error.to_string() {
                reason if reason.contains("too much memory") => {
                    format!("a frame needs a window above 2^{WINDOW_LOG_MAX} bytes")
                }
                reason => reason,
            }),
        };
        Progress { taken, given, damage }
    }

    fn at_boundary(&self) -> bool {
        !self.inside
    }
}
