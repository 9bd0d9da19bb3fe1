"""From a person's and a card's data to the records of the card's files."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sbcard_core.card import text
from sbcard_core.card.files import encode_record
from sbcard_core.card.profile import Profile


@dataclass(frozen=True, slots=True)
class CardData:
    """Everything EF05 and EF06 hold, as text; dates are YYYYMMDD.

    The name is whole here; the card splits it over two records.
    """

    identification_code: str
    card_no: str
    issued_on: str
    expires_on: str
    issuer: str
    id_number: str = field(repr=False)
    name: str = field(repr=False)
    sex: str
    ethnicity: str
    birth_date: str = field(repr=False)
    birthplace: str = ""
    card_class: str = "3"
    version: str = "2.00"

    def values(self) -> dict[str, str]:
        """The values by record name, the name still whole."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def layout(profile: Profile, data: CardData | Mapping[str, str]) -> dict[str, list[bytes]]:
    """Write every file of a profile: path → records in the order of their numbers.

    Args:
        profile: the generation.
        data: a ``CardData``, or the same values in a mapping.

    Raises:
        RecordMalformed: a value does not fit its record.

    Example:
        >>> from sbcard_core.card.profiles.v2 import V2
        >>> data = CardData("639900D15600000500BF7C7A48FB4966", "X00000019", "20101001", "20201001", "639900",
        ...                 "111111198101011110", "张三", "1", "01", "19810101")
        >>> layout(V2, data)["SSSE/EF06"][3].hex().upper()
        '0A0131'
    """
    given = data.values() if isinstance(data, CardData) else data
    head, rest = text.split_name(given["name"])
    values: dict[str, str | bytes] = {**given, "name": head, "name_extension": rest}
    return {
        file.path: [encode_record(record, values[record.name]) for record in file.records] for file in profile.files
    }
