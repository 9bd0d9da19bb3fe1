# cython: freethreading_compatible=True
"""Repeated numbers in long columns: checks the call, releases the GIL, calls C. See csrc/dedupe.h."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy


cdef extern from "csrc/dedupe.h":
    ctypedef struct sbc_dedupe_seed:
        uint64_t first, second
    ctypedef struct sbc_dedupe_block:
        const uint8_t *data
        size_t size
    enum: SBC_DEDUPE_LENGTH
    enum: SBC_DEDUPE_MEMORY
    const size_t SBC_DEDUPE_MOST
    size_t sbc_dedupe_pack(const uint8_t *rows, size_t n, uint64_t *keys, uint8_t *status) noexcept nogil
    ptrdiff_t sbc_dedupe_pack_texts(const uint8_t *data, size_t size, const void *offsets, int wide, size_t n,
                                    uint64_t *keys, uint8_t *status) noexcept nogil
    ptrdiff_t sbc_dedupe_pack_views(const uint8_t *views, size_t n, const sbc_dedupe_block *blocks, size_t count,
                                    uint64_t *keys, uint8_t *status) noexcept nogil
    int sbc_dedupe_mark(const uint64_t *keys, size_t n, sbc_dedupe_seed seed, int all, int bits,
                        uint8_t *out) noexcept nogil
    int sbc_dedupe_split(const uint64_t *keys, size_t n, sbc_dedupe_seed seed, int bits, uint64_t *out,
                         uint64_t *starts) noexcept nogil
    ptrdiff_t sbc_dedupe_insert(uint64_t *slots, int bits, size_t *used, const uint64_t *keys, size_t n,
                                sbc_dedupe_seed seed, uint8_t *out) noexcept nogil
    int sbc_dedupe_move(const uint64_t *slots, int bits, uint64_t *larger, int larger_bits) noexcept nogil
    int sbc_dedupe_find(const uint64_t *slots, int bits, const uint64_t *keys, size_t n, sbc_dedupe_seed seed,
                        int64_t *out) noexcept nogil

LEVELS = ("portable",)


cdef class _View:
    """A buffer held for one call."""

    cdef Py_buffer buffer
    cdef bint held
    cdef uint8_t *data
    cdef size_t size

    def __cinit__(self, what, bint writable):
        PyObject_GetBuffer(what, &self.buffer, PyBUF_WRITABLE if writable else PyBUF_SIMPLE)
        self.held = True
        self.data = <uint8_t *>self.buffer.buf
        self.size = <size_t>self.buffer.len

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.buffer)


cdef int _check(bint good, str what) except -1:
    if not good:
        raise ValueError(what)
    return 0


cdef int _done(ptrdiff_t result) except -1:
    if result == SBC_DEDUPE_MEMORY:
        raise MemoryError
    return _check(result >= 0, "the keys or the set were changed by another thread, or the set has no room")


cdef int _level(str level) except -1:
    return _check(level in LEVELS, f"level {level!r} is not one of {LEVELS}")


cdef sbc_dedupe_seed _seed(bytes seed) except *:
    cdef sbc_dedupe_seed made
    _check(len(seed) == sizeof(made), "a seed is 16 bytes")
    memcpy(&made, <const uint8_t *>seed, sizeof(made))
    return made


cdef int _bits(_View slots) except -1:
    cdef int bits = 6
    while <size_t>8 << bits < slots.size:
        bits += 1
    _check(<size_t>8 << bits == slots.size, "a set has 2^6 or more slots of 8 bytes, a power of two")
    return bits


cdef size_t _keys(_View keys, _View out, size_t width) except? 0:
    cdef size_t n = keys.size // 8
    _check(keys.size == 8 * n and out.size == width * n, f"keys are 8 bytes and results {width} bytes each")
    _check(n <= SBC_DEDUPE_MOST, "too many keys for one call")
    return n


def pack(rows, keys, status, str level):
    """Fill ``keys`` (n × 8) and ``status`` (n) for n rows of 18 bytes; return how many are no number."""
    _level(level)
    cdef _View of = _View(rows, False), into = _View(keys, True), told = _View(status, True)
    cdef size_t n = _keys(into, told, 1), others
    _check(of.size == n * SBC_DEDUPE_LENGTH, "rows must be 18 bytes each")
    with nogil:
        others = sbc_dedupe_pack(of.data, n, <uint64_t *>into.data, told.data)
    return others


def pack_texts(data, offsets, bint wide, keys, status, str level):
    """The same for texts in one buffer, with n + 1 offsets of 8 (``wide``) or 4 bytes."""
    _level(level)
    cdef _View of = _View(data, False), places = _View(offsets, False)
    cdef _View into = _View(keys, True), told = _View(status, True)
    cdef size_t n = _keys(into, told, 1)
    cdef ptrdiff_t others
    _check(places.size == (n + 1) * (8 if wide else 4), "there is one offset more than texts")
    with nogil:
        others = sbc_dedupe_pack_texts(of.data, of.size, places.data, wide, n, <uint64_t *>into.data, told.data)
    _check(others >= 0, "an offset lies outside the text")
    return others


def pack_views(views, blocks, keys, status, str level):
    """The same for n string views of 16 bytes and the buffers they point into."""
    _level(level)
    cdef _View of = _View(views, False), into = _View(keys, True), told = _View(status, True), one
    cdef size_t n = _keys(into, told, 1), count
    cdef list held = [_View(block, False) for block in blocks]
    cdef ptrdiff_t others
    _check(of.size == 16 * n, "views are 16 bytes each")
    count = len(held)
    cdef sbc_dedupe_block *places = <sbc_dedupe_block *>calloc(count + 1, sizeof(sbc_dedupe_block))
    if not places:
        raise MemoryError
    for i in range(<Py_ssize_t>count):
        one = held[i]
        places[i].data, places[i].size = one.data, one.size
    with nogil:
        others = sbc_dedupe_pack_views(of.data, n, places, count, <uint64_t *>into.data, told.data)
    free(places)
    _check(others >= 0, "a string view lies outside its buffer")
    return others


def mark_first(keys, bytes seed, int bits, out, str level):
    """Fill ``out`` (n bytes): 1 = first of its key. ``bits`` -1 = so many parts as suit n, 0 = one table."""
    _mark(keys, seed, False, bits, out, level)


def mark_repeated(keys, bytes seed, int bits, out, str level):
    """Fill ``out`` (n bytes): 1 = its key occurs more than once."""
    _mark(keys, seed, True, bits, out, level)


cdef int _mark(keys, bytes seed, bint every, int bits, out, str level) except -1:
    _level(level)
    cdef _View of = _View(keys, False), into = _View(out, True)
    cdef size_t n = _keys(of, into, 1)
    cdef sbc_dedupe_seed factors = _seed(seed)
    cdef int failed
    _check(-1 <= bits <= 16, "2^0 to 2^16 parts")
    with nogil:
        failed = sbc_dedupe_mark(<const uint64_t *>of.data, n, factors, every, bits, into.data)
    return _done(failed)


def split(keys, bytes seed, int bits, out, starts, str level):
    """Fill ``out`` (n × 8) with the keys in 2^bits parts by hash, ``starts`` ((2^bits + 1) × 8) with their places."""
    _level(level)
    cdef _View of = _View(keys, False), into = _View(out, True), places = _View(starts, True)
    cdef size_t n = _keys(of, into, 8)
    cdef sbc_dedupe_seed factors = _seed(seed)
    cdef int failed
    _check(1 <= bits <= 16 and places.size == ((<size_t>1 << bits) + 1) * 8, "2^1 to 2^16 parts and one start more")
    with nogil:
        failed = sbc_dedupe_split(<const uint64_t *>of.data, n, factors, bits, <uint64_t *>into.data,
                                  <uint64_t *>places.data)
    _done(failed)


def insert(slots, size_t used, keys, bytes seed, out, str level):
    """Put keys into a set until it is full; return (keys taken, slots used then); ``out``: 1 = new."""
    _level(level)
    cdef _View table = _View(slots, True), of = _View(keys, False), into = _View(out, True)
    cdef int bits = _bits(table)
    cdef size_t n = _keys(of, into, 1)
    cdef ptrdiff_t taken
    cdef sbc_dedupe_seed factors = _seed(seed)
    with nogil:
        taken = sbc_dedupe_insert(<uint64_t *>table.data, bits, &used, <const uint64_t *>of.data, n, factors, into.data)
    _done(taken)
    return taken, used


def move(slots, larger, str level):
    """Move a set into a larger one that is still all zeros."""
    _level(level)
    cdef _View of = _View(slots, False), into = _View(larger, True)
    cdef int bits = _bits(of), larger_bits = _bits(into)
    cdef int failed
    _check(larger_bits > bits, "the other set must be larger")
    with nogil:
        failed = sbc_dedupe_move(<const uint64_t *>of.data, bits, <uint64_t *>into.data, larger_bits)
    _done(failed)


def find(slots, keys, bytes seed, out, str level):
    """Fill ``out`` (n × 8) with the slot of each key, -1 where the set does not hold it."""
    _level(level)
    cdef _View table = _View(slots, False), of = _View(keys, False), into = _View(out, True)
    cdef int bits = _bits(table)
    cdef size_t n = _keys(of, into, 8)
    cdef sbc_dedupe_seed factors = _seed(seed)
    cdef int failed
    with nogil:
        failed = sbc_dedupe_find(<const uint64_t *>table.data, bits, <const uint64_t *>of.data, n, factors,
                                 <int64_t *>into.data)
    _done(failed)
