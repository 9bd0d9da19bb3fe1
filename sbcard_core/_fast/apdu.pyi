from array import array
from collections.abc import Callable

from typing_extensions import Buffer, Self

LEVELS: tuple[str, ...]

class Codec:
    def __init__(self, refuse: Callable[[str], Exception], lost: Callable[[], Exception]) -> None: ...
    def encode(self, cla: int, ins: int, p1: int, p2: int, data: Buffer = b"", ne: int = 0) -> bytes: ...
    def decode_response(self, wire: Buffer) -> tuple[bytes, int]: ...

class Command:
    def __init__(
        self,
        cla: int = 0,
        ins: int = 0,
        p1: int = 0,
        p2: int = 0,
        data: Buffer = b"",
        ne: int = 0,
        extended: bool = False,
    ) -> None: ...
    @property
    def cla(self) -> int: ...
    @property
    def ins(self) -> int: ...
    @property
    def p1(self) -> int: ...
    @property
    def p2(self) -> int: ...
    @property
    def data(self) -> bytes: ...
    @property
    def ne(self) -> int: ...
    @property
    def extended(self) -> bool: ...
    @property
    def nc(self) -> int: ...
    @property
    def header(self) -> bytes: ...
    def encode(self) -> bytes: ...
    @classmethod
    def decode(cls, wire: Buffer) -> Self: ...

def encode_many(
    headers: Buffer,
    data: Buffer,
    offsets: Buffer | None,
    length: int,
    ne: int | Buffer,
    out: Buffer | None,
    level: str,
) -> tuple[bytes | memoryview, array[int]]: ...
def decode_many(
    buffer: Buffer, offsets: Buffer | None, length: int, level: str
) -> tuple[array[int], array[int]]: ...
