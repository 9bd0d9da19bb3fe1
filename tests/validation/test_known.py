"""Numbers against known ones: exactly what a set would say, from a stream or a column, whatever the values are."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id
from sbcard_core.validation import known, number_column


def number(serial: int) -> str:
    body = f"43010219491231{serial:03}"
    return body + citizen_id.check_digit(body)


VALUES = st.one_of(
    st.integers(0, 30).map(number),
    st.integers(0, 30).map(lambda serial: number(serial)[:17] + "X"),  # the same body, another check character
    st.sampled_from(["", "4301021949", "43010219491231002x", "４３０１０２194912310021", "999999999999999999"]),
)


@given(st.lists(VALUES), st.lists(VALUES), st.integers(1, 4))
def test_it_says_what_a_set_says(numbers: list[str], others: list[str], piece: int) -> None:
    with mock.patch.object(number_column, "PIECE", piece):
        expected = [int(one != "" and one in set(others)) for one in numbers]
        assert list(known.mark(numbers, iter(others))) == expected
        column = [one for one in others if len(one) == 18 and one.isascii()]
        expected = [int(one in set(column)) for one in numbers]
        assert list(known.mark(numbers, "".join(column).encode())) == expected
        assert list(known.mark(numbers, np.array(column, "S18"))) == expected
        assert list(known.mark(numbers, np.array(column, "U18"))) == expected


def test_a_stream_is_never_held() -> None:
    def stream() -> object:
        for serial in range(200_000):
            yield number(serial % 1000)

    assert list(known.mark([number(7), number(8)[:17] + "?"], stream())) == [1, 0]


@pytest.mark.parametrize("bad", [b"1", "11010519491231002X", np.zeros(4, "S18")[::2]])
def test_wrong_columns_are_refused(bad: object) -> None:
    with pytest.raises(InvalidValue):
        known.mark([number(1)], bad)


@given(st.lists(st.from_regex(r"[0-9]{17}[0-9X]", fullmatch=True), min_size=2, max_size=2, unique=True))
def test_different_numbers_have_different_keys(pair: list[str]) -> None:
    one, two = known.pack_exact("".join(pair).encode()).tolist()
    assert one != two
