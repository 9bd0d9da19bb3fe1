# cython: freethreading_compatible=True
"""Citizen-number check over contiguous rows: checks the call, releases the GIL, calls C."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint8_t, uint32_t


cdef extern from "csrc/idcheck.h":
    ctypedef void sbc_idcheck_fn(const uint8_t *rows, const uint8_t *sex, size_t n, const uint8_t *regions,
                                 uint32_t today, uint8_t *out) noexcept nogil
    sbc_idcheck_fn sbc_idcheck_portable
    sbc_idcheck_fn sbc_idcheck_avx2
    enum: SBC_ID_LENGTH

LEVELS = ("portable", "avx2")


cdef sbc_idcheck_fn *_choose(str level) except NULL:
    if level == "portable":
        return &sbc_idcheck_portable
    if level == "avx2":
        return &sbc_idcheck_avx2
    raise ValueError(f"level {level!r} is not one of {LEVELS}")


def check(rows, sex, regions, uint32_t today, out, str level):
    """Fill ``out`` (n writable bytes) with one status per 18-byte row; see csrc/idcheck.h for the bits."""
    cdef Py_buffer rows_buffer, sex_buffer, regions_buffer, out_buffer
    cdef sbc_idcheck_fn *kernel = _choose(level)
    cdef const uint8_t *sex_bytes = NULL
    cdef size_t n
    PyObject_GetBuffer(rows, &rows_buffer, PyBUF_SIMPLE)
    PyObject_GetBuffer(regions, &regions_buffer, PyBUF_SIMPLE)
    PyObject_GetBuffer(out, &out_buffer, PyBUF_WRITABLE)
    if sex is not None:
        PyObject_GetBuffer(sex, &sex_buffer, PyBUF_SIMPLE)
        sex_bytes = <const uint8_t *>sex_buffer.buf
    try:
        n = <size_t>out_buffer.len
        if <size_t>rows_buffer.len != n * SBC_ID_LENGTH or (sex is not None and <size_t>sex_buffer.len != n):
            raise ValueError("rows must be 18 bytes each, sex and out one byte each, for the same number of rows")
        if regions_buffer.len != 125_000:
            raise ValueError("regions must be 1,000,000 bits")
        with nogil:
            kernel(<const uint8_t *>rows_buffer.buf, sex_bytes, n, <const uint8_t *>regions_buffer.buf, today,
                   <uint8_t *>out_buffer.buf)
    finally:
        PyBuffer_Release(&rows_buffer)
        PyBuffer_Release(&regions_buffer)
        PyBuffer_Release(&out_buffer)
        if sex is not None:
            PyBuffer_Release(&sex_buffer)
