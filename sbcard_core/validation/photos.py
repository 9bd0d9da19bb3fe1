"""The check of photos in bulk: every problem of every photo, and which record it belongs to.

A photo is judged by its content, never by its name. Its header is read first, by code that needs no library and no
memory beyond the file; only a photo within the pixel limit is then decoded, with Pillow (extra ``photo``).
"""

import io
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sbcard_core.errors import InvalidValue, MissingPart
from sbcard_core.fields import citizen_id
from sbcard_core.messages import message
from sbcard_core.validation import messages, photo_store
from sbcard_core.validation.blocks import SourceRefused
from sbcard_core.validation.photo_header import Header, read_header
from sbcard_core.validation.photo_limits import MISSING, RULES, SAMPLE, SHARE, PhotoFault, PhotoLimits, PhotoSource
from sbcard_core.validation.photo_roll import Named, Roll, masked_name, read_name
from sbcard_core.validation.photo_scans import is_damaged
from sbcard_core.validation.photo_store import Photo, photos_in
from sbcard_core.validation.records import Finding
from sbcard_core.values import Disposition, Severity

_SUFFIXES = {"JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "PNG": (".png",), "BMP": (".bmp", ".dib")}


@dataclass(frozen=True, slots=True)
class Inspected:
    """One photo as it is, apart from any record: its status, what its header says, its bytes."""

    faults: PhotoFault
    header: Header
    size: int


@dataclass(frozen=True, slots=True)
class CheckedPhoto:
    """One photo and what became of it.

    Args:
        place: counted from 1 in the order they came.
        name: its path; full, so keep it out of logs.
        faults: its status mask, 0 = clean.
        disposition: REJECTED where a fault weighs ERROR.
        source: where it comes from.
        record: index of its record in the roll, -1 = none known.
        header: what the file says of itself.
    """

    place: int
    name: str = field(repr=False)
    faults: PhotoFault
    disposition: Disposition
    source: PhotoSource
    record: int
    header: Header


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """The sum of a check of photos.

    Args:
        photos: how many came.
        accepted, rejected: accepted + rejected = photos.
        missing: records that need a photo and have none (0 without a roll).
        by_source: photos by source; NONE = ``missing``.
        counts: findings by code.
        refusal: finding code where the folder or archive broke off, "" = read to its end.
    """

    photos: int
    accepted: int
    rejected: int
    missing: int
    by_source: dict[PhotoSource, int]
    counts: dict[str, int]
    refusal: str = ""

    def share(self, source: PhotoSource) -> float:
        """The part of a source in all photos and gaps, 0 to 1; 0 where there is nothing."""
        total = sum(self.by_source.values())
        return self.by_source.get(source, 0) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class PhotoBatch:
    """Some successive photos; the last batch carries the ``report`` and what concerns the whole."""

    photos: list[CheckedPhoto]
    findings: list[Finding] = field(repr=False)
    report: PhotoReport | None = None


def _pillow() -> Any:
    try:
        from PIL import Image  # noqa: PLC0415
    except ImportError as error:
        raise MissingPart(message("parts.pillow"), step="photos", term="照片") from error
    return Image


def _is_decodable(image: Any, data: bytes, header: Header) -> bool:
    """A real decode, by the one decoder of the format. It must see the picture the header tells."""
    try:
        with image.open(io.BytesIO(data), formats=[header.format]) as picture:
            if picture.size != (header.width, header.height):
                return False
            picture.load()
            last_row = picture.crop((0, header.height - 1, header.width, header.height)).tobytes()
            # A JPEG whose data end early is filled up with exact mid-grey, without an error.
            return header.format != "JPEG" or last_row.strip(b"\x80") != b""
    except Exception:  # whatever a decoder says of a hostile file: one photo never stops the others
        return False


def _shape(header: Header, limits: PhotoLimits) -> PhotoFault:
    """What is wrong with size, density and colour."""
    faults = PhotoFault(0)
    if limits.sizes and (header.width, header.height) not in limits.sizes:
        faults |= PhotoFault.SIZE
    if limits.dpi:
        if header.dpi is None:
            faults |= PhotoFault.DPI if limits.dpi_required else PhotoFault(0)
        elif max(abs(density - limits.dpi) for density in header.dpi) > limits.dpi_tolerance:
            faults |= PhotoFault.DPI
    if header.colour not in limits.colours or header.bits != 8:
        faults |= PhotoFault.COLOUR
    if header.orientation != 1:
        faults |= PhotoFault.ROTATED
    return faults | (PhotoFault.ANIMATED if header.animated else PhotoFault(0))


def inspect(name: str, data: bytes, limits: PhotoLimits = SAMPLE, *, decode: bool = True) -> Inspected:
    """Look at one photo; all its problems, not the first one.

    Args:
        name: only its suffix counts.
        data: the whole file; more than ``limits.most_read`` bytes are refused unread.
        limits: what is taken.
        decode: whether to decode the pixels; False needs no library.

    Raises:
        MissingPart: Pillow is not installed and the photo would have to be decoded.

    Example:
        >>> inspect("a.jpg", b"").faults, inspect("a.jpg", b"GIF89a").faults
        (<PhotoFault.EMPTY: 1>, <PhotoFault.FORMAT|BYTES: 258>)
    """
    if not data:
        return Inspected(PhotoFault.EMPTY, Header(""), 0)
    header = read_header(data)
    faults = PhotoFault(0)
    if not limits.least_bytes <= len(data) <= limits.most_bytes:
        faults |= PhotoFault.BYTES
    if header.format not in limits.formats:
        return Inspected(faults | PhotoFault.FORMAT, header, len(data))
    suffix = "." + name.rpartition(".")[2].lower()
    if suffix not in _SUFFIXES[header.format]:
        faults |= PhotoFault.SUFFIX
    faults |= _shape(header, limits)
    if header.trails(data):
        faults |= PhotoFault.TRAILING
    if len(data) > limits.most_read or header.width * header.height > limits.most_pixels:
        return Inspected(faults | PhotoFault.PIXEL_LIMIT, header, len(data))
    whole = header.end >= 0 and header.width > 0 and header.height > 0
    whole = whole and not (header.format == "JPEG" and is_damaged(data))
    if not whole or (decode and not _is_decodable(_pillow(), data, header)):
        faults |= PhotoFault.DAMAGED
    return Inspected(faults, header, len(data))


def _inspect_read(photo: Photo, data: bytes | None, limits: PhotoLimits, decode: bool) -> Inspected:
    if data is None:  # the archive could not give it
        return Inspected(PhotoFault.DAMAGED, Header(""), 0)
    return inspect(photo.name, data, limits, decode=decode)


def _all_inspected(
    given: Path | Iterable[tuple[str, bytes | Path]], limits: PhotoLimits, decode: bool, workers: int
) -> Iterator[tuple[Photo, Inspected]]:
    """Photos in their order; with workers some are decoded at once, in threads (the decoder lets go of the lock)."""
    look = partial(_inspect_read, limits=limits, decode=decode)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(workers)) if workers > 1 else None
        waiting: deque[tuple[Photo, Future[Inspected]]] = deque()
        broken: SourceRefused | None = None
        try:
            for photo in photos_in(given, limits):
                data = _read(photo, limits.most_read + 1)
                if pool is None:
                    yield photo, look(photo, data)
                    continue
                waiting.append((photo, pool.submit(look, photo, data)))
                if len(waiting) > 2 * workers:
                    done, future = waiting.popleft()
                    yield done, future.result()
        except SourceRefused as refused:
            broken = refused  # those read before still count
        for done, future in waiting:
            yield done, future.result()
        if broken is not None:
            raise broken


def _read(photo: Photo, size: int) -> bytes | None:
    try:
        return photo.read(size)
    except photo_store.Unreadable:
        return None


class _Check:
    """The running sums of a check, and the pairing of photos with records."""

    def __init__(self, limits: PhotoLimits, roll: Roll | None) -> None:
        self.limits, self.roll = limits, roll
        self.counts: Counter[str] = Counter()
        self.sources: Counter[PhotoSource] = Counter()
        self.rejected = self.photos = 0
        self._first: dict[str, int] = {}

    def finding(self, rule: Any, file: str, line: int, disposition: Disposition, shown: str = "") -> Finding:
        text = messages.words(rule.code)
        self.counts[rule.code] += 1
        severity = self.limits.severity(rule)
        return Finding(
            file, line, "photo", rule.code, severity, disposition, shown, text.zh, text.en, source=rule.source
        )

    def photo(self, photo: Photo, seen: Inspected) -> tuple[CheckedPhoto, list[Finding]]:
        self.photos += 1
        self.sources[photo.source] += 1
        named = read_name(photo.name)
        faults, record = self._paired(named)
        faults |= seen.faults
        before = self._take(named, record, good=not self._is_refused(faults))
        faults |= PhotoFault.REPEATED if before else PhotoFault(0)
        refused = self._is_refused(faults)
        rules = [(fault, rule) for fault, rule in RULES.items() if fault in faults]
        disposition = Disposition.REJECTED if refused else Disposition.ACCEPTED
        self.rejected += refused
        shown = masked_name(photo.name)
        findings = [
            self.finding(rule, shown, self.photos, disposition, _told(fault, seen, before)) for fault, rule in rules
        ]
        return CheckedPhoto(self.photos, photo.name, faults, disposition, photo.source, record, seen.header), findings

    def _is_refused(self, faults: PhotoFault) -> bool:
        return any(fault in faults and self.limits.severity(rule) is Severity.ERROR for fault, rule in RULES.items())

    def _take(self, named: Named, record: int, *, good: bool) -> int:
        """Give a record its first good photo; the earlier one it has, 0 = none."""
        if self.roll is not None and record >= 0:
            return self.roll.take(record, self.photos, good=good)
        whose = named.number or named.forms[0]
        before = self._first.get(whose, 0)
        if good and not before:
            self._first[whose] = self.photos
        return before

    def _paired(self, named: Named) -> tuple[PhotoFault, int]:
        """(faults of the name, its record)."""
        record = self.roll.find(named) if self.roll is not None else -1
        faults = PhotoFault(0)
        if record < 0:
            if named.number and not citizen_id.is_valid(named.number):
                faults |= PhotoFault.NUMBER
            elif not named.number and self.roll is None:
                faults |= PhotoFault.NAME
            if self.roll is not None:
                faults |= PhotoFault.UNKNOWN
        return faults, record

    def end(self, refusal: str) -> PhotoBatch:
        findings = []
        if refusal:
            text = messages.words(refusal)
            self.counts[refusal] += 1
            findings.append(
                Finding("", 0, "photo", refusal, Severity.ERROR, Disposition.QUARANTINED, "", text.zh, text.en)
            )
        missing = 0
        for file, line in self.roll.without_photo() if self.roll is not None and not refusal else ():
            missing += 1
            findings.append(self.finding(MISSING, file, line, Disposition.REJECTED))
        self.sources[PhotoSource.NONE] += missing
        sources = {source: self.sources[source] for source in PhotoSource}
        accepted = self.photos - self.rejected
        report = PhotoReport(self.photos, accepted, self.rejected, missing, sources, {}, refusal)
        most = self.limits.most_police_share
        if most is not None and (share := report.share(PhotoSource.POLICE)) > most:
            findings.append(self.finding(SHARE, "", 0, Disposition.ACCEPTED, f"{share:.1%}"))
        report.counts.update(self.counts)
        return PhotoBatch([], findings, report)


def _told(fault: PhotoFault, seen: Inspected, before: int) -> str:
    """The value a finding shows."""
    header, pixels = seen.header, f"{seen.header.width}×{seen.header.height}"
    values = {
        PhotoFault.SIZE: pixels,
        PhotoFault.PIXEL_LIMIT: pixels,
        PhotoFault.DPI: "×".join(f"{density:.0f}" for density in header.dpi or ()),
        PhotoFault.COLOUR: f"{header.colour or ''} {header.bits}".strip(),
        PhotoFault.BYTES: str(seen.size),
        PhotoFault.FORMAT: header.format,
        PhotoFault.SUFFIX: header.format,
        PhotoFault.ROTATED: str(header.orientation),
        PhotoFault.REPEATED: str(before),
    }
    return values.get(fault, "")


def check_photos(
    photos: Path | Iterable[tuple[str, bytes | Path]],
    limits: PhotoLimits = SAMPLE,
    *,
    roll: Roll | None = None,
    batch_size: int = 1000,
    decode: bool = True,
    workers: int = 1,
) -> Iterator[PhotoBatch]:
    """Check photos and pair them with records.

    Args:
        photos: a folder, a zip file, one file, or pairs of a name and its bytes or path. A pair's name may have
            folders before it (``公安/…jpg``), which tell the source.
        limits: what is taken; :data:`~sbcard_core.validation.photo_limits.SAMPLE` is assumed.
        roll: the records; None = photos are judged alone, and only repeated names are noticed.
        batch_size: photos per batch.
        decode: False reads headers only and needs no library.
        workers: threads that decode.

    Yields:
        Batches in order; findings have the photo's masked name as ``file`` and its place as ``line``, a record
        without a photo has its own file and line. The last batch has no photos but the report. In memory are one
        photo (with workers, a few), one batch, 50 bytes a record, and 150 bytes a photo that belongs to no record.
        A zip file that breaks off, or is over a limit, ends the check with one ``file.*`` finding; which records
        lack a photo is then not told.

    Raises:
        InvalidValue: a batch size or a number of workers below 1.
        MissingPart: Pillow is not installed (extra ``photo``); ``decode=False`` does without.
        OSError: a file cannot be read.

    Example:
        >>> *_, last = check_photos([("11010519491231002X.jpg", b"GIF89a"), ("x.jpg", b"")], decode=False)
        >>> last.report.photos, last.report.rejected, sorted(last.report.counts)
        (2, 2, ['photo.bytes', 'photo.empty', 'photo.format', 'photo.name'])
    """
    if batch_size < 1 or workers < 1:
        raise InvalidValue("a batch holds at least 1 photo, and 1 worker looks at it", step="photos.check_photos")
    if decode:
        _pillow()
    return _check(_all_inspected(photos, limits, decode, workers), _Check(limits, roll), batch_size)


def _check(inspected: Iterator[tuple[Photo, Inspected]], check: _Check, batch_size: int) -> Iterator[PhotoBatch]:
    batch, findings, refusal = [], [], ""
    try:
        for photo, seen in inspected:
            checked, found = check.photo(photo, seen)
            batch.append(checked)
            findings += found
            if len(batch) == batch_size:
                yield PhotoBatch(batch, findings)
                batch, findings = [], []
    except SourceRefused as refused:
        refusal = refused.code
    if batch:
        yield PhotoBatch(batch, findings)
    yield check.end(refusal)
