"""Reading files in the fewest commands.

One SELECT of the directory, then one READ RECORD for each record wanted, with
the file's short identifier and the exact length in it. Fewer can't be: a short
identifier means a file of the selected directory, and after power-on that is
the MF, so the SELECT is needed; each READ RECORD gives exactly one record in
the forms real cards are seen to take (no source shows the form of ISO/IEC
7816-4 that reads all records at once); and an exact length never costs the
repeat that 6Cxx asks for. An authenticated basic read adds one INTERNAL
AUTHENTICATE (the terminal's random number has to go in and the proof to come
out) and, where EF06 needs it, GET CHALLENGE and EXTERNAL AUTHENTICATE (the
card's random number has to come out before the proof goes in). A 3.00 card
takes 1 + 7 + 1 + 2 + 7 = 18 commands, a 2.x card 16, a 1.x card 15. Over T=0
SELECT and INTERNAL AUTHENTICATE have data in both directions and take one GET
RESPONSE each. What has been read of EF05 is kept for the session, so that the
order of calls does not matter.
"""

from collections.abc import Iterable
from dataclasses import replace

from apdu import instructions as iso
from apdu.command import CommandAPDU
from apdu.errors import UnexpectedStatus
from apdu.response import ResponseAPDU
from sbcard_core.card.basic import DRIVER_FIELDS, FIELDS, CardBasic
from sbcard_core.card.core import WRONG_LENGTH, Detected, SessionCore
from sbcard_core.card.errors import CardDiffers, ProfileRefused, RecordMalformed
from sbcard_core.card.files import FileDecl, RecordDecl, Structure, decode_record, raw_value
from sbcard_core.card.identification import parse_code
from sbcard_core.card.profiles import for_version
from sbcard_core.card.text import NAME_BYTES, driver_items, join_name, strip
from sbcard_core.card.values import NAME_PARTS, Values, decode_file
from sbcard_core.crypto.errors import unset
from sbcard_core.errors import SBCardError
from sbcard_core.messages import message

_NOT_FOUND = 0x6A83
_NOT_ALLOWED = 0x6982
_BEHIND = 0x6B00
_END_REACHED = 0x6282
"""Warning: the file or record ended before Le; the data are whole (ISO/IEC 7816-4:2013 table 6)."""
_FILE_SHUT = frozenset({0x6981, 0x6982, 0x6985, 0x6A81, 0x6A82})
"""Answers that mean the whole file, not the one record."""
_NO_SHORT_IDENTIFIER = frozenset({0x6986, 0x6A81, 0x6A82, 0x6A86, 0x6B00})
"""6986, no current file: the card looked for one instead of at the short identifier."""
_EF05 = "SSSE/EF05"
_BASIC_FIELDS = frozenset(FIELDS)
_FULL_NAME = NAME_BYTES - 3
"""A first name record shorter than this has room for any further character (GB18030 takes at most four bytes)."""
_CHUNK = 256
_MAX_ROWS = 254


class Reading(SessionCore):
    """The reading part of a session."""

    _sfi_works = False

    def detect(self) -> Detected:
        """Say generation, algorithm and region of the card; the session's files become those of its generation.

        Three commands at most, none of which a later ``read_basic`` repeats.

        Raises:
            GenerationUnknown: the version names no generation.
            UnexpectedStatus: the card refuses.
        """
        self._enter_environment()
        version = self._version()
        generation = for_version(version, self.profile).generation
        self._follow(version)
        return Detected(version, generation, self.algorithm_id or 1, self.region)

    def _version(self) -> str:
        file = self.profile.file(_EF05)
        return decode_record(file.record("version"), self._record(file, file.record("version")))

    def identification_code(self) -> str:
        """Read the identification code (卡识别码), once per session: 32 hex digits.

        Raises:
            UnexpectedStatus: the card refuses.
            IdentificationMalformed: it is not an identification code.
        """
        if self._code is None:
            self._enter_environment()
            file = self.profile.file(_EF05)
            record = file.record("identification_code")
            code = decode_record(record, self._record(file, record))
            parse_code(code)
            self._code = code
        return self._code

    def check_card(self, identification_code: str, card_no: str) -> None:
        """See that this is the card the caller means, as ``pCardInfo`` of the driver interface does.

        Raises:
            CardDiffers: it is another one (-22).
        """
        basic = self.read_basic(("identification_code", "card_no")).require("identification_code", "card_no")
        if (basic.identification_code, basic.card_no) != (identification_code.upper(), card_no):
            raise CardDiffers(message("cards.another"), step="check card", term="卡识别码")

    def read_basic(self, fields: Iterable[str] | None = None) -> CardBasic:
        """Read the records of EF05 and EF06, addressed by tag (the numbers differ by generation).

        The extension of the name may be missing on a 2.x card. On a 3.00 card EF06 needs
        :meth:`external_authenticate` first; :meth:`read_authenticated` does all of it. A record that the card refuses,
        or that is not what its tag says, stays empty and is named in ``CardBasic.unread``; it costs no other record.

        Args:
            fields: names of ``CardBasic`` to read; all when None.

        Raises:
            UnexpectedStatus: the card refuses everything that was asked for; carries step and status word.
            RecordMalformed: nothing that was asked for is what its tag says.
            IdentificationMalformed: the identification code is none.
            CardLost: the card went away.
        """
        wanted = None if fields is None else set(fields)
        strange = sorted((wanted or set()) - _BASIC_FIELDS)
        if strange:
            raise ProfileRefused(
                message("cards.item.unknown", found=", ".join(strange)), step="read basic", term="数据项"
            )
        self._enter_environment()
        values: dict[str, str] = {}
        unread: dict[str, SBCardError] = {}
        for path in [file.path for file in self.profile.files]:
            self._take_file(self.profile.file(path), wanted, values, unread)
            if values.get("version"):
                self._follow(values["version"])
        if unread and not any(values.values()):
            raise next(iter(unread.values()))
        code = values.get("identification_code")
        if code:
            parse_code(code)
            self._code = code
        basic = CardBasic.from_fields({key: text for key, text in values.items() if key in _BASIC_FIELDS})
        return replace(basic, unread=unread) if unread else basic

    def _take_file(
        self, file: FileDecl, wanted: set[str] | None, values: dict[str, str], unread: dict[str, SBCardError]
    ) -> None:
        """The wanted records of one file into ``values``, or their errors into ``unread``."""
        name: dict[str, bytes] = {}
        shut: UnexpectedStatus | None = None
        for record in file.records:
            item = "name" if record.name in NAME_PARTS else record.name
            if wanted is not None and item not in wanted:
                continue
            if record.name == "name_extension" and self._name_is_whole(name.get("name")):
                continue
            try:
                if shut is not None:
                    raise shut
                data = self._record(file, record)
                if item == "name":
                    name[record.name] = raw_value(record, data) if data else b""
                else:
                    values[item] = decode_record(record, data) if data else ""
            except UnexpectedStatus as error:
                unread.setdefault(item, error)
                shut = error if error.sw.value in _FILE_SHUT else shut
            except RecordMalformed as error:
                unread.setdefault(item, error)
        if name and "name" not in unread:
            try:
                values["name"] = join_name(name.get("name", b""), name.get("name_extension", b""))
            except RecordMalformed as error:
                unread["name"] = error

    def _name_is_whole(self, first: bytes | None) -> bool:
        """Whether the extension need not be asked for: only where the profile says that writers fill 姓名 first."""
        return self.profile.assumed.extension_only_when_full and first is not None and len(strip(first)) < _FULL_NAME

    def read_authenticated(self, fields: Iterable[str] | None = DRIVER_FIELDS) -> CardBasic:
        """Prove the card, open EF06 where the generation wants it, and read: the sequence of ``iReadCardBas``.

        Args:
            fields: what to read; the seven items of the driver interface by default, everything when None. A card of
                another kind (a loaded profile with its own environment) has no authentication known: it is read whole.

        Raises:
            InternalAuthFailed: not a genuine card.
            PsamMissing: neither PSAM nor key holder.
            UnexpectedStatus: card or PSAM refuses.

        What could not be read is in ``CardBasic.unread``; ``require`` makes sure of what the caller cannot do without.
        """
        self._enter_environment()
        if self.profile.environment != "SSSE":
            return self.read_basic(None)
        self._follow(self._version())
        self.internal_authenticate()
        for file in self.profile.files:
            if file.read.wants_key and file.read_key not in self._opened:
                self._prove(self.profile.key(file.read_key))
        return self.read_basic(fields)

    def read_file(
        self, name: str, fields: Iterable[str] | None = None, *, authenticate: bool = True
    ) -> Values | list[Values]:
        """Read any declared file: values by name, rows of a cyclic file newest first.

        Args:
            name: path, driver spelling or Chinese name: ``"DF01/EF06"``, ``"DF01EF06"``, ``"常住地文件"``.
            fields: names of its records; all when None.
            authenticate: fulfil the declared access condition where a key for it is at hand.

        Returns:
            Values by name; a record the card does not have is left out.

        Raises:
            ProfileRefused: no such file or record.
            AssumptionNotSet: its content, its directory's identifier or a key number is not public and not set.
            AccessDenied: never open.
            UnexpectedStatus: the card refuses; -27010 asks for PIN or key.
        """
        file = self.profile.find(name)
        if file.structure is Structure.UNKNOWN:
            raise unset("content", file.zh, file.path, file=file.path)
        chosen = _chosen(file, fields)
        self._prepare(file, file.read, file.read_key, authenticate=authenticate)
        self.select(file.directory)
        if file.structure is Structure.CYCLIC:
            return decode_file(file, self._rows(file))
        if file.structure is Structure.TRANSPARENT:
            return decode_file(file, [self._binary(file)])
        return decode_file(file, [data for record in chosen if (data := self._record(file, record, missing=True))])

    def read_address(self, address: str, *, authenticate: bool = True) -> str:
        """Read by the driver interface's ``pFileAddr``: ``SSSEEF05|06|07|$SSSEEF06|08|09|$``.

        Returns:
            The same text with values in place of tags.

        Raises:
            ProfileRefused: no such file or tag.
            RecordMalformed: a value holds "|".
            UnexpectedStatus: the card refuses.
        """
        out = []
        for part in filter(None, address.split("$")):
            name, *tags = part.rstrip("|").split("|")
            file = self.profile.find(name)
            try:
                records = [file.record_of_tag(int(tag, 16)) for tag in tags]
            except (KeyError, ValueError):
                raise ProfileRefused(
                    message("cards.record.no_tag", file=file.path), step="read address", term="数据项"
                ) from None
            self._prepare(file, file.read, file.read_key, authenticate=authenticate)
            self.select(file.directory)
            found = [self._record(file, record, missing=True) for record in records]
            shown = [decode_record(record, data) if data else "" for record, data in zip(records, found, strict=True)]
            out.append(driver_items(name, *shown) + "$")
        return "".join(out)

    # --- one record, one row, one piece

    def _record(self, file: FileDecl, record: RecordDecl, *, missing: bool = False) -> bytes:
        """Return the whole record, or nothing when one that may be missing is."""
        place = (file.path, record.tag)
        kept = self._kept.get(place)
        if kept is not None:
            return kept
        answer = self._ask(file, record, record.size if record.length else 0)
        if answer.sw.value == WRONG_LENGTH:
            answer = self._ask(file, record, 0)
        if answer.sw.value in _NO_SHORT_IDENTIFIER and self._reading.by_sfi and not self._sfi_works:
            self._reading = self._reading.with_select
            answer = self._ask(file, record, record.size if record.length else 0)
        if (record.optional or missing) and answer.sw.value == _NOT_FOUND:
            return b""
        advice = message("cards.advice.key") if answer.sw.value == _NOT_ALLOWED else ""
        data = answer.require(f"read record {record.tag:02X}", _END_REACHED, advice=advice)
        self._sfi_works = self._sfi_works or self._reading.by_sfi
        if file.path == _EF05:
            self._kept[place] = data
        return data

    def _ask(self, file: FileDecl, record: RecordDecl, ne: int) -> ResponseAPDU:
        return self.link.exchange(self._reading_command(file, record, ne))

    def _reading_command(self, file: FileDecl, record: RecordDecl, ne: int) -> CommandAPDU:
        sfi = self._place(file)
        if self._reading.by_tag:
            return iso.read_record_by_id(record.tag, ne, sfi=sfi)
        return iso.read_record(file.number(record.name), ne, sfi=sfi)

    def _place(self, file: FileDecl) -> int:
        """The short identifier to name the file by, or 0 after it has been selected."""
        if self._reading.by_sfi:
            return file.sfi
        if self._current != file.path:
            self._send(iso.select_fid(file.fid), f"select {file.path}")
            self._current = file.path
        return 0

    def _rows(self, file: FileDecl) -> list[bytes]:
        size = sum(field.length for field in file.records)
        rows: list[bytes] = []
        for number in range(1, (file.count or _MAX_ROWS) + 1):
            answer = self.link.exchange(iso.read_record(number, size, sfi=self._place(file)))
            if answer.sw.value == _NOT_FOUND:
                break
            rows.append(answer.require(f"read {file.path} row {number}", _END_REACHED))
        return rows

    def _binary(self, file: FileDecl) -> bytes:
        length = file.records[0].length or 0x8000
        body = b""
        while len(body) < length:
            ne = min(_CHUNK, length - len(body))
            sfi = self._place(file) if not body else 0
            answer = self.link.exchange(iso.read_binary(len(body), ne, sfi=sfi))
            if answer.sw.value == _BEHIND and body:
                break
            piece = answer.require(f"read {file.path}", _END_REACHED)
            body += piece
            if len(piece) < ne or answer.sw.value == _END_REACHED:
                break
        return body


def _chosen(file: FileDecl, fields: Iterable[str] | None) -> list[RecordDecl]:
    if fields is None:
        return list(file.records)
    wanted = set(fields)
    if "name" in wanted:
        wanted |= {record.name for record in file.records if record.name in NAME_PARTS}
    strange = sorted(wanted - {record.name for record in file.records})
    if strange:
        raise ProfileRefused(
            message("cards.record.unknown", found=", ".join(strange), file=file.path), step=file.path, term=file.zh
        )
    return [record for record in file.records if record.name in wanted]
