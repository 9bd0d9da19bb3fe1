"""Passphrases of key files: the spellings in which one may have been typed, and how long it is.

Systems and input methods write the same characters in several ways: é as one or two, letters in full width. NFKC makes
them one (NIST SP 800-63B 5.1.1.2).
"""

import unicodedata

from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message


def new_passphrase(passphrase: str, least: int, step: str) -> bytes:
    """The bytes a new file is encrypted with.

    Args:
        passphrase: as it was typed; composed, decomposed and full-width characters are the same.
        least: fewest characters. What is typed as several counts as the characters it makes.
        step: for the error.

    Raises:
        InvalidValue: shorter, or half a character; the message repeats nothing of it.

    Example:
        >>> new_passphrase("cafe\\u0301 Ａ", 6, "") == new_passphrase("café A", 6, "") == "café A".encode()
        True
    """
    if min(len(passphrase), len(unicodedata.normalize("NFKC", passphrase))) < least:
        raise InvalidValue(message("cards.passphrase.short", least=least), step=step, term="口令")
    return spellings(passphrase, step)[0]


def spellings(passphrase: str, step: str) -> tuple[bytes, ...]:
    """The one spelling a file is written with, and the one it was typed in where that differs, as files of before have.

    Raises:
        InvalidValue: half a character; the message repeats nothing of it.
    """
    try:
        typed, plain = passphrase.encode("utf-8"), unicodedata.normalize("NFKC", passphrase).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidValue(message("cards.passphrase.text"), step=step, term="口令") from None
    return (plain,) if typed == plain else (plain, typed)
