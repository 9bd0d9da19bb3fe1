# cython: freethreading_compatible=True
"""SM4 over many blocks and keys: checks the call, releases the GIL, calls C (csrc/sm4.h is the manual)."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy


cdef extern from "csrc/sm4.h":
    ctypedef struct sbc_sm4_level:
        void (*ecb)(const uint8_t *, size_t, const uint8_t *, size_t, int, uint8_t *) noexcept nogil
        void (*cbc)(const uint8_t *, size_t, const uint8_t *, size_t, const uint8_t *, const int64_t *, size_t, int,
                    uint8_t *) noexcept nogil
        void (*cbc_mac)(const uint8_t *, size_t, const uint8_t *, size_t, const uint8_t *, const int64_t *, size_t,
                        int, uint8_t *) noexcept nogil
        void (*derive)(const uint8_t *, size_t, const uint8_t *, size_t, uint8_t *) noexcept nogil
    const sbc_sm4_level sbc_sm4_portable
    const sbc_sm4_level sbc_sm4_aesni
    const sbc_sm4_level sbc_sm4_avx2
    const sbc_sm4_level sbc_sm4_vaes

LEVELS = ("portable", "aesni", "avx2", "vaes")

cdef enum:
    BLOCK = 16


cdef const sbc_sm4_level *_choose(str level) except NULL:
    if level == "vaes":
        return &sbc_sm4_vaes
    if level == "avx2":
        return &sbc_sm4_avx2
    if level == "aesni":
        return &sbc_sm4_aesni
    if level == "portable":
        return &sbc_sm4_portable
    raise ValueError(f"level {level!r} is not one of {LEVELS}")


cdef class _View:
    """One contiguous buffer, released with the object."""
    cdef Py_buffer buffer
    cdef const uint8_t *bytes
    cdef size_t size

    def __cinit__(self, source, bint writable=False):
        PyObject_GetBuffer(source, &self.buffer, PyBUF_WRITABLE if writable else PyBUF_SIMPLE)
        self.bytes = <const uint8_t *>self.buffer.buf
        self.size = <size_t>self.buffer.len

    def __dealloc__(self):
        PyBuffer_Release(&self.buffer)

    cdef inline uint8_t *out(self) noexcept nogil:
        return <uint8_t *>self.buffer.buf


cdef size_t _ones(_View view, size_t n, str what) except? 0:
    """1 when ``view`` is one block for all, n when it is one for each."""
    if view.size == BLOCK:
        return 1
    if view.size == n * BLOCK:
        return n
    raise ValueError(f"{what} must be 16 bytes, or 16 for each item")


cdef class _Offsets:
    """A copy of the offsets, each looked at; another thread may write the originals while a kernel runs."""
    cdef int64_t *at
    cdef size_t n

    def __cinit__(self, _View data, offsets, bint whole):
        cdef _View given = _View(offsets)
        cdef uint64_t apart = 0
        cdef size_t i
        cdef bint wrong
        if given.size < 8 or given.size % 8:
            raise ValueError("offsets must be int64, one more than there are messages")
        self.n = given.size // 8 - 1
        self.at = <int64_t *>malloc(given.size)
        if not self.at:
            raise MemoryError
        memcpy(self.at, given.bytes, given.size)
        wrong = self.at[0] < 0 or self.at[self.n] > <int64_t>data.size
        for i in range(self.n):
            wrong |= self.at[i + 1] < self.at[i]
            apart |= <uint64_t>self.at[i + 1] - <uint64_t>self.at[i]
        if wrong or (whole and apart % BLOCK):
            raise ValueError("offsets must not decrease, and lie in data" + (", whole blocks apart" if whole else ""))

    def __dealloc__(self):
        free(self.at)


def ecb(keys, data, bint decrypt, out, str level):
    """``out`` = every 16-byte block of ``data`` under its key; keys: 16 bytes for all, or 16 for each block."""
    cdef const sbc_sm4_level *kernel = _choose(level)
    cdef _View key = _View(keys), source = _View(data), target = _View(out, True)
    cdef size_t n = source.size // BLOCK, key_count = _ones(key, n, "keys")
    if source.size % BLOCK or target.size != source.size:
        raise ValueError("data must be whole blocks of 16 bytes, and out as long")
    with nogil:
        kernel.ecb(key.bytes, key_count, source.bytes, n, decrypt, target.out())


def cbc(keys, ivs, data, offsets, bint decrypt, out, str level):
    """``out`` = CBC of each message ``data[offsets[i]:offsets[i + 1]]``; keys and ivs: one for all, or one for each."""
    cdef const sbc_sm4_level *kernel = _choose(level)
    cdef _View key = _View(keys), iv = _View(ivs), source = _View(data), target = _View(out, True)
    cdef _Offsets places = _Offsets(source, offsets, True)
    cdef size_t n = places.n, key_count = _ones(key, n, "keys"), iv_count = _ones(iv, n, "ivs")
    if target.size != source.size:
        raise ValueError("out must be as long as data")
    with nogil:
        kernel.cbc(key.bytes, key_count, iv.bytes, iv_count, source.bytes, places.at, n, decrypt, target.out())


def cbc_mac(keys, iv, data, offsets, int padding, out, str level):
    """``out`` (16 bytes for each) = last CBC block of each message, padded by method 1, 2 or 3 of ISO/IEC 9797-1."""
    cdef const sbc_sm4_level *kernel = _choose(level)
    cdef _View key = _View(keys), start = _View(iv), source = _View(data), target = _View(out, True)
    cdef _Offsets places = _Offsets(source, offsets, False)
    cdef size_t n = places.n, key_count = _ones(key, n, "keys"), iv_count = _ones(start, n, "iv")
    if target.size != n * BLOCK:
        raise ValueError("out must be 16 bytes for each message")
    if not 1 <= padding <= 3:
        raise ValueError("padding must be 1, 2 or 3")
    with nogil:
        kernel.cbc_mac(key.bytes, key_count, start.bytes, iv_count, source.bytes, places.at, n, padding,
                       target.out())


def derive(masters, factors, out, str level):
    """``out`` (16 bytes for each) = SM4(master, F || ~F) for each 8-byte factor F."""
    cdef const sbc_sm4_level *kernel = _choose(level)
    cdef _View key = _View(masters), factor = _View(factors), target = _View(out, True)
    cdef size_t n = factor.size // 8, key_count = _ones(key, n, "masters")
    if factor.size % 8 or target.size != n * BLOCK:
        raise ValueError("factors must be 8 bytes each, and out 16 for each")
    with nogil:
        kernel.derive(key.bytes, key_count, factor.bytes, n, target.out())
