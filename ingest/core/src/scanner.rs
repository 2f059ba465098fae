//! The push decoder: pieces of a stream in, batches out.

use arrow_buffer::Buffer;
use arrow_schema::SchemaRef;
use illshell_ingest_simd::Isa;
use memchr::{memchr, memchr_iter, memrchr};

use crate::{
    batch::{Batch, Builder, EventBytes},
    error::ConfigError,
    line::decode::{Decoded, Decoder},
    lines::{Lines, Piece},
    prefilter::{Prefilter, unended},
    projection::Projection,
};

/// Default limit of a line, without its newline.
pub const MAX_LINE: usize = 16 << 20;

/// The greatest value of [`Options::max_line`].
pub const MAX_LINE_CEILING: usize = 512 << 20;

/// The most bytes that one push may bring. With [`MAX_LINE_CEILING`] it keeps a batch within 32-bit offsets.
pub const MAX_PUSH: usize = 1 << 30;

/// A batch ends once it has this many rows and deferred lines.
pub const BATCH_ROWS: usize = 16 << 10;

/// A batch ends once it holds this many bytes of events and deferred lines.
pub const BATCH_BYTES: usize = 4 << 20;

/// Whole lines are searched in windows of about this size, which stay in the first-level cache from one search to the
/// next.
const WINDOW: usize = 16 << 10;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Options of a scanner.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decode every line, and defer those with duplicate keys.
    pub strict: bool,
    /// Limit of a line in bytes, without its newline.
    pub max_line: usize,
    /// The instruction set of the fast path; `None` decodes with serde_json only.
    pub isa: Option<Isa>,
}

impl Default for Options {
    fn default() -> Self {
        // Without vector instructions serde_json is as fast.
        let isa = Some(Isa::best()).filter(|&isa| isa != Isa::portable());
        Self { strict: false, max_line: MAX_LINE, isa }
    }
}

/// A push decoder.
pub struct Scanner {
    lines: Lines,
    pipeline: Pipeline,
}

impl Scanner {
    /// A scanner at the beginning of a stream.
    pub fn new(projection: &Projection, options: &Options) -> Result<Self, ConfigError> {
        let &Options { strict, max_line, isa } = options;
        if max_line == 0 || max_line > MAX_LINE_CEILING {
            return Err(ConfigError::MaxLine { given: max_line, ceiling: MAX_LINE_CEILING });
        }
        Ok(Self {
            lines: Lines::new(max_line),
            pipeline: Pipeline {
                limit: max_line,
                prefilter: match &projection.needles {
                    Some(needles) if !strict => Prefilter::new(needles, isa),
                    _ => Prefilter::Off,
                },
                needles_are_implied: projection.needles_are_implied,
                dense: false,
                builder: Builder::new(&projection.plan),
                decoder: Decoder::new(projection.plan.clone(), strict, isa),
                data_start: 0,
            },
        })
    }

    /// The schema of every batch.
    pub fn schema(&self) -> SchemaRef {
        self.pipeline.builder.schema()
    }

    /// Decodes `data[from..]`; the bytes before `from` were taken by earlier calls. Returns how many bytes were taken:
    /// fewer than all if the batch is full, and [`Scanner::take`] must come first. `chunk` is `data`, if the batch may
    /// keep it.
    pub fn push(&mut self, data: &[u8], from: usize, chunk: Option<&Buffer>) -> Result<usize, ConfigError> {
        if data.len() > MAX_PUSH {
            return Err(ConfigError::PushTooLong { given: data.len(), limit: MAX_PUSH });
        }
        let Self { lines, pipeline } = self;
        pipeline.data_start = lines.pushed().wrapping_sub(from as u64);
        let taken = lines.push(&data[from..], |position, piece| pipeline.piece(position, piece));
        pipeline.builder.settle(data, chunk);
        Ok(taken)
    }

    /// Ends the stream. `torn`: it broke off here, so that a last line without newline is deferred.
    pub fn finish(&mut self, torn: bool) {
        let Self { lines, pipeline } = self;
        lines.finish(torn, |position, piece| pipeline.piece(position, piece));
    }

    /// Returns the batch of the lines since the last call.
    pub fn take(&mut self) -> Batch {
        self.pipeline.builder.take(self.lines.settled())
    }

    /// Whether the batch has a row or a deferred line.
    pub fn has_lines(&self) -> bool {
        self.pipeline.builder.rows() + self.pipeline.builder.deferred() > 0
    }

    /// Whether the batch is as large as it may become.
    pub fn is_full(&self) -> bool {
        self.pipeline.is_full()
    }
}

struct Pipeline {
    limit: usize,
    prefilter: Prefilter,
    needles_are_implied: bool,
    /// Whether all lines of the previous window were selected events.
    dense: bool,
    decoder: Decoder,
    builder: Builder,
    /// Offset in the stream of the first byte of the pushed data.
    data_start: u64,
}

impl Pipeline {
    fn is_full(&self) -> bool {
        let builder = &self.builder;
        builder.rows() + builder.deferred() >= BATCH_ROWS || builder.bytes() >= BATCH_BYTES
    }

    /// Returns how many bytes of a block were taken.
    fn piece(&mut self, position: u64, piece: Piece<'_>) -> usize {
        match piece {
            Piece::Block(block) => return self.block(position, block),
            Piece::Line(line) => self.window(position, line, false),
            Piece::TooLong(head) => self.builder.defer(position, head, true),
            Piece::Torn(line) => {
                let (skip, line) = trim(line);
                if !line.is_empty() {
                    self.builder.defer(position + skip as u64, line, false);
                }
            }
        }
        0
    }

    fn block(&mut self, position: u64, block: &[u8]) -> usize {
        let mut taken = 0;
        while taken < block.len() && !self.is_full() {
            let rest = &block[taken..];
            let near = &rest[..rest.len().min(WINDOW)];
            let end = match memrchr(b'\n', near) {
                Some(last) => last + 1,
                None => memchr(b'\n', &rest[near.len()..]).map_or(rest.len(), |at| near.len() + at + 1),
            };
            self.window(position + taken as u64, &rest[..end], true);
            taken += end;
        }
        taken
    }

    fn window(&mut self, position: u64, window: &[u8], is_data: bool) {
        let Self { limit, prefilter, decoder, builder, data_start, .. } = self;
        let mut sink = Sink { limit: *limit, data_start: is_data.then_some(*data_start), decoder, builder };
        let (rows, mut lines) = (sink.builder.rows(), 0);
        if self.dense {
            // Most likely every line is a candidate: the search would gain nothing.
            let mut start = 0;
            for end in memchr_iter(b'\n', window).chain(unended(window)) {
                let line = &window[start..end];
                sink.line(position + start as u64, line, Candidate::Perhaps(prefilter));
                (start, lines) = (end + 1, lines + 1);
            }
        } else {
            prefilter.lines(window, |start, end, candidate| {
                let line = &window[start..end];
                lines += 1;
                if !candidate && line.len() <= sink.limit && line.first() == Some(&b'{') && line.last() == Some(&b'}') {
                    sink.builder.skipped += 1;
                } else {
                    let candidate = if candidate { Candidate::Yes } else { Candidate::No };
                    sink.line(position + start as u64, line, candidate);
                }
            });
        }
        self.dense = self.needles_are_implied && self.builder.rows() - rows == lines;
    }
}

/// Whether a line may be a selected event.
enum Candidate<'a> {
    Yes,
    No,
    /// Most likely. The line was not searched; it has to be if it is deferred.
    Perhaps(&'a mut Prefilter),
}

/// Decodes lines into a batch.
struct Sink<'a> {
    limit: usize,
    /// Where the pushed data begins in the stream; `None` if the lines are in another buffer.
    data_start: Option<u64>,
    decoder: &'a mut Decoder,
    builder: &'a mut Builder,
}

impl Sink<'_> {
    #[inline]
    fn line(&mut self, position: u64, line: &[u8], candidate: Candidate<'_>) {
        if line.len() > self.limit {
            return self.builder.defer(position, &line[..self.limit], true);
        }
        let (skip, line) = trim(line);
        let position = position + skip as u64;
        match line {
            [] => {}
            [b'{', .., b'}'] if matches!(candidate, Candidate::No) => self.builder.skipped += 1,
            [b'{', .., b'}'] => match self.decoder.decode(line) {
                Decoded::Event(which) => {
                    let bytes = match self.data_start {
                        Some(start) => EventBytes::Data(position.wrapping_sub(start) as usize),
                        None => EventBytes::Temporary,
                    };
                    self.builder.row((position, line, bytes), &self.decoder.plan, &self.decoder.slots, which);
                }
                Decoded::NotSelected => self.builder.skipped += 1,
                Decoded::Deferred => {
                    let is_candidate = match candidate {
                        Candidate::Perhaps(prefilter) => prefilter.is_candidate(line),
                        Candidate::Yes | Candidate::No => true,
                    };
                    if is_candidate {
                        self.builder.defer(position, line, false);
                    } else {
                        self.builder.skipped += 1;
                    }
                }
            },
            _ => self.builder.defer(position, line, false),
        }
    }
}

/// The line without a byte order mark at its very start and without white space, and how many bytes were removed in
/// front.
fn trim(line: &[u8]) -> (usize, &[u8]) {
    let space = |b: &u8| matches!(b, b' ' | b'\t' | b'\r');
    let text = line.strip_prefix(BOM).unwrap_or(line);
    let from = text.iter().position(|b| !space(b)).unwrap_or(text.len());
    let to = text.iter().rposition(|b| !space(b)).map_or(from, |last| last + 1);
    (line.len() - text.len() + from, &text[from..to])
}
