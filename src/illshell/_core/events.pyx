"""EventSignature: a rule over decoded events, one by one."""

from cpython.dict cimport PyDict_GetItemWithError
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from libc.string cimport memset

from illshell._core.names cimport PatternSet

from collections.abc import Mapping

from illshell.dialects.tracee_payload import TRACEE_FIELDS
from illshell.model.errors import (
    ArgumentError,
    ArgumentNotFoundError,
    ArgumentNotInitializedError,
    ArgumentTypeError,
    IllshellError,
    InvalidEventError,
)
from illshell.model.type_names import go_type_of, json_type_of
from illshell.model.rule import BasenameIn, PatternIn, Require
from illshell.model.event import Event
from illshell.model.finding import Finding

cdef enum:
    READ             # a value that can't be read is an error
    READ_LENIENTLY   # a value that can't be read is no match
    IN_NAMES
    ENDS_WITH
    IN_PATTERNS


cdef class EventSignature:
    """The part of a signature that sees every decoded event; a subclass adds the metadata.

    ``rule``: an :class:`illshell.model.rule.Rule`. ``fields``: where an event has each field that
    the rule reads, as in :data:`illshell.dialects.tracee_payload.TRACEE_FIELDS`.
    Thread-safe: the rule never changes, and the callback is read once an event.
    """

    def __init__(self, rule, fields=TRACEE_FIELDS):
        cdef int i
        self.rule = rule
        self.callback = None
        self.closed = False
        self.held = []
        self.event_key = fields[rule.event_field].key
        self.n_fields = len(rule.fields)
        for i, name in enumerate(rule.fields):
            place = fields[name]
            self.fields[i].is_argument = place.is_argument
            self.fields[i].typed = place.typed
            self.fields[i].key = self.keep(place.key)
        self.n_clauses = 0
        for clause in rule.clauses:
            self.add_clause(clause)

    cdef PyObject *keep(self, value) except NULL:
        self.held.append(value)
        return <PyObject *>value

    cdef int add_clause(self, clause) except -1:
        cdef payload_clause *to = &self.clauses[self.n_clauses]
        cdef set read = set()
        cdef int field
        to.event = self.keep(clause.event)
        to.count = 0
        for step in clause.steps:
            field = self.rule.fields.index(step.field)
            if isinstance(step, Require):
                add_step(to, READ, field, NULL)
            else:
                if field not in read:
                    add_step(to, READ_LENIENTLY, field, NULL)
                if isinstance(step, BasenameIn):
                    suffixes = tuple(["/" + name for name in map(text_of, step.names)])
                    add_step(to, ENDS_WITH, field, self.keep(suffixes))
                elif isinstance(step, PatternIn):
                    add_step(to, IN_PATTERNS, field, self.keep(PatternSet(step.names)))
                else:
                    names = frozenset(map(text_of, step.names))
                    add_step(to, IN_NAMES, field, self.keep(names))
            read.add(field)
        self.n_clauses += 1
        return 0

    def init(self, ctx):
        """Store the callback for findings, ``ctx.callback``; called before any event."""
        self.closed = False
        self.callback = ctx.callback

    def close(self):
        """End the work; later events are ignored. May be called again."""
        self.closed = True
        self.callback = None

    def on_event(self, event):
        """Judge an event: an :class:`illshell.Event`, or its payload, a mapping with Tracee's keys.

        A detection goes to the callback as a Finding that carries ``event`` itself.
        Raises InvalidEventError where it is no event, ArgumentError where an argument that the
        rule requires is missing, null or no string.
        """
        cdef object callback = self.callback
        if callback is None:
            if self.closed:
                return
            raise IllshellError("on_event was called before init")
        if self.matches_payload(event if type(event) is dict else payload_of(event)):
            callback(Finding(self.get_metadata(), event, None))

    def matches(self, event):
        """Whether the rule matches the event; raises as :meth:`on_event` does.

        Needs no ``init`` and calls no callback.
        """
        return self.matches_payload(payload_of(event))

    cdef bint matches_payload(self, payload) except -1:
        cdef object event_name = get(payload, self.event_key)
        cdef int k
        if type(event_name) is not str:
            if not isinstance(event_name, str):
                return False
            event_name = str(event_name)
        for k in range(self.n_clauses):
            if <str>event_name == <str>self.clauses[k].event:
                return run(&self.clauses[k], self.fields, self.n_fields, payload)
        return False


cdef int add_step(payload_clause *to, int kind, int field, PyObject *names) except -1:
    to.steps[to.count].kind = kind
    to.steps[to.count].field = field
    to.steps[to.count].names = names
    to.count += 1
    return 0


cdef str text_of(name):
    return name if isinstance(name, str) else name.decode("utf-8", "surrogatepass")


cdef bint run(
    const payload_clause *c, const payload_field *fields, int n_fields, payload
) except -1:
    """Whether the payload passes all steps; the fields are read in the order of the steps."""
    cdef PyObject *values[MAX_FIELDS]
    cdef int i
    memset(values, 0, n_fields * sizeof(PyObject *))
    try:
        for i in range(c.count):
            if not run_step(&c.steps[i], fields, values, payload):
                return False
        return True
    finally:
        for i in range(n_fields):
            Py_XDECREF(values[i])


cdef inline bint run_step(
    const payload_step *each, const payload_field *fields, PyObject **values, payload
) except -1:
    cdef const payload_field *field
    cdef object value
    if each.kind == READ or each.kind == READ_LENIENTLY:
        field = &fields[each.field]
        if values[each.field] != NULL:
            return True
        value = read_field(field, each.kind == READ_LENIENTLY, payload)
        if value is None:
            return False
        Py_INCREF(value)
        values[each.field] = <PyObject *>value
        return True
    value = <object>values[each.field]
    if each.kind == IN_NAMES:
        return value in <frozenset>each.names
    if each.kind == ENDS_WITH:
        return (<str>value).endswith(<tuple>each.names)
    return value in <PatternSet>each.names


cdef object read_field(const payload_field *field, bint lenient, payload):
    """Return the field's value, a str; None where ``lenient`` and it can't be read."""
    if not field.is_argument:
        return member(payload, <str>field.key)
    if not lenient:
        return string_argument(payload, <str>field.key, field.typed)
    try:
        return string_argument(payload, <str>field.key, field.typed)
    except ArgumentError:
        return None


cdef inline object get(payload, str key):
    cdef PyObject *value
    if type(payload) is dict:
        value = PyDict_GetItemWithError(payload, key)
        return <object>value if value != NULL else None
    return payload.get(key)


cdef object payload_of(event):
    cdef object payload = event.tracee if isinstance(event, Event) else event
    if not isinstance(payload, Mapping):
        raise InvalidEventError
    return payload


cdef object member(payload, str key):
    """Read a member of the event; one that is missing or null is the empty string."""
    cdef object value = get(payload, key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidEventError(f"{key} is of type {json_type_of(value)}, not string")
    return value


cdef object string_argument(payload, str name, bint typed):
    """Read an argument; the first of that name wins."""
    cdef object args = get(payload, "args")
    cdef object value
    cdef Py_ssize_t index = 0
    if args is None:
        raise ArgumentNotFoundError(name)
    if not isinstance(args, (list, tuple)):
        raise InvalidEventError(f"args is of type {json_type_of(args)}, not array")
    for arg in args:
        if type(arg) is not dict and not isinstance(arg, Mapping):
            raise InvalidEventError(f"args[{index}] is of type {json_type_of(arg)}, not object")
        if get(arg, "name") == name:
            value = get(arg, "value")
            if value is None:
                raise ArgumentNotInitializedError(name)
            if not isinstance(value, str):
                raise ArgumentTypeError(name, go_type_of(arg) if typed else None)
            return value
        index += 1
    raise ArgumentNotFoundError(name)
