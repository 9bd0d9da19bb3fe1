"""湘人社函〔2014〕237号 as data: every printed figure with its place, and apart from them the imposed ones.

The data file is the only place of these numbers. It is validated when loaded:
a wrong file is refused as a whole, with the entry named. That the figures agree
with *each other* is not checked here: it is what :mod:`~sbcard_core.bulletin.auditor` finds out.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sbcard_core.bulletin.figures import Figure, Number, is_number
from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.files import read_text
from sbcard_core.messages import message
from sbcard_core.values import Origin

DEFAULT = "hunan-2014-07"
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


class LetterRefused(Refused):
    """The data file of a letter breaks its own rules; nothing of it is used."""

    def __init__(self, fault: str, /, **parameters: object) -> None:
        super().__init__(message(f"letter.{fault}", **parameters), step="bulletin.letter", term="通报数据文件")


@dataclass(frozen=True, slots=True)
class Relation:
    """A printed rate and the figures it is a rate of; several denominators are added up."""

    rate: str
    numerator: str
    denominators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamedDate:
    """A date the letter carries, and the dates it cannot come before."""

    key: str
    value: date
    place: str
    not_before: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamedList:
    """A sentence that lists subjects in order, with what it claims of them; ``stated`` is "" without their number."""

    key: str
    place: str
    measure: str
    members: tuple[str, ...]
    stated: str
    ranked: bool
    at_least: Number | None
    below: Number | None


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter's figures, reached by key: ``letter["402.opened"]``.

    Immutable; :meth:`with_value` gives an altered copy for what-if questions.

    Example:
        >>> letter = load()
        >>> letter["402.opened"].value, letter["402.opened"].unit, letter.name("402")
        (697, '万人', '农信社联社')
        >>> letter["430100.submitted"].origin.zh
        '设定'
        >>> letter.get("430600.added") is None
        True
    """

    key: str
    title: str
    document_no: str
    issuer: str
    month: str
    note: str
    subjects: Mapping[str, str]
    groups: Mapping[str, tuple[str, ...]]
    figures: Mapping[str, Figure]
    relations: tuple[Relation, ...]
    dates: Mapping[str, NamedDate]
    lists: tuple[NamedList, ...]
    compared_with: Mapping[str, str]
    quotes: Mapping[str, str] = field(repr=False)

    def __getitem__(self, key: str) -> Figure:
        """The figure of this key, printed or imposed. Raises KeyError when the letter has none."""
        return self.figures[key]

    def __contains__(self, key: object) -> bool:
        return key in self.figures

    def __iter__(self) -> Iterator[Figure]:
        return iter(self.figures.values())

    def __len__(self) -> int:
        return len(self.figures)

    def get(self, key: str) -> Figure | None:
        """The figure of this key, or None."""
        return self.figures.get(key)

    def name(self, subject: str) -> str:
        """The Chinese name of a city or bank as the letter writes it."""
        return self.subjects[subject]

    @property
    def month_zh(self) -> str:
        """``2014年7月份``."""
        year, month = self.month.split("-")
        return f"{year}年{int(month)}月份"

    def printed(self) -> tuple[Figure, ...]:
        """The figures that stand in the letter, in its order."""
        return tuple(figure for figure in self if figure.origin is Origin.PRINTED)

    def imposed(self) -> tuple[Figure, ...]:
        """The figures the letter does not give; ``place`` holds the reason for the choice."""
        return tuple(figure for figure in self if figure.origin is Origin.IMPOSED)

    def of_measure(self, measure: str, subjects: Iterable[str], *, only_printed: bool = True) -> tuple[Figure, ...]:
        """One measure over the given subjects, in their order, leaving out those without a figure."""
        found = (self.figures.get(f"{subject}.{measure}") for subject in subjects)
        return tuple(f for f in found if f is not None and (f.origin is Origin.PRINTED or not only_printed))

    def members(self, group: str) -> tuple[str, ...]:
        """The subjects of a group (``"cities"``, ``"banks"``) without the row of its total; () without the group."""
        return self.groups.get(group, ())[1:]

    def with_value(self, key: str, value: Number) -> "Letter":
        """A copy in which one figure has another value.

        Raises:
            KeyError: no such figure.

        Example:
            >>> load().with_value("402.open_rate", Decimal("85.3"))["402.open_rate"].text
            '85.3'
        """
        changed = {**self.figures, key: replace(self.figures[key], value=value)}
        return replace(self, figures=MappingProxyType(changed))


def load(source: str | Path = DEFAULT) -> Letter:
    """Read a letter: a name of the package's data, or the path of a TOML file of the same shape.

    Raises:
        LetterRefused: no such letter, unknown entry, duplicate key, unknown subject or unit, dangling reference.
    """
    place = source if isinstance(source, Path) else files("sbcard_core.bulletin").joinpath("data", f"{source}.toml")
    if not place.is_file():
        raise LetterRefused("none", name=str(source), names=", ".join(names()))
    return parse(read_text(place) if isinstance(place, Path) else place.read_text(encoding="utf-8"))


def names() -> list[str]:
    """The letters the package has.

    Example:
        >>> names()
        ['hunan-2014-07']
    """
    data = files("sbcard_core.bulletin").joinpath("data")
    return sorted(entry.name.removesuffix(".toml") for entry in data.iterdir() if entry.name.endswith(".toml"))


def parse(text: str) -> Letter:
    """Build a letter from TOML text; see :func:`load`.

    Example:
        >>> parse("[letter]")
        Traceback (most recent call last):
        ...
        sbcard_core.bulletin.letter.LetterRefused: the table [subjects] is missing (通报数据文件) ...
    """
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise LetterRefused("not_toml", why=str(error)) from error
    for table in ("letter", "subjects", "groups", "dates", "lists", "printed", "imposed"):
        if table not in data:
            raise LetterRefused("no_table", table=table)
    return _build(data)


def without_figures(
    month: str, title: str, *, cities: Mapping[str, str], banks: Mapping[str, str], issuer: str = ""
) -> Letter:
    """What a bulletin of any month is headed by where there is no letter to set beside it.

    Args:
        month: ``YYYY-MM``.
        title: what the bulletin is called.
        cities, banks: names by code, in the order of the annexes.
        issuer: who publishes it.

    Raises:
        LetterRefused: the month is not ``YYYY-MM``.

    Example:
        >>> without_figures("2015-03", "进展情况", cities={"430100": "长沙市"}, banks={"103": "农业银行"}).month_zh
        '2015年3月份'
    """
    subjects = {"province": "全省", **cities, **banks}
    data = {
        "letter": {"key": f"month-{month}", "title": title, "document_no": "", "issuer": issuer, "month": month},
        "subjects": subjects,
        "groups": {"cities": ["province", *cities], "banks": ["province", *banks]},
        "dates": {},
        "lists": {},
        "printed": {"figures": []},
        "imposed": {"figures": []},
    }
    return _build(data)


_PRINTED_KEYS = {"key", "value", "unit", "at", "quote", "of", "compared_with"}
_IMPOSED_KEYS = {"key", "label", "value", "unit", "reason"}


def _build(data: Mapping[str, Any]) -> Letter:
    named = _table(data["subjects"], "[subjects]")
    subjects = {code: _text(named, code, "[subjects]") for code in named}
    head = _table(data["letter"], "[letter]")
    _month(head.get("month"), "[letter]")
    figures: dict[str, Figure] = {}
    relations: list[Relation] = []
    compared: dict[str, str] = {}
    quotes: dict[str, str] = {}
    for entry in _entries(data["printed"], "[printed]"):
        figure = _figure(entry, subjects, Origin.PRINTED)
        _add(figures, figure)
        quotes[figure.key] = _text(entry, "quote", figure.key)
        if "of" in entry:
            numerator, *denominators = _texts(entry["of"], figure.key) or ("",)
            relations.append(Relation(figure.key, numerator, tuple(denominators)))
        if "compared_with" in entry:
            compared[figure.key] = _month(entry["compared_with"], figure.key)
    for entry in _entries(data["imposed"], "[imposed]"):
        _add(figures, _figure(entry, subjects, Origin.IMPOSED))
    groups, lists = _table(data["groups"], "[groups]"), _table(data["lists"], "[lists]")
    dates = {key: _table(entry, key) for key, entry in _table(data["dates"], "[dates]").items()}
    letter = Letter(
        **{name: _text(head, name, "[letter]") for name in ("key", "title", "document_no", "issuer", "month")},
        note=_text({"note": "", **head}, "note", "[letter]"),
        subjects=MappingProxyType(subjects),
        groups=MappingProxyType({name: _texts(members, name) for name, members in groups.items()}),
        figures=MappingProxyType(figures),
        relations=tuple(relations),
        dates=MappingProxyType({key: _date(key, entry) for key, entry in dates.items()}),
        lists=tuple(_list(key, _table(entry, key)) for key, entry in lists.items()),
        compared_with=MappingProxyType(compared),
        quotes=MappingProxyType(quotes | {f"date.{key}": _text(entry, "quote", key) for key, entry in dates.items()}),
    )
    _check_references(letter)
    return letter


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise LetterRefused("is_no_table", where=where)
    return value


def _text(entry: Mapping[str, Any], name: str, where: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str):
        raise LetterRefused("no_text", where=where, name=name)
    return value


def _texts(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise LetterRefused("no_texts", where=where)
    return tuple(value)


def _entries(table: object, where: str) -> list[Mapping[str, Any]]:
    rows = _table(table, where).get("figures")
    if not isinstance(rows, list):
        raise LetterRefused("no_figures", where=where)
    return [_table(row, where) for row in rows]


def _figure(entry: Mapping[str, Any], subjects: Mapping[str, str], origin: Origin) -> Figure:
    """One entry as a figure; its place is the quoted words, or the reason of an imposed one."""
    key = _text(entry, "key", str(origin))
    printed = origin is Origin.PRINTED
    if unknown := set(entry) - (_PRINTED_KEYS if printed else _IMPOSED_KEYS):
        raise LetterRefused("unknown_entry", where=key, name=min(unknown))
    place = _place(entry, key) if printed else _text(entry, "reason", key)
    if not place.strip():
        raise LetterRefused("no_reason", where=key)
    if "value" not in entry:
        raise LetterRefused("no_value", where=key)
    label = "" if printed else _text(entry, "label", key)
    try:
        figure = Figure(key, entry["value"], _text(entry, "unit", key), origin, place, label)
    except InvalidValue as error:
        raise LetterRefused("figure", what=error.message) from error
    if figure.subject not in subjects:
        raise LetterRefused("unknown_subject", where=key, name=figure.subject)
    if figure.value is None or figure.value < 0:
        raise LetterRefused("no_value", where=key)
    return figure


def _place(entry: Mapping[str, Any], where: str) -> str:
    return f"{_text(entry, 'at', where)}「{_text(entry, 'quote', where)}」"


def _month(text: object, where: str) -> str:
    if not isinstance(text, str) or _MONTH.fullmatch(text) is None:
        raise LetterRefused("month", where=where)
    return text


def _limit(value: object, key: str) -> Number | None:
    if value is not None and not is_number(value):
        raise LetterRefused("limit", where=key)
    return value  # type: ignore[return-value]


def _add(figures: dict[str, Figure], figure: Figure) -> None:
    """Printed and imposed figures share one namespace: what is printed cannot be imposed again."""
    if figure.key in figures:
        raise LetterRefused("twice", where=figure.key)
    figures[figure.key] = figure


def _date(key: str, entry: Mapping[str, Any]) -> NamedDate:
    value = entry.get("value")
    day = value.date() if isinstance(value, datetime) else value
    if not isinstance(day, date):
        raise LetterRefused("date", where=key)
    return NamedDate(key, day, _place(entry, key), _texts(entry.get("not_before", []), key))


def _list(key: str, entry: Mapping[str, Any]) -> NamedList:
    return NamedList(
        key=key,
        place=_text(entry, "at", key),
        measure=_text(entry, "measure", key),
        members=_texts(entry.get("members"), key),
        stated=_text({"stated": "", **entry}, "stated", key),
        ranked=bool(entry.get("ranked", False)),
        at_least=_limit(entry.get("at_least"), key),
        below=_limit(entry.get("below"), key),
    )


def _check_references(letter: Letter) -> None:
    """Every name that points at another entry must find it."""
    wanted = [key for r in letter.relations for key in (r.rate, r.numerator, *r.denominators)]
    wanted += [named.stated for named in letter.lists if named.stated]
    wanted += [f"{member}.{named.measure}" for named in letter.lists for member in named.members]
    for key in wanted:
        if key not in letter:
            raise LetterRefused("not_there", name=key)
    if any(not relation.denominators for relation in letter.relations):
        raise LetterRefused("rate")
    for members in letter.groups.values():
        for subject in members:
            if subject not in letter.subjects:
                raise LetterRefused("unknown_subject", where="[groups]", name=subject)
    for named in letter.dates.values():
        for earlier in named.not_before:
            if earlier not in letter.dates:
                raise LetterRefused("unknown_date", where=named.key, name=earlier)
