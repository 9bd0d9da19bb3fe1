# cython: freethreading_compatible=True
"""DES and 3DES over batches: checks the call, releases the GIL, calls C. See csrc/des.h for what each call means."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc


cdef extern from "csrc/des.h":
    ctypedef struct sbc_des_job:
        const uint8_t *keys
        size_t key_length, key_step
        const uint8_t *ivs
        size_t iv_step
        const uint8_t *data
        const int64_t *offsets
        size_t n
        int decrypt, padding, retail
        const uint8_t *tacs
        uint8_t *out

    ctypedef struct sbc_des_kernel:
        size_t lanes, small
        void (*ecb)(const sbc_des_job *) noexcept nogil
        void (*cbc)(const sbc_des_job *) noexcept nogil
        void (*cbc_mac)(const sbc_des_job *) noexcept nogil
        void (*derive)(const sbc_des_job *) noexcept nogil
        void (*tac)(const sbc_des_job *, const uint8_t *) noexcept nogil

    const sbc_des_kernel sbc_des_portable
    const sbc_des_kernel sbc_des_sse2
    const sbc_des_kernel sbc_des_avx2
    int sbc_des_offsets(const int64_t *, size_t, size_t, size_t, int64_t *) noexcept nogil

LEVELS = ("portable", "sse2", "avx2")


cdef const sbc_des_kernel *_choose(str level) except NULL:
    if level == "avx2":
        return &sbc_des_avx2
    if level == "sse2":
        return &sbc_des_sse2
    if level == "portable":
        return &sbc_des_portable
    raise ValueError(f"level {level!r} is not one of {LEVELS}")


cdef class _Views:
    """The buffers of one call and its own copy of the offsets, released together."""

    cdef Py_buffer views[6]
    cdef int count
    cdef int64_t *offsets

    cdef Py_buffer *take(self, object what, int flags=PyBUF_SIMPLE) except NULL:
        cdef Py_buffer *view = &self.views[self.count]
        PyObject_GetBuffer(what, view, flags)
        self.count += 1
        return view

    def __dealloc__(self):
        while self.count:
            self.count -= 1
            PyBuffer_Release(&self.views[self.count])
        free(self.offsets)


cdef size_t _step(const Py_buffer *view, size_t unit, size_t n, str what) except? 7:
    """0 for one shared value, ``unit`` for one each."""
    cdef size_t size = <size_t>view.len
    if size == unit:
        return 0
    if size != unit * n:
        raise ValueError(f"{what} must be {unit} bytes, or {unit} for each of the {n}; they are {size}")
    return unit


cdef int _keys(sbc_des_job *job, _Views views, object keys, size_t key_length) except -1:
    cdef const Py_buffer *view = views.take(keys)
    if key_length not in (8, 16, 24):
        raise ValueError(f"a DES key has 8, 16 or 24 bytes, not {key_length}")
    job.keys = <const uint8_t *>view.buf
    job.key_length = key_length
    job.key_step = _step(view, key_length, job.n, "keys")
    return 0


cdef int _ivs(sbc_des_job *job, _Views views, object ivs) except -1:
    cdef const Py_buffer *view = views.take(ivs)
    job.ivs = <const uint8_t *>view.buf
    job.iv_step = _step(view, 8, job.n, "IVs")
    return 0


cdef const Py_buffer *_messages(sbc_des_job *job, _Views views, object data, object offsets, size_t unit) except NULL:
    cdef const Py_buffer *data_view = views.take(data)
    cdef const Py_buffer *offsets_view = views.take(offsets)
    if offsets_view.len < 8 or offsets_view.len % 8 or <size_t>offsets_view.buf % sizeof(int64_t):
        raise ValueError("offsets must be n + 1 aligned 64-bit integers")
    views.offsets = <int64_t *>malloc(<size_t>offsets_view.len)
    if not views.offsets:
        raise MemoryError
    job.data = <const uint8_t *>data_view.buf
    job.offsets = views.offsets
    job.n = <size_t>offsets_view.len // 8 - 1
    if not sbc_des_offsets(<const int64_t *>offsets_view.buf, job.n, <size_t>data_view.len, unit, views.offsets):
        raise ValueError(f"offsets must rise inside the data, by multiples of {unit}")
    return data_view


cdef int _out(sbc_des_job *job, _Views views, object out, size_t size) except -1:
    cdef const Py_buffer *view = views.take(out, PyBUF_WRITABLE)
    if <size_t>view.len != size:
        raise ValueError(f"out must be {size} bytes, not {view.len}")
    job.out = <uint8_t *>view.buf
    return 0


def ecb(keys, size_t key_length, data, bint decrypt, out, str level):
    """Blocks of 8 bytes; one key, or one key for each block; ``out`` may be ``data``."""
    cdef const sbc_des_kernel *kernel = _choose(level)
    cdef sbc_des_job job
    cdef _Views views = _Views()
    cdef const Py_buffer *view = views.take(data)
    if view.len % 8:
        raise ValueError(f"{view.len} bytes are no whole blocks of 8")
    job.data = <const uint8_t *>view.buf
    job.n = <size_t>view.len // 8
    job.decrypt = decrypt
    _keys(&job, views, keys, key_length)
    _out(&job, views, out, <size_t>view.len)
    with nogil:
        kernel.ecb(&job)


def cbc(keys, size_t key_length, ivs, data, offsets, bint decrypt, out, str level):
    """Messages of whole blocks; one key or n keys, one IV or n; ``out`` is parallel to ``data``, apart from it."""
    cdef const sbc_des_kernel *kernel = _choose(level)
    cdef sbc_des_job job
    cdef _Views views = _Views()
    cdef const Py_buffer *view = _messages(&job, views, data, offsets, 8)
    job.decrypt = decrypt
    _keys(&job, views, keys, key_length)
    _ivs(&job, views, ivs)
    _out(&job, views, out, <size_t>view.len)
    if <size_t>job.out < <size_t>job.data + <size_t>view.len and <size_t>job.data < <size_t>job.out + <size_t>view.len:
        raise ValueError("out must not overlap data")
    with nogil:
        kernel.cbc(&job)


def cbc_mac(keys, size_t key_length, iv, data, offsets, int padding, bint retail, out, str level):
    """ISO/IEC 9797-1 algorithm 1, or 3 when ``retail``; n messages of any length to n full blocks."""
    cdef const sbc_des_kernel *kernel = _choose(level)
    cdef sbc_des_job job
    cdef _Views views = _Views()
    if padding not in (1, 2, 3):
        raise ValueError(f"padding method {padding} is not 1, 2 or 3")
    if retail and key_length != 16:
        raise ValueError(f"a retail MAC takes a key of 16 bytes, not {key_length}")
    _messages(&job, views, data, offsets, 1)
    job.padding = padding
    job.retail = retail
    _keys(&job, views, keys, key_length)
    _ivs(&job, views, iv)
    _out(&job, views, out, 8 * job.n)
    with nogil:
        kernel.cbc_mac(&job)


def mac_one(key, message, iv, int padding, bint retail, str level):
    """The full block of one message: ``cbc_mac`` without the arrays a batch needs."""
    cdef const sbc_des_kernel *kernel = _choose(level)
    cdef sbc_des_job job
    cdef uint8_t block[8]
    cdef int64_t offsets[2]
    cdef _Views views = None
    cdef Py_ssize_t key_size, iv_size
    if type(key) is bytes and type(message) is bytes and type(iv) is bytes:  # no buffers to take and release
        job.keys, key_size = <const uint8_t *><const char *>key, len(<bytes>key)
        job.data, offsets[1] = <const uint8_t *><const char *>message, len(<bytes>message)
        job.ivs, iv_size = <const uint8_t *><const char *>iv, len(<bytes>iv)
    else:
        views = _Views()
        job.keys, key_size = <const uint8_t *>views.take(key).buf, views.views[0].len
        job.data, offsets[1] = <const uint8_t *>views.take(message).buf, views.views[1].len
        job.ivs, iv_size = <const uint8_t *>views.take(iv).buf, views.views[2].len
    if padding < 1 or padding > 3:
        raise ValueError(f"padding method {padding} is not 1, 2 or 3")
    if retail and key_size != 16:
        raise ValueError(f"a retail MAC takes a key of 16 bytes, not {key_size}")
    if key_size != 8 and key_size != 16 and key_size != 24:
        raise ValueError(f"a key has 8, 16 or 24 bytes, not {key_size}")
    if iv_size != 8:
        raise ValueError(f"an IV has 8 bytes, not {iv_size}")
    offsets[0] = 0
    job.key_length, job.key_step, job.iv_step, job.n = <size_t>key_size, 0, 0, 1
    job.offsets, job.out, job.padding, job.retail, job.tacs, job.decrypt = offsets, block, padding, retail, NULL, 0
    with nogil:
        kernel.cbc_mac(&job)
    return (<const char *>block)[:8]


def derive(masters, factors, out, str level):
    """n factors of 8 bytes to n keys of 16 under one master of 16 bytes, or n masters."""
    cdef const sbc_des_kernel *kernel = _choose(level)
    cdef sbc_des_job job
    cdef _Views views = _Views()
    cdef const Py_buffer *view = views.take(factors)
    if view.len % 8:
        raise ValueError(f"factors must be 8 bytes each; they are {view.len}")
    job.data = <const uint8_t *>view.buf
    job.n = <size_t>view.len // 8
    _keys(&job, views, masters, 16)
    _out(&job, views, out, 16 * job.n)
    with nogil:
        kernel.derive(&job)


cdef int _tac(master, factors, data, offsets, tacs, out, str level) except -1:
    cdef const sbc_des_kernel *kernel = _choose(level)
    cdef sbc_des_job job
    cdef _Views views = _Views()
    cdef const Py_buffer *view
    cdef const uint8_t *factor_bytes
    _messages(&job, views, data, offsets, 1)
    view = views.take(factors)
    if <size_t>view.len != 8 * job.n:
        raise ValueError(f"factors must be 8 bytes for each of the {job.n} messages; they are {view.len}")
    factor_bytes = <const uint8_t *>view.buf
    job.tacs = NULL
    if tacs is not None:
        view = views.take(tacs)
        if <size_t>view.len != 4 * job.n:
            raise ValueError(f"TACs must be 4 bytes for each of the {job.n} messages; they are {view.len}")
        job.tacs = <const uint8_t *>view.buf
    view = views.take(master)
    if view.len != 16:
        raise ValueError(f"the master key has 16 bytes, not {view.len}")
    job.keys = <const uint8_t *>view.buf
    job.key_length = 16
    job.key_step = 0
    job.ivs = NULL
    job.iv_step = 0
    job.padding = 2
    _out(&job, views, out, job.n if tacs is not None else 4 * job.n)
    with nogil:
        kernel.tac(&job, factor_bytes)
    return 0


def tac(master, factors, data, offsets, out, str level):
    """n TACs of 4 bytes: derive by the factor, XOR the halves, DES CBC-MAC with padding 2."""
    _tac(master, factors, data, offsets, None, out, level)


def tac_verify(master, factors, data, offsets, tacs, out_status, str level):
    """The same, compared with ``tacs``: one status per message, 0 equal, 1 different."""
    if tacs is None:
        raise ValueError("tacs are missing")
    _tac(master, factors, data, offsets, tacs, out_status, level)
