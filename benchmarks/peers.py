"""The C peers (c/peers.c): built with what the machine has, called through ctypes.

``python -m benchmarks.peers`` builds them and says in one line each what is missing.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

SOURCE = Path(__file__).parent / "c" / "peers.c"
LIBRARY = Path(__file__).parent.parent / "out" / "bench" / "libpeers.so"
PARTS = {
    "openssl": ("-DWITH_OPENSSL", "-lcrypto", "OpenSSL headers", "apt install libssl-dev"),
    "gcrypt": ("-DWITH_GCRYPT", "-lgcrypt", "libgcrypt headers", "apt install libgcrypt20-dev"),
}
FLAGS = ("-O3", "-shared", "-fPIC")


def compiler() -> str:
    """The C compiler: CC, else cc."""
    return os.environ.get("CC", "cc")


def _compile(parts: tuple[str, ...], target: Path) -> bool:
    if not parts or shutil.which(compiler().split()[0]) is None:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    defines, libraries = [PARTS[part][0] for part in parts], [PARTS[part][1] for part in parts]
    fresh = target.with_suffix(f".{os.getpid()}.so")
    command = [*compiler().split(), *FLAGS, *defines, "-o", str(fresh), str(SOURCE), *libraries]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        return False
    fresh.replace(target)
    return True


def build(target: Path) -> tuple[str, ...]:
    """Compile the peers this machine can build and return their parts, e.g. ``("openssl", "gcrypt")``.

    With no compiler or no headers at all nothing is built and the answer is empty.
    """
    target.unlink(missing_ok=True)
    return next((parts for parts in (tuple(PARTS), ("openssl",), ("gcrypt",)) if _compile(parts, target)), ())


def _address(buffer: Any) -> ctypes.c_void_p | None:
    return None if buffer is None else ctypes.c_void_p(np.frombuffer(buffer, np.uint8).ctypes.data)


class Peers:
    """The built library; a peer that is not in it is simply absent from ``parts``."""

    def __init__(self, path: Path) -> None:
        self.parts: dict[str, str] = {}
        self.library = ctypes.CDLL(str(path)) if path.exists() else None
        for part in PARTS if self.library is not None else ():
            start = getattr(self.library, f"peers_{part}_start", None)
            if start is None or start():
                continue
            version = getattr(self.library, f"peers_{part}_version")
            version.restype = ctypes.c_char_p
            self.parts[part] = version().decode()

    def missing(self) -> Iterator[str]:
        """One line for each library that is left out."""
        for part, (_, _, name, how) in PARTS.items():
            if part not in self.parts:
                yield f"{name} are absent, their peers are left out: {how}"

    def bind(self, name: str, size: int, *arguments: Any) -> Callable[[], bytearray] | None:
        """A call of ``name`` with these buffers and counts; it fills and returns one buffer of ``size`` bytes.

        None when the library behind it is absent.
        """
        function = getattr(self.library, name, None) if self.library is not None else None
        if function is None or ("gcrypt" if name.startswith("gcry") else "openssl") not in self.parts:
            return None
        out = bytearray(size)
        function.restype = ctypes.c_int
        ready = [ctypes.c_size_t(a) if isinstance(a, int) else _address(a) for a in (*arguments, out)]

        def call(_alive: Any = arguments) -> bytearray:
            if function(*ready):
                raise RuntimeError(f"{name} failed")
            return out

        return call


@cache
def load() -> Peers:
    """The peers of this machine, built first if the source is newer than the library."""
    if not LIBRARY.exists() or LIBRARY.stat().st_mtime < SOURCE.stat().st_mtime:
        build(LIBRARY)
    return Peers(LIBRARY)


def main() -> None:
    """Build and say what came of it."""
    build(LIBRARY)
    found = Peers(LIBRARY)
    for version in found.parts.values():
        print(f"peer: {version}")
    for line in found.missing():
        print(line)


if __name__ == "__main__":
    main()
