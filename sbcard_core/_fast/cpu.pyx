# cython: freethreading_compatible=True
"""The level of this processor, by name."""

cdef extern from "csrc/cpu.h":
    int sbc_cpu_level() nogil

LEVELS = ("portable", "sse2", "aesni", "avx2", "vaes")


def levels():
    """The levels this processor runs, weakest first."""
    return LEVELS[: sbc_cpu_level() + 1]
