//! A whole source, batch by batch.

use std::{
    fs::File,
    io,
    sync::{Arc, atomic::Ordering},
};

use arrow_buffer::{Buffer, MutableBuffer};

use crate::{
    batch::Batch,
    compress::Compression,
    error::ReadError,
    scanner::Scanner,
    source::{Gauge, ReadOutcome, Source},
};

/// A batch ends after this many bytes of the stream.
pub const BATCH_SPAN: u64 = 32 << 20;

/// A batch of a pipe, terminal or socket ends after this many bytes though there are more: few enough to be decoded
/// within a millisecond or two.
const LIVE_SPAN: u64 = 1 << 20;

/// Decompressed bytes read at once: larger reads are faster, and this much still stays in the second-level cache of
/// many processors between the read and the decoding.
const CHUNK: usize = 1 << 20;

/// Chunks kept for reuse. A batch may hold some; they are free once it is dropped.
const POOL: usize = 12;

/// Result of a step.
pub enum Step {
    /// A batch is ready.
    Batch(Batch),
    /// Nothing is ready: a signal came, or the source is idle. [`Reader::take`] returns the lines decoded so far.
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
    chunks: Chunks,
    /// The chunk at hand, how many bytes of it were read, and how many pushed.
    chunk: Option<(Buffer, usize, usize)>,
    /// Bytes pushed since the last batch.
    pushed: u64,
    state: State,
}

/// Progress of a [`Reader`], readable from any thread.
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
    /// Reads `file` from its current offset. Only the first bytes of a regular file are read here, to detect the
    /// compression.
    pub fn new(file: File, scanner: Scanner) -> Result<(Self, Gauges), ReadError> {
        let gauge = Arc::new(Gauge::default());
        let mut source = Source::new(file, gauge.clone())?;
        let gauges = Gauges(gauge, source.size);
        if source.size.is_some() {
            source.sniff()?;
        }
        let (chunks, chunk) = (Chunks(Vec::new()), None);
        Ok((Self { source, scanner, chunks, chunk, pushed: 0, state: State::Reading }, gauges))
    }

    /// Reads on until a batch is ready. A regular file gives full batches; anything else gives what there is at the
    /// moment, once a line of it is a row or deferred. An error comes once, after the batch of all lines before it.
    pub fn step(&mut self) -> Result<Step, ReadError> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Failed(error) => return Err(error),
            State::Done => return Ok(Step::End),
            State::Reading => {}
        }
        loop {
            if self.push()? {
                self.state = State::Reading;
                return Ok(Step::Batch(self.take()));
            }
            let mut chunk = self.chunks.free();
            let outcome = self.source.read(&mut chunk);
            let chunk = Buffer::from(chunk);
            match outcome {
                Ok(ReadOutcome::Data(count)) => self.chunk = Some((chunk, count, 0)),
                Ok(ReadOutcome::Nothing) => {
                    self.chunks.keep(chunk);
                    self.state = State::Reading;
                    return Ok(Step::Idle);
                }
                Ok(ReadOutcome::End) => {
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

    /// Pushes what was read. Whether the batch is to be handed out.
    fn push(&mut self) -> Result<bool, ReadError> {
        let Some((chunk, read, pushed)) = self.chunk.take() else { return Ok(false) };
        // Cannot fail: a chunk is far below the limit of a push.
        let taken = self.scanner.push(&chunk[..read], pushed, Some(&chunk)).map_err(io::Error::other)?;
        self.pushed += taken as u64;
        if pushed + taken < read {
            self.chunk = Some((chunk, read, pushed + taken));
            return Ok(true);
        }
        self.chunks.keep(chunk);
        let live = self.source.size.is_none() && self.scanner.has_lines();
        Ok((live && (self.pushed >= LIVE_SPAN || !self.source.has_more()))
            || self.scanner.is_full()
            || self.pushed >= BATCH_SPAN)
    }

    /// Hands out what was gathered since the last batch.
    pub fn take(&mut self) -> Batch {
        self.pushed = 0;
        self.scanner.take()
    }
}

/// Chunks of memory, on cache lines, where the kernel's copy is up to twice as fast.
struct Chunks(Vec<Buffer>);

impl Chunks {
    /// One that no batch keeps: the last one filled, if possible, which is still in a cache.
    fn free(&mut self) -> MutableBuffer {
        for i in (0..self.0.len()).rev() {
            match self.0.remove(i).into_mutable() {
                Ok(chunk) => return chunk,
                Err(kept) => self.0.insert(i, kept),
            }
        }
        MutableBuffer::from_len_zeroed(CHUNK)
    }

    fn keep(&mut self, chunk: Buffer) {
        if self.0.len() == POOL {
            self.0.remove(0);
        }
        self.0.push(chunk);
    }
}
