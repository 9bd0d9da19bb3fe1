"""PySpark (extra ``spark``): the check of records and of TACs over ``mapInArrow``, with the local run's results.

::

    from sbcard_core.engines import spark

    session = spark.local_session()  # or the session you have
    rows = session.read.parquet("collected/")  # text columns named like the layout's headers
    checked = spark.validate(rows, COLLECTION, on=date(2014, 7, 31), file="file", line="row").persist()
    checked.counts(), checked.findings.where("code = 'id_number.check'").count()

    journal = session.read.csv("journals/", header=True)
    message = spark.purchase_message("amount_fen", "type", "terminal_no", "terminal_txn_no", "at")
    source = "keyfile:/keys/dtk.json?passphrase-file=/run/secrets/keys"
    spark.verify_tacs(journal.withColumn("message", message), source).where("tac_status <> 0").show()

Importing this file needs neither pyspark nor Java. Every worker needs ``sbcard-core[spark]``.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from sbcard_core import messages
from sbcard_core.crypto import tac as tacs
from sbcard_core.engines import arrow_batches
from sbcard_core.engines.arrow_batches import FACTOR_LENGTH, FILE, KEY, KNOWN, LINE, CheckPlan, TacColumns
from sbcard_core.engines.key_source import KeySource
from sbcard_core.errors import InvalidValue, MissingPart
from sbcard_core.validation.repair import FORM_AT_ONCE, RepairPolicy
from sbcard_core.validation.spec import COLLECTION, Layout, RecordSpec, layout_of
from sbcard_core.values import Disposition

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

_STEP = "engines.spark"
_CELLS = ("string", "char", "varchar", "tinyint", "smallint", "int", "bigint", "date", "void")
_MOST_U4 = (1 << 32) - 1


def _functions() -> Any:
    try:
        from pyspark.sql import functions  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingPart(messages.message("parts.pyspark"), step=_STEP, term="依赖组件") from error
    arrow_batches.pyarrow()
    return functions


def local_session(cores: int = 2, *, memory: str = "1g", conf: Mapping[str, str] | None = None) -> "SparkSession":
    """A Spark session inside this machine: for tests, for trying out, for one large file.

    It listens on 127.0.0.1 only, shows no page, and its workers are this very Python.

    Args:
        cores: threads, each with a worker process of its own while it runs Python.
        memory: of the Java machine; the workers' comes on top.
        conf: further or other settings.

    Raises:
        MissingPart: pyspark, pyarrow or Java is not installed.
    """
    _functions()
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": memory,
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": f"{cores}",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
        **(conf or {}),
    }
    builder = SparkSession.builder.master(f"local[{cores}]").appName("sbcard-core")
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except Exception as error:  # pyspark tells a missing Java in several classes
        if "JAVA_GATEWAY" in str(error) or isinstance(error, FileNotFoundError):
            raise MissingPart(messages.message("parts.java"), step=_STEP, term="依赖组件") from error
        raise


@dataclass(frozen=True)
class Checked:
    """What a check gives: three views of one lazy result. Every action reads and judges anew unless :meth:`persist`.

    Attributes:
        judged: one row per record: file, line, disposition, mask, findings (array of struct), stored (struct or null).
    """

    judged: "DataFrame"

    @property
    def records(self) -> "DataFrame":
        """file, line, disposition (``values.Disposition``) and ``findings``: the mask over ``rules.codes_of(spec)``."""
        return self.judged.select("file", "line", "disposition", self.judged["mask"].alias("findings"))

    @property
    def findings(self) -> "DataFrame":
        """One row per finding, the columns of ``results.findings_table``; ``proposals`` are **not masked**."""
        functions = _functions()
        one = functions.explode("findings").alias("finding")
        return self.judged.select("file", "line", one).select("file", "line", "finding.*")

    @property
    def accepted(self) -> "DataFrame":
        """The accepted records as they are stored, under the layout's headers, then file and line. Full values."""
        accepted = self.judged.where(self.judged["disposition"] == int(Disposition.ACCEPTED))
        return accepted.select("stored.*", "file", "line")

    def counts(self) -> dict[Disposition, int]:
        """Records by what became of them (runs the check)."""
        rows = self.judged.groupBy("disposition").count().collect()
        found = {Disposition(row["disposition"]): int(row["count"]) for row in rows}
        return {one: found.get(one, 0) for one in Disposition}

    def persist(self) -> "Checked":
        """Keep the result in the cluster, on disk where memory ends: then the views share one run."""
        from pyspark import StorageLevel  # noqa: PLC0415 - an extra

        return Checked(self.judged.persist(StorageLevel.MEMORY_AND_DISK))

    def unpersist(self) -> None:
        """Let the kept result go."""
        self.judged.unpersist()


def validate(
    df: "DataFrame",
    spec: RecordSpec = COLLECTION,
    *,
    on: date,
    file: str | None = None,
    line: str | None = None,
    submitters: Mapping[str, str] | None = None,
    known: "DataFrame | None" = None,
    repairs: RepairPolicy = FORM_AT_ONCE,
    proposals: int = 5,
) -> Checked:
    """Check the records of a data frame as ``check_sources`` does, one row a record.

    Numbers that repeat anywhere in the data frame are found by Spark, brought together and judged together; all other
    rows are judged where they lie. Verdicts are those of a local run over the same records with the files in the order
    of their names. The data frame is read up to three times: persist it first if it is dear to compute.

    Args:
        df: columns named by the layout's headers, of text, whole numbers or days; others are ignored.
        spec: the layout.
        on: the day of the check.
        file: text column that names each record's file; None = one file ``"dataframe"``.
        line: column that counts the records of a file, unique in it; None = ``monotonically_increasing_id``, which is
            the same at every reading only where the source keeps its partitions.
        submitters: six-digit code of the city or county that sent each file, by file name.
        known: numbers registered already, in stored form, in its first column; their records are refused.
        repairs, proposals: see :func:`~sbcard_core.validation.check.check_files`.

    Returns:
        Findings, records and accepted rows as lazy data frames.

    Raises:
        InvalidValue: a column is missing, stands twice or has another type; nothing has run yet.
        MissingPart: pyspark or pyarrow is not installed.

    Example (the tests run it in a local session)::

        validate(df, on=date(2014, 7, 31), file="file", line="row").findings.show()
    """
    functions = _functions()
    layout = _layout(df, spec)
    wanted = [df.columns[at] for at in layout.order if at >= 0]
    types = dict(df.dtypes)
    if wrong := [name for name in wanted if _kind(types[name]) not in _CELLS]:
        what = messages.message("engines.type", column=wrong[0], type=types[wrong[0]])
        raise InvalidValue(what, step=_STEP, term="列类型")
    if missing := [name for name in (file, line) if name is not None and name not in types]:
        raise InvalidValue(messages.message("engines.no_column", column=missing[0]), step=_STEP, term="列名")
    here = place = None
    if file is not None:
        here = functions.coalesce(_column(file), functions.lit(""))
    if line is not None:
        place = functions.coalesce(_column(line).cast("bigint"), functions.lit(0))
    here = functions.lit("dataframe") if here is None else here
    place = functions.monotonically_increasing_id() if place is None else place
    rows = df.select(*map(_column, wanted), here.cast("string").alias(FILE), place.alias(LINE))
    if known is not None and all(one.field != "id_number" for one in spec.fields):
        raise InvalidValue(messages.message("engines.no_number"), step=_STEP, term="已登记号码")
    return Checked(_judged(rows, CheckPlan(spec, on, dict(submitters or {}), repairs, proposals), known))


def _kind(of: str) -> str:
    """A type without its length or collation."""
    return of.partition("(")[0].partition(" ")[0]


def _column(name: str) -> "Column":
    """A column by its very name, dots and all."""
    column: Column = _functions().col("`" + name.replace("`", "``") + "`")
    return column


def _judged(rows: "DataFrame", plan: CheckPlan, known: "DataFrame | None") -> "DataFrame":
    schema = _spark_schema(arrow_batches.record_schema(plan.spec))
    single = partial(arrow_batches.check_single, plan=plan)
    if not plan.spec.same and known is None:
        return rows.mapInArrow(single, schema)
    functions = _functions()
    at = plan.spec.index("id_number")
    others = known is not None or plan.spec.fields[at].rule != "id_number"
    number = rows.columns[_layout(rows, plan.spec).order[at]]
    keys = _keyed(rows.select(_column(number)), number, others=others).select(KEY).where(f"{KEY} is not null")
    keyed = _keyed(rows, number, others=others)
    if known is not None:
        registered = known.select(_column(known.columns[0]).cast("string").alias("number"))
        listed = _keyed(registered, "number", others=others).where(f"{KEY} is not null")
        listed = listed.join(keys.distinct(), KEY, "left_semi")
        keyed = keyed.join(listed.groupBy(KEY).agg(functions.collect_set("number").alias(KNOWN)), KEY, "left")
    if not plan.spec.same:
        return keyed.drop(KEY).mapInArrow(single, schema)
    repeated = keys.groupBy(KEY).count().where("count > 1").select(KEY)
    alone = keyed.join(repeated, KEY, "left_anti").drop(KEY)
    several = keyed.join(repeated, KEY, "left_semi")
    together = several.repartition(KEY).sortWithinPartitions(KEY, FILE, LINE)
    repeats = partial(arrow_batches.check_repeated, plan=plan)
    return alone.mapInArrow(single, schema).unionByName(together.mapInArrow(repeats, schema))


def _keyed(frame: "DataFrame", number: str, *, others: bool) -> "DataFrame":
    from pyspark.sql.types import LongType, StructField, StructType  # noqa: PLC0415 - an extra

    work = partial(arrow_batches.add_keys, column=number, others=others)
    return frame.mapInArrow(work, StructType([*frame.schema.fields, StructField(KEY, LongType())]))


def _layout(frame: "DataFrame", spec: RecordSpec) -> Layout:
    layout = layout_of(frame.columns, spec)
    if layout is None:
        raise InvalidValue(messages.message("engines.layout", layout=spec.name), step=_STEP, term="表头")
    return layout


def _spark_schema(schema: Any) -> Any:
    from pyspark.sql.pandas.types import from_arrow_schema  # noqa: PLC0415 - an extra

    return from_arrow_schema(schema)


def _verify(batches: Iterator[Any], source: KeySource, columns: TacColumns, keep: int, status: str) -> Iterator[Any]:
    """One partition: open the keys here, verify its batches, close the keys."""
    pa = arrow_batches.pyarrow()
    holder = source.open()
    try:
        for batch in batches:
            found = arrow_batches.verify_rows(batch, holder, columns)
            names = [*batch.schema.names[:keep], status]
            yield pa.RecordBatch.from_arrays([*batch.columns[:keep], found], names=names)
    finally:
        holder.close()


_MESSAGE, _FACTOR, _TAC = "sbcard_message", "sbcard_factor", "sbcard_tac"


def verify_tacs(
    df: "DataFrame",
    key_source: str,
    *,
    message: str = "message",
    factor: str = "factor",
    tac: str = "tac",
    city: str | None = "city",
    message_length: int = tacs.MESSAGE_LENGTH,
    status: str = "tac_status",
) -> "DataFrame":
    """The data frame with one more column: what became of each row's TAC (``crypto.tac.TacStatus``, tinyint).

    ``key_source`` is a description (see :mod:`sbcard_core.engines.key_source`), checked here and opened by each worker
    for each partition: no key is in a closure, plan or log. A key store file costs a tenth of a second a partition.

    Args:
        df: the records; message, factor and TAC as binary, or as hexadecimal text.
        key_source: e.g. ``"keyfile:/keys/dtk.json?passphrase-file=/run/secrets/keys"``.
        message: column of what the TAC covers; :func:`purchase_message` makes it from a journal's columns.
        factor: column of the card's diversification factor, 8 bytes.
        tac: column of the TAC, 4 bytes.
        city: column of the six-digit city code, one level above the card; None = the key source's DTK is the city's.
        message_length: bytes of a message, 22 of a purchase.
        status: name of the new column.

    Returns:
        All rows, each with one status. A value that is missing, of another length or no hexadecimal, or a city that is
        no code, is ``MALFORMED`` (2); a row never raises.

    Raises:
        InvalidValue: no description, a column is missing or of another type, or ``status`` is there already.
        MissingPart: pyspark or pyarrow is not installed.

    Example (the tests run it in a local session)::

        source = "keyfile:/keys/dtk.json?passphrase-file=/run/secrets/keys"
        verify_tacs(journal, source).groupBy("tac_status").count().show()
    """
    _functions()
    source, types = KeySource.parse(key_source), dict(df.dtypes)
    needed = {message: "message", factor: "factor", tac: "TAC"} | ({city: "city"} if city is not None else {})
    for name, what in needed.items():
        if _kind(types.get(name, "")) not in {"string", "char", "varchar", *(() if what == "city" else ("binary",))}:
            raise InvalidValue(
                messages.message("engines.tac_column", what=what, column=name), step=_STEP, term="列类型"
            )
    if status in types:
        raise InvalidValue(messages.message("engines.taken", column=status), step=_STEP, term="列名")
    from pyspark.sql.types import ByteType, StructField, StructType  # noqa: PLC0415 - an extra

    ready = df.select(
        "*",
        _binary(message, message_length, types).alias(_MESSAGE),
        _binary(factor, FACTOR_LENGTH, types).alias(_FACTOR),
        _binary(tac, tacs.TAC_LENGTH, types).alias(_TAC),
    )
    columns = TacColumns(_MESSAGE, _FACTOR, _TAC, city or "", message_length)
    work = partial(_verify, source=source, columns=columns, keep=len(df.columns), status=status)
    return ready.mapInArrow(work, StructType([*df.schema.fields, StructField(status, ByteType(), False)]))


def _binary(name: str, length: int, types: Mapping[str, str]) -> "Column":
    column = _column(name)
    if types[name] == "binary":
        return column
    return _unhex(column, length)


def _unhex(text: "Column", length: int) -> "Column":
    """The bytes of hexadecimal text of the right length, else null."""
    functions = _functions()
    whole: Column = functions.when(text.rlike(rf"\A[0-9A-Fa-f]{{{2 * length}}}\z"), functions.unhex(text))
    return whole


def purchase_message(amount: str, type: str, terminal: str, terminal_txn_no: str, at: str) -> "Column":  # noqa: A002
    """``crypto.tac.purchase_message`` as a Spark expression over a journal's columns: 22 bytes, or null.

    Args:
        amount: column of fen, whole numbers or their digits.
        type: column of the transaction type, 6 for a purchase from the purse.
        terminal: column of 终端机编号, 12 BCD digits as text.
        terminal_txn_no: column of 终端交易序号.
        at: column of the time, 14 digits as text.

    Raises:
        MissingPart: pyspark is not installed.
    """
    functions = _functions()

    def number(name: str, length: int, most: int) -> Any:
        digits = _column(name).cast("string")
        value = functions.when(digits.rlike(r"\A[0-9]{1,18}\z"), digits.cast("bigint"))
        return functions.when(value <= most, functions.lpad(functions.hex(value), 2 * length, "0"))

    moment = _column(at).cast("string")
    time = functions.when(moment.rlike(r"\A[0-9]{14}\z"), moment)
    parts = [number(amount, 4, _MOST_U4), number(type, 1, 255), _column(terminal).cast("string")]
    text = functions.concat(*parts, number(terminal_txn_no, 4, _MOST_U4), time)
    return _unhex(text, tacs.MESSAGE_LENGTH)
