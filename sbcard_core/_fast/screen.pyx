"""Screen of records over bytes and Arrow columns: checks the call, releases the GIL, calls C."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "<stdint.h>":
    const size_t SIZE_MAX


cdef extern from "csrc/screen.h":
    ctypedef struct sbc_check:
        pass
    ctypedef struct sbc_clause:
        pass
    ctypedef struct sbc_column:
        pass
    ctypedef struct sbc_program:
        const sbc_check *checks
        const sbc_clause *clauses
        const uint8_t *tables
        size_t check_count, clause_count, table_size
        int gb
        uint32_t columns
    ctypedef struct sbc_lines:
        const uint8_t *raw
        size_t size
        uint8_t delimiter
        const uint8_t *edges
        size_t edge_count
    int sbc_screen_sound(const sbc_program *program) noexcept nogil
    ctypedef size_t sbc_screen_count_fn(const uint8_t *raw, size_t size) noexcept nogil
    ctypedef size_t sbc_screen_lines_fn(const sbc_program *program, const sbc_lines *lines, size_t n, uint32_t *starts,
                                        uint8_t *flags, uint64_t *keys) noexcept nogil
    ctypedef void sbc_screen_columns_fn(const sbc_program *program, const sbc_column *columns, size_t n,
                                        uint8_t *flags, uint64_t *keys) noexcept nogil
    int sbc_screen_cut(const sbc_program *program, const sbc_lines *lines, const uint32_t *starts, size_t rows,
                       const int64_t *chosen, size_t n, uint32_t *pairs) noexcept nogil
    size_t sbc_screen_join(const sbc_column *columns, size_t count, size_t rows, const int64_t *chosen, size_t n,
                           int cell_end, int row_end, int64_t *ends, uint8_t *out, size_t space) noexcept nogil
    sbc_screen_count_fn sbc_screen_count_portable
    sbc_screen_count_fn sbc_screen_count_avx2
    sbc_screen_lines_fn sbc_screen_lines_portable
    sbc_screen_lines_fn sbc_screen_lines_avx2
    sbc_screen_columns_fn sbc_screen_columns_portable
    sbc_screen_columns_fn sbc_screen_columns_avx2

LEVELS = ("portable", "avx2")
CHOSEN = "a chosen row is none of these, or the columns were changed by another thread"


cdef class Views:
    """Buffers of one call, released together whatever happens."""
    cdef Py_buffer held[8]
    cdef int count

    cdef const void *small(self, given, size_t unit, size_t *n) except NULL:
        """A buffer that steers what is read: copied unless nobody can write it."""
        cdef bytes kept = given if type(given) is bytes else bytes(given)
        return self.take(kept, False, unit, n)

    cdef void *take(self, given, bint writable, size_t unit, size_t *n) except NULL:
        PyObject_GetBuffer(given, &self.held[self.count], PyBUF_WRITABLE if writable else PyBUF_SIMPLE)
        self.count += 1
        cdef Py_buffer *buffer = &self.held[self.count - 1]
        if buffer.len % unit:
            raise ValueError(f"a buffer of {buffer.len} bytes does not hold items of {unit}")
        n[0] = <size_t>buffer.len // unit
        return buffer.buf if buffer.buf != NULL else <void *>1

    def __dealloc__(self):
        cdef int k
        for k in range(self.count):
            PyBuffer_Release(&self.held[k])


cdef bint _is_vector(str level) except -1:
    if level not in LEVELS:
        raise ValueError(f"level {level!r} is not one of {LEVELS}")
    return level == "avx2"


cdef int _take_program(Views views, tuple given, sbc_program *program) except -1:
    checks, clauses, tables, gb, columns = given
    program.checks = <const sbc_check *>views.small(checks, 32, &program.check_count)
    program.clauses = <const sbc_clause *>views.small(clauses, 32, &program.clause_count)
    program.tables = <const uint8_t *>views.small(tables, 1, &program.table_size)
    program.gb, program.columns = gb, columns
    if not sbc_screen_sound(program):
        raise ValueError("the program reads outside of its tables or columns")
    return 0


cdef uint64_t *_take_keys(Views views, keys, size_t n) except? NULL:
    cdef size_t given
    if keys is None:
        return NULL
    cdef uint64_t *out = <uint64_t *>views.take(keys, True, 8, &given)
    if given != n:
        raise ValueError("one key for every flag is wanted")
    return out


def count(raw, str level):
    """How many lines the bytes hold."""
    cdef Views views = Views()
    cdef bint vector = _is_vector(level)
    cdef size_t size, n
    cdef const uint8_t *at = <const uint8_t *>views.take(raw, False, 1, &size)
    with nogil:
        n = sbc_screen_count_avx2(at, size) if vector else sbc_screen_count_portable(at, size)
    return n


def lines(tuple program, raw, bytes delimiter, bytes edges, starts, flags, keys, str level):
    """Look through lines: fill starts (n + 1 uint32), flags (n bytes), keys (n uint64 or None); n from ``count``."""
    cdef Views views = Views()
    cdef bint vector = _is_vector(level)
    cdef sbc_program code
    cdef sbc_lines text
    cdef size_t n, places, done
    _take_program(views, program, &code)
    text.raw = <const uint8_t *>views.take(raw, False, 1, &text.size)
    if text.size >= 0xFFFFFFFF or len(delimiter) != 1:
        raise ValueError("less than 4 GiB and a delimiter of one byte are wanted")
    text.delimiter = <uint8_t>delimiter[0]
    text.edges = edges
    text.edge_count = <size_t>len(edges)
    cdef uint32_t *start = <uint32_t *>views.take(starts, True, 4, &places)
    cdef uint8_t *flag = <uint8_t *>views.take(flags, True, 1, &n)
    cdef uint64_t *key = _take_keys(views, keys, n)
    if places != n + 1:
        raise ValueError("starts must hold one more than flags")
    with nogil:
        if vector:
            done = sbc_screen_lines_avx2(&code, &text, n, start, flag, key)
        else:
            done = sbc_screen_lines_portable(&code, &text, n, start, flag, key)
    if done != n:
        raise ValueError("flags must hold one byte per line")


def columns(tuple program, described, flags, keys, str level):
    """Look through Arrow columns, described by 64 bytes each (csrc/screen.h): fill flags and keys (or None)."""
    cdef Views views = Views()
    cdef bint vector = _is_vector(level)
    cdef sbc_program code
    cdef size_t n, width
    _take_program(views, program, &code)
    cdef const sbc_column *column = <const sbc_column *>views.small(described, 64, &width)
    cdef uint8_t *flag = <uint8_t *>views.take(flags, True, 1, &n)
    cdef uint64_t *key = _take_keys(views, keys, n)
    if width != code.columns:
        raise ValueError("one description per column is wanted")
    with nogil:
        if vector:
            sbc_screen_columns_avx2(&code, column, n, flag, key)
        else:
            sbc_screen_columns_portable(&code, column, n, flag, key)


def cut(raw, bytes delimiter, bint gb, uint32_t columns, starts, chosen, pairs, str level):
    """The cells of chosen lines that passed: fill pairs (n x columns x 2 uint32) with start and length."""
    cdef Views views = Views()
    cdef sbc_program code
    cdef sbc_lines text
    cdef size_t places, n, filled
    _is_vector(level)
    text.raw = <const uint8_t *>views.take(raw, False, 1, &text.size)
    text.delimiter = <uint8_t>delimiter[0]
    code.gb, code.columns = gb, columns
    cdef const uint32_t *start = <const uint32_t *>views.take(starts, False, 4, &places)
    cdef const int64_t *row = <const int64_t *>views.take(chosen, False, 8, &n)
    cdef uint32_t *pair = <uint32_t *>views.take(pairs, True, 8, &filled)
    if filled != n * columns or not places or start[places - 1] != text.size:
        raise ValueError("two places for every cell are wanted, and the starts of all lines")
    cdef int fits
    with nogil:
        fits = sbc_screen_cut(&code, &text, start, places - 1, row, n, pair)
    if not fits:
        raise ValueError(CHOSEN)


def join(described, size_t rows, chosen, int cell_end, int row_end, ends, str level):
    """The cells of columns as bytes; see csrc/screen.h. ``chosen`` and ``ends`` are int64 or None."""
    cdef Views views = Views()
    cdef size_t width, n = rows, size, k
    cdef const int64_t *row = NULL
    cdef int64_t *end = NULL
    cdef uint8_t *out
    _is_vector(level)
    cdef const sbc_column *column = <const sbc_column *>views.small(described, 64, &width)
    if chosen is not None:
        row = <const int64_t *>views.take(chosen, False, 8, &n)
    if ends is not None:
        end = <int64_t *>views.take(ends, True, 8, &k)
        if k != n + 1:
            raise ValueError("ends must hold one more than the rows")
    with nogil:
        size = sbc_screen_join(column, width, rows, row, n, cell_end, row_end, end, NULL, 0)
    if size == SIZE_MAX:
        raise ValueError(CHOSEN)
    made = bytearray(size)
    out = <uint8_t *>views.take(made, True, 1, &k)
    with nogil:
        k = sbc_screen_join(column, width, rows, row, n, cell_end, row_end, end, out, size)
    if k != size:
        raise ValueError(CHOSEN)
    return made
