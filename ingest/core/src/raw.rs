//! The bytes of each event as they stand in the stream: a column of views.
//!
//! Where at least half of a chunk of the stream is events, their views point into the chunk itself, which is kept with
//! the batch. Where events are fewer, they are copied, so that a batch keeps at most twice what its events have.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryViewArray};
use arrow_buffer::Buffer;

/// The most capacity for copied events that is reserved for the next batch.
const KEEP: usize = 4 << 20;

/// Index of the buffer of copied events.
const COPIED: usize = 0;

#[derive(Default)]
pub(crate) struct RawEvents {
    views: Vec<u128>,
    /// The first of the views that point into the pushed data, and how many bytes they have.
    pending: usize,
    pending_bytes: usize,
    copied: Vec<u8>,
    chunks: Vec<Buffer>,
    /// Bytes of all events.
    pub(crate) bytes: usize,
}

/// Arrow's view of bytes: their number, and the bytes themselves if there are at most twelve, else the first four of
/// them and where all are.
fn view(event: &[u8], buffer: usize, offset: usize) -> u128 {
    let length = event.len() as u128;
    let head = event.iter().take(if event.len() <= 12 { 12 } else { 4 });
    let head = head.rev().fold(0, |head, &byte| head << 8 | u128::from(byte));
    let place = if event.len() <= 12 { 0 } else { (buffer as u128) << 64 | (offset as u128) << 96 };
    length | head << 32 | place
}

impl RawEvents {
    /// Adds an event that is copied at once.
    pub(crate) fn copy(&mut self, event: &[u8]) {
        self.bytes += event.len();
        self.views.push(view(event, COPIED, self.copied.len()));
        self.copied.extend_from_slice(event);
        self.pending = self.views.len();
    }

    /// Adds an event that begins at `offset` of the pushed data.
    #[inline]
    pub(crate) fn point(&mut self, event: &[u8], offset: usize) {
        self.bytes += event.len();
        self.pending_bytes += event.len();
        self.views.push(view(event, COPIED + 1 + self.chunks.len(), offset));
    }

    /// Ends the use of the pushed data: keeps `chunk`, the same bytes, or copies the events out of it. `None`: copies.
    pub(crate) fn settle(&mut self, data: &[u8], chunk: Option<&Buffer>) {
        match chunk {
            _ if self.pending == self.views.len() => {}
            Some(chunk) if 2 * self.pending_bytes >= chunk.len() => self.chunks.push(chunk.clone()),
            _ => {
                for place in &mut self.views[self.pending..] {
                    let (length, offset) = (*place as u32 as usize, (*place >> 96) as usize);
                    if length > 12 {
                        let event = &data[offset..offset + length];
                        *place = view(event, COPIED, self.copied.len());
                        self.copied.extend_from_slice(event);
                    }
                }
            }
        }
        (self.pending, self.pending_bytes) = (self.views.len(), 0);
    }

    /// The column so far. The pushed data must be settled.
    pub(crate) fn take(&mut self) -> ArrayRef {
        // The next batch is likely to be about as large.
        let capacity = self.copied.len().min(KEEP);
        let copied = std::mem::replace(&mut self.copied, Vec::with_capacity(capacity));
        let buffers: Vec<Buffer> = std::iter::once(copied.into()).chain(std::mem::take(&mut self.chunks)).collect();
        (self.pending, self.bytes) = (0, 0);
        let views = std::mem::take(&mut self.views);
        Arc::new(BinaryViewArray::try_new(views.into(), buffers, None).expect("views of the buffers"))
    }
}
