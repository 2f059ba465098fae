//! The projection, as data: which lines are selected events and where their projected fields lie.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::ConfigError;

pub(crate) mod path;
pub(crate) mod plan;

use path::Step;
use plan::Plan;

/// A projection, compiled; any number of scanners share it.
#[derive(Clone)]
pub struct Projection {
    pub(crate) plan: Arc<Plan>,
    /// Every line of a selected event contains one of them; `None`: every line is decoded.
    pub(crate) needles: Option<Vec<String>>,
    /// Whether every line of a selected event spells a needle, because a condition of the event asks for it.
    pub(crate) needles_are_implied: bool,
}

/// A projection as the caller wrote it.
pub(crate) struct Parsed {
    pub(crate) columns: Vec<Column>,
    pub(crate) dialects: Vec<Dialect>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// The column whose value is the event's own name.
pub(crate) const EVENT_NAME: &str = "event_name";

/// Columns of every batch, whatever the projection.
pub(crate) const OWN_COLUMNS: [&str; 4] = ["dialect", "position", "length", "raw_event"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Int64,
    Bool,
    Time,
}

pub(crate) struct Dialect {
    pub(crate) name: String,
    /// Every line of a selected event contains one of them; `None`: every line is decoded.
    pub(crate) needles: Option<Vec<String>>,
    pub(crate) events: Vec<Event>,
    /// For each column, where its value may lie, the best place first.
    pub(crate) fields: Vec<Vec<Location>>,
    /// For each column, values that mean null.
    pub(crate) missing: Vec<Vec<Scalar>>,
    /// For each column, the text in place of a missing value.
    pub(crate) default: Vec<Option<String>>,
}

pub(crate) struct Event {
    pub(crate) name: EventName,
    pub(crate) when: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EventName {
    /// A line that looks like an event and is not selected.
    NotSelected,
    Fixed(String),
    /// The text at a path.
    At(Vec<Step>),
}

pub(crate) struct Condition {
    pub(crate) path: Vec<Step>,
    /// `None`: anything but null.
    pub(crate) values: Option<Vec<Scalar>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Text(String),
    Int(i64),
    Bool(bool),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) path: Vec<Step>,
    pub(crate) unit: Option<Unit>,
    pub(crate) text_integer: bool,
    pub(crate) derive: Option<Derivation>,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// An integer of so many nanoseconds since 1970.
    Nanoseconds(i64),
    Rfc3339,
    /// `SECONDS.MS:SERIAL`, as Linux audit writes it.
    Audit,
}

/// A value derived from a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Derivation {
    Basename,
    Hash64,
    Device,
    ContainerId,
}

impl Projection {
    /// Compiles a projection in JSON: `{"columns": [{"name", "kind"}], "dialects": [{"name", "needles", "events":
    /// [{"event", "when": [{"path", "values"}]}], "fields", "missing", "default"}]}`. docs/reading.md explains it.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let fail = |reason: String| ConfigError::Projection { reason };
        let value: Value = serde_json::from_str(text).map_err(|error| fail(error.to_string()))?;
        let parsed = parse(&value).map_err(fail)?;
        Ok(Self {
            plan: Arc::new(Plan::new(&parsed)?),
            needles: parsed.needles(),
            needles_are_implied: parsed.needles_are_implied(),
        })
    }
}

impl Parsed {
    /// The needles of all dialects, each once; `None` if a dialect has none.
    fn needles(&self) -> Option<Vec<String>> {
        let mut needles: Vec<String> = Vec::new();
        for dialect in &self.dialects {
            for needle in dialect.needles.as_ref()? {
                if !needles.contains(needle) {
                    needles.push(needle.clone());
                }
            }
        }
        Some(needles)
    }

    fn needles_are_implied(&self) -> bool {
        let needles: Vec<&String> = self.dialects.iter().filter_map(|d| d.needles.as_ref()).flatten().collect();
        let spelled = |token: &str| needles.iter().any(|needle| format!("\"{token}\"").contains(*needle));
        let number = |token: i64| needles.iter().any(|needle| token.to_string().contains(*needle));
        let value = |value: &Scalar| match value {
            Scalar::Text(text) => spelled(text),
            Scalar::Int(value) => number(*value),
            Scalar::Bool(_) => false,
        };
        let implied = |condition: &Condition| {
            let by_key = condition.path.iter().any(|step| matches!(step, Step::Key(key) if spelled(key)));
            by_key || condition.values.as_ref().is_some_and(|values| values.iter().all(value))
        };
        let mut events = self.dialects.iter().flat_map(|dialect| &dialect.events);
        events.all(|event| event.name == EventName::NotSelected || event.when.iter().any(implied))
    }
}

type Read<T> = Result<T, String>;

fn parse(value: &Value) -> Read<Parsed> {
    let table = object(value, "the projection", &["columns", "dialects"])?;
    let mut columns: Vec<Column> = Vec::new();
    for value in array(table, "columns")? {
        let table = object(value, "a column", &["name", "kind"])?;
        let (name, kind) = (text(table, "name")?, text(table, "kind")?);
        if OWN_COLUMNS.contains(&name) || columns.iter().any(|column| column.name == name) {
            return Err(format!("column {name:?} is there twice"));
        }
        let kind = match kind {
            "text" => Kind::Text,
            "int64" => Kind::Int64,
            "bool" => Kind::Bool,
            "time" => Kind::Time,
            _ => return Err(format!("column {name:?}: unknown kind {kind:?}")),
        };
        if name == EVENT_NAME && kind != Kind::Text {
            return Err(format!("column {name:?} is of kind text"));
        }
        columns.push(Column { name: name.to_owned(), kind });
    }
    let dialects = array(table, "dialects")?.iter().map(|value| dialect(value, &columns)).collect::<Read<_>>()?;
    Ok(Parsed { columns, dialects })
}

fn dialect(value: &Value, columns: &[Column]) -> Read<Dialect> {
    let table = object(value, "a dialect", &["name", "needles", "events", "fields", "missing", "default"])?;
    let name = text(table, "name")?;
    let place = |reason: String| format!("dialect {name:?}: {reason}");
    let needles = match table.get("needles") {
        Some(Value::Null) => None,
        _ => Some(array(table, "needles").map_err(place)?.iter().map(needle).collect::<Read<_>>().map_err(place)?),
    };
    let events = array(table, "events").map_err(place)?.iter().map(event).collect::<Read<_>>().map_err(place)?;
    let empty = Map::new();
    let table_of = |key: &str| match table.get(key) {
        None => Ok(&empty),
        Some(Value::Object(fields)) => match fields.keys().find(|key| columns.iter().all(|c| c.name != **key)) {
            Some(field) => Err(place(format!("{key}: there is no column {field:?}"))),
            None => Ok(fields),
        },
        Some(other) => Err(place(format!("{key}: expected an object, found {other}"))),
    };
    let (fields, missing, default) = (table_of("fields")?, table_of("missing")?, table_of("default")?);
    let per_column = |f: &dyn Fn(&Column) -> Read<Vec<Location>>| columns.iter().map(f).collect::<Read<_>>();
    let fields = per_column(&|column| match fields.get(&column.name) {
        None => Ok(vec![]),
        Some(_) if column.name == EVENT_NAME => Err(place(format!("{EVENT_NAME} is no field"))),
        Some(Value::Array(places)) => places.iter().map(|place| location(place, column.kind)).collect(),
        Some(place) => Ok(vec![location(place, column.kind)?]),
    })
    .map_err(place)?;
    let missing = columns.iter().map(|column| match missing.get(&column.name) {
        None => Ok(vec![]),
        Some(values) => scalars(values),
    });
    let default = columns.iter().map(|column| match default.get(&column.name) {
        None => Ok(None),
        Some(Value::String(text)) if column.kind == Kind::Text => Ok(Some(text.clone())),
        Some(other) => Err(place(format!("default of {:?}: expected text, found {other}", column.name))),
    });
    Ok(Dialect {
        name: name.to_owned(),
        needles,
        events,
        fields,
        missing: missing.collect::<Read<_>>().map_err(place)?,
        default: default.collect::<Read<_>>()?,
    })
}

fn needle(value: &Value) -> Read<String> {
    match value {
        Value::String(needle) if !needle.contains(['\n', '\\']) => Ok(needle.clone()),
        other => Err(format!("expected a needle without line end and backslash, found {other}")),
    }
}

fn event(value: &Value) -> Read<Event> {
    let table = object(value, "an event", &["event", "when"])?;
    let name = match table.get("event") {
        Some(Value::Null) => EventName::NotSelected,
        Some(Value::String(name)) => EventName::Fixed(name.clone()),
        Some(Value::Object(at)) => EventName::At(path::parse(text(at, "path")?)?),
        _ => return Err("an event is null, a name, or {\"path\": ...}".to_owned()),
    };
    let when = array(table, "when")?.iter().map(|value| {
        let table = object(value, "a condition", &["path", "values"])?;
        let values = match table.get("values") {
            None | Some(Value::Null) => None,
            Some(values) => Some(scalars(values)?),
        };
        Ok(Condition { path: path::parse(text(table, "path")?)?, values })
    });
    Ok(Event { name, when: when.collect::<Read<_>>()? })
}

fn location(value: &Value, kind: Kind) -> Read<Location> {
    if let Value::String(text) = value {
        let location = Location { path: path::parse(text)?, unit: None, text_integer: false, derive: None };
        return if kind == Kind::Time { Err(format!("{text:?}: a time needs a unit")) } else { Ok(location) };
    }
    let table = object(value, "a location", &["path", "unit", "text_integer", "derive"])?;
    let path_text = text(table, "path")?;
    let unit = match table.get("unit").map(|unit| unit.as_str().unwrap_or("")) {
        None => None,
        Some("ns") => Some(Unit::Nanoseconds(1)),
        Some("us") => Some(Unit::Nanoseconds(1_000)),
        Some("ms") => Some(Unit::Nanoseconds(1_000_000)),
        Some("s") => Some(Unit::Nanoseconds(1_000_000_000)),
        Some("rfc3339") => Some(Unit::Rfc3339),
        Some("audit") => Some(Unit::Audit),
        Some(other) => return Err(format!("{path_text:?}: unknown unit {other:?}")),
    };
    if unit.is_some() != (kind == Kind::Time) {
        return Err(format!("{path_text:?}: a time has a unit, and nothing else has one"));
    }
    let (derive, made) = match table.get("derive").map(|name| name.as_str().unwrap_or("")) {
        None => (None, kind),
        Some("basename") => (Some(Derivation::Basename), Kind::Text),
        Some("hash64") => (Some(Derivation::Hash64), Kind::Int64),
        Some("device") => (Some(Derivation::Device), Kind::Int64),
        Some("container_id") => (Some(Derivation::ContainerId), Kind::Text),
        Some(other) => return Err(format!("{path_text:?}: unknown derivation {other:?}")),
    };
    if made != kind {
        return Err(format!("{path_text:?}: the derivation makes another kind than the column's"));
    }
    let text_integer = matches!(table.get("text_integer"), Some(Value::Bool(true)));
    Ok(Location { path: path::parse(path_text)?, unit, text_integer, derive })
}

fn scalars(value: &Value) -> Read<Vec<Scalar>> {
    let Value::Array(values) = value else { return Err(format!("expected an array of values, found {value}")) };
    let scalar = |value: &Value| match value {
        Value::String(text) => Ok(Scalar::Text(text.clone())),
        Value::Bool(bool) => Ok(Scalar::Bool(*bool)),
        Value::Number(number) if number.is_i64() => Ok(Scalar::Int(number.as_i64().unwrap_or_default())),
        other => Err(format!("expected a text, an integer of 64 bits or a boolean, found {other}")),
    };
    values.iter().map(scalar).collect()
}

fn object<'a>(value: &'a Value, what: &str, keys: &[&str]) -> Read<&'a Map<String, Value>> {
    let Value::Object(table) = value else { return Err(format!("{what}: expected an object, found {value}")) };
    match table.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(format!("{what}: unknown key {key:?}; there are {}", keys.join(", "))),
        None => Ok(table),
    }
}

fn array<'a>(table: &'a Map<String, Value>, key: &str) -> Read<&'a Vec<Value>> {
    match table.get(key) {
        Some(Value::Array(values)) => Ok(values),
        Some(other) => Err(format!("{key}: expected an array, found {other}")),
        None => Err(format!("{key} is missing")),
    }
}

fn text<'a>(table: &'a Map<String, Value>, key: &str) -> Read<&'a str> {
    match table.get(key) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(format!("{key}: expected a string, found {other}")),
        None => Err(format!("{key} is missing")),
    }
}
