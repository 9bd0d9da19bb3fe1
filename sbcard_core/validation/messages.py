"""What each finding code says, to the clerk and to the log, and what to do next: sentences of the catalogue.

They stand in ``sbcard_core/messages/validation.toml`` under ``validation.`` and the finding's code.
"""

from sbcard_core.messages import Message, catalogue, message

_AREA = "validation."
_REFUSED = frozenset(
    (
        *("id_number.fullwidth", "id_number.lowercase_x", "id_number.wrapped", "id_number.separator"),
        *("name.invisible", "name.dot", "name.blank", "name.width", "name.moved"),
    )
)
"""Codes with words of their own for a form that was left as it is."""


def words(code: str, **parameters: object) -> Message:
    """The sentence of a finding code.

    Example:
        >>> words("name.missing").zh, words("name.missing").en
        ('姓名为空', 'the name is empty')
    """
    return message(_AREA + code, **parameters)


def codes() -> frozenset[str]:
    """Every code that has a sentence."""
    return frozenset(code.removeprefix(_AREA) for code, _ in catalogue() if code.startswith(_AREA))


def form_refused(code: str) -> Message:
    """The words for a value in another form that is not put right without asking.

    Example:
        >>> form_refused("county.code").zh
        '填写形式不规范,未改动'
    """
    return words(f"form_refused.{code}" if code in _REFUSED else "form_refused")


def advice(code: str, repair: str) -> str:
    """What the clerk should do, without telling a citizen number.

    Example:
        >>> advice("id_number.length15", "610104196209276908")
        '改用18位号码:第6位后插入19,末位加校验码8'
    """
    return words("lengthen", digit=repair[-1]).zh if code == "id_number.length15" and repair else words(code).advice_zh
