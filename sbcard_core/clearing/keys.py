"""Key versions of the offline purse: which master key proves a record of a card of one version on one day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """One version of the keys.

    Attributes:
        version: as cards name it in their records (密钥版本).
        valid_from: first day on which purchases are proved by it.
        keys: holder of the DTK master key.
    """

    version: int
    valid_from: date
    keys: MasterKeys


class KeyVersions:
    """Every version of the keys, each from a day on until the next of the same number.

    Args:
        versions: in any order.

    Raises:
        InvalidValue: two of one number begin on the same day.

    Example:
        >>> with MasterKeys.simulation(1) as old, MasterKeys.simulation(2) as new:
        ...     keys = KeyVersions([KeyVersion(1, date(2012, 1, 1), old), KeyVersion(1, date(2014, 7, 1), new)])
        ...     keys.of(1, date(2014, 6, 30)) is old, keys.of(1, date(2014, 7, 1)) is new, keys.of(2, date(2014, 7, 1))
        (True, True, None)
    """

    def __init__(self, versions: Iterable[KeyVersion]) -> None:
        self._versions = sorted(versions, key=lambda one: one.valid_from, reverse=True)
        seen = {(one.version, one.valid_from) for one in self._versions}
        if len(seen) < len(self._versions):
            raise InvalidValue(message("clearing.key_twice"), step="clearing.keys", term="密钥版本")

    def of(self, version: int, on: date) -> MasterKeys | None:
        """The keys of a version on a day; None: none has begun."""
        return next((one.keys for one in self._versions if one.version == version and one.valid_from <= on), None)


class AnyVersion(KeyVersions):
    """One set of keys for every version and day: a place that has never changed them."""

    def __init__(self, keys: MasterKeys) -> None:
        super().__init__(())
        self._keys = keys

    def of(self, version: int, on: date) -> MasterKeys | None:  # noqa: ARG002 - the same for all
        """The only keys."""
        return self._keys
