"""Record files of the virtual card: each record one TLV, found by number or by its tag; and the tree they hang in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from readers.sim.layout import Place, empty_files, read_rule, update_key
from readers.sim.refusal import Refusal
from readers.sim.settings import FileAccess, SimSettings

_NOBODY = 0xFF


@dataclass(slots=True)
class RecordFile:
    """An EF of variable records.

    Attributes:
        records: whole TLVs, in the order of their numbers; one piece of bytes where the file is transparent.
        update_key: key id that must have been authenticated before writing.
        rule: who may read, see ``SimSettings.file_rules``.
        secure: written under a MAC only.
    """

    records: list[bytes] = field(repr=False)
    update_key: int
    rule: str = ""
    secure: bool = False

    def allows(self, keys: set[int], *, pin: bool) -> bool:
        """Whether the file may be read with these keys authenticated and the PIN verified or not."""
        if not self.rule:
            return True
        if self.rule == "never":
            return False
        return any(
            all(pin if one == "PIN" else int(one, 16) in keys for one in way.split("+")) for way in self.rule.split("|")
        )

    def index(self, reference: int, *, by_tag: bool) -> int:
        """Place of a record; refuses with 6A83 when there is none."""
        if not by_tag:
            if 1 <= reference <= len(self.records):
                return reference - 1
            raise Refusal(0x6A83)
        for place, record in enumerate(self.records):
            if record[0] == reference:
                return place
        raise Refusal(0x6A83)

    def update(self, place: int, record: bytes) -> None:
        """Replace a record by one of the same tag and the same length."""
        old = self.records[place]
        if len(record) < 2 or record[1] != len(record) - 2 or record[0] != old[0]:
            raise Refusal(0x6A80)
        if len(record) != len(old):
            raise Refusal(0x6700)
        self.records[place] = record


class FileTree(dict[Place, RecordFile]):
    """Files by directory and identifier; an empty one is made when it is first touched.

    Args:
        files: records in hex by path, as a personalisation order has them.
        generation: first character of 规范版本.
        settings: access where no source says.
    """

    def __init__(self, files: Mapping[str, list[str]], generation: str, settings: SimSettings) -> None:
        super().__init__()
        self._generation, self._settings = generation, settings
        self._known = generation in ("1", "2", "3")  # of another kind of card nothing is known but what it is given
        self._empty = empty_files(generation) if settings.whole_tree and self._known else {}
        for path, records in files.items():
            directory, _, name = path.partition("/")
            place = directory, int(name, 16)
            self[place] = self._file(place, [bytes.fromhex(record) for record in records])

    def has(self, place: Place) -> bool:
        """Whether the card has such a file."""
        return place in self or place in self._empty

    def has_directory(self, directory: str) -> bool:
        """Whether the card has any file in a directory."""
        return any(where == directory for where, _ in (*self, *self._empty))

    def __missing__(self, place: Place) -> RecordFile:
        file = self[place] = self._file(place, list(self._empty[place]))
        return file

    def _file(self, place: Place, records: list[bytes]) -> RecordFile:
        path = f"{place[0]}/EF{place[1] & 0xFF:02X}"
        update = self._settings.update_keys.get(path, self._update(place))
        return RecordFile(records, update, self._rule(place, path), path in self._settings.secure_files)

    def _rule(self, place: Place, path: str) -> str:
        settings = self._settings
        given = settings.file_rules.get(path)
        if given is not None:
            return given
        if not self._known:
            return ""
        if settings.access is FileAccess.PUBLISHED:
            key_id = settings.file_keys.get(path, settings.file_keys.get(place[0]))
            return read_rule(place, self._generation, key_id)
        third = self._generation == "3" and place[0] == "SSSE" and place[1] != 0xEF05
        return "0A" if third else ""

    def _update(self, place: Place) -> int:
        if self._settings.access is FileAccess.OPEN or not self._known:
            return 0x04
        found = update_key(place)
        return _NOBODY if found is None else found
