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
def cut(
    raw: Buffer, delimiter: bytes, gb: bool, columns: int, starts: Buffer, chosen: Buffer, pairs: Buffer, level: str
) -> None: ...
def join(
    described: Buffer, rows: int, chosen: Buffer | None, cell_end: int, row_end: int, ends: Buffer | None, level: str
) -> bytearray: ...
