"""Writing records: the key the access condition names, then the whole TLV of each record."""

from collections.abc import Mapping

from apdu import instructions as iso
from apdu.command import CommandAPDU
from apdu.errors import CardLost, UnexpectedStatus
from apdu.secure_messaging import MAC_LENGTH, wrap
from sbcard_core.card.access import Access
from sbcard_core.card.errors import AccessDenied, PsamMissing, WriteIncomplete
from sbcard_core.card.files import FileDecl, RecordDecl, Structure
from sbcard_core.card.reading import Reading
from sbcard_core.card.values import Value, encode_file
from sbcard_core.crypto.diversify import city_factor
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.messages import message


class Writing(Reading):
    """The writing part of a session."""

    def write_file(
        self, name: str, values: Mapping[str, Value], *, authenticate: bool = True, check: bool = False
    ) -> tuple[str, ...]:
        """Write records of any declared file, in the order of their numbers.

        Args:
            name: path, driver spelling or Chinese name.
            values: new values by record name; a ``name`` is split over both its records.
            authenticate: fulfil the declared access condition where a key for it is at hand.
            check: read each record again and compare.

        Returns:
            Names of the records written.

        Raises:
            ProfileRefused: no such file.
            RecordMalformed: a value does not fit; nothing was sent.
            AccessDenied: never written, or a kind of file no public command writes.
            UnexpectedStatus: the card refused the first record; nothing was written.
            WriteIncomplete: it stopped after some records, or what was read again differs.
            CardLost: the card went away before the first record.
        """
        file = self.profile.find(name)
        if file.structure is not Structure.RECORDS:
            raise AccessDenied(
                message("cards.write.structure", structure=file.structure.value), step=file.path, term=file.zh
            )
        records = encode_file(file, values)
        self._prepare(file, file.update, file.update_key, authenticate=authenticate)
        if file.update is Access.SECURE:
            self.identification_code()  # the MAC's key depends on it, and it lies in another directory
        self.select(file.directory)
        written: list[str] = []
        for data in records:
            record = file.record_of_tag(data[0])
            self._kept.pop((file.path, record.tag), None)
            self._write_one(file, record, data, tuple(written))
            written.append(record.name)
        if file.path == "SSSE/EF05":
            self._code = None
        if check:
            self._compare(file, records, tuple(written))
        return tuple(written)

    def _write_one(self, file: FileDecl, record: RecordDecl, data: bytes, written: tuple[str, ...]) -> None:
        step = f"write record {record.tag:02X}"
        try:
            command = self._writing_command(file, record, data)
            if file.update is Access.SECURE:
                command = self.protect(command, self.profile.secure_mac())
            self._send(command, step)
        except (UnexpectedStatus, CardLost) as error:
            if not written:
                raise
            sw = error.sw if isinstance(error, UnexpectedStatus) else None
            raise WriteIncomplete(
                message("cards.write.stopped", item=record.name), written=written, step=step, sw=sw
            ) from error

    def _writing_command(self, file: FileDecl, record: RecordDecl, data: bytes) -> CommandAPDU:
        sfi = self._place(file)
        if self._reading.by_tag:
            return iso.update_record_by_id(record.tag, data, sfi=sfi)
        return iso.update_record(file.number(record.name), data, sfi=sfi)

    def _compare(self, file: FileDecl, records: list[bytes], written: tuple[str, ...]) -> None:
        for done, data in enumerate(records):
            record = file.record_of_tag(data[0])
            if self._record(file, record) != data:
                raise WriteIncomplete(
                    message("cards.write.differs", item=record.name),
                    written=written[:done],
                    step=f"check record {record.tag:02X}",
                )

    def protect(self, command: CommandAPDU, usage: KeyUsage, *, challenge: bytes | None = None) -> CommandAPDU:
        """The same command as a secure message: class with bit 04, MAC behind its data (安全报文).

        The MAC starts from a challenge of 4 bytes filled with zeros, fetched here unless given; two sources.

        Args:
            command: data in clear or encrypted already.
            usage: which master key makes the MAC; the key holder of the session computes it.
            challenge: the card's latest one, 4 or 8 bytes.

        Raises:
            PsamMissing: the session has no key holder: a PSAM is not seen to make these MACs.
            HolderUnable: the holder makes none.
        """
        step = "secure message"
        if self.holder is None:
            raise PsamMissing(message("cards.write.no_holder"), step=step)
        place = self._where
        region, factor = self.region, self.factor
        if place:
            self.select(place)
        if challenge is None:
            challenge = self._send(iso.get_challenge(4), "get challenge")
        self._need_algorithm(step)
        holder, path, start = self.holder, city_factor(region) + factor, challenge.ljust(8, b"\x00")

        def mac(header: bytes, body: bytes) -> bytes:
            return bytes(holder.mac_many(usage, path, [header + body], iv=start, length=MAC_LENGTH)[0])

        return wrap(command, mac)
