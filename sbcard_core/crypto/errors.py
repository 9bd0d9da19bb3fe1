"""What can go wrong with keys and message authentication codes."""

from sbcard_core.errors import InvalidValue, SBCardError


class KeyRefused(InvalidValue):
    """A key has the wrong length, the wrong usage or the wrong algorithm for this call."""


class KeyClosed(SBCardError):
    """The key has been wiped and can't be used any more."""


class KeyNotPortable(SBCardError, TypeError):
    """A key is never pickled or copied: it would leave the place that can wipe it."""


class KeyMissing(SBCardError, LookupError):
    """The key store holds no key of this usage."""


class AssumptionNotSet(SBCardError):
    """The public sources don't say how this works; the profile must say it before it can be computed."""


class MacMismatch(SBCardError):
    """A message authentication code (报文鉴别码) does not verify."""


class TacMismatch(MacMismatch):
    """A transaction authentication code (交易验证码 TAC) does not verify."""
