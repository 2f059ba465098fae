//! Rows into Arrow columns.

use std::{ops::Range, sync::Arc};

use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::{
    column::{self, Names, offset},
    line::{
        convert::{Cell, convert},
        value::{EventIndex, Slots, Value},
    },
    projection::{
        OWN_COLUMNS,
        plan::{Name, Plan},
    },
    raw::RawEvents,
};

/// Memory of a deferred line besides its bytes, including the objects that a caller makes of it.
const DEFERRED: usize = 256;

/// A line that the caller has to decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deferred<'a> {
    /// Offset of its first byte in the stream.
    pub position: u64,
    /// Its bytes; of a line over the limit the first ones, as many as the limit.
    pub line: &'a [u8],
    /// Whether the line was over the limit.
    pub over_limit: bool,
    /// How many of the batch's rows come before it.
    pub at: usize,
}

#[derive(Default)]
struct DeferredLines {
    entries: Vec<(u64, Range<usize>, bool, usize)>,
    bytes: Vec<u8>,
}

/// One decoded stretch of the input. Every line in it that is not blank is a row, skipped, or deferred.
pub struct Batch {
    /// The rows, in the order of the input.
    pub rows: RecordBatch,
    /// Lines that are not selected events.
    pub skipped: u64,
    /// The stretch of the stream, in bytes.
    pub span: Range<u64>,
    /// Rows of each dialect, in the order of the projection; each name once.
    pub dialects: Vec<(Arc<str>, u64)>,
    deferred: DeferredLines,
}

impl Batch {
    /// The deferred lines, in the order of the input.
    pub fn deferred(&self) -> impl ExactSizeIterator<Item = Deferred<'_>> {
        self.deferred.entries.iter().map(|(position, range, over_limit, at)| Deferred {
            position: *position,
            line: &self.deferred.bytes[range.clone()],
            over_limit: *over_limit,
            at: *at,
        })
    }
}

/// Where an event's bytes are stored.
#[derive(Clone, Copy)]
pub(crate) enum EventBytes {
    /// At this offset of the pushed data, which [`Builder::settle`] may keep.
    Data(usize),
    /// In a buffer that will be overwritten: they are copied.
    Temporary,
}

pub(crate) struct Builder {
    schema: SchemaRef,
    columns: Vec<column::Builder>,
    event_names: Names,
    dialect_names: Vec<Arc<str>>,
    dialects: Names,
    counts: Vec<u64>,
    positions: Vec<i64>,
    lengths: Vec<i32>,
    raw: RawEvents,
    deferred: DeferredLines,
    pub(crate) skipped: u64,
    start: u64,
}

impl Builder {
    pub(crate) fn new(plan: &Plan) -> Self {
        let columns: Vec<_> = plan.columns.iter().map(column::Builder::new).collect();
        let mut fields: Vec<Field> = (columns.iter().zip(&plan.columns))
            .map(|(builder, column)| Field::new(&column.name, builder.data_type(), true))
            .collect();
        let [dialect, position, length, raw] = OWN_COLUMNS;
        if plan.dialect_names.len() > 1 {
            fields.push(Field::new(dialect, column::dictionary(), false));
        }
        fields.push(Field::new(position, DataType::Int64, false));
        fields.push(Field::new(length, DataType::Int32, false));
        fields.push(Field::new(raw, DataType::BinaryView, false));
        Self {
            schema: Arc::new(Schema::new(fields)),
            columns,
            event_names: Names::new(&plan.event_names),
            dialect_names: plan.dialect_names.iter().map(|name| name.as_str().into()).collect(),
            dialects: Names::new(&plan.dialect_names),
            counts: vec![0; plan.dialect_names.len()],
            positions: Vec::new(),
            lengths: Vec::new(),
            raw: RawEvents::default(),
            deferred: DeferredLines::default(),
            skipped: 0,
            start: 0,
        }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    pub(crate) fn rows(&self) -> usize {
        self.positions.len()
    }

    pub(crate) fn deferred(&self) -> usize {
        self.deferred.entries.len()
    }

    /// Approximate memory in bytes: that of the rows' events and of the deferred lines.
    pub(crate) fn bytes(&self) -> usize {
        self.raw.bytes + self.deferred.bytes.len() + DEFERRED * self.deferred.entries.len()
    }

    /// Adds a row for a selected event, whose values are in the slots.
    #[inline]
    pub(crate) fn row(
        &mut self,
        (position, line, bytes): (u64, &[u8], EventBytes),
        plan: &Plan,
        slots: &Slots,
        which: EventIndex,
    ) {
        let dialect = &plan.dialects[which.dialect];
        for (i, column) in self.columns.iter_mut().enumerate() {
            let found = dialect.fields[i].iter().find_map(|(slot, location)| match &slots.values[*slot] {
                Value::Absent | Value::Null => None,
                value => Some(convert(slots, line, value, location, plan.columns[i].kind, &dialect.missing[i])),
            });
            let default = || dialect.default[i].as_ref().map_or(Cell::Null, |text| Cell::Text(text.as_bytes().into()));
            column.push(&found.unwrap_or_else(default));
        }
        match dialect.events[which.event].name {
            Name::Fixed(name) => self.event_names.push(Some(name)),
            Name::At(slot) => {
                let text = slots.text(line, &slots.values[slot]);
                match text.and_then(|text| std::str::from_utf8(text).ok()) {
                    Some(text) => self.event_names.push_text(text),
                    None => self.event_names.push(None),
                }
            }
            Name::NotSelected => self.event_names.push(None),
        }
        self.counts[dialect.name] += 1;
        if self.counts.len() > 1 {
            self.dialects.push(Some(offset(dialect.name)));
        }
        self.positions.push(position as i64);
        self.lengths.push(offset(line.len()));
        match bytes {
            EventBytes::Data(offset) => self.raw.point(line, offset),
            EventBytes::Temporary => self.raw.copy(line),
        }
    }

    pub(crate) fn defer(&mut self, position: u64, line: &[u8], over_limit: bool) {
        let from = self.deferred.bytes.len();
        self.deferred.bytes.extend_from_slice(line);
        let range = from..self.deferred.bytes.len();
        self.deferred.entries.push((position, range, over_limit, self.positions.len()));
    }

    /// Ends the use of the pushed data; see [`RawEvents::settle`].
    pub(crate) fn settle(&mut self, data: &[u8], chunk: Option<&Buffer>) {
        self.raw.settle(data, chunk);
    }

    /// Returns the batch of the stream up to `end`, and starts the next one.
    pub(crate) fn take(&mut self, end: u64) -> Batch {
        let names = self.event_names.take();
        let mut columns: Vec<ArrayRef> =
            self.columns.iter_mut().map(|column| column.take().unwrap_or_else(|| names.clone())).collect();
        if self.counts.len() > 1 {
            columns.push(self.dialects.take());
        }
        columns.push(Arc::new(Int64Array::from(std::mem::take(&mut self.positions))));
        columns.push(Arc::new(Int32Array::from(std::mem::take(&mut self.lengths))));
        columns.push(self.raw.take());
        let start = std::mem::replace(&mut self.start, end);
        let counts = self.counts.iter_mut().map(std::mem::take);
        Batch {
            rows: RecordBatch::try_new(self.schema.clone(), columns).expect("every row has a value in each column"),
            skipped: std::mem::take(&mut self.skipped),
            span: start..end,
            dialects: self.dialect_names.iter().cloned().zip(counts).collect(),
            deferred: std::mem::take(&mut self.deferred),
        }
    }
}
