from typing_extensions import Buffer

LEVELS: tuple[str, ...]

def check(rows: Buffer, sex: Buffer | None, regions: Buffer, today: int, out: Buffer, level: str) -> None: ...
