# Column: byte strings in somebody else's memory, in each of Arrow's layouts or NumPy's.

cdef class Buffer:
    """Memory of another object, held until this one goes."""

    cdef Py_buffer view
    cdef bint held

    def __cinit__(self, owner, bint strided=False):
        PyObject_GetBuffer(owner, &self.view, PyBUF_FULL_RO if strided else PyBUF_SIMPLE)
        self.held = True

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)


cdef class Column:
    """A column of byte strings, nullable, in memory that somebody else owns and keeps unchanged.

    Built by one of the static methods below, each of which checks that the buffers are as large
    as the row count demands. Offsets, views and indices are checked when a row is read, so that
    damaged ones are an error and never a read outside the buffers. ``owner`` is kept as long as
    the column, for buffers that do not themselves keep their memory. Immutable.
    """

    def __cinit__(self):
        memset(&self.c, 0, sizeof(column))
        self.owners = []

    def __dealloc__(self):
        free(<void *>self.c.buffers)
        free(self.c.buffer_sizes)

    def __len__(self):
        return self.c.length

    cdef void keep(self, owner) noexcept:
        self.owners.append(owner)

    @staticmethod
    def from_array(array, validity=None):
        """Take a one-dimensional array of fixed-width, zero-padded values with any stride.

        ``array``: a buffer such as NumPy's dtype ``S16``, also a field of a structured array.
        ``validity``: None, or a bitmap (least significant bit first), a 0 bit is a null.
        """
        cdef Column self = Column()
        cdef Buffer buffer = Buffer(array, True)
        if buffer.view.ndim != 1:
            raise ValueError(f"a column has one dimension, not {buffer.view.ndim}")
        self.keep(buffer)
        self.c.layout = FIXED
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
        """Take ``length`` values of ``width`` bytes, zero-padded, from row ``offset`` of ``data``.
        """
        cdef Column self = Column()
        self.keep(owner)
        cdef const uint8_t *start
        if width < 0:
            raise ValueError(f"width is {width}, less than 0")
        start = self_items(self, data, width, length, offset, 0, "data")
        self.c.layout = FIXED
        self.c.data = start
        self.c.stride = width
        self.c.width = width
        set_validity(self, validity, offset)
        return self

    @staticmethod
    def offsets(
        offsets, data, int64_t length, int64_t offset=0, validity=None, *, bint wide=False,
        owner=None
    ):
        """Take Arrow's (large_)utf8 or (large_)binary layout.

        ``offsets``: ``offset + length + 1`` int32, or int64 if ``wide``; ``data``: the bytes.
        """
        cdef Column self = Column()
        self.keep(owner)
        cdef Buffer buffer = Buffer(data)
        self.keep(buffer)
        self.c.layout = OFFSETS_64 if wide else OFFSETS_32
        self.c.items = self_items(self, offsets, 8 if wide else 4, length, offset, 1, "offsets")
        self.c.data = <const uint8_t *>buffer.view.buf
        self.c.data_size = buffer.view.len
        set_validity(self, validity, offset)
        return self

    @staticmethod
    def views(
        views, buffers, int64_t length, int64_t offset=0, validity=None, *, owner=None
    ):
        """Take Arrow's utf8_view or binary_view layout: 16 bytes a row, and the data buffers."""
        cdef Column self = Column()
        self.keep(owner)
        cdef Buffer buffer
        cdef list held = [Buffer(each) for each in buffers]
        cdef Py_ssize_t i
        self.keep(held)
        self.c.layout = VIEWS
        self.c.items = self_items(self, views, 16, length, offset, 0, "views")
        self.c.n_buffers = len(held)
        self.c.buffers = <const uint8_t **>malloc((len(held) + 1) * sizeof(void *))
        self.c.buffer_sizes = <int64_t *>malloc((len(held) + 1) * sizeof(int64_t))
        if not (self.c.buffers and self.c.buffer_sizes):
            raise MemoryError
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
        """Take a dictionary column: integers of 1, 2, 4 or 8 bytes that number rows of ``values``.
        """
        cdef Column self = Column()
        self.keep(owner)
        if index_bytes not in (1, 2, 4, 8):
            raise ValueError(f"an index has 1, 2, 4 or 8 bytes, not {index_bytes}")
        if values.c.layout == INDEXED:
            raise ValueError("a dictionary of dictionaries is not supported")
        self.keep(values)
        self.c.layout = INDEXED
        self.c.index_bytes = index_bytes
        self.c.values = &values.c
        self.c.items = self_items(self, indices, index_bytes, length, offset, 0, "indices")
        set_validity(self, validity, offset)
        return self

    def slice(self, int64_t start, int64_t stop):
        """Give rows ``start`` to ``stop`` as a column of their own, in the same memory."""
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
        if c.layout == FIXED:
            c.data += start * c.stride
        else:
            c.items += start * (
                4 if c.layout == OFFSETS_32 else 8 if c.layout == OFFSETS_64
                else 16 if c.layout == VIEWS else c.index_bytes)
        if c.n_buffers:
            c.buffers = <const uint8_t **>malloc(c.n_buffers * sizeof(void *))
            c.buffer_sizes = <int64_t *>malloc(c.n_buffers * sizeof(int64_t))
            if not (c.buffers and c.buffer_sizes):
                raise MemoryError
            memcpy(c.buffers, self.c.buffers, c.n_buffers * sizeof(void *))
            memcpy(c.buffer_sizes, self.c.buffer_sizes, c.n_buffers * sizeof(int64_t))
        return part

    def __getitem__(self, int64_t row):
        """Give the value of a row as bytes, or None for a null."""
        cdef const uint8_t *value
        cdef const uint8_t *end
        cdef int64_t length
        if not 0 <= row < self.c.length:
            raise IndexError(f"row {row} of a column of {self.c.length}")
        cdef int state = value_at(&self.c, row, &value, &length, &end)
        if state < 0:
            raise ValueError(f"row {row}: its offsets point outside the column's buffers")
        return value[:length] if state else None


cdef const uint8_t *self_items(
    Column self, buffer, int64_t size, int64_t length, int64_t offset, int64_t extra, str what
) except? NULL:
    """Hold the buffer, check that it has offset + length + extra items, point at item offset."""
    cdef Buffer held = Buffer(buffer)
    self.keep(held)
    if length < 0 or offset < 0 or length > (1 << 58) or offset > (1 << 58):
        raise ValueError(f"length {length} and offset {offset} are no rows")
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


cdef inline bint is_valid(const column *c, int64_t row) noexcept nogil:
    cdef int64_t bit = c.validity_offset + row
    return c.validity == NULL or (c.validity[bit >> 3] >> (bit & 7)) & 1


cdef inline uint64_t index_at(const column *c, int64_t row) noexcept nogil:
    if c.index_bytes == 4:
        return load_4(c.items + 4 * row)
    if c.index_bytes == 1:
        return c.items[row]
    if c.index_bytes == 2:
        return load_2(c.items + 2 * row)
    return load_8(c.items + 8 * row)


cdef inline bint span_at(
    const column *c, uint64_t first, uint64_t last, const uint8_t **value, int64_t *length,
    const uint8_t **end
) noexcept nogil:
    value[0] = c.data + first
    length[0] = <int64_t>(last - first)
    end[0] = c.data + c.data_size
    return first <= last <= <uint64_t>c.data_size


cdef int view_at(
    const column *c, int64_t row, const uint8_t **value, int64_t *length, const uint8_t **end
) noexcept nogil:
    cdef const uint8_t *view = c.items + 16 * row
    cdef uint64_t size = load_4(view), buffer, start
    if size <= 12:
        value[0] = view + 4
        end[0] = view + 16
    else:
        buffer = load_4(view + 8)
        start = load_4(view + 12)
        if buffer >= <uint64_t>c.n_buffers or start + size > <uint64_t>c.buffer_sizes[buffer]:
            return -1
        value[0] = c.buffers[buffer] + start
        end[0] = c.buffers[buffer] + c.buffer_sizes[buffer]
    length[0] = <int64_t>size
    return 1


cdef inline int plain_value_at(
    const column *c, int64_t row, const uint8_t **value, int64_t *length, const uint8_t **end
) noexcept nogil:
    """Find the value of a row that is not null, in any layout but INDEXED: 1, or -1 if damaged."""
    if c.layout == OFFSETS_32:
        return 1 if span_at(
            c, load_4(c.items + 4 * row), load_4(c.items + 4 * row + 4), value, length, end
        ) else -1
    if c.layout == OFFSETS_64:
        return 1 if span_at(
            c, load_8(c.items + 8 * row), load_8(c.items + 8 * row + 8), value, length, end
        ) else -1
    if c.layout == VIEWS:
        return view_at(c, row, value, length, end)
    value[0] = c.data + row * c.stride
    end[0] = value[0] + c.width
    length[0] = c.width
    while length[0] > 0 and value[0][length[0] - 1] == 0:
        length[0] -= 1
    return 1


cdef int value_at(
    const column *c, int64_t row, const uint8_t **value, int64_t *length, const uint8_t **end
) noexcept nogil:
    """Find the value of a row: 1 and the value, 0 if it is null, -1 if it is damaged."""
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
