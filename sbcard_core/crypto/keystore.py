"""The issuer's master keys, by usage, and the city keys derived from them."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Self

from sbcard_core.crypto.diversify import city_factor, derive
from sbcard_core.crypto.errors import KeyMissing, KeyRefused
from sbcard_core.crypto.keys import KeyUsage, SecretKey, refuse_weak
from sbcard_core.messages import message

CARD_USAGES = (
    KeyUsage.IRK,
    KeyUsage.RK_SSSE,
    KeyUsage.UK_SSSE,
    KeyUsage.DLK,
    KeyUsage.DPK,
    KeyUsage.DTK,
)
"""The keys written into each card, in the order of the personalisation order."""


class MasterKeys:
    """Master keys by usage. City keys are derived once and kept until :meth:`close`.

    Args:
        keys: one key per usage, each marked with that usage.
        is_test: true for keys that must never reach a real card.

    Raises:
        KeyRefused: a key stands under a usage that is not its own.
        WeakKey: a 3DES key of no more strength than single DES, where they are no test keys.

    Example:
        >>> with MasterKeys.simulation(1) as keys:
        ...     keys.is_test, keys.city(KeyUsage.DTK, "430100")
        (True, <SecretKey DTK 3DES 16 bytes>)
    """

    def __init__(self, keys: Mapping[KeyUsage, SecretKey], *, is_test: bool = False) -> None:
        for usage, key in keys.items():
            if key.usage is not usage:
                what = message("cards.key.filed", found=key.usage.value, usage=usage.value)
                raise KeyRefused(what, step="crypto.keystore")
            if not is_test:
                refuse_weak(key)
        self._keys = dict(keys)
        self._cities: dict[tuple[KeyUsage, str], SecretKey] = {}
        self.is_test = is_test

    @classmethod
    def simulation(cls, seed: int) -> Self:
        """Make one demonstration key per usage out of a seed: the same seed gives the same keys, which are no secret.

        Example:
            >>> one, two = MasterKeys.simulation(7), MasterKeys.simulation(7)
            >>> one.get(KeyUsage.IRK).kcv == two.get(KeyUsage.IRK).kcv
            True
        """
        made = {}
        for usage in KeyUsage:
            digest = sha256(f"sbcard-core simulation key {seed} {usage.value}".encode("ascii")).digest()
            made[usage] = SecretKey(digest[:16], usage)
        return cls(made, is_test=True)

    def get(self, usage: KeyUsage) -> SecretKey:
        """Return the master key of a usage.

        Raises:
            KeyMissing: there is none.
        """
        try:
            return self._keys[usage]
        except KeyError:
            raise KeyMissing(message("cards.key.none", usage=usage), step="crypto.keystore", term="主密钥") from None

    def city(self, usage: KeyUsage, region: str) -> SecretKey:
        """Return the key of a city: the master derived by the region code and "sx".

        Args:
            usage: which master.
            region: the 6-digit region code of the issuing city.

        Raises:
            KeyMissing: no master of that usage.
            InvalidValue: not a region code.
        """
        found = self._cities.get((usage, region))
        if found is None:
            found = self._cities[usage, region] = derive(self.get(usage), city_factor(region))
        return found

    def __iter__(self) -> Iterator[KeyUsage]:
        return iter(self._keys)

    def close(self) -> None:
        """Wipe every key; the store can't be used afterwards."""
        for key in (*self._keys.values(), *self._cities.values()):
            key.close()
        self._cities.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<MasterKeys {len(self._keys)} usages{' TEST' if self.is_test else ''}>"
