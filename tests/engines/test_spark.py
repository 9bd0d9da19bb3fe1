"""Spark in local mode against the local run: same findings, same dispositions, same rows; keys stay with the worker."""

import base64
import os
import pickle
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sbcard_core.crypto import keyfile, tac
from sbcard_core.crypto.diversify import city_factor, diversify
from sbcard_core.crypto.keys import KeyUsage, SecretKey
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.engines import spark
from sbcard_core.engines.arrow_batches import keys_of
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id
from sbcard_core.validation import results
from sbcard_core.validation.check import check_sources
from sbcard_core.validation.columnar import ArrowTable
from sbcard_core.validation.repair import ASK_ALWAYS
from sbcard_core.validation.spec import COLLECTION, FieldSpec, RecordSpec
from sbcard_core.values import Disposition

ON = date(2014, 7, 31)
HEADERS = [field.header for field in COLLECTION.fields]
FILES = ["430100.csv", "430200.csv", "431300.csv"]
PASSPHRASE = "correct horse battery"
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the Java machine and the workers write."""
    return tmp_path_factory.mktemp("spark") / "log"


@pytest.fixture(scope="module")
def session(real_part: Callable[[str, bool, str], None], log: Path) -> Iterator[Any]:
    how = "pip install 'sbcard-core[spark]' and a Java runtime of 17 or newer"
    real_part("spark", all(map(find_spec, ("pyspark", "pyarrow"))) and shutil.which("java") is not None, how)
    where = {"spark.local.dir": str(log.parent), "spark.sql.warehouse.dir": str(log.parent / "warehouse")}
    where["spark.driver.extraJavaOptions"] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # ends before more would pay
    saved = {number: os.dup(number) for number in (1, 2)}
    with log.open("ab") as file:  # the Java machine keeps what it is born with
        for number in saved:
            os.dup2(file.fileno(), number)
        try:
            made = spark.local_session(2, conf=where)
        finally:
            for number, old in saved.items():
                os.dup2(old, number)
                os.close(old)
    yield made
    made.stop()


def _number(rng: Random) -> tuple[str, str, str]:
    """A right number with its sex and birth date."""
    county, serial = rng.choice(["430102", "430204", "431302"]), rng.choice([*range(1000), *[998] * 50])
    birth = f"{rng.randrange(1940, 2010)}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}"
    body = f"{county}{birth}{serial:03}"
    return body + citizen_id.check_digit(body), "2" if serial % 2 == 0 else "1", birth


def _spoil(rng: Random, row: list[str | None]) -> None:
    number = row[2] or ""
    faults: list[tuple[int, str | None]] = [
        (2, number.lower()),
        (2, number[:-1] + str(rng.randrange(10))),
        (2, number[:6] + number[8:-1]),
        (2, "".join(chr(ord(digit) + 0xFEE0) for digit in number)),
        (2, None),
        (2, number[:6] + "19991332" + number[14:]),
        (3, rng.choice(["张•三", "张 三", "a,b", 'a"b', "", "张三" * 30])),
        (4, rng.choice(["3", "1", "2", "９"])),
        (5, rng.choice(["99", "1", None])),
        (6, rng.choice(["19491301", "20200101", "１９８００１０１"])),
        (7, rng.choice(["12345", "138-0013-8000", None])),
        (9, rng.choice(["430299", "999999", "430421"])),
        (10, "099"),
        (11, "2014-07-01"),
    ]
    at, value = rng.choice(faults)
    row[at] = value


def _other_form(rng: Random, number: str) -> str:
    """The same number as others write it."""
    return rng.choice(
        [
            f" {number.lower()}",
            number[:6] + number[8:17],  # as before 1999
            f"{number[:6]}-{number[6:14]}-{number[14:]}",
            "".join(chr(ord(one) + 0xFEE0) for one in number),
        ]
    )


def dirty(count: int, seed: int) -> list[tuple[str, int, list[str | None]]]:
    """(file, line, cells): one of five with a fault, one of ten sent again, some with changes; some blank rows."""
    rng, rows = Random(seed), list[list[str | None]]()
    while len(rows) < count:
        if rows and rng.random() < 0.1:
            row = list(rng.choice(rows))
            row[1] = f"F{len(rows)}"
            row[rng.choice([1, 3, 7])] = rng.choice(["李四", "13900139000"])
            if row[2] and len(row[2]) == 18:
                row[2] = rng.choice([row[2], row[2], _other_form(rng, row[2])])
        elif rng.random() < 0.005:
            row = [None, "", " "] * 4
        else:
            number, sex, birth = _number(rng)
            name = rng.choice(["张三", "王小明", "阿不都·买买提"])
            row = [f"{len(rows)}", f"F{len(rows)}", number, name, sex, "01", birth, "13800138000", "4", "430102", "103",
                   "20140701"]  # fmt: skip
            if rng.random() < 0.2:
                _spoil(rng, row)
        rows.append(row)
    lines = dict.fromkeys(FILES, 0)
    out = []
    for row in rows:
        name = rng.choice(FILES)
        lines[name] += 1
        out.append((name, lines[name], row))
    return out


def _locally(
    rows: list[tuple[str, int, list[str | None]]], spec: RecordSpec = COLLECTION, **how: Any
) -> tuple[list[Any], list[Any], list[Any]]:
    import pyarrow as pa

    sources = []
    for name in FILES:
        cells = [row for file, _, row in rows if file == name]
        table = pa.table(
            {header: pa.array([row[at] for row in cells], pa.string()) for at, header in enumerate(HEADERS)}
        )
        sources.append(ArrowTable(name, table))
    batches = list(check_sources(sources, spec, on=ON, **how))
    found = pa.table(results.findings_table(batches)).to_pylist()
    records = pa.table(results.records_table(batches)).to_pylist()
    kept = [dict(zip([*HEADERS, "line"], row, strict=True)) | {"file": b.file} for b in batches for row in b.accepted]
    return found, records, kept


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


def _collected(frame: Any) -> list[dict[str, Any]]:
    return [row.asDict(recursive=True) for row in frame.collect()]


def _frame(session: Any, rows: list[tuple[str, int, list[str | None]]], folder: Path) -> Any:
    """The records in any order, in three parts that do not follow the files."""
    import pyarrow as pa
    from pyarrow import parquet

    mixed = Random(5).sample(rows, len(rows))
    columns = [[name for name, _, _ in mixed], [line for _, line, _ in mixed], [0.5] * len(mixed)]
    columns += [pa.array([row[at] for _, _, row in mixed], pa.string()) for at in range(len(HEADERS))]
    table = pa.table(columns, names=["file", "row", "extra", *HEADERS])
    cuts = [len(rows) * part // 3 for part in range(4)]
    for start, stop in pairwise(cuts):
        parquet.write_table(table.slice(start, stop - start), folder / f"{start}.parquet")
    return session.read.parquet(str(folder))


SUBMITTERS = {"430100.csv": "430100", "431300.csv": "431300"}


@pytest.mark.parametrize("how", [{}, {"submitters": SUBMITTERS, "repairs": ASK_ALWAYS, "proposals": 2}, {"known": 40}])
def test_rows_are_those_of_the_local_run(session: Any, how: dict[str, Any], tmp_path: Path) -> None:
    rows, here = dirty(3_000 if how else 20_000, seed=len(how)), dict(how)
    if "known" in how:
        full = [row[2] for _, _, row in rows if row[2] and len(row[2]) == 18]
        known = [*full[:: how["known"]], "H0123456"]
        how = {"known": known}
        here = {"known": session.createDataFrame([(number,) for number in known], "n string")}
    found, records, kept = _locally(rows, **how)
    codes = {finding["code"] for finding in found}
    assert {"duplicate.identical", "duplicate.conflict", "id_number.check", "name.dot"} <= codes
    assert ("duplicate.known" in codes) is ("known" in how)
    checked = spark.validate(_frame(session, rows, tmp_path), on=ON, file="file", line="row", **here).persist()
    assert _sorted(_collected(checked.records)) == _sorted(records)
    assert _sorted(_collected(checked.findings)) == _sorted(found)
    assert _sorted(_collected(checked.accepted)) == _sorted(kept)
    counts = checked.counts()
    assert sum(counts.values()) == len(records) < len(rows)
    assert counts[Disposition.ACCEPTED] == len(kept)
    checked.unpersist()


def test_numbers_of_other_certificates_meet_too(session: Any, tmp_path: Path) -> None:
    """In a layout of any certificate, in capitals or not, beside old and new forms of citizen numbers."""
    rows = dirty(400, seed=3)
    for at, (_, _, row) in enumerate(rows):
        if at % 3 == 0:
            row[2] = ["H0123456701", "h0123456701", "M9876543201", "A12345678"][at // 3 % 4]
    spec = replace(COLLECTION, fields=tuple(_any_number(field) for field in COLLECTION.fields), crosses=())
    found, records, _ = _locally(rows, spec=spec)
    assert sum(finding["code"].startswith("duplicate") for finding in found) > 10
    checked = spark.validate(_frame(session, rows, tmp_path), spec, on=ON, file="file", line="row")
    assert _sorted(_collected(checked.findings)) == _sorted(found)
    assert _sorted(_collected(checked.records)) == _sorted(records)


def _any_number(field: FieldSpec) -> FieldSpec:
    if field.field != "id_number":
        return field
    return replace(field, rule="pattern", clean="[0-9A-Za-z]{5,20}")


def test_an_unnamed_record_gets_a_number_of_its_own(session: Any) -> None:
    number, sex, birth = _number(Random(1))
    row = ["1", "F1", number, "张三", sex, "01", birth, "13800138000", "4", "430102", "103", "20140701"]
    frame = session.createDataFrame([row] * 3, HEADERS)
    records = _collected(spark.validate(frame, on=ON).records)
    assert len({record["line"] for record in records}) == 3
    assert sorted(record["disposition"] for record in records) == [0, 1, 1]
    assert {record["file"] for record in records} == {"dataframe"}


def test_a_frame_that_does_not_fit_is_refused_before_it_runs(session: Any) -> None:
    cells = ", ".join(f"`{header}` string" for header in HEADERS[1:])
    with pytest.raises(InvalidValue, match="lacks a column"):
        spark.validate(session.createDataFrame([], cells), on=ON)
    with pytest.raises(InvalidValue, match="type double"):
        spark.validate(session.createDataFrame([], f"`{HEADERS[0]}` double, {cells}"), on=ON)
    with pytest.raises(InvalidValue, match="no column row"):
        spark.validate(session.createDataFrame([], f"`{HEADERS[0]}` string, {cells}"), on=ON, line="row")


@pytest.fixture
def store(tmp_path: Path) -> tuple[str, bytes]:
    """A key source, and the DTK in it."""
    material = secrets.token_bytes(16)
    with MasterKeys({KeyUsage.DTK: SecretKey(material, KeyUsage.DTK)}) as keys:
        keyfile.save(tmp_path / "keys", keys, PASSPHRASE, cost=keyfile.LEAST_COST)
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n", "utf-8")
    return f"keyfile:{tmp_path / 'keys'}?passphrase-file={tmp_path / 'passphrase'}", material


JOURNAL = (
    "amount string, type int, terminal string, txn bigint, at string, factor string, city string, tac string, n double"
)


def _journal(material: bytes, count: int) -> tuple[list[tuple[Any, ...]], list[int]]:
    """Purchases with good, changed and impossible values, and the status one call for each gives."""
    rng, rows, expected = Random(9), [], []
    master = SecretKey(material, KeyUsage.DTK)
    for at in range(count):
        city, factor = rng.choice(["430100", "430200"]), rng.randbytes(8)
        values: list[Any] = [f"{rng.randrange(1, 1 << 32)}", 6, f"{rng.randrange(10**12):012}", at, "20140731120000"]
        message = tac.purchase_message(int(values[0]), *values[1:])
        proof = tac.compute(diversify(master, city_factor(city), factor), message)
        row, status = [*values, factor.hex(), city, proof.hex(), 0.5], tac.TacStatus.VERIFIED
        if at % 7 == 3:
            row[0] = f"{int(values[0]) ^ 1}"
            status = tac.TacStatus.MISMATCH
        elif at % 7 == 5:
            spoiled = [
                *[(0, "-1"), (0, "4294967296"), (1, 256), (2, "12345"), (4, None), (5, factor.hex()[1:])],
                *[(6, "4301"), (6, None), (7, proof.hex() + "00"), (7, "zz" * 4), (7, None)],
            ]
            place, value = spoiled[at // 7 % len(spoiled)]
            row[place] = value
            status = tac.TacStatus.MALFORMED
        rows.append(tuple(row))
        expected.append(int(status))
    return rows, expected


def _forms(secret: bytes) -> list[bytes]:
    """How a key may show up in a text or a pickle."""
    texts = [secret.hex(), secret.hex().upper(), secret.hex(" ").upper(), repr(secret)[2:-1], str(list(secret))]
    return [secret, base64.b64encode(secret), *[text.encode() for text in texts]]


def test_tacs_are_verified_and_no_key_leaves_the_worker(
    session: Any, log: Path, store: tuple[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark.serializers import CloudPickleSerializer

    source, material = store
    rows, expected = _journal(material, 2_000)
    frame = session.createDataFrame(rows, JOURNAL).repartition(3)
    message = spark.purchase_message("amount", "type", "terminal", "txn", "at")
    closures: list[bytes] = []
    dumps = CloudPickleSerializer.dumps

    def recorded(serializer: Any, value: Any) -> bytes:
        closures.append(dumps(serializer, value))
        return closures[-1]

    monkeypatch.setattr(CloudPickleSerializer, "dumps", recorded)
    session.sparkContext.setLogLevel("DEBUG")
    seen = log.stat().st_size
    checked = spark.verify_tacs(frame.withColumn("message", message), source)
    assert checked.columns == [*frame.columns, "message", "tac_status"]
    got = {row["txn"]: row["tac_status"] for row in checked.collect()}
    session.sparkContext.setLogLevel("WARN")
    assert [got[at] for at in range(len(rows))] == expected
    assert set(expected) == {0, 1, 2}

    with log.open("rb") as file:
        file.seek(seen)
        written = file.read()
    assert b"DAGScheduler" in written  # the log was on
    assert str(source).partition("?")[0].removeprefix("keyfile:").encode() in b"".join(closures)  # it goes this way
    execution = checked._jdf.queryExecution()
    plan = (execution.toString() + execution.debug().codegenToSeq().toString()).encode()
    assert b"MapInArrow" in plan
    with SecretKey(material, KeyUsage.DTK) as master:
        cities = [bytes(diversify(master, city_factor(city)).material()) for city in ("430100", "430200")]
    for secret in (material, material[:8], *cities, PASSPHRASE.encode()):
        for form in _forms(secret):
            assert all(form not in text for text in (written, plan, *closures))


def test_a_city_key_and_binary_columns(session: Any, store: tuple[str, bytes]) -> None:
    source, material = store
    factor, message = bytes(range(8)), bytes(22)
    proof = tac.compute(diversify(SecretKey(material, KeyUsage.DTK), factor), message)
    rows = [(message, factor, proof), (message, factor, bytes(4)), (message[1:], factor, proof), (None, None, None)]
    frame = session.createDataFrame(rows, "m binary, f binary, t binary")
    checked = spark.verify_tacs(frame, source, message="m", factor="f", tac="t", city=None, status="s")
    assert [row["s"] for row in checked.collect()] == [0, 1, 2, 2]
    with pytest.raises(InvalidValue, match="there already"):
        spark.verify_tacs(checked, source, message="m", factor="f", tac="t", city=None, status="s")
    with pytest.raises(InvalidValue, match="no city column"):
        spark.verify_tacs(frame, source, message="m", factor="f", tac="t")


SOURCE = """
from sbcard_core.crypto.keys import KeyUsage, SecretKey
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.software_holder import SoftwareKeyHolder

def open_keys():
    key = SecretKey(bytes(range(16)), KeyUsage.DTK)
    return SoftwareKeyHolder(MasterKeys({KeyUsage.DTK: key}, is_test=True), simulator=True)

def simulated():
    return MasterKeys.simulation(1)
"""


def test_a_function_of_the_worker_opens_the_keys(session: Any, tmp_path: Path) -> None:
    (tmp_path / "custody_of_tests.py").write_text(SOURCE, "utf-8")
    session.sparkContext.addPyFile(str(tmp_path / "custody_of_tests.py"))
    proof = tac.compute(diversify(SecretKey(bytes(range(16)), KeyUsage.DTK), bytes(8)), bytes(22))
    frame = session.createDataFrame([(bytes(22), bytes(8), proof)], "message binary, factor binary, tac binary")
    checked = spark.verify_tacs(frame, "python:custody_of_tests:open_keys", city=None)
    assert [row["tac_status"] for row in checked.collect()] == [0]
    for source, why in (("simulated", "TestKeyRefused"), ("absent", "no key source")):
        with pytest.raises(Exception, match=why):
            spark.verify_tacs(frame, f"python:custody_of_tests:{source}", city=None).collect()


WRONG_SOURCES = """keyfile:/keys
keyfile://host/keys?passphrase-file=/p
keyfile:/k?passphrase=secret
keyfile:/k?passphrase-file=/p&simulator=perhaps
keyfile:/k?passphrase-file=/p&least-generation=-1
python:os
python:os:system()
0123456789ABCDEF""".splitlines()


def test_only_a_description_is_taken() -> None:
    for wrong in WRONG_SOURCES:
        with pytest.raises(InvalidValue) as refused:
            spark.KeySource.parse(wrong)
        assert "secret" not in str(refused.value)
        assert "0123" not in str(refused.value)
    with MasterKeys.simulation(1) as keys, pytest.raises(InvalidValue, match="not handed over"):
        spark.KeySource.parse(keys)  # type: ignore[arg-type]
    source = spark.KeySource.parse("python:package.module:function")
    assert pickle.loads(pickle.dumps(source)) == source


def test_without_pyspark_the_advice_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from sbcard_core.errors import MissingPart

    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(MissingPart, match=r"sbcard-core\[spark\]"):
        spark.local_session()


def test_keys_bring_together_what_a_search_may_see_as_one(pa: Any) -> None:
    full, short = "11010519491231002X", "110105491231002"
    same = [full, full.lower(), short, f" {full[:6]} {full[6:]}", "１" + full[1:], full[:6] + "18" + full[8:]]
    odd = ["h0123456701 ", "H0123456701", "12345", "", None, "张三"]
    keys = keys_of(pa.array([*same, *odd]), others=True).to_pylist()
    assert set(keys[:6]) == {int(short)}
    assert keys[6] == keys[7] < 0
    assert len({*keys[7:9], keys[11]}) == 3
    assert keys[9] is keys[10] is None
    assert keys_of(pa.array(odd), others=False).to_pylist() == [None] * 6


def test_without_java_the_advice_names_it(session: Any, tmp_path: Path) -> None:
    code = "from sbcard_core.engines import spark; spark.local_session()"
    env = {"PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path), "JAVA_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert "MissingPart: Spark needs Java" in done.stderr
    assert "Java runtime of 17" in done.stderr
