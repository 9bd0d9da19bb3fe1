from typing_extensions import Buffer

LEVELS: tuple[str, ...]

Program = tuple[bytes, bytes, bytes, bool, int]

def count(raw: Buffer, level: str) -> int: ...
def lines(
    program: Program,
    raw: Buffer,
    delimiter: bytes,
    edges: bytes,
    starts: Buffer,
    flags: Buffer,
    keys: Buffer | None,
    level: str,
) -> None: ...
def columns(program: Program, described: Buffer, flags: Buffer, keys: Buffer | None, level: str) -> None: ...
