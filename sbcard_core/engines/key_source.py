"""密钥来源: a description of where keys are, never the keys: what a driver may send to its workers.

A description is text. It goes into closures, plans and logs as it is, so nothing secret may stand in it: a
passphrase is named by the file it lies in, not written.

===================================================================  ==============================================
description                                                          what the worker opens
===================================================================  ==============================================
``keyfile:/keys/dtk.json?passphrase-file=/run/secrets/keys``         a key store file (``crypto.keyfile``)
the same with ``&least-generation=7``                                no older copy of it
the same with ``&simulator=yes``                                     test keys too
``python:package.module:function``                                   whatever the function returns: a key holder
                                                                     (PSAM, token, HSM …), or ``MasterKeys`` that
                                                                     are no test keys
===================================================================  ==============================================
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from sbcard_core.crypto import keyfile
from sbcard_core.crypto.holder import KeyHolder
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.software_holder import SoftwareKeyHolder
from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.files import read_text
from sbcard_core.messages import message

_STEP, _TERM = "engines.key_source", "密钥来源"
_OPTIONS = frozenset({"passphrase-file", "least-generation", "simulator"})
_FORMS = "keyfile:/path?passphrase-file=/path or python:module:function"


def _wrong(what: str) -> InvalidValue:
    return InvalidValue(what, step=_STEP, term=_TERM, advice=f"write {_FORMS}")


@dataclass(frozen=True, slots=True)
class KeySource:
    """A description that was read and found whole; small, picklable, without any secret.

    Args:
        kind: ``"keyfile"`` or ``"python"``.
        place: the key store file, or ``module:function``.
        passphrase_file: of a key store: the file that holds its passphrase, on the worker.
        least_generation: of a key store: older copies are refused.
        simulator: whether test keys may be used.

    Example:
        >>> KeySource.parse("keyfile:/keys/dtk.json?passphrase-file=/run/secrets/keys&least-generation=7")
        KeySource(kind='keyfile', place='/keys/dtk.json', passphrase_file='/run/secrets/keys', ...)
        >>> KeySource.parse("python:custody.tokens:open_tac_keys").place
        'custody.tokens:open_tac_keys'
    """

    kind: str
    place: str
    passphrase_file: str = ""
    least_generation: int = 0
    simulator: bool = False

    @classmethod
    def parse(cls, description: str) -> "KeySource":
        """Read a description.

        Raises:
            InvalidValue: not a description; a key, a key store or a holder itself is refused too.
        """
        if not isinstance(description, str):
            raise _wrong(f"a key source is described in text, not handed over as {type(description).__name__}")
        kind, colon, rest = description.partition(":")
        if kind == "python" and colon:
            module, colon, function = rest.partition(":")
            if not colon or not all(part.isidentifier() for part in [*module.split("."), function]):
                raise _wrong("no module and function")
            return cls(kind, rest)
        if kind != "keyfile":
            raise _wrong("a key source of an unknown kind")
        parts = urlsplit(description)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        generation = options.get("least-generation", "0")
        if not set(options) <= _OPTIONS or not (generation.isascii() and generation.isdigit()):
            raise _wrong("a key file with other options")
        if parts.netloc or parts.fragment or not parts.path or not options.get("passphrase-file"):
            raise _wrong("a key file without a path or a passphrase-file")
        simulator = options.get("simulator", "no")
        if simulator not in {"yes", "no"}:
            raise _wrong("simulator is yes or no")
        return cls(kind, unquote(parts.path), options["passphrase-file"], int(generation), simulator == "yes")

    def open(self) -> KeyHolder:
        """Open the keys where this runs; the caller closes the holder.

        Raises:
            SBCardError: there are none, or they are refused; see ``crypto.keyfile.load``.
            OSError: a file cannot be read.
        """
        if self.kind == "keyfile":
            passphrase = read_text(Path(self.passphrase_file)).rstrip("\r\n")
            path, least = Path(self.place), self.least_generation
            keys = keyfile.load(path, passphrase, least_generation=least, simulator=self.simulator)
            return SoftwareKeyHolder(keys, simulator=self.simulator)
        module, _, function = self.place.partition(":")
        try:
            make: Any = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError) as error:
            what = message("engines.key_source", place=self.place)
            raise SBCardError(what, step=_STEP, term=_TERM) from error
        made = make()
        if isinstance(made, MasterKeys):
            return SoftwareKeyHolder(made)
        return cast(KeyHolder, made)
