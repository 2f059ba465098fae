//! The Python binding: translates types and errors, and decides nothing.

use std::{
    fs::File,
    os::fd::{FromRawFd, OwnedFd, RawFd},
    sync::{Mutex, MutexGuard, PoisonError},
};

use arrow_array::{
    Array, StructArray,
    ffi::{FFI_ArrowArray, FFI_ArrowSchema},
};
use illshell_ingest_core as core;
use pyo3::{
    buffer::PyBuffer,
    create_exception,
    exceptions::{PyOSError, PyRuntimeError, PyValueError},
    intern,
    prelude::*,
    pybacked::PyBackedBytes,
    types::{PyBytes, PyCapsule, PyDict, PyInt, PyList, PyString, PyTuple},
};

create_exception!(illshell_ingest, StreamError, PyOSError, "A corrupt or truncated gzip or zstd stream.");

fn config_error(error: core::ConfigError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn read_error(py: Python<'_>, error: core::ReadError) -> PyErr {
    let message = error.to_string();
    let (offset, compression) = match error {
        core::ReadError::Corrupt { offset, compression, .. } | core::ReadError::Truncated { offset, compression } => {
            (offset, compression)
        }
        core::ReadError::Io(error) => return error.into(),
        _ => return PyOSError::new_err(message),
    };
    let exception = StreamError::new_err(message);
    let value = exception.value(py);
    let set = value
        .setattr(intern!(py, "offset"), offset)
        .and_then(|()| value.setattr(intern!(py, "compression"), compression.as_str()));
    set.err().unwrap_or(exception)
}

/// Ignores poisoning: the values are replaced whole, so that a panic can't leave one inconsistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Name, among the instruction sets, of decoding with serde_json only.
const NO_SIMD: &str = "none";

/// A compiled projection.
#[pyclass(frozen, module = "illshell_ingest")]
struct Projection(core::Projection);

#[pymethods]
impl Projection {
    #[new]
    fn new(projection: &Bound<'_, PyAny>) -> PyResult<Self> {
        let json = match projection.cast::<PyString>() {
            Ok(json) => json.clone(),
            Err(_) => projection.py().import("json")?.call_method1("dumps", (projection,))?.cast_into()?,
        };
        core::Projection::from_json(json.to_cow()?.as_ref()).map(Self).map_err(config_error)
    }
}

/// A scanner for a projection: a compiled one, a dictionary, or its JSON.
fn scanner(
    projection: &Bound<'_, PyAny>,
    strict: bool,
    max_line: usize,
    instruction_set: Option<&str>,
) -> PyResult<core::Scanner> {
    let projection = match projection.cast::<Projection>() {
        Ok(compiled) => compiled.get().0.clone(),
        Err(_) => Projection::new(projection)?.0,
    };
    let mut options = core::Options { strict, max_line, ..core::Options::default() };
    if let Some(name) = instruction_set {
        options.isa = core::Isa::available().into_iter().find(|isa| isa.name() == name);
        if options.isa.is_none() && name != NO_SIMD {
            return Err(PyValueError::new_err(format!("this processor has no instruction set {name:?}")));
        }
    }
    core::Scanner::new(&projection, &options).map_err(config_error)
}

/// One decoded stretch of the input.
#[pyclass(frozen, module = "illshell_ingest")]
struct Batch(core::Batch);

#[pymethods]
impl Batch {
    #[getter]
    fn num_rows(&self) -> usize {
        self.0.rows.num_rows()
    }

    #[getter]
    fn skipped(&self) -> u64 {
        self.0.skipped
    }

    #[getter]
    fn deferred<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.deferred().map(|d| (d.at, d.position, PyBytes::new(py, d.line), d.over_limit)))
    }

    #[getter]
    fn dialects<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = PyDict::new(py);
        for (name, rows) in &self.0.dialects {
            counts.set_item(&**name, rows)?;
        }
        Ok(counts)
    }

    #[getter]
    fn start(&self) -> u64 {
        self.0.span.start
    }

    #[getter]
    fn end(&self) -> u64 {
        self.0.span.end
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.0.rows.schema_ref().as_ref())
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        // The capsule owns the value, and the value's own drop releases it unless the consumer moved it out.
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        let _ = requested_schema;
        let array = FFI_ArrowArray::new(&StructArray::from(self.0.rows.clone()).into_data());
        Ok((self.__arrow_c_schema__(py)?, PyCapsule::new_with_value(py, array, c"arrow_array")?))
    }

    fn __repr__(&self) -> String {
        let core::Batch { rows, skipped, span, .. } = &self.0;
        let deferred = self.0.deferred().len();
        format!(
            "<Batch of bytes {}..{}: {} rows, {skipped} skipped, {deferred} deferred>",
            span.start,
            span.end,
            rows.num_rows()
        )
    }
}

/// A push decoder of JSON lines: bytes in, batches out.
#[pyclass(frozen, module = "illshell_ingest")]
struct JsonLines(Mutex<Option<core::Scanner>>);

#[pymethods]
impl JsonLines {
    #[new]
    #[pyo3(signature = (projection, *, strict=false, max_line=core::MAX_LINE, instruction_set=None))]
    fn new(
        projection: &Bound<'_, PyAny>,
        strict: bool,
        max_line: usize,
        instruction_set: Option<&str>,
    ) -> PyResult<Self> {
        Ok(Self(Mutex::new(Some(scanner(projection, strict, max_line, instruction_set)?))))
    }

    fn feed(this: Py<Self>, data: &Bound<'_, PyAny>) -> PyResult<Batches> {
        // Only `bytes` are immutable, and can be read without the GIL; anything else is copied.
        let data = match data.cast::<PyBytes>() {
            Ok(bytes) => Data::Bytes(bytes.clone().into()),
            Err(_) => Data::Copied(PyBuffer::<u8>::get(data)?.to_vec(data.py())?),
        };
        Ok(Batches { lines: this, data, taken: Mutex::new(Some(0)) })
    }

    fn finish(&self, py: Python<'_>) -> PyResult<Batch> {
        py.detach(|| {
            let mut scanner = lock(&self.0).take().ok_or_else(finished)?;
            scanner.finish(false);
            Ok(Batch(scanner.take()))
        })
    }
}

enum Data {
    Bytes(PyBackedBytes),
    Copied(Vec<u8>),
}

/// The batches of one piece of a stream, each decoded when it is asked for.
#[pyclass(frozen, module = "illshell_ingest")]
struct Batches {
    lines: Py<JsonLines>,
    data: Data,
    /// Bytes decoded; `None` at the end.
    taken: Mutex<Option<usize>>,
}

#[pymethods]
impl Batches {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        let data: &[u8] = match &self.data {
            Data::Bytes(bytes) => bytes,
            Data::Copied(bytes) => bytes,
        };
        let lines = self.lines.get();
        py.detach(|| {
            let mut progress = lock(&self.taken);
            let Some(from) = *progress else { return Ok(None) };
            let mut state = lock(&lines.0);
            let scanner = state.as_mut().ok_or_else(finished)?;
            let taken = from + scanner.push(data, from, None).map_err(config_error)?;
            *progress = Some(taken).filter(|&taken| taken < data.len());
            Ok(Some(Batch(scanner.take())))
        })
    }
}

fn finished() -> PyErr {
    PyValueError::new_err("the stream is finished")
}

/// A pull decoder of JSON lines from a path or a file descriptor.
#[pyclass(frozen, module = "illshell_ingest")]
struct JsonLinesReader {
    reader: Mutex<core::Reader>,
    gauges: core::Gauges,
}

#[pymethods]
impl JsonLinesReader {
    #[new]
    #[pyo3(signature = (source, projection, *, strict=false, max_line=core::MAX_LINE, instruction_set=None))]
    fn new(
        source: &Bound<'_, PyAny>,
        projection: &Bound<'_, PyAny>,
        strict: bool,
        max_line: usize,
        instruction_set: Option<&str>,
    ) -> PyResult<Self> {
        let py = source.py();
        let scanner = scanner(projection, strict, max_line, instruction_set)?;
        let file = open(source)?;
        let (reader, gauges) = py.detach(|| core::Reader::new(file, scanner)).map_err(|error| match error {
            core::ReadError::Io(error) => named(py, &error, source),
            error => read_error(py, error),
        })?;
        Ok(Self { reader: Mutex::new(reader), gauges })
    }

    fn next(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        match py.detach(|| lock(&self.reader).step()) {
            Ok(core::Step::Batch(batch)) => Ok(Some(Batch(batch))),
            Ok(core::Step::End) => Ok(None),
            Ok(core::Step::Idle) => {
                py.check_signals()?;
                Ok(Some(Batch(py.detach(|| lock(&self.reader).take()))))
            }
            Err(error) => Err(read_error(py, error)),
        }
    }

    #[getter]
    fn compression(&self) -> &'static str {
        self.gauges.compression().as_str()
    }

    #[getter]
    fn size(&self) -> Option<u64> {
        self.gauges.size()
    }

    #[getter]
    fn consumed(&self) -> u64 {
        self.gauges.consumed()
    }
}

/// Opens or duplicates through `os`, which raises the right errors and runs signal handlers.
fn open(source: &Bound<'_, PyAny>) -> PyResult<File> {
    let os = source.py().import("os")?;
    let descriptor: RawFd = if source.is_instance_of::<PyInt>() {
        os.call_method1("dup", (source,))?
    } else {
        let path = os.call_method1("fspath", (source,))?;
        os.call_method1("open", (path, os.getattr("O_RDONLY")?))?
    }
    .extract()?;
    // SAFETY: `os` has just opened the descriptor, and nobody else knows its number.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(descriptor) }))
}

/// The subclass of `OSError` for the number of `error`, with the source as its filename.
fn named(py: Python<'_>, error: &std::io::Error, source: &Bound<'_, PyAny>) -> PyErr {
    let Some(number) = error.raw_os_error() else { return PyOSError::new_err(error.to_string()) };
    let exception = || {
        let text = py.import("os")?.call_method1("strerror", (number,))?;
        let arguments = PyTuple::new(py, [PyInt::new(py, number).into_any(), text, source.clone()])?;
        Ok(PyErr::from_value(py.get_type::<PyOSError>().call1(arguments)?))
    };
    exception().unwrap_or_else(|error| error)
}

/// The native part of illshell_ingest.
#[pymodule]
mod _native {
    use pyo3::{prelude::*, types::PyTuple};

    #[pymodule_export]
    use super::{Batch, Batches, JsonLines, JsonLinesReader, Projection, StreamError};

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name is Python's")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    const MAX_LINE: usize = illshell_ingest_core::MAX_LINE;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let sets = illshell_ingest_core::Isa::available().into_iter().rev().map(illshell_ingest_core::Isa::name);
        let sets: Vec<&str> = sets.chain([super::NO_SIMD]).collect();
        module.add("INSTRUCTION_SETS", PyTuple::new(module.py(), sets)?)
    }
}
