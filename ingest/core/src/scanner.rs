//! Ties the parts together: pieces of a stream in, batches out.

use arrow_schema::SchemaRef;
use memchr::{memchr, memrchr};

use crate::{
    batch::{Batch, Builder},
    decode::{Decoded, Decoder},
    error::ConfigError,
    lines::{Lines, Piece},
    prefilter::Prefilter,
};

/// Default limit of a line, without its newline.
pub const MAX_LINE: usize = 16 << 20;

/// The greatest limit of a line that can be asked for.
pub const MAX_LINE_CEILING: usize = 512 << 20;

/// The most bytes that one push may bring. With [`MAX_LINE_CEILING`] it keeps a batch within 32-bit offsets.
pub const MAX_PUSH: usize = 1 << 30;

/// Whole lines are searched in windows of about this size, which stay in the first-level cache from one search to the next.
const WINDOW: usize = 16 << 10;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// What the caller wants to know of the stream.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Names of the events to decode; `None` for all.
    pub event_names: Option<Vec<String>>,
    /// Names of the arguments that become columns.
    pub arguments: Vec<String>,
    /// Decode every line, and refuse duplicate keys.
    pub strict: bool,
    /// Limit of a line in bytes, without its newline.
    pub max_line: usize,
}

/// A push decoder.
pub struct Scanner {
    lines: Lines,
    each: Each,
}

impl Scanner {
    /// A scanner at the beginning of a stream.
    pub fn new(wanted: Wanted) -> Result<Self, ConfigError> {
        let Wanted { event_names, arguments, strict, max_line } = wanted;
        if max_line == 0 || max_line > MAX_LINE_CEILING {
            return Err(ConfigError::MaxLine { given: max_line, ceiling: MAX_LINE_CEILING });
        }
        let names = event_names.map(|names| {
            let mut unique = Vec::with_capacity(names.len());
            for name in names {
                if !unique.contains(&name) {
                    unique.push(name);
                }
            }
            unique
        });
        let names = names.as_deref();
        Ok(Self {
            lines: Lines::new(max_line),
            each: Each {
                limit: max_line,
                prefilter: if strict { Prefilter::new(None) } else { Prefilter::new(names) },
                decoder: Decoder::new(names, &arguments, strict),
                builder: Builder::new(names, &arguments),
            },
        })
    }

    /// The schema of every batch.
    pub fn schema(&self) -> SchemaRef {
        self.each.builder.schema()
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, data: &[u8]) -> Result<(), ConfigError> {
        if data.len() > MAX_PUSH {
            return Err(ConfigError::PushTooLong { given: data.len(), limit: MAX_PUSH });
        }
        let Self { lines, each } = self;
        lines.push(data, |position, piece| each.piece(position, piece));
        Ok(())
    }

    /// Ends the stream. `torn`: it broke off here, so that a last line without newline is refused.
    pub fn finish(&mut self, torn: bool) {
        let Self { lines, each } = self;
        lines.finish(torn, |position, piece| each.piece(position, piece));
    }

    /// Hands out what was gathered since the last call.
    pub fn take(&mut self) -> Batch {
        self.each.builder.take(self.lines.settled())
    }

    /// Offset of the first byte that is in no batch and not gathered.
    pub fn settled(&self) -> u64 {
        self.lines.settled()
    }

    /// Rows gathered.
    pub fn rows(&self) -> usize {
        self.each.builder.rows()
    }

    /// Refused lines gathered.
    pub fn refused(&self) -> usize {
        self.each.builder.refused()
    }

    /// Bytes held for the rows and refused lines gathered.
    pub fn bytes(&self) -> usize {
        self.each.builder.bytes()
    }
}

struct Each {
    limit: usize,
    prefilter: Prefilter,
    decoder: Decoder,
    builder: Builder,
}

impl Each {
    fn piece(&mut self, position: u64, piece: Piece<'_>) {
        match piece {
            Piece::Block(block) => self.block(position, block),
            Piece::Line(line) => self.window(position, line),
            Piece::TooLong(head) => self.builder.refuse(position, head, true),
            Piece::Torn(line) => {
                let (skip, line) = trim(line);
                if !line.is_empty() {
                    self.builder.refuse(position + skip as u64, line, false);
                }
            }
        }
    }

    fn block(&mut self, mut position: u64, mut block: &[u8]) {
        while !block.is_empty() {
            let near = &block[..block.len().min(WINDOW)];
            let end = match memrchr(b'\n', near) {
                Some(last) => last + 1,
                None => memchr(b'\n', &block[near.len()..]).map_or(block.len(), |at| near.len() + at + 1),
            };
            let (window, rest) = block.split_at(end);
            self.window(position, window);
            position += end as u64;
            block = rest;
        }
    }

    fn window(&mut self, position: u64, window: &[u8]) {
        let Self { limit, prefilter, decoder, builder } = self;
        prefilter.lines(window, |start, end, candidate| {
            let line = &window[start..end];
            if !candidate && line.len() <= *limit && line.first() == Some(&b'{') && line.last() == Some(&b'}') {
                builder.skipped += 1;
            } else {
                one(position + start as u64, line, candidate, *limit, decoder, builder);
            }
        });
    }
}

/// A line that is a candidate, or not an object at first sight.
fn one(position: u64, line: &[u8], candidate: bool, limit: usize, decoder: &mut Decoder, builder: &mut Builder) {
    if line.len() > limit {
        return builder.refuse(position, &line[..limit], true);
    }
    let (skip, line) = trim(line);
    let position = position + skip as u64;
    match line {
        [] => {}
        [b'{', .., b'}'] if !candidate => builder.skipped += 1,
        [b'{', .., b'}'] => match decoder.decode(line) {
            Decoded::Row(row) => builder.row(position, line, &row),
            Decoded::Unwanted => builder.skipped += 1,
            Decoded::Refused => builder.refuse(position, line, false),
        },
        _ => builder.refuse(position, line, false),
    }
}

/// The line without a byte order mark at its very start and without white space, and how much came off in front.
fn trim(line: &[u8]) -> (usize, &[u8]) {
    let space = |b: &u8| matches!(b, b' ' | b'\t' | b'\r');
    let text = line.strip_prefix(BOM).unwrap_or(line);
    let from = text.iter().position(|b| !space(b)).unwrap_or(text.len());
    let to = text.iter().rposition(|b| !space(b)).map_or(from, |last| last + 1);
    (line.len() - text.len() + from, &text[from..to])
}
