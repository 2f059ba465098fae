# EventJudge: the rule on one decoded event.

cdef class EventJudge:
    """The part of a signature that sees every event; illshell.IllegitimateShell adds the rest.

    Thread-safe: the rule never changes, and the callback is read once per event.
    """

    cdef readonly frozenset web_servers
    cdef readonly frozenset shells
    cdef readonly tuple events
    cdef tuple suffixes
    cdef bint wants_bprm_check
    cdef bint wants_exec
    cdef readonly object callback      # None before init and after close
    cdef readonly bint closed

    def __cinit__(self, events=(SECURITY_BPRM_CHECK,), *, web_servers=WEB_SERVERS, shells=SHELLS):
        self.events = tuple(events)
        self.web_servers = frozenset(web_servers)
        self.shells = frozenset(shells)
        self.suffixes = tuple("/" + shell for shell in self.shells)
        self.wants_bprm_check = SECURITY_BPRM_CHECK in self.events
        self.wants_exec = SCHED_PROCESS_EXEC in self.events
        self.callback = None
        self.closed = False

    cdef int start(self, callback) except -1:
        self.closed = False
        self.callback = callback
        return 0

    def init(self, ctx):
        """Take the callback for findings, ``ctx.callback``; called before any event."""
        self.start(ctx.callback)

    def close(self):
        """End the work; later events are ignored. May be called again."""
        self.closed = True
        self.callback = None

    def on_event(self, event):
        """Judge an event: an :class:`illshell.Event`, or its payload, a mapping with Tracee's keys.

        A detection goes to the callback as a Finding that carries ``event`` itself.
        Raises InvalidEventError where it is no event, ArgumentError where an argument that the
        rule must read is missing, null or no string.
        """
        cdef object callback = self.callback
        if callback is None:
            if self.closed:
                return
            raise IllshellError("on_event was called before init")
        if self.judge(event if type(event) is dict else payload_of(event)):
            callback(Finding(self.get_metadata(), event, None))

    def matches(self, event):
        """Say whether the rule matches the event; raises as :meth:`on_event` does.

        Needs no ``init`` and calls no callback.
        """
        return self.judge(payload_of(event))

    cdef bint judge(self, payload) except -1:
        cdef object event_name = get(payload, "eventName")
        cdef object comm
        if type(event_name) is not str:
            if not isinstance(event_name, str):
                return False
            event_name = str(event_name)
        if self.wants_bprm_check and <str>event_name == "security_bprm_check":
            comm = comm_of(payload)
            if comm not in self.web_servers:
                return False
            return string_argument(payload, "pathname", False).endswith(self.suffixes)
        if self.wants_exec and <str>event_name == "sched_process_exec":
            comm = comm_of(payload)
            return (string_argument(payload, "prev_comm", True) in self.web_servers
                    and comm in self.shells)
        return False


cdef inline object get(payload, str key):
    cdef PyObject *value
    if type(payload) is dict:
        value = PyDict_GetItemWithError(payload, key)
        return <object>value if value != NULL else None
    return payload.get(key)


cdef object payload_of(event):
    cdef object payload = event.payload if isinstance(event, Event) else event
    if not isinstance(payload, Mapping):
        raise InvalidEventError
    return payload


cdef object comm_of(payload):
    cdef object comm = get(payload, "processName")
    if comm is None:
        return ""
    if not isinstance(comm, str):
        raise InvalidEventError(f"processName is of type {json_type_of(comm)}, not string")
    return comm


cdef object string_argument(payload, str name, bint typed):
    """Read an argument; the first of that name wins."""
    cdef object args = get(payload, "args")
    cdef object value
    if args is None:
        raise ArgumentNotFoundError(name)
    if not isinstance(args, (list, tuple)):
        raise InvalidEventError(f"args is of type {json_type_of(args)}, not array")
    for index, arg in enumerate(args):
        if type(arg) is not dict and not isinstance(arg, Mapping):
            raise InvalidEventError(f"args[{index}] is of type {json_type_of(arg)}, not object")
        if get(arg, "name") == name:
            value = get(arg, "value")
            if value is None:
                raise ArgumentNotInitializedError(name)
            if not isinstance(value, str):
                raise ArgumentTypeError(name, go_type_of(arg) if typed else None)
            return value
    raise ArgumentNotFoundError(name)
