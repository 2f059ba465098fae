# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True, freethreading_compatible=True
"""The core: names in perfect-hash sets, and the rule on packed and on decoded events.

It decides and it parses nothing. The loops over columns run without the GIL, copy no value, and
allocate only the result and one byte for each entry of a dictionary. docs/matching.md says why
they are exact. The plain twin is illshell/reference.py.
"""

from cpython.buffer cimport (
    PyBUF_FULL_RO,
    PyBUF_SIMPLE,
    PyBuffer_FillInfo,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.dict cimport PyDict_GetItemWithError
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from collections.abc import Mapping

from illshell.model.errors import (
    ArgumentNotFoundError,
    ArgumentNotInitializedError,
    ArgumentTypeError,
    ColumnError,
    IllshellError,
    InvalidEventError,
)
from illshell.model.type_names import go_type_of, json_type_of
from illshell.signatures.illegitimate_shell.names import EVENTS, SCHED_PROCESS_EXEC, SECURITY_BPRM_CHECK, SHELLS, WEB_SERVERS
from illshell.model.event import Event
from illshell.model.finding import Finding

C_CONTRACT = C_CONTRACT_NUMBER

include "fastmatch/primitives.pxi"
include "fastmatch/names.pxi"
include "fastmatch/columns.pxi"
include "fastmatch/rows.pxi"
include "fastmatch/questions.pxi"
include "fastmatch/selector.pxi"
include "fastmatch/comms.pxi"
include "fastmatch/sieve.pxi"
include "fastmatch/matcher.pxi"
include "fastmatch/records.pxi"
include "fastmatch/events.pxi"
