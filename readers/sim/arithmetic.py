"""What a device computes with one key, by the algorithm it reports: 3DES as published, SM4 by rules somebody sets."""

from collections.abc import Callable
from typing import ParamSpec

from readers.sim import cipher
from readers.sim.refusal import Refusal
from readers.sim.settings import SimSettings

P = ParamSpec("P")

TDES, SSF33, SM4 = 0, 1, 2
"""As the purse reports its key's algorithm; the environment's FCI says one more."""


class Keyed:
    """A key with its cipher set up."""

    __slots__ = ("encrypt", "key")

    def __init__(self, key: bytes, algorithm: int) -> None:
        self.key = key
        self.encrypt: Callable[[bytes], bytes] = cipher.sm4(key) if algorithm == SM4 else cipher.encryptor(key)


class Arithmetic:
    """Cryptograms, session keys and codes of one device.

    Args:
        settings: algorithm and rules.

    SSF33 and SM1 are not public: where a card is told to name one of them, 3DES stands in for it, so that what is
    around the algorithm can be tried. SM4 without a rule answers 6A81.
    """

    def __init__(self, settings: SimSettings) -> None:
        self._algorithm, self._rule, self._sm4 = settings.algorithm, settings.process_key_rule, settings.sm4

    def keyed(self, key: bytes) -> Keyed:
        """Set a key up."""
        return Keyed(key, self._algorithm)

    def child(self, parent: Keyed, factor: bytes) -> Keyed:
        """The key one level below: by 3DES two halves, by SM4 one block of the same 16 bytes."""
        return self.keyed(cipher.diversify(parent.encrypt, factor))

    def cryptogram(self, card_key: Keyed, process: bytes, data: bytes) -> bytes:
        """The 8 bytes of an authentication."""
        if self._algorithm != SM4:
            return cipher.cryptogram(self._rule, card_key.encrypt, process, data)
        return _set(self._sm4.cryptogram)(card_key.key, process, data)

    def session(self, purse_key: Keyed, data: bytes) -> bytes:
        """A session key: 3DES of 8 bytes."""
        if self._algorithm != SM4:
            return purse_key.encrypt(data)
        return _set(self._sm4.session)(purse_key.key, data)

    def mac(self, session: bytes, message: bytes) -> bytes:
        """MAC1 or MAC2."""
        if self._algorithm != SM4:
            return cipher.mac(session, message)
        return _set(self._sm4.mac)(session, message)

    def tac(self, dtk: bytes, message: bytes) -> bytes:
        """TAC: DES under the two halves of DTK, one XOR the other."""
        if self._algorithm != SM4:
            return cipher.mac(cipher.tac_key(dtk), message)
        return _set(self._sm4.tac)(dtk, message)


def _set(rule: Callable[P, bytes] | None) -> Callable[P, bytes]:
    if rule is None:
        raise Refusal(0x6A81)
    return rule
