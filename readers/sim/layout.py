"""The files of a card as one public table gives them, in this simulator's own words: what an empty card holds.

A line is a directory, a file and its records ``tag:format length``, lengths in hex. ``~`` is a transparent file,
``@`` a cyclic one of so many records without tags; a file without either has no records in any source and is empty.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

_SECOND = """
SSSE EF05 01:b10 02:an01 03:an04 04:cn0C 05:cn04 06:cn04 07:an09
SSSE EF06 08:an12 09:an1E 4E:an14 0A:an01 0B:cn01 0C:cn03 0D:cn04
SSSE EF07 ~400
SSSE EF08 ~1000
SSSE EF0D EA:an0C EB:cn03
DF01 EF05 20:an02 21:an50 0E:cn03
DF01 EF06 23:an50 24:cn03 28:an0F 2C:an32 2D:an0F
DF01 EF07 29:an01 2A:cn01
DF01 EF08 2B:an01
DF01 EF09 2E:an46 30:an09 32:an02
DF01 EF0A 37:an03 38:an02 39:cn04
DF01 EF15 2A:cn01 40:t00
DF01 EF16 ~0
DF01 EF17 ~0
DF01 EF18 ~0
DF01 EF19 ~0
DF01 EF1A ~0
DF02 EF05
DF02 EF06
DF02 EF07 @04
DF02 EF09
DF02 EF15
DF02 EF16 @04
DF03 EF05 61:cn03 60:cn04 98:cn04 62:cn04 63:an03 64:an03 65:an03 66:an03
DF03 EF06
DF03 EF07 70:an03 71:cn03 6E:cn04 6C:cn04 6F:cn04 73:cn04
DF03 EF15 7A:cn03 7B:cn04 7C:cn04
DF03 EF16 51:cn03 5F:an01
DF03 EF17
DF03 EF18
DF03 EF19
DF04 EF05 81:an08 84:cn03 87:an11 8C:cn01 80:cn04 8B:an1D 8A:an0F 83:an09 86:an09 89:an09 7D:an09 7E:an09 7F:an09 8D:an09 8E:an09 8F:an01
DF04 EF06 90:an01 92:dec04 93:an02
DF04 EF08 @1E
DF04 EF15 @08
DF05 EF05
DF07 EF05 F0:an02 F1:an01 F2:cn04 F3:an03 F4:cn04
DF07 EF06 F5:an03 F6:cn04 F7:an46
DF07 EF07 F8:cn04 F9:an01
"""  # noqa: E501 - a table

_FIRST = """
SSSE EF06 08:an12 09:an1E 0A:an01 0B:cn01 0C:cn03 0D:cn04
SSSE EF07 ~300
SSSE EF08 -
SSSE EF0D -
DF01 EF05 20:an01 21:an3E 22:an12
DF01 EF06 25:an3E 26:an12 27:cn03 28:an0F
DF01 EF09
DF01 EF0A
DF01 EF16 -
DF01 EF17 -
DF01 EF18 -
DF01 EF19 -
DF01 EF1A -
DF04 EF05 81:an3E 84:an3E 87:an3E
DF04 EF06 90:dec04 92:dec04 93:dec04
DF04 EF08 @0A
DF05 EF05 -
DF07 EF05 -
DF07 EF06 -
DF07 EF07 -
"""
"""Where the first generation differs; ``-`` = not there."""

_KEY_ONLY = "key"
_FREE = frozenset({"SSSE", "BANK", "PKI.ADF1"})
_READ = {("SSSE", 0xEF07): "0A", ("SSSE", 0xEF08): "0A", ("DF04", 0xEF06): "PIN+key", ("DF04", 0xEF08): "PIN"}
_UPDATE = {
    ("SSSE", 0xEF05): 0x04, ("SSSE", 0xEF06): 0x04, ("SSSE", 0xEF0C): 0x07, ("SSSE", 0xEF0D): 0x0D,
    ("DF01", 0xEF06): 0x86, ("DF01", 0xEF09): 0x84, ("DF01", 0xEF0A): 0x87,
}  # fmt: skip
_TRANSPARENT = frozenset({("SSSE", 0xEF07), ("SSSE", 0xEF08), *(("DF01", fid) for fid in range(0xEF16, 0xEF1B))})

Place = tuple[str, int]


@lru_cache(maxsize=4)
def empty_files(generation: str) -> Mapping[Place, tuple[bytes, ...]]:
    """Files and empty records of a generation, "1", "2" or "3": an and dec filled with 00, cn with FF.

    Example:
        >>> [record.hex() for record in empty_files("2")["DF04", 0xEF06]]
        ['900100', '920400000000', '93020000']
        >>> len(empty_files("1")["SSSE", 0xEF06]), len(empty_files("3")["SSSE", 0xEF06])
        (6, 7)
    """
    files = dict(_parse(_SECOND))
    if generation == "1":
        files |= dict(_parse(_FIRST))
    return {place: records for place, records in files.items() if records is not None}


def is_transparent(place: Place) -> bool:
    """Whether a file of the environment or of an application is bytes, not records."""
    return place in _TRANSPARENT


def read_rule(place: Place, generation: str, key_id: int | None) -> str:
    """Who may read, as one public source has it by file: "" = everybody; EF06 as three have it by generation.

    Args:
        place: directory and file.
        generation: "1", "2" or "3".
        key_id: the key's number in the card, which no source gives outside the environment; None = nobody has it.

    Example:
        >>> read_rule(("SSSE", 0xEF06), "2", None), read_rule(("SSSE", 0xEF06), "3", None)
        ('', '0A')
        >>> read_rule(("DF01", 0xEF05), "2", None), read_rule(("DF01", 0xEF05), "2", 0x2E)
        ('PIN', 'PIN|2E')
        >>> read_rule(("DF04", 0xEF06), "2", None), read_rule(("DF07", 0xEF05), "2", 0x3D)
        ('never', '3D')
    """
    directory, fid = place
    if place == ("SSSE", 0xEF06):
        return "0A" if generation == "3" else ""
    if place not in _READ and (directory in _FREE or (directory == "DF01" and fid >= 0xEF16)):
        return ""
    rule = _READ.get(place, _KEY_ONLY if directory == "DF07" else "PIN|key")
    if "key" not in rule:
        return rule
    if key_id is not None:
        return rule.replace("key", f"{key_id:02X}")
    return "PIN" if rule == "PIN|key" else "never"


def update_key(place: Place) -> int | None:
    """The number in the card of the key that opens a file for writing, where a source gives one."""
    return _UPDATE.get(place)


def _parse(table: str) -> Iterator[tuple[Place, tuple[bytes, ...] | None]]:
    for line in table.strip().split("\n"):
        directory, name, *records = line.split()
        yield (directory, int(name, 16)), None if records == ["-"] else tuple(_empty(records))


def _empty(records: list[str]) -> Iterator[bytes]:
    for record in records:
        if record[0] == "~":
            yield bytes(int(record[1:], 16))
        elif record[0] != "@":
            tag, _, form = record.partition(":")
            kind = form.rstrip("0123456789ABCDEF")
            length = int(form[len(kind) :], 16)
            fill = b"\xff" if kind == "cn" else b"\x00"
            yield bytes((int(tag, 16), length)) + fill * length
