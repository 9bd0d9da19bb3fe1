"""What can go wrong with keys, message authentication codes and the parts that hold keys. No text carries a key."""

from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.messages import message


class KeyRefused(InvalidValue):
    """A key has the wrong length, the wrong usage or the wrong algorithm for this call."""


class KeyClosed(SBCardError):
    """The key has been wiped and can't be used any more."""


class KeyNotPortable(SBCardError, TypeError):
    """A key is never pickled or copied: it would leave the place that can wipe it."""


class KeyMissing(SBCardError, LookupError):
    """The key store holds no key of this usage."""


class TestKeyRefused(KeyRefused):
    """A demonstration or published key (测试密钥) is offered outside a simulator."""

    __test__ = False  # its name is no test's name


class WeakKey(KeyRefused):
    """A 3DES key of no more strength than single DES (弱密钥): two of its parts are equal."""


class KcvMismatch(KeyRefused):
    """A key does not give the check value (密钥校验值) that stands beside it."""


class KeyStoreRefused(SBCardError):
    """A key store file (密钥库文件) can't be used; the kinds of reason are the classes below."""


class WrongPassphrase(KeyStoreRefused):
    """The passphrase is not the one the file was written with."""


class KeyStoreDamaged(KeyStoreRefused):
    """The file is cut, changed or no key store at all."""


class KeyStoreRolledBack(KeyStoreRefused):
    """The file is an older generation than one already seen."""


class SelfTestFailed(SBCardError):
    """A cipher does not give its known answers on this machine; it gives no others either."""


class HolderUnable(SBCardError):
    """This kind of key holder can't do this: its device has no such command or may not show such a key."""


class HolderFailed(SBCardError):
    """A PSAM, token or security module answered with an error, or with something that is no answer."""


class MalformedHsmText(InvalidValue):
    """A two-step string (加密机两步字符串) does not have its published form."""


class AssumptionNotSet(SBCardError):
    """The public sources don't say how this works; the profile must say it before it can be computed."""


def unset(part: str, term: str, step: str, **named: str) -> AssumptionNotSet:
    """The refusal of what nobody has set; ``part`` is a sentence ``profiles.part.*`` of the catalogue."""
    what = message(f"profiles.part.{part}", **named)
    return AssumptionNotSet(message("profiles.unset", what=what), step=step, term=term)


class MacMismatch(SBCardError):
    """A message authentication code (报文鉴别码) does not verify."""


class TacMismatch(MacMismatch):
    """A transaction authentication code (交易验证码 TAC) does not verify."""
