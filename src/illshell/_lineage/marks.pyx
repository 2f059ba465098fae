# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True, freethreading_compatible=True
"""By which signs an executed program may be a shell: the rules of rules.py on bytes."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from illshell._lineage.name_classes cimport LOADER, MULTI_CALL, SERVER, SHELL, VARIANT, class_of
from illshell._lineage.task_event cimport (
    CHECK,
    DELETED_FILE,
    FD_PATH,
    LOADER_MARK,
    MEMFD,
    MULTI_CALL_MARK,
    SHELL_NAME,
    SHELL_PATH,
    SHELL_VERSION,
    comm_words,
    task_event,
)

cdef int LONGEST_NAME = 15


cdef bint is_script(const program_paths *paths) noexcept nogil:
    cdef const text_value *given = &paths.cmdpath
    cdef const text_value *interp = &paths.interp
    return given.length != 0 and interp.length != 0 and (
        given.length != interp.length or memcmp(given.data, interp.data, given.length) != 0
    )


cdef comm_words comm_of_text(text_value value) noexcept nogil:
    cdef comm_words words
    cdef int64_t length = value.length if value.length < LONGEST_NAME else LONGEST_NAME
    cdef const uint8_t *end
    words.low = words.high = 0
    if length:
        end = <const uint8_t *>memchr(value.data, 0, length)
        memcpy(&words, value.data, length if end == NULL else end - value.data)
    return words


cdef text_value base_of(text_value path) noexcept nogil:
    """Return what follows the last slash."""
    cdef int64_t start = path.length
    while start > 0 and path.data[start - 1] != 47:
        start -= 1
    path.data += start
    path.length -= start
    return path


cdef comm_words file_name(const program_paths *paths) noexcept nogil:
    return comm_of_text(base_of(paths.pathname))


cdef uint16_t marks_of(
    const task_event *event, const program_paths *paths, class_table *classes
) noexcept nogil:
    cdef uint8_t file_class
    cdef uint16_t marks
    cdef text_value path = paths.pathname
    if is_script(paths):
        return 0
    file_class = class_of(classes, file_name(paths))
    if event.kind == CHECK:
        marks = name_marks(file_class, SHELL_PATH)
        file_class &= ~MULTI_CALL
    else:
        marks = name_marks(event.comm_class, SHELL_NAME)
        if marks == 0 and paths.cmdpath.length and paths.interp.length:
            marks = name_marks(file_class, SHELL_PATH)
        if event.comm_class & MULTI_CALL:
            marks |= MULTI_CALL_MARK
        file_class |= event.comm_class & LOADER
    if file_class & LOADER:
        marks |= LOADER_MARK
    if path.length == 0:
        path = paths.cmdpath
    if starts_with(path, b"memfd:", 6) or starts_with(path, b"/memfd:", 7):
        marks |= MEMFD
    if is_descriptor(path):
        marks |= FD_PATH
    if path.length >= 10 and memcmp(path.data + path.length - 10, b" (deleted)", 10) == 0:
        marks |= DELETED_FILE
    return marks


cdef bint is_exact(
    const task_event *event, const program_paths *paths, class_table *exact_classes
) noexcept nogil:
    cdef text_value base
    cdef comm_words program = event.comm
    cdef uint8_t bits
    if not class_of(exact_classes, event.prev_comm) & SERVER:
        return False
    if event.kind == CHECK:
        base = base_of(paths.pathname)
        if base.length > LONGEST_NAME or base.length == paths.pathname.length \
                or (base.length and memchr(base.data, 0, base.length) != NULL):
            return False
        program = comm_of_text(base)
    bits = class_of(exact_classes, program)
    return bits & (SHELL | VARIANT) == SHELL


cdef inline uint16_t name_marks(uint8_t bits, uint16_t mark) noexcept nogil:
    if bits & VARIANT:
        return SHELL_VERSION
    return mark if bits & SHELL else 0


cdef inline bint starts_with(text_value text, const char *head, int64_t length) noexcept nogil:
    return text.length >= length and memcmp(text.data, head, length) == 0


cdef inline int64_t after_digits(text_value path, int64_t at) noexcept nogil:
    """Return where a number that starts at `at` ends; `at` itself where there is none."""
    while at < path.length and 48 <= path.data[at] <= 57:
        at += 1
    return at


cdef inline int64_t after_word(
    text_value path, int64_t at, const char *word, int64_t length
) noexcept nogil:
    """Return where a word that starts at `at` ends; -1 where it does not stand there."""
    if at < 0 or path.length - at < length or memcmp(path.data + at, word, length) != 0:
        return -1
    return at + length


cdef bint is_number_from(text_value path, int64_t at) noexcept nogil:
    return 0 <= at < path.length and after_digits(path, at) == path.length


cdef bint is_descriptor(text_value path) noexcept nogil:
    """Whether a path names a descriptor, or what another task executes."""
    cdef int64_t at, task, end
    cdef bint has_pid
    if path.length < 9 or path.data[0] != 47:
        return False
    if is_number_from(path, after_word(path, 0, b"/dev/fd/", 8)):
        return True
    at = after_word(path, 0, b"/proc/", 6)
    if at < 0:
        return False
    end = after_digits(path, at)
    has_pid = end > at
    if not has_pid:
        end = after_word(path, at, b"self", 4)
        if end < 0:
            end = after_word(path, at, b"thread-self", 11)
    if end < 0:
        return False
    if has_pid and after_word(path, end, b"/exe", 4) == path.length:
        return True
    task = after_word(path, end, b"/task/", 6)
    if task >= 0:
        end = after_digits(path, task)
        if end == task:
            return False
    return is_number_from(path, after_word(path, end, b"/fd/", 4))


cdef uint64_t text_number(text_value value) noexcept nogil:
    cdef uint64_t number = <uint64_t>0xCBF29CE484222325
    cdef int64_t i
    if value.length == 0:
        return 0
    for i in range(value.length):
        number = (number ^ value.data[i]) * <uint64_t>0x100000001B3
    return number if number else 1
