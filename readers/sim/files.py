"""Record files of the virtual card: each record one TLV, found by number or by its tag."""

from dataclasses import dataclass, field

from readers.sim.refusal import Refusal


@dataclass(slots=True)
class RecordFile:
    """An EF of variable records.

    Attributes:
        records: whole TLVs, in the order of their numbers.
        read_key: key id that must have been authenticated before reading; None = free.
        update_key: key id that must have been authenticated before writing.
        rule: who may read besides, see ``SimSettings.file_rules``.
        secure: written under a MAC only.
    """

    records: list[bytes] = field(repr=False)
    read_key: int | None
    update_key: int
    rule: str = ""
    secure: bool = False

    def allows(self, keys: set[int], *, pin: bool) -> bool:
        """Whether the file may be read with these keys authenticated and the PIN verified or not."""
        if self.read_key is not None and self.read_key not in keys:
            return False
        if self.rule == "never":
            return False
        any_of = [all(pin if one == "PIN" else int(one, 16) in keys for one in way.split("+"))
                  for way in self.rule.split("|")] if self.rule else [True]  # fmt: skip
        return any(any_of)

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
