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
    """

    records: list[bytes] = field(repr=False)
    read_key: int | None
    update_key: int

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
