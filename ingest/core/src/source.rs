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

/// How long a read waits for a pipe before it gives its caller a turn. A signal that comes just before the wait
/// would otherwise not be seen until there is data.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// Bytes that a pipe is asked to hold: what Linux allows to anybody.
const PIPE: usize = 1 << 20;

/// What a read brought.
pub(crate) enum Got {
    Data(usize),
    /// Nothing yet: a signal came, or nothing happened for a while. Nothing is lost.
    Nothing,
    End,
}

/// What others may look at while a read is under way.
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
            // A reader that is behind catches up with fewer and larger reads. It may not be allowed to.
            _ = fcntl_setpipe_size(&file, PIPE);
        }
        let raw = Raw { bytes: vec![0; RAW], from: 0, to: 0, ended: false };
        Ok(Self { file, size, gauge, raw, decompressor: None, pending: false, damage: None, offset: 0 })
    }

    /// Reads on until the compression can be told. A plain stream's bytes are not held back longer than that.
    pub(crate) fn sniff(&mut self) -> Result<Got, ReadError> {
        loop {
            let head = &self.raw.bytes[..self.raw.to];
            let told = sniff(head).or(self.raw.ended.then_some(Compression::None));
            if let Some(compression) = told {
                self.decompressor = match compression {
                    Compression::None => None,
                    Compression::Gzip => Some(Box::new(Gzip::new())),
                    Compression::Zstd => Some(Box::new(Zstd::new()?)),
                };
                _ = self.gauge.compression.set(compression);
                return Ok(Got::Data(head.len()));
            }
            match wait_and_read(&self.file, self.size, &self.gauge, &mut self.raw.bytes[self.raw.to..])? {
                Got::Data(count) => self.raw.to += count,
                Got::End => self.raw.ended = true,
                Got::Nothing => return Ok(Got::Nothing),
            }
        }
    }

    /// Reads decompressed bytes. An error comes after every byte before it.
    pub(crate) fn read(&mut self, output: &mut [u8]) -> Result<Got, ReadError> {
        if self.gauge.compression.get().is_none()
            && let Got::Nothing = self.sniff()?
        {
            return Ok(Got::Nothing);
        }
        let got = match self.decompressor {
            None => self.read_plain(output)?,
            Some(_) => self.read_compressed(output)?,
        };
        if let Got::Data(count) = got {
            self.offset += count as u64;
        }
        Ok(got)
    }

    /// Whether a read would bring something, or the end, without a wait.
    pub(crate) fn has_more(&self) -> bool {
        self.pending
            || self.raw.from < self.raw.to
            || matches!(poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&Timespec::default())), Ok(1))
    }

    fn read_plain(&mut self, output: &mut [u8]) -> Result<Got, ReadError> {
        let head = &self.raw.bytes[self.raw.from..self.raw.to];
        if !head.is_empty() {
            let count = head.len().min(output.len());
            output[..count].copy_from_slice(&head[..count]);
            self.raw.from += count;
            return Ok(Got::Data(count));
        }
        if self.raw.ended {
            return Ok(Got::End);
        }
        Ok(wait_and_read(&self.file, self.size, &self.gauge, output)?)
    }

    fn read_compressed(&mut self, output: &mut [u8]) -> Result<Got, ReadError> {
        let compression = self.gauge.compression.get().copied().unwrap_or(Compression::None);
        let Some(decompressor) = self.decompressor.as_deref_mut() else { return Ok(Got::End) };
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
                    return Ok(Got::Data(given));
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
                return Ok(Got::Data(given));
            }
            raw.bytes.copy_within(raw.from..raw.to, 0);
            (raw.from, raw.to) = (0, raw.to - raw.from);
            if raw.ended {
                return if decompressor.at_boundary() && raw.to == 0 {
                    Ok(Got::End)
                } else {
                    Err(ReadError::Truncated { compression, offset: self.offset })
                };
            }
            match wait_and_read(&self.file, self.size, &self.gauge, &mut raw.bytes[raw.to..])? {
                Got::Data(count) => raw.to += count,
                Got::End => raw.ended = true,
                Got::Nothing => return Ok(Got::Nothing),
            }
        }
    }
}

fn wait_and_read(mut file: &File, size: Option<u64>, gauge: &Gauge, buffer: &mut [u8]) -> io::Result<Got> {
    if size.is_none() {
        match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&PATIENCE)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Got::Nothing),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match file.read(buffer) {
        Ok(0) => Ok(Got::End),
        Ok(count) => {
            gauge.consumed.fetch_add(count as u64, Ordering::Relaxed);
            Ok(Got::Data(count))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
            Ok(Got::Nothing)
        }
        Err(error) => Err(error),
    }
}
