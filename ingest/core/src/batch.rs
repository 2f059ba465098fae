//! The Arrow side: rows into columns.

use std::{collections::HashMap, ops::Range, sync::Arc};

use arrow_array::{
    ArrayRef, BinaryArray, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray, types::Int32Type,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::decode::{Event, Row, Text};

/// The most room for records that is set aside for a batch to come.
const KEEP: usize = 4 << 20;

/// A line that was not vouched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// Offset of its first byte in the stream.
    pub position: u64,
    /// Its bytes; of a line over the limit the first ones, as many as the limit.
    pub line: &'a [u8],
    /// Whether the line was over the limit.
    pub over_limit: bool,
}

#[derive(Default)]
struct Refusals {
    entries: Vec<(u64, Range<usize>, bool)>,
    bytes: Vec<u8>,
}

/// One decoded stretch of the input. Every line in it that is not blank is a row, skipped, or refused.
pub struct Batch {
    /// The rows, in the order of the input.
    pub rows: RecordBatch,
    /// Events set aside by their name alone.
    pub skipped: u64,
    /// The stretch of the stream, in bytes.
    pub span: Range<u64>,
    refusals: Refusals,
}

impl Batch {
    /// The lines that were not vouched for, in the order of the input.
    pub fn refused(&self) -> impl ExactSizeIterator<Item = Refusal<'_>> {
        self.refusals.entries.iter().map(|(position, range, over_limit)| Refusal {
            position: *position,
            line: &self.refusals.bytes[range.clone()],
            over_limit: *over_limit,
        })
    }
}

/// A nullable utf8 column under construction.
struct TextColumn {
    offsets: Vec<i32>,
    bytes: String,
    valid: Vec<bool>,
}

impl TextColumn {
    fn new() -> Self {
        Self { offsets: vec![0], bytes: String::new(), valid: Vec::new() }
    }

    fn push(&mut self, text: Option<&str>) {
        self.bytes.push_str(text.unwrap_or_default());
        self.offsets.push(offset(self.bytes.len()));
        self.valid.push(text.is_some());
    }

    fn take(&mut self) -> StringArray {
        let column = std::mem::replace(self, Self::new());
        let nulls = Some(NullBuffer::from(column.valid)).filter(|n| n.null_count() > 0);
        StringArray::new(OffsetBuffer::new(column.offsets.into()), column.bytes.into_bytes().into(), nulls)
    }
}

/// The caller of [`Builder`] never lets a batch grow to where this saturates: `MAX_PUSH` and `MAX_LINE_CEILING` bound it.
fn offset(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

pub(crate) struct Builder {
    schema: SchemaRef,
    /// The wanted names, or `None` where the dictionary is what the batch holds.
    names: Option<ArrayRef>,
    seen: HashMap<String, i32>,
    seen_in_order: Vec<String>,
    events: Vec<Option<i32>>,
    process: TextColumn,
    arguments: Vec<TextColumn>,
    positions: Vec<i64>,
    lengths: Vec<i32>,
    record_offsets: Vec<i32>,
    records: Vec<u8>,
    refusals: Refusals,
    pub(crate) skipped: u64,
    start: u64,
}

impl Builder {
    pub(crate) fn new(names: Option<&[String]>, arguments: &[String]) -> Self {
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let mut fields = vec![Field::new("event_name", dictionary, true), text("process_name")];
        fields.extend(arguments.iter().map(|name| text(name)));
        fields.push(Field::new("position", DataType::Int64, false));
        fields.push(Field::new("length", DataType::Int32, false));
        fields.push(Field::new("record", DataType::Binary, false));
        Self {
            schema: Arc::new(Schema::new(fields)),
            names: names.map(|names| Arc::new(StringArray::from_iter_values(names)) as ArrayRef),
            seen: HashMap::new(),
            seen_in_order: Vec::new(),
            events: Vec::new(),
            process: TextColumn::new(),
            arguments: arguments.iter().map(|_| TextColumn::new()).collect(),
            positions: Vec::new(),
            lengths: Vec::new(),
            record_offsets: vec![0],
            records: Vec::new(),
            refusals: Refusals::default(),
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

    pub(crate) fn refused(&self) -> usize {
        self.refusals.entries.len()
    }

    /// Bytes held: those of the rows' events and those of the refused lines.
    pub(crate) fn bytes(&self) -> usize {
        self.records.len() + self.refusals.bytes.len()
    }

    pub(crate) fn row(&mut self, position: u64, line: &[u8], row: &Row<'_>) {
        self.events.push(match row.event {
            Event::Wanted(index) => Some(index),
            Event::Named(name) => Some(match self.seen.get(name) {
                Some(&index) => index,
                None => {
                    let index = offset(self.seen_in_order.len());
                    self.seen.insert(name.to_owned(), index);
                    self.seen_in_order.push(name.to_owned());
                    index
                }
            }),
            Event::Nameless => None,
        });
        self.process.push(row.process);
        for (column, text) in self.arguments.iter_mut().zip(row.arguments) {
            column.push(match text {
                Text::Str(range) => Some(&row.scratch[range.clone()]),
                _ => None,
            });
        }
        self.positions.push(position as i64);
        self.lengths.push(offset(line.len()));
        self.records.extend_from_slice(line);
        self.record_offsets.push(offset(self.records.len()));
    }

    pub(crate) fn refuse(&mut self, position: u64, line: &[u8], over_limit: bool) {
        let from = self.refusals.bytes.len();
        self.refusals.bytes.extend_from_slice(line);
        self.refusals.entries.push((position, from..self.refusals.bytes.len(), over_limit));
    }

    /// Hands out what was gathered, as the stretch of the stream that ends at `end`, and starts anew.
    pub(crate) fn take(&mut self, end: u64) -> Batch {
        let names = self.names.clone().unwrap_or_else(|| {
            self.seen.clear();
            Arc::new(StringArray::from_iter_values(std::mem::take(&mut self.seen_in_order)))
        });
        let keys = Int32Array::from(std::mem::take(&mut self.events));
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(
                DictionaryArray::<Int32Type>::try_new(keys, names).expect("every key is an index into the dictionary"),
            ),
            Arc::new(self.process.take()),
        ];
        columns.extend(self.arguments.iter_mut().map(|column| Arc::new(column.take()) as ArrayRef));
        columns.push(Arc::new(Int64Array::from(std::mem::take(&mut self.positions))));
        columns.push(Arc::new(Int32Array::from(std::mem::take(&mut self.lengths))));
        // The next batch is likely to be about as large.
        let room = self.records.len().min(KEEP);
        let offsets = std::mem::replace(&mut self.record_offsets, vec![0]);
        columns.push(Arc::new(BinaryArray::new(
            OffsetBuffer::new(ScalarBuffer::from(offsets)),
            std::mem::replace(&mut self.records, Vec::with_capacity(room)).into(),
            None,
        )));
        let start = std::mem::replace(&mut self.start, end);
        Batch {
            rows: RecordBatch::try_new(self.schema.clone(), columns).expect("every row has a value in each column"),
            skipped: std::mem::take(&mut self.skipped),
            span: start..end,
            refusals: std::mem::take(&mut self.refusals),
        }
    }
}
