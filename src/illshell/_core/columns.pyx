"""Column: values in somebody else's memory, in each of Arrow's layouts or NumPy's."""

from cpython.buffer cimport (
    PyBUF_FULL_RO,
    PyBUF_SIMPLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from libc.stdint cimport INT64_MAX, int8_t, int16_t, int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from illshell._core.intrinsics cimport load_2, load_4, load_8

KIND_NAMES = {BYTES: "bytes", INT64: "int64", BOOL: "bool"}


cdef class Buffer:
    """Memory of another object, held until this one goes."""

    def __cinit__(self, owner, bint strided=False):
        try:
            PyObject_GetBuffer(owner, &self.view, PyBUF_FULL_RO if strided else PyBUF_SIMPLE)
        except BufferError as error:
            raise ValueError(str(error)) from None
        self.held = True
        if self.view.buf == NULL and self.view.len:
            raise ValueError(f"a buffer of {self.view.len} bytes that lies nowhere")

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)


cdef class Column:
    """A column of byte strings, integers or booleans, nullable, in memory that somebody else owns.

    Built by one of the static methods below, each of which checks that the buffers are as large
    as the row count demands, and raises ValueError where they are not. Offsets, views and indices
    are checked when a row is read, so that damaged ones are an error and never a read outside the
    buffers. ``owner`` is kept as long as the column, for buffers that do not themselves keep their
    memory. The memory must stay unchanged. Immutable and thread-safe.
    """

    def __cinit__(self):
        memset(&self.c, 0, sizeof(column))
        self.c.kind = BYTES
        self.owners = []

    def __dealloc__(self):
        free(<void *>self.c.buffers)
        free(self.c.buffer_sizes)

    def __len__(self):
        return self.c.length

    @property
    def kind(self):
        """What the values are: ``bytes``, ``int64`` or ``bool``."""
        return KIND_NAMES[self.c.kind]

    cdef void keep(self, owner) noexcept:
        self.owners.append(owner)

    @staticmethod
    def from_array(array, validity=None):
        """Return a column over a one-dimensional array of fixed-width values with any stride.

        ``array``: a buffer of zero-padded bytes (NumPy's dtype ``S16``), of native integers of up
        to 64 bits, or of booleans of one byte; also a field of a structured array.
        ``validity``: None, or a bitmap (least significant bit first), a 0 bit is a null.
        """
        cdef Column self = Column()
        cdef Buffer buffer = Buffer(array, True)
        if buffer.view.ndim != 1:
            raise ValueError(f"a column has one dimension, not {buffer.view.ndim}")
        if buffer.view.suboffsets != NULL and buffer.view.suboffsets[0] >= 0:
            raise ValueError("the array holds pointers to its values, not the values")
        self.keep(buffer)
        set_format(self, buffer.view.format, buffer.view.itemsize)
        self.c.length = buffer.view.shape[0]
        self.c.data = <const uint8_t *>buffer.view.buf
        self.c.stride = buffer.view.strides[0]
        self.c.width = buffer.view.itemsize
        set_validity(self, validity, 0)
        return self

    @staticmethod
    def fixed(
        data, int64_t width, int64_t length, int64_t offset=0, validity=None, *, owner=None
    ):
        """Return a column of ``length`` values of ``width`` bytes, zero-padded.

        ``offset``: rows of ``data`` before the first one.
        """
        cdef Column self = Column()
        self.keep(owner)
        if width < 0:
            raise ValueError(f"width is {width}, less than 0")
        self.c.layout = FIXED
        self.c.data = items_of(self, data, width, length, offset, 0, "data")
        self.c.stride = width
        self.c.width = width
        set_validity(self, validity, offset)
        return self

    @staticmethod
    def integers(
        data, int64_t width, int64_t length, int64_t offset=0, validity=None, *,
        bint signed=True, owner=None
    ):
        """Return a column of integers of 1, 2, 4 or 8 bytes, such as Arrow's timestamps.

        All of them are read as int64; an unsigned one beyond that is an error when it is read.
        """
        cdef Column self = Column()
        self.keep(owner)
        if width not in (1, 2, 4, 8):
            raise ValueError(f"an integer has 1, 2, 4 or 8 bytes, not {width}")
        self.c.layout = INTEGERS
        self.c.kind = INT64
        self.c.data = items_of(self, data, width, length, offset, 0, "data")
        self.c.stride = width
        self.c.width = width
        self.c.is_signed = signed
        set_validity(self, validity, offset)
        return self

    @staticmethod
    def booleans(data, int64_t length, int64_t offset=0, validity=None, *, owner=None):
        """Return a column over Arrow's bool layout, a bitmap."""
        cdef Column self = Column()
        self.keep(owner)
        cdef Buffer buffer = Buffer(data)
        check_rows(length, offset)
        if length and (offset + length + 7) // 8 > buffer.view.len:
            raise ValueError(
                f"data: {buffer.view.len} bytes are too few for rows {offset} to "
                f"{offset + length}")
        self.keep(buffer)
        self.c.layout = BITS
        self.c.kind = BOOL
        self.c.length = length
        self.c.data = <const uint8_t *>buffer.view.buf
        self.c.bit_offset = offset
        set_validity(self, validity, offset)
        return self

    @staticmethod
    def offsets(
        offsets, data, int64_t length, int64_t offset=0, validity=None, *, bint wide=False,
        owner=None
    ):
        """Return a column over Arrow's (large_)utf8 or (large_)binary layout.

        ``offsets``: ``offset + length + 1`` int32, or int64 if ``wide``; ``data``: the bytes.
        """
        cdef Column self = Column()
        self.keep(owner)
        cdef Buffer buffer = Buffer(data)
        self.keep(buffer)
        self.c.layout = OFFSETS_64 if wide else OFFSETS_32
        self.c.items = items_of(self, offsets, 8 if wide else 4, length, offset, 1, "offsets")
        self.c.data = <const uint8_t *>buffer.view.buf
        self.c.data_size = buffer.view.len
        set_validity(self, validity, offset)
        return self

    @staticmethod
    def views(
        views, buffers, int64_t length, int64_t offset=0, validity=None, *, owner=None
    ):
        """Return a column over Arrow's utf8_view or binary_view layout.

        ``views``: 16 bytes a row; ``buffers``: the data buffers.
        """
        cdef Column self = Column()
        self.keep(owner)
        cdef Buffer buffer
        cdef list held = [Buffer(each) for each in buffers]
        cdef Py_ssize_t i
        self.keep(held)
        self.c.layout = VIEWS
        self.c.items = items_of(self, views, 16, length, offset, 0, "views")
        allocate_buffers(&self.c, len(held))
        for i in range(len(held)):
            buffer = held[i]
            self.c.buffers[i] = <const uint8_t *>buffer.view.buf
            self.c.buffer_sizes[i] = buffer.view.len
        set_validity(self, validity, offset)
        return self

    @staticmethod
    def indexed(
        indices, int index_bytes, Column values not None, int64_t length, int64_t offset=0,
        validity=None, *, owner=None
    ):
        """Return a dictionary column: integers of 1, 2, 4 or 8 bytes that number its entries.

        ``values``: the entries, a column that is no dictionary itself.
        """
        cdef Column self = Column()
        self.keep(owner)
        if index_bytes not in (1, 2, 4, 8):
            raise ValueError(f"an index has 1, 2, 4 or 8 bytes, not {index_bytes}")
        if values.c.layout == INDEXED:
            raise ValueError("a dictionary of dictionaries is not supported")
        self.keep(values)
        self.c.layout = INDEXED
        self.c.kind = values.c.kind
        self.c.index_bytes = index_bytes
        self.c.values = &values.c
        self.c.items = items_of(self, indices, index_bytes, length, offset, 0, "indices")
        set_validity(self, validity, offset)
        return self

    def slice(self, int64_t start, int64_t stop):
        """Return rows ``start`` to ``stop`` as a column of their own, in the same memory."""
        cdef Column part = Column()
        cdef column *c = &part.c
        if not 0 <= start <= stop <= self.c.length:
            raise IndexError(f"rows {start} to {stop} of a column of {self.c.length}")
        part.keep(self)
        # Of the column's own memory the part has pointers only, but for what __dealloc__ frees.
        c[0] = self.c
        c.buffers = NULL
        c.buffer_sizes = NULL
        c.length = stop - start
        c.validity_offset += start
        if c.layout == FIXED or c.layout == INTEGERS:
            c.data += start * c.stride
        elif c.layout == BITS:
            c.bit_offset += start
        else:
            c.items += start * (
                4 if c.layout == OFFSETS_32 else 8 if c.layout == OFFSETS_64
                else 16 if c.layout == VIEWS else c.index_bytes)
        if c.layout == VIEWS:
            allocate_buffers(c, self.c.n_buffers)
            memcpy(c.buffers, self.c.buffers, c.n_buffers * sizeof(void *))
            memcpy(c.buffer_sizes, self.c.buffer_sizes, c.n_buffers * sizeof(int64_t))
        return part

    def __getitem__(self, int64_t row):
        """Return the value of a row as bytes, int or bool, or None for a null.

        Raises IndexError for a row that is not there, ValueError for a value that is damaged.
        """
        cdef const uint8_t *value
        cdef const uint8_t *end
        cdef int64_t length, number
        cdef int state
        if not 0 <= row < self.c.length:
            raise IndexError(f"row {row} of a column of {self.c.length}")
        if self.c.kind == BYTES:
            state = value_at(&self.c, row, &value, &length, &end)
            if state > 0:
                return value[:length]
        else:
            state = int64_at(&self.c, row, &number)
            if state > 0:
                return bool(number) if self.c.kind == BOOL else number
        if state < 0:
            raise ValueError(f"row {row}: {damage_of(&self.c)}")
        return None


cdef str damage_of(const column *c):
    """Return what is wrong with a value that can't be read."""
    if c.kind == BYTES:
        return "its value lies outside the column's buffers"
    return "its value lies outside the dictionary or beyond int64"


cdef int check_rows(int64_t length, int64_t offset) except -1:
    if length < 0 or offset < 0 or length > (1 << 58) or offset > (1 << 58):
        raise ValueError(f"length {length} and offset {offset} are no rows")
    return 0


cdef const uint8_t *items_of(
    Column self, buffer, int64_t size, int64_t length, int64_t offset, int64_t extra, str what
) except? NULL:
    """Hold the buffer, check that it has offset + length + extra items, point at item offset."""
    cdef Buffer held = Buffer(buffer)
    self.keep(held)
    check_rows(length, offset)
    if length and (offset + length + extra) > (held.view.len // size if size else length + offset):
        raise ValueError(
            f"{what}: {held.view.len} bytes are too few for rows {offset} to {offset + length}"
        )
    self.c.length = length
    return <const uint8_t *>held.view.buf + (offset * size if length else 0)


cdef int set_validity(Column self, validity, int64_t offset) except -1:
    if validity is None:
        return 0
    cdef Buffer held = Buffer(validity)
    if self.c.length and (offset + self.c.length + 7) // 8 > held.view.len:
        raise ValueError(f"validity: {held.view.len} bytes are too few for {self.c.length} rows")
    self.keep(held)
    self.c.validity = <const uint8_t *>held.view.buf
    self.c.validity_offset = offset
    return 0


cdef int set_format(Column self, const char *format, Py_ssize_t size) except -1:
    """Set layout and kind by the buffer protocol's format of an item."""
    cdef bytes form = b"B" if format == NULL else format
    cdef bytes code = form.lstrip(b"@=<")
    self.c.layout = INTEGERS
    if code == b"?":
        self.c.kind = BOOL
    elif len(code) == 1 and code in b"bBhHiIlLqQnN" and size in (1, 2, 4, 8):
        self.c.kind = INT64
        self.c.is_signed = code.islower()
    elif code.lstrip(b"0123456789") in (b"s", b"x", b"c"):
        self.c.layout = FIXED
    else:
        raise ValueError(
            f"an array of format {form.decode('latin-1')!r} holds no zero-padded bytes, native "
            "integers or booleans")
    return 0


cdef int allocate_buffers(column *c, int64_t count) except -1:
    """Make the two arrays that Column.__dealloc__ frees."""
    c.buffers = <const uint8_t **>malloc((count + 1) * sizeof(void *))
    c.buffer_sizes = <int64_t *>malloc((count + 1) * sizeof(int64_t))
    if not (c.buffers and c.buffer_sizes):
        raise MemoryError
    c.n_buffers = count
    return 0


cdef int value_at(
    const column *c, int64_t row, const uint8_t **value, int64_t *length, const uint8_t **end
) noexcept nogil:
    cdef uint64_t index
    if not is_valid(c, row):
        return 0
    if c.layout != INDEXED:
        return plain_value_at(c, row, value, length, end)
    index = index_at(c, row)
    if index >= <uint64_t>c.values.length:
        return -1
    if not is_valid(c.values, <int64_t>index):
        return 0
    return plain_value_at(c.values, <int64_t>index, value, length, end)


cdef int int64_at(const column *c, int64_t row, int64_t *value) noexcept nogil:
    cdef uint64_t index
    if not is_valid(c, row):
        return 0
    if c.layout != INDEXED:
        return plain_int64_at(c, row, value)
    index = index_at(c, row)
    if index >= <uint64_t>c.values.length:
        return -1
    if not is_valid(c.values, <int64_t>index):
        return 0
    return plain_int64_at(c.values, <int64_t>index, value)


cdef int plain_int64_at(const column *c, int64_t row, int64_t *value) noexcept nogil:
    cdef const uint8_t *at = c.data + row * c.stride
    cdef uint64_t word
    if c.layout == BITS:
        row += c.bit_offset
        value[0] = (c.data[row >> 3] >> (row & 7)) & 1
        return 1
    if c.width == 8:
        word = load_8(at)
        value[0] = <int64_t>word
        return 1 if c.is_signed or word <= <uint64_t>INT64_MAX else -1
    if c.width == 4:
        value[0] = <int64_t><int32_t>load_4(at) if c.is_signed else <int64_t>load_4(at)
    elif c.width == 2:
        value[0] = <int64_t><int16_t>load_2(at) if c.is_signed else <int64_t>load_2(at)
    else:
        value[0] = <int64_t><int8_t>at[0] if c.is_signed else <int64_t>at[0]
    return 1
