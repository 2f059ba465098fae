//! The Python face of the ingest crate: types and errors translated, nothing decided.

use std::{
    borrow::Cow,
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
    types::{PyBytes, PyCapsule, PyInt, PyList, PyTuple},
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

/// A panic elsewhere cannot leave these values half-made: they are replaced, not patched.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn scanner(
    event_names: Option<Vec<String>>,
    arguments: Vec<String>,
    strict: bool,
    max_line: usize,
) -> PyResult<core::Scanner> {
    core::Scanner::new(core::Wanted { event_names, arguments, strict, max_line }).map_err(config_error)
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
    fn refused<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.refused().map(|r| (r.position, PyBytes::new(py, r.line), r.over_limit)))
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
        let refused = self.0.refused().len();
        format!(
            "<Batch of bytes {}..{}: {} rows, {skipped} skipped, {refused} refused>",
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
    #[pyo3(signature = (event_names, arguments, *, strict=false, max_line=core::MAX_LINE))]
    fn new(event_names: Option<Vec<String>>, arguments: Vec<String>, strict: bool, max_line: usize) -> PyResult<Self> {
        Ok(Self(Mutex::new(Some(scanner(event_names, arguments, strict, max_line)?))))
    }

    fn feed(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<Batch> {
        // Only bytes are immutable, and may be read without the interpreter's lock.
        let data = match data.cast::<PyBytes>() {
            Ok(bytes) => Cow::Borrowed(bytes.as_bytes()),
            Err(_) => Cow::Owned(PyBuffer::<u8>::get(data)?.to_vec(py)?),
        };
        py.detach(|| {
            let mut state = lock(&self.0);
            let scanner = state.as_mut().ok_or_else(finished)?;
            scanner.push(&data).map_err(config_error)?;
            Ok(Batch(scanner.take()))
        })
    }

    fn finish(&self, py: Python<'_>) -> PyResult<Batch> {
        py.detach(|| {
            let mut scanner = lock(&self.0).take().ok_or_else(finished)?;
            scanner.finish(false);
            Ok(Batch(scanner.take()))
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
    #[pyo3(signature = (source, event_names, arguments, *, strict=false, max_line=core::MAX_LINE))]
    fn new(
        source: &Bound<'_, PyAny>,
        event_names: Option<Vec<String>>,
        arguments: Vec<String>,
        strict: bool,
        max_line: usize,
    ) -> PyResult<Self> {
        let py = source.py();
        let scanner = scanner(event_names, arguments, strict, max_line)?;
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

/// Opens or duplicates through `os`: its errors are the right ones, and it lets signal handlers run meanwhile.
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
    #[pymodule_export]
    use super::{Batch, JsonLines, JsonLinesReader, StreamError};

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name is Python's")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    const MAX_LINE: usize = illshell_ingest_core::MAX_LINE;
}
