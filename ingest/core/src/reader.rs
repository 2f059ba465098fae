//! A whole source, batch by batch.

use std::{
    fs::File,
    io,
    sync::{Arc, atomic::Ordering},
};

use arrow_buffer::MutableBuffer;

use crate::{
    batch::Batch,
    compress::Compression,
    error::ReadError,
    scanner::Scanner,
    source::{Gauge, Got, Source},
};

/// A batch ends once it has this many rows, or this many refused lines.
pub const BATCH_ROWS: usize = 16 << 10;

/// A batch ends once it holds this many bytes of events and refused lines.
pub const BATCH_BYTES: usize = 4 << 20;

/// A batch ends after this many bytes of the stream.
pub const BATCH_SPAN: u64 = 32 << 20;

/// A batch of a pipe, terminal or socket ends after this many bytes though there are more: few enough to be decoded
/// within a millisecond or two.
const LIVE_SPAN: u64 = 1 << 20;

/// Decompressed bytes read and searched at once: the kernel copies the faster the more it is asked for, and this much
/// still stays in the second-level cache of many processors in between.
const CHUNK: usize = 1 << 20;

/// What became of a step.
pub enum Step {
    /// A batch is ready.
    Batch(Batch),
    /// Nothing is ready: a signal came, or the source is idle. [`Reader::take`] gives what was gathered meanwhile.
    Idle,
    /// The end was reached before.
    End,
}

enum State {
    Reading,
    Failed(ReadError),
    Done,
}

/// A pull decoder.
pub struct Reader {
    source: Source,
    scanner: Scanner,
    /// On a cache line, where the kernel's copy is up to twice as fast.
    chunk: MutableBuffer,
    /// Bytes pushed since the last batch.
    pushed: u64,
    state: State,
}

/// A look at how far a [`Reader`] is, from any thread.
#[derive(Clone, Debug)]
pub struct Gauges(Arc<Gauge>, Option<u64>);

impl Gauges {
    /// Bytes read from the source, as they are stored.
    pub fn consumed(&self) -> u64 {
        self.0.consumed.load(Ordering::Relaxed)
    }

    /// The compression; of a pipe, `None` until its first bytes have come.
    pub fn compression(&self) -> Compression {
        self.0.compression.get().copied().unwrap_or(Compression::None)
    }

    /// The size of a regular file, as it is stored.
    pub fn size(&self) -> Option<u64> {
        self.1
    }
}

impl Reader {
    /// Reads `file` from where it stands. A regular file's first bytes are looked at here; nothing else is read.
    pub fn new(file: File, scanner: Scanner) -> Result<(Self, Gauges), ReadError> {
        let gauge = Arc::new(Gauge::default());
        let mut source = Source::new(file, gauge.clone())?;
        let gauges = Gauges(gauge, source.size);
        if source.size.is_some() {
            source.sniff()?;
        }
        let chunk = MutableBuffer::from_len_zeroed(CHUNK);
        Ok((Self { source, scanner, chunk, pushed: 0, state: State::Reading }, gauges))
    }

    /// Reads on until a batch is ready. A regular file gives full batches; anything else gives what there is at the
    /// moment, once a line of it is a row or refused. An error comes once, after the batch of all lines before it.
    pub fn step(&mut self) -> Result<Step, ReadError> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Failed(error) => return Err(error),
            State::Done => return Ok(Step::End),
            State::Reading => {}
        }
        loop {
            match self.source.read(&mut self.chunk) {
                Ok(Got::Data(count)) => {
                    // Cannot fail: a chunk is far below the limit of a push.
                    self.scanner.push(&self.chunk[..count]).map_err(io::Error::other)?;
                    self.pushed += count as u64;
                    if self.full() {
                        self.state = State::Reading;
                        return Ok(Step::Batch(self.take()));
                    }
                }
                Ok(Got::Nothing) => {
                    self.state = State::Reading;
                    return Ok(Step::Idle);
                }
                Ok(Got::End) => {
                    self.scanner.finish(false);
                    let batch = self.take();
                    return Ok(if batch.span.is_empty() { Step::End } else { Step::Batch(batch) });
                }
                Err(error) => {
                    self.scanner.finish(true);
                    let batch = self.take();
                    if batch.span.is_empty() {
                        return Err(error);
                    }
                    self.state = State::Failed(error);
                    return Ok(Step::Batch(batch));
                }
            }
        }
    }

    fn full(&self) -> bool {
        let (rows, refused) = (self.scanner.rows(), self.scanner.refused());
        (self.source.size.is_none() && rows + refused > 0 && (self.pushed >= LIVE_SPAN || !self.source.has_more()))
            || rows >= BATCH_ROWS
            || refused >= BATCH_ROWS
            || self.scanner.bytes() >= BATCH_BYTES
            || self.pushed >= BATCH_SPAN
    }

    /// Hands out what was gathered since the last batch.
    pub fn take(&mut self) -> Batch {
        self.pushed = 0;
        self.scanner.take()
    }
}
