//! An open file, pipe, terminal or socket as a stream of decompressed bytes.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileTypeExt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    pipe::fcntl_setpipe_size,
};

use crate::{
    compress::{Compression, Decompressor, Gzip, Zstd, sniff},
    error::ReadError,
};

/// Compressed bytes read at once.
const RAW: usize = 128 << 10;

/// How long a read waits for a pipe before it returns to its caller. Without a timeout, a signal that arrives just
/// before the wait would not be handled until there is data.
const POLL_TIMEOUT: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// Requested capacity of a pipe: the most that Linux allows unprivileged processes by default.
const PIPE: usize = 1 << 20;

/// Result of a read.
pub(crate) enum ReadOutcome {
    /// So many bytes.
    Data(usize),
    /// No data yet: a signal arrived, or the wait timed out. The next read continues.
    Nothing,
    End,
}

/// Progress of a source, readable from other threads during a read.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    pub(crate) consumed: AtomicU64,
    pub(crate) compression: OnceLock<Compression>,
}

pub(crate) struct Source {
    file: File,
    /// The size, of a regular file.
    pub(crate) size: Option<u64>,
    gauge: Arc<Gauge>,
    raw: Raw,
    decompressor: Option<Box<dyn Decompressor>>,
    /// The last step filled the output: there may be more without more input.
    pending: bool,
    damage: Option<String>,
    /// Decompressed bytes so far.
    offset: u64,
}

struct Raw {
    bytes: Vec<u8>,
    from: usize,
    to: usize,
    ended: bool,
}

impl Source {
    pub(crate) fn new(file: File, gauge: Arc<Gauge>) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(rustix::io::Errno::ISDIR.into());
        }
        let size = metadata.is_file().then_some(metadata.len());
        if metadata.file_type().is_fifo() {
            // With a larger buffer a reader that is behind catches up in fewer reads. Failure does not matter.
            _ = fcntl_setpipe_size(&file, PIPE);
        }
        let raw = Raw { bytes: vec![0; RAW], from: 0, to: 0, ended: false };
        Ok(Self { file, size, gauge, raw, decompressor: None, pending: false, damage: None, offset: 0 })
    }

    /// Reads until the compression is detected. Bytes of a plain stream are delayed no longer than that.
    pub(crate) fn sniff(&mut self) -> Result<ReadOutcome, ReadError> {
        loop {
            let head = &self.raw.bytes[..self.raw.to];
            let detected = sniff(head).or(self.raw.ended.then_some(Compression::None));
            if let Some(compression) = detected {
                self.decompressor = match compression {
                    Compression::None => None,
                    Compression::Gzip => Some(Box::new(Gzip::new())),
                    Compression::Zstd => Some(Box::new(Zstd::new()?)),
                };
                _ = self.gauge.compression.set(compression);
                return Ok(ReadOutcome::Data(head.len()));
            }
            match wait_and_read(&self.file, self.size, &self.gauge, &mut self.raw.bytes[self.raw.to..])? {
                ReadOutcome::Data(count) => self.raw.to += count,
                ReadOutcome::End => self.raw.ended = true,
                ReadOutcome::Nothing => return Ok(ReadOutcome::Nothing),
            }
        }
    }

    /// Reads decompressed bytes. An error is returned after all bytes before it.
    pub(crate) fn read(&mut self, output: &mut [u8]) -> Result<ReadOutcome, ReadError> {
        if self.gauge.compression.get().is_none()
            && let ReadOutcome::Nothing = self.sniff()?
        {
            return Ok(ReadOutcome::Nothing);
        }
        let outcome = match self.decompressor {
            None => self.read_plain(output)?,
            Some(_) => self.read_compressed(output)?,
        };
        if let ReadOutcome::Data(count) = outcome {
            self.offset += count as u64;
        }
        Ok(outcome)
    }

    /// Whether a read would return data or the end without waiting.
    pub(crate) fn has_more(&self) -> bool {
        self.pending
            || self.raw.from < self.raw.to
            || matches!(poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&Timespec::default())), Ok(1))
    }

    fn read_plain(&mut self, output: &mut [u8]) -> Result<ReadOutcome, ReadError> {
        let head = &self.raw.bytes[self.raw.from..self.raw.to];
        if !head.is_empty() {
            let count = head.len().min(output.len());
            output[..count].copy_from_slice(&head[..count]);
            self.raw.from += count;
            return Ok(ReadOutcome::Data(count));
        }
        if self.raw.ended {
            return Ok(ReadOutcome::End);
        }
        Ok(wait_and_read(&self.file, self.size, &self.gauge, output)?)
    }

    fn read_compressed(&mut self, output: &mut [u8]) -> Result<ReadOutcome, ReadError> {
        let compression = self.gauge.compression.get().copied().unwrap_or(Compression::None);
        let Some(decompressor) = self.decompressor.as_deref_mut() else { return Ok(ReadOutcome::End) };
        if let Some(reason) = self.damage.take() {
            return Err(ReadError::Corrupt { compression, offset: self.offset, reason });
        }
        let raw = &mut self.raw;
        let mut given = 0;
        loop {
            if raw.from < raw.to || self.pending {
                let step = decompressor.step(&raw.bytes[raw.from..raw.to], &mut output[given..]);
                raw.from += step.taken;
                given += step.given;
                self.pending = given == output.len();
                if step.damage.is_some() {
                    self.damage = step.damage;
                }
                if self.pending || (self.damage.is_some() && given > 0) {
                    return Ok(ReadOutcome::Data(given));
                }
                if let Some(reason) = self.damage.take() {
                    return Err(ReadError::Corrupt { compression, offset: self.offset, reason });
                }
                if step.taken > 0 || step.given > 0 {
                    continue;
                }
            }
            // The decoder has nothing more to give for what came so far.
            if given > 0 {
                return Ok(ReadOutcome::Data(given));
            }
            raw.bytes.copy_within(raw.from..raw.to, 0);
            (raw.from, raw.to) = (0, raw.to - raw.from);
            if raw.ended {
                return if decompressor.at_boundary() && raw.to == 0 {
                    Ok(ReadOutcome::End)
                } else {
                    Err(ReadError::Truncated { compression, offset: self.offset })
                };
            }
            match wait_and_read(&self.file, self.size, &self.gauge, &mut raw.bytes[raw.to..])? {
                ReadOutcome::Data(count) => raw.to += count,
                ReadOutcome::End => raw.ended = true,
                ReadOutcome::Nothing => return Ok(ReadOutcome::Nothing),
            }
        }
    }
}

fn wait_and_read(mut file: &File, size: Option<u64>, gauge: &Gauge, buffer: &mut [u8]) -> io::Result<ReadOutcome> {
    if size.is_none() {
        match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&POLL_TIMEOUT)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(ReadOutcome::Nothing),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match file.read(buffer) {
        Ok(0) => Ok(ReadOutcome::End),
        Ok(count) => {
            gauge.consumed.fetch_add(count as u64, Ordering::Relaxed);
            Ok(ReadOutcome::Data(count))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
            Ok(ReadOutcome::Nothing)
        }
        Err(error) => Err(error),
    }
}
