"""The two shapes a bulk check takes: fixed-width rows in one buffer, or a column of text."""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from sbcard_core.errors import InvalidValue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NO_VALUE = 255
"""What :func:`digits` gives for a character that is not in the alphabet."""


def texts(values: Any) -> list[str]:
    """A column as a list of text; null and anything that is no text become "".

    Takes any iterable of ``str``, ``bytes`` or None, and pyarrow, polars and pandas columns by their own list calls.

    Raises:
        InvalidValue: one text instead of a column, or not iterable.

    Example:
        >>> texts(["a", None, b"b"])
        ['a', '', 'b']
    """
    for name in ("to_pylist", "to_list", "tolist"):
        if hasattr(values, name):
            values = getattr(values, name)()
            break
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidValue("a column of text is wanted", step="fields.texts", term="列", advice="pass a list")
    column = list(values)
    if set(map(type, column)) <= {str}:
        return column
    return [value if isinstance(value, str) else _text(value) for value in column]


def _text(value: Any) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else ""


def is_buffer(values: Any) -> bool:
    """Whether ``values`` holds plain bytes: ``bytes``, numpy ``S``/``uint8``, an Arrow data buffer.

    Example:
        >>> import numpy as np
        >>> is_buffer(b"12"), is_buffer(["12"]), is_buffer(np.array(["12"]))
        (True, False, False)
    """
    try:
        return memoryview(values).format.lstrip("0123456789") in ("B", "b", "c", "s")
    except TypeError:
        return False


def rows(values: Any, width: int) -> memoryview | bytes:
    """n × ``width`` contiguous bytes.

    Args:
        values: a buffer of that shape, given back as it is, or a column of text, in which a value
            of another length or with a non-ASCII character becomes a row of NUL bytes.
        width: bytes a row.

    Raises:
        InvalidValue: a buffer is not contiguous or not a whole number of rows.

    Example:
        >>> bytes(rows(["123", "é12", "1"], 3))
        b'123\\x00\\x00\\x00\\x00\\x00\\x00'
    """
    if is_buffer(values):
        view = memoryview(values)
        if not view.c_contiguous or view.nbytes % width:
            raise InvalidValue(f"not contiguous rows of {width} bytes", step="fields.rows", term="号码数组")
        return view if view.nbytes == 0 else view.cast("B")
    column = texts(values)
    joined = "".join(column)
    if joined.isascii() and set(map(len, column)) <= {width}:
        return joined.encode("ascii")
    nothing = b"\0" * width
    return b"".join(
        [text.encode("ascii") if len(text) == width and text.isascii() else nothing for text in column],
    )


def array(values: Any, width: int) -> "NDArray[np.uint8]":
    """The same as a numpy array of shape (n, width).

    Example:
        >>> array(b"1234", 2).shape
        (2, 2)
    """
    import numpy as np  # noqa: PLC0415 - heavy, and only arrays need it

    return np.frombuffer(rows(values, width), dtype=np.uint8).reshape(-1, width)


@cache
def _alphabet(characters: str) -> "NDArray[np.uint8]":
    """The look-up table of :func:`digits`: byte to position in ``characters``."""
    import numpy as np  # noqa: PLC0415 - heavy, and only arrays need it

    table = np.full(256, NO_VALUE, dtype=np.uint8)
    table[np.frombuffer(characters.encode("ascii"), dtype=np.uint8)] = np.arange(len(characters), dtype=np.uint8)
    return table


def digits(values: Any, width: int, characters: str) -> "NDArray[np.uint8]":
    """Each character as its position in an alphabet, :data:`NO_VALUE` for a strange one; shape (n, width).

    Example:
        >>> digits(["1A", "?1"], 2, "0123456789A").tolist()
        [[1, 10], [255, 1]]
    """
    return _alphabet(characters)[array(values, width)]


def mask(*rules: "tuple[int, NDArray[np.bool_]]") -> bytearray:
    """One byte a row: the OR of the bits whose rule is broken there.

    Example:
        >>> import numpy as np
        >>> list(mask((1, np.array([True, False])), (4, np.array([True, True]))))
        [5, 4]
    """
    import numpy as np  # noqa: PLC0415 - heavy, and only arrays need it

    total = np.zeros(len(rules[0][1]), dtype=np.uint8)
    for bit, broken in rules:
        total |= np.where(broken, np.uint8(bit), np.uint8(0))
    return bytearray(total.tobytes())
