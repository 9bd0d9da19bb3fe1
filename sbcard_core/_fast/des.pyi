from typing_extensions import Buffer

LEVELS: tuple[str, ...]

def ecb(keys: Buffer, key_length: int, data: Buffer, decrypt: bool, out: Buffer, level: str) -> None: ...
def cbc(
    keys: Buffer, key_length: int, ivs: Buffer, data: Buffer, offsets: Buffer, decrypt: bool, out: Buffer, level: str
) -> None: ...
def cbc_mac(
    keys: Buffer,
    key_length: int,
    iv: Buffer,
    data: Buffer,
    offsets: Buffer,
    padding: int,
    retail: bool,
    out: Buffer,
    level: str,
) -> None: ...
def mac_one(key: Buffer, message: Buffer, iv: Buffer, padding: int, retail: bool, level: str) -> bytes: ...
def derive(masters: Buffer, factors: Buffer, out: Buffer, level: str) -> None: ...
def tac(master: Buffer, factors: Buffer, data: Buffer, offsets: Buffer, out: Buffer, level: str) -> None: ...
def tac_verify(
    master: Buffer, factors: Buffer, data: Buffer, offsets: Buffer, tacs: Buffer, out_status: Buffer, level: str
) -> None: ...
