"""Build of the compiled kernels; everything else is in pyproject.toml.

``freethreading_compatible`` stands in each ``.pyx`` that keeps it: every number another thread may write is copied, or
read once and checked. ``screen`` does not promise it: it trusts Arrow's immutable columns.

SBCARD_BUILD=debug   bounds checks on, no optimisation
SBCARD_BUILD=asan    address and undefined-behaviour sanitizers
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

FAST = Path("sbcard_core") / "_fast"
SOURCES = {
    "apdu": ["apdu_portable.c"],
    "cpu": ["cpu.c"],
    "dedupe": ["dedupe_pack.c", "dedupe_mark.c"],
    "des": ["des_portable.c", "des_sse2.c", "des_avx2.c"],
    "idcheck": ["idcheck_portable.c", "idcheck_avx2.c"],
    "screen": ["screen_portable.c", "screen_avx2.c", "screen_gather.c", "idcheck_portable.c", "idcheck_avx2.c"],
    "sm4": ["sm4_portable.c", "sm4_aesni.c", "sm4_avx2.c", "sm4_vaes.c"],
}
MODE = os.environ.get("SBCARD_BUILD", "release")

if sys.platform == "win32":
    compile_args, link_args = ["/O2"], []
else:
    compile_args, link_args = ["-std=c11", "-O3", "-g0", "-Wall", "-Wextra"], []
    if MODE == "debug":
        compile_args = ["-std=c11", "-O0", "-g", "-Wall", "-Wextra"]
    elif MODE == "asan":
        link_args = ["-fsanitize=address,undefined"]
        compile_args = ["-std=c11", "-O1", "-g", *link_args]

extensions = [
    Extension(
        f"sbcard_core._fast.{name}",
        [str(FAST / f"{name}.pyx"), *(str(FAST / "csrc" / source) for source in sources)],
        include_dirs=[str(FAST), str(FAST / "csrc")],
        depends=[str(path) for path in sorted((FAST / "csrc").glob("*.h"))],
        extra_compile_args=compile_args,
        extra_link_args=link_args,
    )
    for name, sources in SOURCES.items()
]

setup(
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
    ext_modules=cythonize(
        extensions,
        compiler_directives={
            "language_level": "3",
            "boundscheck": MODE == "debug",
            "wraparound": MODE == "debug",
            "embedsignature": True,
        },
    ),
)
