"""What a worker does with one Arrow batch: the same public calls as on one machine, no Spark in sight.

An engine hands rows over as Arrow record batches (pyarrow, which every such engine brings). Dask and Ray can call
:func:`check_rows` and :func:`verify_rows` too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np

from sbcard_core.crypto.diversify import city_factor
from sbcard_core.crypto.holder import KeyHolder
from sbcard_core.crypto.tac import TAC_LENGTH, TacStatus
from sbcard_core.errors import InvalidValue, MissingPart
from sbcard_core.fields import citizen_id
from sbcard_core.fields.legacy import is_legacy
from sbcard_core.messages import message
from sbcard_core.validation import results
from sbcard_core.validation.check import check_sources
from sbcard_core.validation.columnar import ArrowTable
from sbcard_core.validation.duplicates import pack
from sbcard_core.validation.number_column import NONE
from sbcard_core.validation.repair import ASK_ALWAYS, FORM_AT_ONCE, Kind, RepairPolicy, repair_form
from sbcard_core.validation.spec import RecordSpec
from sbcard_core.values import Disposition

FILE, LINE, KEY, KNOWN = "sbcard_file", "sbcard_line", "sbcard_key", "sbcard_known"
"""Columns the engine adds: which record it is, what brings equal numbers together, and known numbers it may be."""
FACTOR_LENGTH = 8
_BATCH = 1 << 16


def pyarrow() -> Any:
    """The library.

    Raises:
        MissingPart: it is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.compute  # noqa: PLC0415
    except ImportError as error:
        raise MissingPart(message("parts.pyarrow"), step="engines", term="依赖组件") from error
    return pa


@dataclass(frozen=True)
class CheckPlan:
    """What every worker must know to check rows.

    Args:
        spec: the layout.
        on: the day of the check.
        submitters: six-digit code of the city or county that sent each file, by file name.
        repairs, proposals: see ``check_files``.
    """

    spec: RecordSpec
    on: date
    submitters: Mapping[str, str] = field(default_factory=dict)
    repairs: RepairPolicy = FORM_AT_ONCE
    proposals: int = 5

    def without_search(self) -> "CheckPlan":
        """The same for rows whose numbers are known to stand once."""
        return replace(self, spec=replace(self.spec, same=()))


def _plain(kind: Any) -> Any:
    """The signed type that every engine knows: they have no unsigned ones."""
    pa = pyarrow()
    if pa.types.is_unsigned_integer(kind):
        return pa.int64() if kind.bit_width > 16 else pa.int16()
    return kind


def finding_type() -> Any:
    """One finding: the columns of ``results.findings_table`` without file and line."""
    pa = pyarrow()
    whole = pa.schema(results.findings_table([]))
    return pa.struct([pa.field(one.name, _plain(one.type)) for one in whole if one.name not in {"file", "line"}])


def record_schema(spec: RecordSpec) -> Any:
    """What :func:`check_rows` gives: file, line, disposition, ``mask``, ``findings`` and, if accepted, ``stored``."""
    pa = pyarrow()
    stored = pa.struct([pa.field(column.header, pa.string()) for column in spec.fields])
    return pa.schema(
        [
            pa.field("file", pa.string(), nullable=False),
            pa.field("line", pa.int64(), nullable=False),
            pa.field("disposition", pa.int16(), nullable=False),
            pa.field("mask", pa.int64(), nullable=False),
            pa.field("findings", pa.list_(finding_type()), nullable=False),
            pa.field("stored", stored),
        ]
    )


def _runs(table: Any, plan: CheckPlan) -> list[tuple[str, int, int]]:
    """(submitter, first row, row behind the last) of rows in file order."""
    if not plan.submitters:
        return [("", 0, table.num_rows)]
    sent = np.array([plan.submitters.get(name, "") for name in table[FILE].to_pylist()])
    cuts = [0, *(np.flatnonzero(sent[1:] != sent[:-1]) + 1).tolist(), len(sent)]
    return [(str(sent[start]), start, stop) for start, stop in pairwise(cuts)]


def check_rows(rows: Any, plan: CheckPlan) -> Any:
    """Check one table; a number that repeats in it gets the verdict of a local check of these rows.

    Args:
        rows: a pyarrow table with the columns of the layout, ``FILE`` (text) and ``LINE`` (int64); where there is
            a column ``KNOWN``, its lists hold numbers that are registered already.
        plan: what to check against.

    Returns:
        A pyarrow table of :func:`record_schema`, one row per record; blank rows are no records.

    Raises:
        InvalidValue: a column is missing or of another type than text, whole number or day.
    """
    pa = pyarrow()
    table = rows.sort_by([(FILE, "ascending"), (LINE, "ascending")])
    files, lines = table[FILE].combine_chunks(), table[LINE].combine_chunks()
    plain, runs = table.drop_columns([name for name in (FILE, LINE, KEY, KNOWN) if name in table.column_names]), []
    sources, senders = [], {}
    for at, (submitter, start, stop) in enumerate(_runs(table, plan)):
        runs.append(start)
        sources.append(ArrowTable(f"{at}", plain.slice(start, stop - start)))
        if submitter:
            senders[f"{at}"] = submitter
    how: dict[str, Any] = {"repairs": plan.repairs, "proposals": plan.proposals, "known": _known(table) or None}
    made = []
    for batch in check_sources(sources, plan.spec, on=plan.on, batch_size=_BATCH, submitters=senders, **how):
        if batch.summary is not None and batch.summary.header_refused:
            raise InvalidValue(message("engines.header"), step="engines.check_rows", term="表头")
        if batch.records:
            made.append(_records(batch, plan.spec, files, lines, runs[int(batch.file)] - 1))
    return pa.concat_tables(made) if made else record_schema(plan.spec).empty_table()


def _known(table: Any) -> list[str]:
    if KNOWN not in table.column_names:
        return []
    found: list[str] = table[KNOWN].combine_chunks().flatten().unique().to_pylist()
    return found


def _records(batch: Any, spec: RecordSpec, files: Any, lines: Any, shift: int) -> Any:
    """The results of one batch; ``shift`` takes its 1-based rows to places in the table."""
    pa = pyarrow()
    schema = record_schema(spec)
    records = pa.table(results.records_table([batch])).combine_chunks()
    rows = records["line"].to_numpy()
    places = pa.array(rows + shift)
    found = pa.table(results.findings_table([batch])).combine_chunks()
    of = found["line"].to_numpy()
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], np.append(rows, np.iinfo(np.int64).max)).astype(np.int32)
    kind = schema.field("findings").type.value_type
    parts = [found[one.name].take(pa.array(order)).combine_chunks().cast(one.type) for one in kind]
    findings = pa.ListArray.from_arrays(pa.array(starts), pa.StructArray.from_arrays(parts, fields=list(kind)))
    columns = [
        files.take(places),
        lines.take(places),
        records["disposition"].cast(pa.int16()).combine_chunks(),
        pa.array(records["findings"].to_numpy().view(np.int64)),
        findings.cast(schema.field("findings").type),
        _stored(batch, spec, rows, records["disposition"].to_numpy() == Disposition.ACCEPTED),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _stored(batch: Any, spec: RecordSpec, rows: Any, accepted: Any) -> Any:
    """The stored values of accepted records; null for every other one."""
    pa = pyarrow()
    kept = pa.table(results.accepted_table([batch], spec)).combine_chunks()
    at = np.searchsorted(kept["line"].to_numpy(), rows)
    indices = pa.array(at, mask=~accepted)
    names = [column.header for column in spec.fields]
    columns = [kept[name].take(indices).combine_chunks().cast(pa.string()) for name in names]
    fields = [pa.field(name, pa.string()) for name in names]
    return pa.StructArray.from_arrays(columns, fields=fields, mask=pa.array(~accepted))


def keys_of(column: Any, *, others: bool) -> Any:
    """What brings together all records a search for repeated numbers may see as one, as an int64 column.

    Every number goes by its old 15 digits, whatever its century; a value that is none goes by a negative digest of
    its text, where the column holds ``others`` than citizen numbers, else it has no key. Two numbers may share a key:
    the check of the rows that it brings together decides.
    """
    pa = pyarrow()
    texts = column.cast(pa.string())
    whole = _long(texts.cast(pa.binary()), citizen_id.LENGTH)
    keys, there = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    bodies = pack(_fixed(texts.cast(pa.binary()), whole, citizen_id.LENGTH).tobytes())
    there[whole] = bodies != NONE
    body = bodies[bodies != NONE].astype(np.int64)
    keys[there] = body // 10**11 * 10**9 + body % 10**9
    odd = np.flatnonzero(~there & np.asarray(texts.is_valid()))
    for at, text in zip(odd.tolist(), texts.take(pa.array(odd)).to_pylist(), strict=True):
        keys[at] = _odd_key(text, others=others)
        there[at] = keys[at] != 0
    return pa.array(keys, mask=~there)


def _odd_key(text: str, *, others: bool) -> int:
    """The key of a value that is not written as 18 characters; 0 = none."""
    form = repair_form(text.strip(), Kind.NUMBER, ASK_ALWAYS)
    number = form.proposed or form.value
    if len(number) == citizen_id.LENGTH and number[:17].isascii() and number[:17].isdigit():
        return int(number[:6] + number[8:17])
    if is_legacy(number):
        return int(number)
    plain = number.strip().upper() if others else ""
    return (
        ~int.from_bytes(blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=7).digest(), "big") if plain else 0
    )


def add_keys(batches: Iterator[Any], column: str, *, others: bool) -> Iterator[Any]:
    """The same batches with a column ``KEY``, see :func:`keys_of`."""
    pa = pyarrow()
    for batch in batches:
        keys = keys_of(batch.column(column), others=others)
        yield pa.RecordBatch.from_arrays([*batch.columns, keys], names=[*batch.schema.names, KEY])


def check_single(batches: Iterator[Any], plan: CheckPlan) -> Iterator[Any]:
    """Check successive record batches of rows whose numbers stand once in the whole check."""
    pa, alone = pyarrow(), plan.without_search()
    for batch in batches:
        if batch.num_rows:
            yield from check_rows(pa.Table.from_batches([batch]), alone).to_batches()


def check_repeated(batches: Iterator[Any], plan: CheckPlan) -> Iterator[Any]:
    """Check rows whose numbers repeat; all rows of one key follow each other, in file order.

    Memory is one batch and the rows of one number more.
    """
    pa = pyarrow()
    held: Any = None
    for batch in batches:
        if not batch.num_rows:
            continue
        piece = pa.Table.from_batches([batch])
        held = piece if held is None else pa.concat_tables([held, piece])
        last = held[KEY].to_numpy()
        cut = int(np.searchsorted(last, last[-1]))
        if cut:
            yield from check_rows(held.slice(0, cut), plan).to_batches()
            held = held.slice(cut)
    if held is not None:
        yield from check_rows(held, plan).to_batches()


@dataclass(frozen=True, slots=True)
class TacColumns:
    """Where a batch keeps what a TAC is verified with, all binary; ``city`` is text, "" = no such column."""

    message: str
    factor: str
    tac: str
    city: str
    message_length: int


def _fixed(column: Any, good: Any, length: int) -> Any:
    """The good values of a binary column side by side, n × length."""
    pa = pyarrow()
    kept = column.filter(pa.array(good)).cast(pa.binary(length))
    start = kept.offset * length
    return np.frombuffer(kept.buffers()[1] or b"", np.uint8)[start : start + len(kept) * length].reshape(-1, length)


def _long(column: Any, length: int) -> Any:
    """Which values are there with this many bytes."""
    pa = pyarrow()
    right = pa.compute.equal(pa.compute.binary_length(column), length)
    return np.asarray(pa.compute.fill_null(right, False))


def _city(code: str | None) -> bytes:
    """The factor of a city; empty where the code is none."""
    try:
        return city_factor(code or "")
    except InvalidValue:
        return b""


def verify_rows(batch: Any, holder: KeyHolder, columns: TacColumns) -> Any:
    """One status (``crypto.tac.TacStatus``) per row of a record batch, as a pyarrow int8 array.

    A row with a value that is missing or has the wrong length is ``MALFORMED`` and stops nothing.
    """
    pa = pyarrow()
    parts = [
        (batch[columns.message], columns.message_length),
        (batch[columns.factor], FACTOR_LENGTH),
        (batch[columns.tac], TAC_LENGTH),
    ]
    good = np.logical_and.reduce([_long(column, length) for column, length in parts])
    out = np.full(batch.num_rows, TacStatus.MALFORMED, np.int8)
    if columns.city:
        coded = batch[columns.city].dictionary_encode()
        cities = [_city(code) for code in coded.dictionary.to_pylist()]
        which = np.asarray(coded.indices.fill_null(-1))
    else:
        cities, which = [b""], np.zeros(batch.num_rows, np.int64)
    for at, city in enumerate(cities):
        here = good & (which == at)
        count = int(here.sum())
        if not count or (columns.city and not city):
            continue
        messages, factors, tacs = (_fixed(column, here, length) for column, length in parts)
        path = np.hstack([np.tile(np.frombuffer(city, np.uint8), (count, 1)), factors]) if city else factors
        out[here] = holder.tac_verify_many(
            path.tobytes(),
            np.ascontiguousarray(messages),
            np.ascontiguousarray(tacs),
            message_length=columns.message_length,
            levels=2 if city else 1,
        )
    return pa.array(out)
