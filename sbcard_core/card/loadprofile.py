"""A profile out of a file: an issuer's own numbers on top of a generation, or a card of another kind altogether.

The old medical-insurance cards (医保卡) of the cities have no public layout at
all: their fields are what the integrator declares. ``profiles/old_medical_sample.toml``
shows the form and is marked as a sample.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sbcard_core.card.access import KEYS, Confidence, KeyRef
from sbcard_core.card.declared import directories_of, files_of, read_document, refuse
from sbcard_core.card.files import DirectoryDecl, FileDecl
from sbcard_core.card.profile import Assumed, PinMessage, Profile, PurseLog, Reading
from sbcard_core.card.profiles import for_version
from sbcard_core.card.profiles.v2 import V2
from sbcard_core.crypto.auth import AuthRules, ProcessKeyRule, Sm4Reduction
from sbcard_core.crypto.errors import MalformedHsmText
from sbcard_core.crypto.hsm_strings import KeyAddress
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.purse import LOAD_TAC_CANDIDATE
from sbcard_core.crypto.rules import Df04Command, PurseRules, Sm4MacRule, Sm4SessionRule, Sm4TacRule
from sbcard_core.errors import InvalidValue

_TOP = {
    "name", "version", "based_on", "sample", "source", "environment", "basic", "initial_pins", "card_class", "reading",
    "assumed", "directory", "file", "key",
}  # fmt: skip
_ASSUMED = {
    "process_key", "sm4_reduction", "irk_psam_key_id", "purse_aid", "purse_key_index", "transaction_proof",
    "secure_mac", "pin_message", "extension_only_when_full", "purse_log", "load_tac", "sm4_session", "sm4_mac",
    "sm4_tac", "df04",
}  # fmt: skip
SAMPLE_FILE = Path(__file__).with_name("profiles") / "old_medical_sample.toml"
"""The form of a declaration file, marked as a sample."""


def load_profile(path: str | Path) -> Profile:
    """Read a profile from a TOML or JSON file.

    Args:
        path: the file. ``based_on = "2.00"`` starts from a built-in generation; without it the file stands alone and
            declares its directories, its files and the basic ones among them.

    Raises:
        ProfileRefused: the declarations contradict themselves, use words that mean nothing, or lack what is needed.
        OSError: the file can't be opened.

    Example:
        >>> old = load_profile(SAMPLE_FILE)
        >>> old.sample, old.environment, [file.path for file in old.files]
        (True, 'OLD', ['OLD/EF05'])
    """
    path = Path(path)
    return profile_of(read_document(path), path.name)


def profile_of(document: Mapping[str, Any], where: str = "profile") -> Profile:
    """:func:`load_profile` of a document that has been read already."""
    unknown = set(document) - _TOP
    if unknown:
        raise refuse(where, "words", found=", ".join(sorted(unknown)))
    files = files_of(document, default_source=f"declared in {where}")
    directories = directories_of(document)
    if "based_on" in document:
        made = _on_top(document, where, files, directories)
    else:
        made = _alone(document, where, files, directories)
    assumed = _assumed(document.get("assumed", {}), made.assumed, where)
    made = replace(
        made,
        assumed=assumed,
        keys=_keys(document.get("key", {}), made.keys, where),
        reading=_choice(Reading, document.get("reading", made.reading.value), where, "reading"),
        initial_pins=_pins(document.get("initial_pins", list(made.initial_pins)), where),
        card_class=str(document.get("card_class", made.card_class)),
        sample=bool(document.get("sample", False)),
    )
    _check(made, where)
    kids = {key.kid: key.psam_key_id for key in made.keys.values() if key.kid is not None and key.psam_key_id}
    return replace(made, psam_key_of_kid=MappingProxyType({**made.psam_key_of_kid, **kids}))


def _on_top(
    document: Mapping[str, Any], where: str, files: tuple[FileDecl, ...], directories: tuple[DirectoryDecl, ...]
) -> Profile:
    if "basic" in document or "environment" in document:
        raise refuse(where, "based")
    try:
        base = for_version(str(document["based_on"]), V2)
    except InvalidValue:
        raise refuse(where, "no_generation") from None
    version = str(document.get("version", base.version))
    if version[:1] != base.generation:
        raise refuse(where, "version", version=version, generation=base.generation)
    own = {file.path: file for file in files}
    named = {one.name: one for one in (*base.directories, *directories)}
    return replace(
        base,
        name=str(document.get("name", base.name)),
        version=version,
        files=tuple(own.pop(file.path, file) for file in base.files),
        more_files=tuple(own.values()),
        directories=tuple(named.values()),
    )


def _alone(
    document: Mapping[str, Any], where: str, files: tuple[FileDecl, ...], directories: tuple[DirectoryDecl, ...]
) -> Profile:
    basic = document.get("basic", [])
    by_path = {file.path: file for file in files}
    missing = [path for path in basic if path not in by_path]
    if not basic or missing:
        raise refuse(where, "basic_files", found=missing) if missing else refuse(where, "missing", key="basic")
    chosen = tuple(by_path.pop(path) for path in basic)
    environment = str(document.get("environment", chosen[0].directory))
    if any(file.directory != environment for file in chosen):
        raise refuse(where, "outside", environment=environment)
    return Profile(
        name=str(document.get("name", where)),
        version=str(document.get("version", "")),
        files=chosen,
        psam_key_of_kid=MappingProxyType({}),
        initial_pins=(),
        more_files=tuple(by_path.values()),
        directories=directories,
        keys=MappingProxyType({"IRK": KEYS["IRK"]}),
        environment=environment,
    )


def _check(made: Profile, where: str) -> None:
    """Contradictions between the parts."""
    names = [directory.name for directory in made.directories]
    places: dict[tuple[str, int], str] = {}
    for file in made.all_files():
        if file.directory not in names:
            raise refuse(file.path, "no_directory", directory=file.directory)
        other = places.setdefault((file.directory, file.fid), file.path)
        if other != file.path:
            raise refuse(file.path, "same", other=other)
        if made.reading.by_sfi and not 1 <= file.sfi <= 30:
            raise refuse(file.path, "no_sfi")
        for what, access, key in (("read", file.read, file.read_key), ("update", file.update, file.update_key)):
            if key and key not in made.keys:
                raise refuse(file.path, "no_key", what=what, key=key)
            if key and access.value in {"free", "PIN", "never"}:
                raise refuse(file.path, "key_unused", what=what, access=access.value)
    fields = [record.name for file in made.files for record in file.records]
    twice = sorted({name for name in fields if fields.count(name) > 1})
    if twice:
        raise refuse(where, "basic_twice", found=", ".join(twice))


def _keys(table: Any, known: Mapping[str, KeyRef], where: str) -> Mapping[str, KeyRef]:
    if not isinstance(table, dict):
        raise refuse(where, "key_table")
    made = dict(known)
    for name, one in table.items():
        if not isinstance(one, dict) or set(one) - {"usage", "hsm_address", "psam_key_id", "kid"}:
            raise refuse(f"key {name}", "key_words")
        old = made.get(name)
        if old is None and "usage" not in one:
            raise refuse(f"key {name}", "usage")
        usage = _choice(KeyUsage, one.get("usage", old.usage.value if old else ""), f"key {name}", "usage")
        for number in ("psam_key_id", "kid"):
            if number in one and (not isinstance(one[number], int) or not 0 <= one[number] <= 0xFF):
                raise refuse(f"key {name}", "one_byte", key=number)
        kept = old or KeyRef(name, usage)
        try:
            address = KeyAddress.parse(str(one["hsm_address"])) if one.get("hsm_address") else None
        except MalformedHsmText:
            raise refuse(f"key {name}", "hsm_address") from None
        made[name] = KeyRef(
            name,
            usage,
            address if "hsm_address" in one else kept.hsm_address,
            one.get("psam_key_id", kept.psam_key_id),
            one.get("kid", kept.kid),
            Confidence.ASSUMED,
            f"declared in {where}",
        )
    return MappingProxyType(made)


def _assumed(table: Any, base: Assumed, where: str) -> Assumed:
    if not isinstance(table, dict) or set(table) - _ASSUMED:
        raise refuse(where, "takes", key="assumed", known=", ".join(sorted(_ASSUMED)))
    where = f"{where} assumed"
    purse = base.purse
    if table.keys() & {"load_tac", "sm4_session", "sm4_mac", "sm4_tac", "df04"}:
        purse = _purse_rules(table, where)
    aid = base.purse_aid
    if "purse_aid" in table:
        try:
            aid = bytes.fromhex(table["purse_aid"])
        except (TypeError, ValueError):
            raise refuse(where, "purse_aid") from None
    return replace(
        base,
        auth=AuthRules(
            _maybe(ProcessKeyRule, table, "process_key", where, base.auth.process_key),
            _maybe(Sm4Reduction, table, "sm4_reduction", where, base.auth.sm4_reduction),
        ),
        irk_psam_key_id=_byte(table, "irk_psam_key_id", where, base.irk_psam_key_id),
        purse_aid=aid,
        purse_key_index=_byte(table, "purse_key_index", where, base.purse_key_index),
        purse=purse,
        purse_log=_table(PurseLog, table, "purse_log", where, base.purse_log),
        transaction_proof=bool(table.get("transaction_proof", base.transaction_proof)),
        secure_mac=_maybe(KeyUsage, table, "secure_mac", where, base.secure_mac),
        pin_message=_table(PinMessage, table, "pin_message", where, base.pin_message),
        extension_only_when_full=bool(table.get("extension_only_when_full", base.extension_only_when_full)),
    )


def _purse_rules(table: Mapping[str, Any], where: str) -> PurseRules:
    if table.get("load_tac", LOAD_TAC_CANDIDATE.name) != LOAD_TAC_CANDIDATE.name:
        raise refuse(where, "load_tac", known=LOAD_TAC_CANDIDATE.name)
    df04 = table.get("df04", {})
    if not isinstance(df04, dict) or any(not isinstance(ins, int) or not 0 <= ins <= 0xFF for ins in df04.values()):
        raise refuse(where, "df04")
    codes = {_choice(Df04Command, name, where, "df04"): ins for name, ins in df04.items()}
    if len(set(codes.values())) < len(codes):
        raise refuse(where, "df04_twice")
    return PurseRules(
        _maybe(Sm4SessionRule, table, "sm4_session", where, None),
        _maybe(Sm4MacRule, table, "sm4_mac", where, None),
        _maybe(Sm4TacRule, table, "sm4_tac", where, None),
        LOAD_TAC_CANDIDATE if "load_tac" in table else None,
        codes,
    )


def _choice(kind: Any, value: object, where: str, key: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise refuse(where, "choice", key=key, known=", ".join(one.value for one in kind)) from None


def _maybe(kind: Any, table: Mapping[str, Any], key: str, where: str, base: Any) -> Any:
    return _choice(kind, table[key], where, key) if key in table else base


def _byte(table: Mapping[str, Any], key: str, where: str, base: int | None) -> int | None:
    value = table.get(key, base)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 0xFF):
        raise refuse(where, "one_byte", key=key)
    return value


def _table(kind: Any, table: Mapping[str, Any], key: str, where: str, base: Any) -> Any:
    if key not in table:
        return base
    one = dict(table[key])
    if kind is PurseLog and "type_of" in one:
        one["type_of"] = {int(code): str(letter) for code, letter in one["type_of"].items()}
    try:
        return kind(**one)
    except TypeError:
        raise refuse(where, "takes", key=key, known=", ".join(kind.__dataclass_fields__)) from None


def _pins(value: Any, where: str) -> tuple[str, ...]:
    good = isinstance(value, list) and all(
        isinstance(pin, str) and pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 16 for pin in value
    )
    if not good:
        raise refuse(where, "initial_pin")
    return tuple(value)
