"""What the figures were measured on."""

import hashlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from benchmarks import peers
from sbcard_core import _kernels


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    fields: dict[str, str] = {}
    for line in lines:
        what, _, value = line.partition(":")
        fields.setdefault(what.strip(), value.strip())
    name = fields.get("model name", platform.processor() or platform.machine())
    if "cpu family" in fields:
        name += f" (family {fields['cpu family']}, model {fields['model']}, stepping {fields['stepping']})"
    return f"{name}, {len([line for line in lines if line.startswith('processor')]) or '?'} processors"


def _compiler() -> str:
    try:
        done = subprocess.run([*peers.compiler().split(), "--version"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "none"
    return done.stdout.splitlines()[0] if done.stdout else "unknown"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def _load() -> str:
    """How busy the machine is: wall-clock figures mean something only when it is near 0 before a run."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def fingerprint() -> str:
    """A short digest of the kernels and of the calls over them: runs of different code don't belong in one table."""
    package = Path(_kernels.__file__).parent
    parts = sorted([*(package / "_fast").glob("*.so"), *(package / "crypto").glob("*.py")])
    return hashlib.sha256(b"".join(path.read_bytes() for path in parts)).hexdigest()[:16]


def describe() -> dict[str, str]:
    """Processor, levels, compiler and versions."""
    found = peers.load()
    return {
        "processor": _processor(),
        "levels": ", ".join(_kernels.machine_levels()),
        "system": f"{platform.system()} {platform.release()}, load {_load()}",
        "compiler": _compiler(),
        "OpenSSL": found.parts.get("openssl", "absent"),
        "libgcrypt": found.parts.get("gcrypt", "absent"),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "cryptography": _version("cryptography"),
        "pycryptodome": _version("pycryptodome"),
        "numpy": _version("numpy"),
    }
