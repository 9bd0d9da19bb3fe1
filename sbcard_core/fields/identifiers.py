"""The identifiers of people, accounts and places as types: one written form each, valid by construction.

A text from outside is parsed once, at the edge; from there on only the type is passed and compared. Each type is a
``str`` in its written form, so a database, a file or a comparison takes it as that text; its ``repr`` hides what
identifies a person. :meth:`Identifier.column` gives the written forms of a whole column in one pass, as plain text.
"""

from functools import cache
from typing import Any, NoReturn, Self

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import _characters, _rows, bank_card, citizen_id, gbt2260, legacy, name, region_history
from sbcard_core.messages import message
from sbcard_core.values import mask_id, plain


class Identifier(str):
    """An identifier in its one written form; base of the types of this module.

    Raises:
        InvalidValue: the text is no such identifier; the message does not repeat it.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Parse a text in any accepted spelling."""
        if isinstance(text, cls):
            return text
        if not isinstance(text, str):
            cls._refuse("fields.no_text", kind=cls.__name__)
        return super().__new__(cls, cls._form(text))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The identifier that a text writes, in whatever accepted spelling.

        Raises:
            InvalidValue: the text is no such identifier.
        """
        return cls(text)

    @classmethod
    def is_valid(cls, text: str) -> bool:
        """Whether :meth:`parse` takes a text."""
        return bool(cls._form_or_nothing(text))

    @classmethod
    def column(cls, values: Any) -> list[str]:
        """The written form of each cell of a column, "" where there is none; never raises for a bad cell.

        Args:
            values: a list, or a column of pyarrow, polars, pandas or numpy.

        Raises:
            InvalidValue: one text instead of a column, or not iterable.
        """
        return [cls._form_or_nothing(text) for text in _rows.texts(values)]

    @property
    def masked(self) -> str:
        """As messages and logs may show it."""
        return str(self)

    def __repr__(self) -> str:
        """The type, and the masked form."""
        return f"{type(self).__name__}({self.masked!r})"

    @classmethod
    def _form(cls, text: str) -> str:  # noqa: ARG003
        raise AssertionError(f"{cls.__name__} has no form")

    @classmethod
    def _form_or_nothing(cls, text: object) -> str:
        try:
            return cls._form(text) if isinstance(text, str) else ""
        except InvalidValue:
            return ""

    @classmethod
    def _refuse(cls, code: str, **parameters: str) -> NoReturn:
        raise InvalidValue(message(code, **parameters), step=f"fields.{cls.__name__}")


class CitizenNumber(Identifier):
    """公民身份号码: 18 characters; a legacy number of 15 digits becomes its 18, a final x becomes X.

    Residence permits and foreigners' cards of 18 characters are included. A legacy number with a sequence kept for
    people born before 1900 may be of two people, and is refused: its 18 characters are needed.

    Example:
        >>> CitizenNumber("610104620927690") == "610104196209276908", CitizenNumber("11010519491231002x")
        (True, CitizenNumber('110105********002X'))
        >>> CitizenNumber.column(["１１０１０５ 19491231 002x", "610104620927690", "12", None])
        ['11010519491231002X', '610104196209276908', '', '']
    """

    __slots__ = ()

    @classmethod
    def _form(cls, text: str) -> str:
        number = citizen_id.compact(text)
        if legacy.is_right(number, on=citizen_id.LAST_DAY):
            return number
        readings = legacy.lengthen(number, on=citizen_id.LAST_DAY)
        if len(readings) > 1:
            cls._refuse("fields.citizen_number.two_readings")
        return readings[0] if readings else citizen_id.validate(number)

    @classmethod
    def column(cls, values: Any) -> list[str]:
        """See :meth:`Identifier.column`; clean cells are checked by the kernel and kept as they are."""
        cells = _rows.texts(values)
        bits = citizen_id.check_many(cells, on=citizen_id.LAST_DAY)
        return [
            text if not bad and len(text) == citizen_id.LENGTH else cls._form_or_nothing(text)
            for text, bad in zip(cells, bits, strict=True)
        ]

    @property
    def masked(self) -> str:
        """Without the birth date."""
        return mask_id(str(self))


class PersonName(Identifier):
    """姓名: the characters of the certificate, as cards and bank files carry them.

    Outer blanks and unseen characters are gone, a look-alike dot between Han characters is U+00B7. Two names are the
    same person's only where these forms are equal; :attr:`folded` finds candidates, and a match that needed it is
    a finding (:func:`sbcard_core.fields.name.match`).

    Example:
        >>> PersonName("买买提•阿不都 "), str(PersonName(" 张　三")), PersonName("隸书").folded == "隸书"
        (PersonName('买******'), '张三', True)
    """

    __slots__ = ()

    @classmethod
    def _form(cls, text: str) -> str:
        return name.validate(name.normalise(text).name)

    @classmethod
    def column(cls, values: Any) -> list[str]:
        """See :meth:`Identifier.column`; common names are kept as they are."""
        plain, most = _characters.PLAIN.fullmatch, name.MAX_CHARACTERS
        return [
            text if len(text) <= most and plain(text) else cls._form_or_nothing(text) for text in _rows.texts(values)
        ]

    @property
    def written(self) -> str:
        """The characters of the certificate, as plain text."""
        return str(self)

    @property
    def folded(self) -> str:
        """The search form (:func:`sbcard_core.fields.name.fold`): it finds candidates, it is never stored or sent."""
        return name.fold(self)

    @property
    def masked(self) -> str:
        """The first character."""
        return self[0] + "*" * (len(self) - 1)


class BankAccount(Identifier):
    """金融账号, 银行卡号: 12 to 19 digits, not all of them 0.

    A number in scientific notation has lost its last digits and is refused. The Luhn digit only warns: some account
    numbers carry none.

    Example:
        >>> BankAccount("6228 4800 0000 0000 017"), BankAccount("6228480000000000017").luhn_is_right
        (BankAccount('622848*********0017'), False)
        >>> BankAccount.column(["6228480000000000018 ", "6.22848E+18", "0000000000000000"])
        ['6228480000000000018', '', '']
    """

    __slots__ = ()

    @classmethod
    def _form(cls, text: str) -> str:
        number = bank_card.validate(text)
        if not number.strip("0"):
            cls._refuse("fields.bank_account.zeros")
        return number

    @property
    def luhn_is_right(self) -> bool:
        """Whether the last digit is the Luhn digit of the others; a wrong one is a warning, no refusal."""
        return bank_card.luhn_is_right(self)

    @property
    def masked(self) -> str:
        """The first six and last four digits."""
        return bank_card.mask(str(self))


class BankCode(Identifier):
    """银行行别代码: the three digits of a bank in CNAPS; any bank, no closed list.

    A whole CNAPS number of a branch (支付系统行号, 12 digits) stands for its bank. Names are data of a place.

    Example:
        >>> BankCode("104"), BankCode("102100099996") == "102", BankCode.is_valid("103|")
        (BankCode('104'), True, False)
    """

    __slots__ = ()

    @classmethod
    def _form(cls, text: str) -> str:
        code = plain(text)
        if len(code) not in (3, 12) or not (code.isascii() and code.isdigit()) or code[0] == "0":
            cls._refuse("fields.bank_code")
        return code[:3]


class CountyCode(Identifier):
    """区县代码: six digits of GB/T 2260 for a county, or for a city that has no counties.

    The code of a province, or of a prefecture that has counties, is refused. A code that no table knows is taken:
    tables have gaps.

    Example:
        >>> CountyCode("430112"), CountyCode("４４１９００"), CountyCode.is_valid("430100")
        (CountyCode('430112'), CountyCode('441900'), False)
    """

    __slots__ = ()

    @classmethod
    def _form(cls, text: str) -> str:
        code = plain(text)
        if code[:2] not in region_history.PROVINCES or not region_history.is_valid(code):
            cls._refuse("fields.county.form")
        if _is_above_counties(code):
            cls._refuse("fields.county.above")
        return code


@cache
def _is_above_counties(code: str) -> bool:
    return code.endswith("00") and gbt2260.last_year(code) != gbt2260.STILL


class HouseholdNumber(Identifier):
    """户编号: letters, Han characters, digits, hyphens, dots and slashes, at most 64; capitals, half-width, no blanks.

    Example:
        >>> HouseholdNumber("４3-0112 a7") == "43-0112A7", HouseholdNumber.is_valid("7|8")
        (True, False)
    """

    __slots__ = ()

    @classmethod
    def _form(cls, text: str) -> str:
        number = plain(text).upper()
        if not 0 < len(number) <= 64 or not all(mark.isalnum() or mark in "-_./#" for mark in number):
            cls._refuse("fields.household")
        return number

    @property
    def masked(self) -> str:
        """With its middle hidden: it is often made from a citizen number."""
        return mask_id(str(self))
