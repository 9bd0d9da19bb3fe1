"""What a terminal reads first: the card's and the holder's basic data."""

from dataclasses import dataclass, field

from sbcard_core.values import mask_id


@dataclass(frozen=True, slots=True)
class CardBasic:
    """EF05 and EF06 as text (基本信息). Dates are YYYYMMDD as written on the card, unchecked.

    ``repr`` shows neither the name nor the number nor the birth date.

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

        Example:
            >>> basic = CardBasic("639900D15600000500BF7C7A48FB4966", "3", "1.00", "639900", "20101001", "20201001",
            ...                   "X00000019", "111111198101011110", "张三", "1", "01", "111111", "19810101")
            >>> basic.driver_line(bytes.fromhex("3B6D000000814E43238697159900BF7C7A"), "410100813475").count("|")
            11
        """
        items = (
            self.region,
            self.id_number,
            self.card_no,
            self.identification_code,
            self.name,
            atr.hex().upper()[8:34],
            self.version,
            self.issued_on,
            self.expires_on,
            terminal_no,
            device_no,
        )
        return "".join(f"{item}|" for item in items)
