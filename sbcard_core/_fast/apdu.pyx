# cython: freethreading_compatible=True
"""Command APDUs as values and as bytes, one by one and many in one buffer (csrc/apdu.h is the manual of the latter)."""

from cpython.array cimport array, clone
from cpython.buffer cimport (PyBUF_FORMAT, PyBUF_ND, PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release,
                             PyObject_CheckBuffer, PyObject_GetBuffer)
from cpython.bytes cimport (PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromObject, PyBytes_FromStringAndSize,
                            PyBytes_GET_SIZE)
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uintptr_t
from libc.string cimport memcpy


cdef extern from "Python.h":
    long PyLong_AsLongAndOverflow(object number, int *overflow) except? -1

cdef extern from "csrc/apdu.h":
    ctypedef struct sbc_apdu_batch:
        const uint8_t *headers
        size_t header_step
        const uint8_t *data
        const int64_t *offsets
        int64_t size
        int64_t length
        const int32_t *ne
        int64_t one_ne
        size_t n
    int64_t sbc_apdu_same_length(const int64_t *, size_t, int64_t, int64_t *) noexcept nogil
    int64_t sbc_apdu_total(const sbc_apdu_batch *) noexcept nogil
    int sbc_apdu_encode(const sbc_apdu_batch *, uint8_t *, int64_t, int64_t *) noexcept nogil
    int sbc_apdu_decode(
        const uint8_t *, int64_t, const int64_t *, int64_t, size_t, int64_t *, uint16_t *
    ) noexcept nogil

LEVELS = ("portable",)

cdef enum:
    MAX_NC = 65535
    MAX_NE = 65536
    OUT_OF_RANGE = -1

cdef array _INT64 = array("q")
cdef array _UINT16 = array("H")

HEADER = "CLA INS P1 P2 are single bytes"
LENGTHS = "Nc is at most 65535 and Ne at most 65536"
TOO_SHORT = "a command has at least four bytes"
WRONG_LC = "Lc does not fit the command length"
OFFSETS = "offsets must ascend within the buffer"
CHANGED = "the input was changed by another thread during the call"


cdef inline long _number(object value) except? -2:
    """A Python integer, or OUT_OF_RANGE where a long can't hold it."""
    cdef int overflow = 0
    cdef long number = PyLong_AsLongAndOverflow(value, &overflow)
    return OUT_OF_RANGE if overflow else number


cdef inline bytes _bytes(object data):
    if PyBytes_CheckExact(data):
        return <bytes>data
    if not PyObject_CheckBuffer(data):
        raise TypeError("data must be bytes")
    return PyBytes_FromObject(data)


cdef inline bytes _wire(long cla, long ins, long p1, long p2, bytes data, long ne, bint extended):
    """The bytes of a command whose numbers have been checked."""
    cdef Py_ssize_t nc = PyBytes_GET_SIZE(data)
    cdef Py_ssize_t size = 4 + nc
    cdef uint8_t *o
    cdef bytes out
    if extended:
        size += (3 if nc or ne else 0) + (2 if nc and ne else 0)
    else:
        size += (1 if nc else 0) + (1 if ne else 0)
    out = PyBytes_FromStringAndSize(NULL, size)
    o = <uint8_t *>PyBytes_AS_STRING(out)
    o[0], o[1], o[2], o[3] = <uint8_t>cla, <uint8_t>ins, <uint8_t>p1, <uint8_t>p2
    o += 4
    if extended and (nc or ne):
        o[0] = 0
        o += 1
        if nc:
            o[0], o[1] = <uint8_t>(nc >> 8), <uint8_t>nc
            o += 2
    elif nc:
        o[0] = <uint8_t>nc
        o += 1
    if nc:
        memcpy(o, PyBytes_AS_STRING(data), nc)
        o += nc
    if ne:
        if extended:
            o[0] = <uint8_t>(ne >> 8)
            o += 1
        o[0] = <uint8_t>ne
    return out


cdef class Codec:
    """``encode`` and ``decode_response`` as bound calls that raise the owner's errors."""
    cdef object refuse
    cdef object lost

    def __init__(self, refuse, lost):
        self.refuse = refuse
        self.lost = lost

    def encode(self, cla, ins, p1, p2, data=b"", ne=0):
        """The bytes of one command; lengths extended where short ones can't hold them."""
        cdef long c = _number(cla), i = _number(ins), p = _number(p1), q = _number(p2), e = _number(ne)
        cdef bytes body = _bytes(data)
        cdef Py_ssize_t nc = PyBytes_GET_SIZE(body)
        if (c | i | p | q) & ~0xFF:
            raise self.refuse(HEADER)
        if nc > MAX_NC or e < 0 or e > MAX_NE:
            raise self.refuse(LENGTHS)
        return _wire(c, i, p, q, body, e, nc > 255 or e > 256)

    def decode_response(self, wire):
        """Data and status word of one answer."""
        cdef bytes answer = _bytes(wire)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(answer)
        cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(answer)
        if size < 2:
            raise self.lost()
        return PyBytes_FromStringAndSize(<const char *>p, size - 2), p[size - 2] << 8 | p[size - 1]


cdef class Command:
    """One command, valid by construction; errors are made by the subclass's ``_refuse``."""
    cdef readonly int cla
    cdef readonly int ins
    cdef readonly int p1
    cdef readonly int p2
    cdef readonly bytes data
    cdef readonly int ne
    cdef readonly bint extended

    def __cinit__(self, cla=0, ins=0, p1=0, p2=0, data=b"", ne=0, extended=False):
        cdef long c = _number(cla), i = _number(ins), p = _number(p1), q = _number(p2), e = _number(ne)
        cdef bytes body = _bytes(data)
        cdef Py_ssize_t nc = PyBytes_GET_SIZE(body)
        if (c | i | p | q) & ~0xFF:
            raise type(self)._refuse(HEADER)
        if nc > MAX_NC or e < 0 or e > MAX_NE:
            raise type(self)._refuse(LENGTHS)
        self.cla, self.ins, self.p1, self.p2, self.ne = <int>c, <int>i, <int>p, <int>q, <int>e
        self.data = body
        # Case 1 has no length field, so an "extended" one would not survive encode and decode.
        self.extended = nc > 255 or e > 256 or ((nc > 0 or e > 0) and bool(extended))

    @classmethod
    def _refuse(cls, what):
        return ValueError(what)

    @property
    def nc(self):
        return PyBytes_GET_SIZE(self.data)

    @property
    def header(self):
        cdef uint8_t[4] head
        head[0], head[1] = <uint8_t>self.cla, <uint8_t>self.ins
        head[2], head[3] = <uint8_t>self.p1, <uint8_t>self.p2
        return PyBytes_FromStringAndSize(<const char *>&head[0], 4)

    def encode(self):
        return _wire(self.cla, self.ins, self.p1, self.p2, self.data, self.ne, self.extended)

    @classmethod
    def decode(cls, wire):
        cdef bytes source = _bytes(wire)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(source), nc = 0, start = 0, rest
        cdef const uint8_t *w = <const uint8_t *>PyBytes_AS_STRING(source)
        cdef long ne = 0
        cdef bint extended = False
        cdef Command made
        if size < 4:
            raise cls._refuse(TOO_SHORT)
        if size == 5:
            ne = w[4] or 256
        elif size == 7 and not w[4]:
            ne, extended = (w[5] << 8 | w[6]) or MAX_NE, True
        elif size > 5:
            extended = not w[4]
            if extended and size < 8:
                raise cls._refuse(WRONG_LC)
            nc = w[5] << 8 | w[6] if extended else w[4]
            start = 7 if extended else 5
            rest = size - start - nc
            if not nc or (rest and rest != (2 if extended else 1)):
                raise cls._refuse(WRONG_LC)
            if rest:
                ne = ((w[size - 2] << 8 | w[size - 1]) or MAX_NE) if extended else (w[size - 1] or 256)
        made = cls.__new__(cls)
        made.cla, made.ins, made.p1, made.p2, made.ne, made.extended = w[0], w[1], w[2], w[3], <int>ne, extended
        if nc:
            made.data = PyBytes_FromStringAndSize(<const char *>w + start, nc)
        return made

    def _fields(self):
        return self.cla, self.ins, self.p1, self.p2, self.data, self.ne, self.extended

    def __eq__(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return self._fields() == (<Command>other)._fields()

    def __hash__(self):
        return hash(self._fields())

    def __reduce__(self):
        return type(self), self._fields()


cdef class _Numbers:
    """One contiguous buffer of integers of ``size`` bytes, released with the object."""
    cdef Py_buffer buffer
    cdef size_t count

    def __cinit__(self, source, Py_ssize_t size, str what):
        cdef bytes form
        PyObject_GetBuffer(source, &self.buffer, PyBUF_ND | PyBUF_FORMAT)
        form = self.buffer.format if self.buffer.format != NULL else b"B"
        if (self.buffer.itemsize != size or not form.endswith((b"q", b"l", b"i"))
                or (self.buffer.len and <uintptr_t>self.buffer.buf % <uintptr_t>size)):
            raise ValueError(f"{what} must be contiguous signed integers of {8 * size} bits")
        self.count = <size_t>(self.buffer.len // size)

    def __dealloc__(self):
        PyBuffer_Release(&self.buffer)


cdef class _Bytes:
    """One contiguous buffer of bytes, released with the object."""
    cdef Py_buffer buffer
    cdef const uint8_t *bytes
    cdef size_t size

    def __cinit__(self, source):
        PyObject_GetBuffer(source, &self.buffer, PyBUF_SIMPLE)
        self.bytes = <const uint8_t *>self.buffer.buf
        self.size = <size_t>self.buffer.len

    def __dealloc__(self):
        PyBuffer_Release(&self.buffer)


cdef class _Target:
    """One contiguous buffer to write to, released with the object."""
    cdef Py_buffer buffer

    def __cinit__(self, source):
        PyObject_GetBuffer(source, &self.buffer, PyBUF_WRITABLE)

    def __dealloc__(self):
        PyBuffer_Release(&self.buffer)


cdef const int64_t *_offsets(_Numbers numbers) except NULL:
    if numbers.count < 1:
        raise ValueError("n items have n + 1 offsets")
    return <const int64_t *>numbers.buffer.buf


cdef size_t _rows(size_t size, int64_t length) except? 0:
    if length <= 0 or size % <size_t>length:
        raise ValueError("the buffer must hold items of the given length, which is positive")
    return size // <size_t>length


def encode_many(headers, data, offsets, length, ne, out, str level):
    """All commands one after the other, and their n + 1 offsets.

    They come as new ``bytes``, or as a memoryview of the front of ``out``.
    """
    cdef _Bytes heads = _Bytes(headers), body = _Bytes(data)
    cdef _Numbers places, answers
    cdef sbc_apdu_batch batch
    cdef array ends
    cdef object made
    cdef _Target given
    cdef int64_t total, start = 0
    cdef int same
    cdef uint8_t *target
    cdef int64_t *target_ends
    if level != "portable":
        raise ValueError(f"level {level!r} is not one of {LEVELS}")
    batch.headers, batch.data, batch.offsets, batch.length = heads.bytes, body.bytes, NULL, 0
    batch.size = <int64_t>body.size
    batch.ne, batch.one_ne = NULL, 0
    if offsets is not None:
        places = _Numbers(offsets, 8, "offsets")
        batch.offsets, batch.n = _offsets(places), places.count - 1
        total = sbc_apdu_same_length(batch.offsets, batch.n, batch.size, &start)
        if 0 <= total <= MAX_NC:
            batch.data += start
            batch.offsets, batch.length = NULL, total
    elif length:
        batch.length = length
        batch.n = _rows(body.size, batch.length)
    else:
        batch.n = heads.size // 4
        if body.size:
            raise ValueError("give offsets or the length of the data of one command")
    if heads.size != 4 and heads.size != 4 * batch.n:
        raise ValueError("headers must be 4 bytes, for all or for each command")
    batch.header_step = 4 if heads.size == 4 * batch.n else 0
    if batch.length > MAX_NC:
        raise ValueError(LENGTHS)
    if isinstance(ne, int):
        batch.one_ne = _number(ne)
        if batch.one_ne < 0 or batch.one_ne > MAX_NE:
            raise ValueError(LENGTHS)
    else:
        answers = _Numbers(ne, 4, "ne")
        if answers.count != batch.n:
            raise ValueError("ne must be one number, or one for each command")
        batch.ne = <const int32_t *>answers.buffer.buf
    total = sbc_apdu_total(&batch)
    if total < 0:
        raise ValueError(OFFSETS)
    if out is None:
        made = PyBytes_FromStringAndSize(NULL, total)
        target = <uint8_t *>PyBytes_AS_STRING(made)
    else:
        given = _Target(out)
        if given.buffer.len < total:
            raise ValueError(f"out must have room for {total} bytes")
        made, target = memoryview(out).cast("B")[:total], <uint8_t *>given.buffer.buf
    ends = clone(_INT64, <Py_ssize_t>batch.n + 1, False)
    target_ends = <int64_t *>ends.data.as_longlongs
    with nogil:
        same = sbc_apdu_encode(&batch, target, total, target_ends)
    if not same:
        raise ValueError(CHANGED)
    return made, ends


def decode_many(buffer, offsets, length, str level):
    """Where the data of each answer end, and its status word."""
    cdef _Bytes source = _Bytes(buffer)
    cdef _Numbers places
    cdef const int64_t *starts = NULL
    cdef int64_t size = 0
    cdef int fits
    cdef size_t n
    cdef array ends, words
    cdef int64_t *target
    cdef uint16_t *target_words
    if level != "portable":
        raise ValueError(f"level {level!r} is not one of {LEVELS}")
    if offsets is not None:
        places = _Numbers(offsets, 8, "offsets")
        starts = _offsets(places)
        n = places.count - 1
    else:
        size = length
        n = _rows(source.size, size)
    ends, words = clone(_INT64, <Py_ssize_t>n, False), clone(_UINT16, <Py_ssize_t>n, False)
    target, target_words = <int64_t *>ends.data.as_longlongs, <uint16_t *>words.data.as_ushorts
    with nogil:
        fits = sbc_apdu_decode(source.bytes, <int64_t>source.size, starts, size, n, target, target_words)
    if not fits:
        raise ValueError(OFFSETS)
    return ends, words
