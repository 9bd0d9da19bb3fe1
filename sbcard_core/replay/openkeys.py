"""The keys of a replay, made from its seed: no secret, so that anybody can put its cards into a virtual reader."""

from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.replay.chance import random_bytes

_PSAM = (KeyUsage.IRK, KeyUsage.RK_SSSE, KeyUsage.UK_SSSE, KeyUsage.DPK)


def transport_key(seed: int) -> bytes:
    """The 16-byte key shared with the simulated factory."""
    return random_bytes(seed, "transport key", 0, 16)


def psam_keys(seed: int) -> dict[str, bytes]:
    """Root keys in the terminals' PSAMs, by name.

    Example:
        >>> sorted(psam_keys(1)), len(transport_key(1))
        (['DPK', 'IRK', 'RK_SSSE', 'UK_SSSE'], 16)
    """
    with MasterKeys.simulation(seed) as keys:
        return {usage.value: keys.get(usage).material() for usage in _PSAM}
