"""A profile in words: one block a file, one line a record."""

from collections import Counter
from unicodedata import east_asian_width

from sbcard_core.card.access import Access, Confidence
from sbcard_core.card.files import FileDecl, RecordDecl, Structure
from sbcard_core.card.profile import Profile


def table(profile: Profile, path: str = "") -> str:
    """Every file of a profile, or one; see :func:`sbcard_core.card.profile.describe`."""
    files = [profile.find(path)] if path else list(profile.all_files())
    blocks = ["\n".join(_file(file)) for file in files]
    return "\n".join(blocks) if path else "\n\n".join([_head(profile, files), *blocks])


def confidences(profile: Profile) -> Counter[Confidence]:
    """How many records (and fields of untagged files) stand at each confidence.

    Example:
        >>> from sbcard_core.card.profiles.v2 import V2
        >>> confidences(V2)[Confidence.HIGH]
        14
    """
    return Counter(record.confidence for file in profile.all_files() for record in file.records)


def _head(profile: Profile, files: list[FileDecl]) -> str:
    counted = confidences(profile)
    by = ", ".join(f"{one.value} {counted[one]}" for one in Confidence)
    lines = [f"{profile.name}: {len(files)} files, {counted.total()} records ({by})"]
    if profile.sample:
        lines.append("样例: made up, no issuer's card")
    for directory in profile.directories:
        how = (
            directory.aid.hex().upper() if directory.aid else f"{directory.fid:04X}" if directory.fid else "not public"
        )
        lines.append(f"  {_pad(directory.name, 9)}{_pad(directory.zh, 26)}{how}  {directory.confidence.value}")
    return "\n".join(lines)


def _file(file: FileDecl) -> list[str]:
    lines = [
        f"{file.path} {file.zh}: {_shape(file)}; read {_access(file.read, file.read_key)}, "
        f"update {_access(file.update, file.update_key)}; {file.confidence.value} ({file.source})"
    ]
    if not file.records:
        return lines
    wide = max(15, *(len(record.name) for record in file.records)) + 1
    zh = max(4, *(_width(record.zh) for record in file.records)) + 1
    lines.append(f"  no. tag {_pad('name', wide)}{_pad('名称', zh)}format length confidence")
    lines += [_record(number, record, wide, zh) for number, record in enumerate(file.records, 1)]
    return lines


def _record(number: int, record: RecordDecl, wide: int, zh: int) -> str:
    tag = f"{record.tag:02X}" if record.tag else "--"
    length = str(record.length or "any")
    line = f"  {number:3d} {tag}  {_pad(record.name, wide)}{_pad(record.zh, zh)}{record.format.value:<7}{length:>6} "
    return line + record.confidence.value + (", may be missing" if record.optional else "")


def _shape(file: FileDecl) -> str:
    if file.structure is Structure.RECORDS:
        return f"{len(file.records)} records"
    if file.structure is Structure.CYCLIC:
        return f"cyclic, {file.count or 'unknown number of'} records of {sum(r.length for r in file.records)} bytes"
    if file.structure is Structure.TRANSPARENT:
        return f"transparent, {file.records[0].length} bytes"
    return "content not public"


def _access(access: Access, key: str) -> str:
    return f"{access.value} {key}".strip()


def _width(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _pad(text: str, width: int) -> str:
    return text + " " * max(0, width - _width(text))
