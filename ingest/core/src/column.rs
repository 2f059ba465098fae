//! Columns under construction.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{ArrayRef, BooleanArray, DictionaryArray, Int64Array, StringArray, types::Int32Type};
use arrow_buffer::{BooleanBufferBuilder, NullBufferBuilder, OffsetBuffer};
use arrow_schema::DataType;

use crate::{
    line::convert::Cell,
    projection::{Column, EVENT_NAME, Kind},
};

/// Converts a length to an Arrow offset. It never saturates: `MAX_PUSH` and `MAX_LINE_CEILING` bound a batch.
pub(crate) fn offset(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

pub(crate) fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// A column of one of the kinds.
pub(crate) enum Builder {
    Text {
        offsets: Vec<i32>,
        bytes: Vec<u8>,
        nulls: NullBufferBuilder,
    },
    Int {
        values: Vec<i64>,
        nulls: NullBufferBuilder,
    },
    Bool {
        values: BooleanBufferBuilder,
        nulls: NullBufferBuilder,
    },
    /// Filled by the event's own name.
    Names,
}

impl Builder {
    pub(crate) fn new(column: &Column) -> Self {
        let nulls = NullBufferBuilder::new(0);
        match column.kind {
            _ if column.name == EVENT_NAME => Self::Names,
            Kind::Text => Self::Text { offsets: vec![0], bytes: Vec::new(), nulls },
            Kind::Int64 | Kind::Time => Self::Int { values: Vec::new(), nulls },
            Kind::Bool => Self::Bool { values: BooleanBufferBuilder::new(0), nulls },
        }
    }

    pub(crate) fn data_type(&self) -> DataType {
        match self {
            Self::Text { .. } => DataType::Utf8,
            Self::Int { .. } => DataType::Int64,
            Self::Bool { .. } => DataType::Boolean,
            Self::Names => dictionary(),
        }
    }

    /// Adds a value; of another kind than the column's it is null.
    #[inline]
    pub(crate) fn push(&mut self, cell: &Cell<'_>) {
        match self {
            Self::Text { offsets, bytes, nulls } => {
                if let Cell::Text(text) = cell {
                    bytes.extend_from_slice(text);
                    nulls.append_non_null();
                } else {
                    nulls.append_null();
                }
                offsets.push(offset(bytes.len()));
            }
            Self::Int { values, nulls } => {
                let value = if let Cell::Int(value) = cell { Some(*value) } else { None };
                values.push(value.unwrap_or_default());
                nulls.append(value.is_some());
            }
            Self::Bool { values, nulls } => {
                let value = if let Cell::Bool(value) = cell { Some(*value) } else { None };
                values.append(value.unwrap_or_default());
                nulls.append(value.is_some());
            }
            Self::Names => {}
        }
    }

    /// The column so far; `None` for the column of event names.
    pub(crate) fn take(&mut self) -> Option<ArrayRef> {
        Some(match self {
            Self::Text { offsets, bytes, nulls } => {
                let offsets = OffsetBuffer::new(std::mem::replace(offsets, vec![0]).into());
                // Panics on invalid UTF-8, which can't occur: texts come from lines that were checked.
                Arc::new(StringArray::new(offsets, std::mem::take(bytes).into(), nulls.finish()))
            }
            Self::Int { values, nulls } => Arc::new(Int64Array::new(std::mem::take(values).into(), nulls.finish())),
            Self::Bool { values, nulls } => Arc::new(BooleanArray::new(values.finish(), nulls.finish())),
            Self::Names => return None,
        })
    }
}

/// A dictionary column whose first values are known before the first row.
pub(crate) struct Names {
    fixed: ArrayRef,
    /// Values beyond the fixed ones, of this batch.
    more: HashMap<Box<str>, i32>,
    list: Vec<String>,
    fixed_count: usize,
    keys: Vec<Option<i32>>,
}

impl Names {
    pub(crate) fn new(fixed: &[String]) -> Self {
        let array = Arc::new(StringArray::from_iter_values(fixed)) as ArrayRef;
        Self { fixed: array, more: HashMap::new(), list: fixed.to_vec(), fixed_count: fixed.len(), keys: Vec::new() }
    }

    #[inline]
    pub(crate) fn push(&mut self, key: Option<i32>) {
        self.keys.push(key);
    }

    /// Adds a value that need not be a fixed one.
    pub(crate) fn push_text(&mut self, text: &str) {
        let known = self.list[..self.fixed_count].iter().position(|fixed| fixed == text).map(offset);
        let key = known.or_else(|| self.more.get(text).copied()).unwrap_or_else(|| {
            let key = offset(self.list.len());
            self.more.insert(text.into(), key);
            self.list.push(text.to_owned());
            key
        });
        self.keys.push(Some(key));
    }

    pub(crate) fn take(&mut self) -> ArrayRef {
        let values = if self.more.is_empty() {
            self.fixed.clone()
        } else {
            self.more.clear();
            let all = Arc::new(StringArray::from_iter_values(&self.list)) as ArrayRef;
            self.list.truncate(self.fixed_count);
            all
        };
        let keys = std::mem::take(&mut self.keys).into();
        Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values).expect("every key is an index into the values"))
    }
}
