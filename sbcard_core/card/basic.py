"""What a terminal reads first: the card's and the holder's basic data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from apdu.atr import ATR
from sbcard_core.card.errors import CardDiffers, RecordMalformed
from sbcard_core.card.text import driver_items
from sbcard_core.errors import SBCardError
from sbcard_core.messages import message
from sbcard_core.values import mask_id

DRIVER_FIELDS = (
    "identification_code", "version", "issued_on", "expires_on", "card_no", "id_number", "name",
)  # fmt: skip
"""What the 11 items of ``iReadCardBas`` tell of a card and its holder."""

_BESIDE = {"region", "reset_info", "terminal_no", "device_no", "name_extension"}
"""Names a mapping may carry beside the fields: the driver's other items, and the name's second record."""
_FILLING = " \x00\xff"


@dataclass(frozen=True, slots=True)
class HolderData:
    """The person's part of the basic data (EF06). ``repr`` shows neither name nor number nor birth date."""

    id_number: str = field(repr=False)
    name: str = field(repr=False)
    sex: str = ""
    ethnicity: str = ""
    birthplace: str = ""
    birth_date: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CardBasic:
    """EF05 and EF06 as text (基本信息). Dates are YYYYMMDD as written on the card, unchecked.

    The same object comes from a session with the card, from a vendor driver's text and from JSON. What a route does
    not give is empty. ``repr`` shows neither the name nor the number nor the birth date.

    Attributes:
        unread: items that were asked for and could not be read, each with its error; they are empty here.

    Example:
        >>> basic = CardBasic("639900D15600000500BF7C7A48FB4966", "3", "1.00", "639900", "20101001", "20201001",
        ...                   "X00000019", "111111198101011110", "张三", "1", "01", "111111", "19810101")
        >>> basic.region, basic.masked_id
        ('639900', '111111********1110')
        >>> "张三" in repr(basic)
        False
    """

    identification_code: str
    card_class: str
    version: str
    issuer: str
    issued_on: str
    expires_on: str
    card_no: str
    id_number: str = field(repr=False)
    name: str = field(repr=False)
    sex: str
    ethnicity: str
    birthplace: str
    birth_date: str = field(repr=False)
    unread: Mapping[str, SBCardError] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_fields(cls, values: Mapping[str, str]) -> "CardBasic":
        """Make it from text by name, whatever route it came.

        Args:
            values: any of the fields; missing ones are empty. ``region``, ``reset_info`` (卡复位信息),
                ``terminal_no`` and ``device_no`` may stand beside them, and ``name_extension`` is put behind the
                name. Filling on the right (spaces, 00, FF) is removed, hex is made upper case.

        The 11 items of ``iReadCardBas`` are, in order: region, id_number, card_no, identification_code, name,
        reset_info, version, issued_on, expires_on, terminal_no, device_no.

        Raises:
            RecordMalformed: a name that is no field, or a value that is no text.
            CardDiffers: ``region`` is not that of the identification code.

        Example:
            >>> basic = CardBasic.from_fields({"identification_code": "639900d15600000500bf7c7a48fb4966",
            ...                                "card_no": "X00000019  ", "region": "639900"})
            >>> basic.card_no, basic.region, basic.sex
            ('X00000019', '639900', '')
        """
        known = set(FIELDS)
        strange = sorted(set(values) - known - _BESIDE)
        if strange or not all(isinstance(value, str) for value in values.values()):
            raise RecordMalformed(f"no such fields: {strange}" if strange else "a value is no text", step="CardBasic")
        clean = {name: value.rstrip(_FILLING) for name, value in values.items()}
        clean["name"] = clean.get("name", "") + clean.get("name_extension", "")
        clean["identification_code"] = clean.get("identification_code", "").upper()
        items: dict[str, Any] = {name: clean.get(name, "") for name in known}
        made = cls(**items)
        region = clean.get("region", "")
        if region and made.identification_code and region != made.region:
            raise CardDiffers(message("cards.region.differs"), step="CardBasic", term="区划代码")
        return made

    @classmethod
    def from_json(cls, text: str) -> "CardBasic":
        """Read what :meth:`to_json` wrote.

        Raises:
            RecordMalformed: not such an object.
        """
        try:
            values = json.loads(text)
        except ValueError:
            raise RecordMalformed(message("cards.item.json"), step="CardBasic") from None
        if not isinstance(values, dict):
            raise RecordMalformed(message("cards.item.object"), step="CardBasic")
        return cls.from_fields(values)

    def to_fields(self) -> dict[str, str]:
        """Every field by name: a marked way to the full number and name."""
        return {name: getattr(self, name) for name in FIELDS}

    def to_json(self) -> str:
        """One JSON object, text as it is: a marked way to the full number and name.

        Example:
            >>> basic = CardBasic.from_fields({"card_no": "X00000019"})
            >>> CardBasic.from_json(basic.to_json()) == basic
            True
        """
        return json.dumps(self.to_fields(), ensure_ascii=False)

    def driver_part(self) -> "CardBasic":
        """The same with only what a vendor driver's basic read tells: equal whichever route it came.

        Example:
            >>> CardBasic.from_fields({"card_no": "X00000019", "sex": "1"}).driver_part().sex
            ''
        """
        return CardBasic.from_fields({name: getattr(self, name) for name in DRIVER_FIELDS})

    def require(self, *names: str) -> "CardBasic":
        """The same object, once it is sure that these items were read.

        Raises:
            SBCardError: the error of the first one that could not be read; RecordMalformed where it is only empty.

        Example:
            >>> CardBasic.from_fields({"card_no": "X00000019"}).require("card_no", "name")
            Traceback (most recent call last):
                ...
            sbcard_core.card.errors.RecordMalformed: name is empty [CardBasic]; see whether the card is complete
        """
        for name in names:
            if name in self.unread:
                raise self.unread[name]
            if not getattr(self, name):
                raise RecordMalformed(message("cards.item.empty", item=name), step="CardBasic")
        return self

    @property
    def holder(self) -> HolderData:
        """The person's part."""
        return HolderData(self.id_number, self.name, self.sex, self.ethnicity, self.birthplace, self.birth_date)

    @property
    def region(self) -> str:
        """发卡地区行政区划代码: the first six digits of the identification code."""
        return self.identification_code[:6]

    @property
    def masked_id(self) -> str:
        """The number with its birth date hidden, for slips and logs."""
        return mask_id(self.id_number)

    def driver_line(self, atr: bytes, terminal_no: str = "", device_no: str = "") -> str:
        """Write the 11 items of ``iReadCardBas``, each ended by "|".

        Region, number, card number, identification code, name, historical bytes, version, issue and expiry dates,
        terminal number, device number. This is the marked way to the full number: for the driver interface only.

        Raises:
            MalformedData: not an answer to reset.
            RecordMalformed: an item holds "|".

        Example:
            >>> basic = CardBasic("639900D15600000500BF7C7A48FB4966", "3", "1.00", "639900", "20101001", "20201001",
            ...                   "X00000019", "111111198101011110", "张三", "1", "01", "111111", "19810101")
            >>> basic.driver_line(bytes.fromhex("3B6D000000814E43238697159900BF7C7A"), "410100813475").count("|")
            11
        """
        return driver_items(
            self.region,
            self.id_number,
            self.card_no,
            self.identification_code,
            self.name,
            ATR.parse(atr).historical.hex().upper(),
            self.version,
            self.issued_on,
            self.expires_on,
            terminal_no,
            device_no,
        )


FIELDS = tuple(one.name for one in fields(CardBasic) if one.name != "unread")
"""Names of the items of ``CardBasic``."""
