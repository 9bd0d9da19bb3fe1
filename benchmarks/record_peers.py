"""Whole collected records as others check them: every rule a clean record of the layout keeps, cross-field ones too."""

from functools import cache
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.collected import HEADERS
from benchmarks.id_peers import TODAY, is_clean, polars_parts
from benchmarks.numbers import ON
from sbcard_core.fields import region
from sbcard_core.validation.spec import COLLECTION

Clean = NDArray[np.bool_]
(SEQ, FORM, NUMBER, NAME, SEX, ETHNICITY, BIRTH, PHONE, CATEGORY, COUNTY, BANK, SENT) = HEADERS
PATTERNS = {
    SEQ: r"^[0-9]{1,9}$",
    FORM: r"^[0-9A-Za-z_/-]{1,32}$",
    NAME: r"^[一-龥]{1,12}(?:·[一-龥]{1,12})?$",
    PHONE: r"^1[3-9][0-9]{9}$",
    BANK: r"^[1-9][0-9]{2}$",
}


@cache
def allowed() -> dict[str, list[str]]:
    """The columns of codes, and which ones hold."""
    found = {column.header: sorted(column.allowed or ()) for column in COLLECTION.fields if column.allowed}
    found[COUNTY] = sorted(region.counties_in(ON.year, frozenset(code[:2] for code in found[COUNTY])))
    found[SEX] = ["1", "2", "9"]
    return found


def polars_broken() -> dict[str, Any]:
    """Every rule as an expression over the layout's headers; true where it is broken."""
    import polars as pl  # noqa: PLC0415 - a peer

    sent = pl.col(SENT).cast(pl.Int64, strict=False)
    year, month, day = sent // 10_000, sent // 100 % 100, sent % 100
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = pl.when(month == 2).then(28 + leap.cast(pl.Int64)).when(month.is_in([4, 6, 9, 11])).then(30).otherwise(31)
    key = (year - 1900) * 372 + (month - 1) * 31 + day - 1
    dated = (year >= 1900) & month.is_between(1, 12) & (day >= 1) & (day <= last) & (key <= TODAY)
    broken = {f"id_number.{name}": rule for name, rule in polars_parts(pl.col(NUMBER), pl.col(SEX)).items()}
    broken |= {name: ~pl.col(name).str.contains(pattern) for name, pattern in PATTERNS.items()}
    broken |= {name: ~pl.col(name).is_in(codes) for name, codes in allowed().items()}
    broken["id_number.birth"] = pl.col(NUMBER).str.slice(6, 8) != pl.col(BIRTH)
    broken[SENT] = ~(dated & (pl.col(SENT).str.len_bytes() == 8))
    return broken


def polars_clean(frame: Any) -> Clean:
    """Expressions over a frame or a scan, on all of polars' threads."""
    import polars as pl  # noqa: PLC0415 - a peer

    any_broken = pl.any_horizontal([rule.fill_null(True) for rule in polars_broken().values()])
    made = frame.lazy().select((~any_broken).alias("clean")).collect()
    return np.asarray(made["clean"].to_numpy())


def polars_scan(path: str) -> Clean:
    """The same straight from a CSV file."""
    import polars as pl  # noqa: PLC0415 - a peer

    return polars_clean(pl.scan_csv(path, schema=dict.fromkeys(HEADERS, pl.String)))


@cache
def _schema() -> Any:
    import pandera.polars as pa  # noqa: PLC0415 - a peer

    def check(name: str, broken: Any) -> Any:
        return pa.Check(lambda data: data.lazyframe.select(~broken.fill_null(True)), name=name)

    checks = [check(name, broken) for name, broken in polars_broken().items()]
    return pa.DataFrameSchema({header: pa.Column(str) for header in HEADERS}, checks=checks)


def pandera_clean(frame: Any) -> Clean:
    """A schema with all the rules, every failing row reported."""
    import pandera.errors  # noqa: PLC0415 - a peer

    clean = np.ones(len(frame), np.bool_)
    try:
        _schema().validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        clean[errors.failure_cases["index"].drop_nulls().unique().to_numpy()] = False
    return clean


@cache
def _model() -> Any:
    import pydantic  # noqa: PLC0415 - a peer

    codes = {name: frozenset(values) for name, values in allowed().items()}

    def one_of(name: str) -> Any:
        def check(value: str) -> str:
            if value not in codes[name]:
                raise ValueError("no such code")
            return value

        return pydantic.AfterValidator(check)

    def rules(self: Any) -> Any:
        sent = self.sent
        right = is_clean(self.number, self.sex) and self.number[6:14] == self.birth
        if not right or len(sent) != 8 or not _is_day(sent):
            raise ValueError("wrong record")
        return self

    text = {name: (str, pydantic.Field(pattern=pattern)) for name, pattern in PATTERNS.items()}
    kinds: dict[str, Any] = {
        "seq": text[SEQ],
        "form": text[FORM],
        "number": (str, pydantic.Field(pattern=r"^[1-9][0-9]{16}[0-9X]$")),
        "name": text[NAME],
        "phone": text[PHONE],
        "bank": text[BANK],
        "birth": (str, ...),
        "sent": (str, pydantic.Field(pattern=r"^[0-9]{8}$")),
    }
    for key, name in (
        ("sex", SEX),
        ("ethnicity", ETHNICITY),
        ("category", CATEGORY),
        ("county", COUNTY),
    ):
        kinds[key] = (Annotated[str, one_of(name)], ...)
    validator: Any = pydantic.model_validator(mode="after")
    return pydantic.create_model("Record", __validators__={"rules": validator(rules)}, **kinds)


def _is_day(text: str) -> bool:
    from calendar import monthrange  # noqa: PLC0415

    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:])
    if not (year >= 1900 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]):
        return False
    return (year - 1900) * 372 + (month - 1) * 31 + day - 1 <= TODAY


KEYS = ("seq", "form", "number", "name", "sex", "ethnicity", "birth", "phone", "category", "county", "bank", "sent")


def pydantic_clean(rows: list[dict[str, str]]) -> Clean:
    """A model with patterns, codes and a validator over the fields, one record at a time."""
    import pydantic  # noqa: PLC0415 - a peer

    model, out = _model(), np.zeros(len(rows), np.bool_)
    for at, row in enumerate(rows):
        try:
            model(**row)
        except pydantic.ValidationError:
            continue
        out[at] = True
    return out


def as_rows(table: Any) -> list[dict[str, str]]:
    """A table as keyword arguments of the model."""
    found: list[dict[str, str]] = table.rename_columns(list(KEYS)).to_pylist()
    return found
