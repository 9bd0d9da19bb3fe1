"""PKCS#11 tokens: package loaded on demand, errors by name, a token by label and serial, a session with its login."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from sbcard_core.crypto.errors import HolderFailed
from sbcard_core.errors import MissingPart
from sbcard_core.files import check_input
from sbcard_core.messages import message

_STEP = "crypto.pkcs11"
_MOST_TOKENS = 64
"""So many are looked at."""
_MOST_KEYS = 16
"""So many keys of one label are looked at."""


def package() -> Any:
    """``python-pkcs11``.

    Raises:
        MissingPart: it is not installed.
    """
    try:
        import pkcs11  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingPart(message("cards.token.package"), step=_STEP) from error
    return pkcs11


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn the token's errors into ours, by their names only. A key without a capability lacks the method for it."""
    errors = package().exceptions
    try:
        yield
    except (errors.PKCS11Error, AttributeError) as error:
        act = (message(f"cards.token.act.{what}"),)
        raise HolderFailed(message("cards.token.can_not", what=act, error=type(error).__name__), step=_STEP) from None


def find_token(module: str, label: str, serial: str = "") -> Any:
    """The one token of a label, and of a serial number where several have the label.

    Raises:
        MissingPart: ``python-pkcs11`` is not installed.
        HolderFailed: no such library or token, or several; the advice lists those there are.
    """
    with asking("open"):
        tokens = list(islice(package().lib(module).get_tokens(), _MOST_TOKENS))
        there = [one for one in tokens if _words(one.label) == label and serial in ("", _words(one.serial))]
        names = ", ".join(f"{_words(one.label)!r} serial {_words(one.serial)}" for one in tokens) or "none"
    if len(there) != 1:
        code = "cards.token.several" if there else "cards.token.none"
        raise HolderFailed(message(code, count=len(there), there=names), step=_STEP, term="密码机令牌")
    return there[0]


def open_session(
    module: str, token: str, pin: str, *, serial: str = "", rw: bool = False, shares_login: bool = False
) -> Any:
    """A session of the one token of a label, its user logged in.

    Args:
        module: path of the library.
        token: label of the token.
        pin: user PIN.
        serial: serial number of the token, where several have the label.
        rw: whether objects may be made.
        shares_login: whether the login of another session of this process is as good, whatever its PIN.

    Raises:
        MissingPart: ``python-pkcs11`` is not installed.
        FileRefused: the library is no regular file.
        HolderFailed: no such library or token, several tokens of that label, or a wrong PIN.
    """
    check_input(Path(module))
    found = find_token(module, token, serial)
    with asking("open"):
        try:
            return found.open(rw=rw, user_pin=pin)
        except package().exceptions.UserAlreadyLoggedIn:
            if not shares_login:
                raise
            return found.open(rw=rw)


def find_objects(session: Any, template: Any) -> list[Any]:
    """The keys a template is for, each once: some libraries give one of them again and again, without an end."""
    return list({key.handle: key for key in islice(session.get_objects(template), _MOST_KEYS)}.values())


def _words(text: str | bytes) -> str:
    """A label or serial number without its padding."""
    return (text.decode("utf-8", "replace") if isinstance(text, bytes) else text).strip("\x00 ")
