"""Keys of officers: an encrypted key file, or a key in a PKCS#11 token (extra ``hsm``); Ed25519 and ECDSA."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbcard_core.crypto.errors import HolderFailed
from sbcard_core.crypto.passphrase import new_passphrase, spellings
from sbcard_core.crypto.pkcs11_tokens import asking, find_objects, open_session, package
from sbcard_core.errors import InvalidValue
from sbcard_core.files import read_input
from sbcard_core.messages import message
from sbcard_core.officers.acts import Act, Approval, ApprovalRefused, Method, officer_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey

_STEP = "officers.keys"
LEAST_PASSPHRASE = 8
"""Shortest passphrase of a key file, in characters."""


def new_key(passphrase: str) -> tuple[bytes, str]:
    """A new Ed25519 key: the encrypted private key as PEM (PKCS #8), and the public key as PEM.

    Raises:
        InvalidValue: the passphrase is shorter than 8 characters, or no text.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - not needed to read a roll
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    words = new_passphrase(passphrase, LEAST_PASSPHRASE, _STEP)
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(words),
    )
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return private, key.public_key().public_bytes(serialization.Encoding.PEM, form).decode("ascii")


class KeyFile:
    """An officer's private key out of an encrypted PEM file.

    Args:
        officer: the officer's registered id.
        pem: contents of the file.
        passphrase: asked for only when the key is needed.

    Raises:
        InvalidValue: no encrypted private key, or an algorithm other than Ed25519 and ECDSA.
        ApprovalRefused: ``proof``: wrong passphrase.
    """

    def __init__(self, officer: str, pem: bytes, passphrase: Callable[[], str]) -> None:
        self.officer = officer_id(officer)
        self._key = _private(pem, passphrase)

    @classmethod
    def read(cls, officer: str, path: Path, passphrase: Callable[[], str]) -> "KeyFile":
        """Read a key file.

        Raises:
            InvalidValue: no such file, or it is no encrypted private key.
        """
        try:
            pem = read_input(path)
        except OSError as error:
            raise InvalidValue(message("officers.key_file", file=path.name), step=_STEP, term="密钥文件") from error
        return cls(officer, pem, passphrase)

    def approve(self, act: Act) -> Approval:
        """Sign an act."""
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

        text = act.message(self.officer)
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            proof = self._key.sign(text, ec.ECDSA(hashes.SHA256()))
        else:
            proof = self._key.sign(text)
        return Approval(act, self.officer, Method.SIGNATURE, proof)


class TokenKey:
    """An officer's ECDSA key in a PKCS#11 token.

    Args:
        officer: the officer's registered id.
        session: an open session of ``python-pkcs11``; its user has logged in.
        label: of the private key.
    """

    def __init__(self, officer: str, session: Any, label: str) -> None:
        self.officer = officer_id(officer)
        self._session, self._label = session, label

    @classmethod
    def open(cls, officer: str, module: str, token: str, pin: str, label: str) -> "TokenKey":
        """Open a token by the path of its library, its label and its user PIN.

        Raises:
            MissingPart: ``python-pkcs11`` is not installed.
            ApprovalRefused: ``proof``: no such library or token, several of that label, a wrong PIN, or somebody is
                logged in there already: whose PIN was typed could not be told.
            FileRefused: the library is no regular file.
        """
        try:
            return cls(officer, open_session(module, token, pin), label)
        except HolderFailed as error:
            raise _token_failed(error) from None

    def close(self) -> None:
        """Close the session.

        Raises:
            HolderFailed: the token is gone.
        """
        with asking("close"):
            self._session.close()

    def approve(self, act: Act) -> Approval:
        """Sign an act in the token.

        Raises:
            ApprovalRefused: ``proof``: no such key or several, or the token refuses.
        """
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature  # noqa: PLC0415

        pkcs11 = package()
        named = {pkcs11.Attribute.LABEL: self._label, pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}
        try:
            with asking("sign"):
                found = find_objects(self._session, named)
                if len(found) != 1:
                    raise ApprovalRefused("proof", message("officers.token_key", count=len(found), label=self._label))
                raw = found[0].sign(sha256(act.message(self.officer)).digest(), mechanism=pkcs11.Mechanism.ECDSA)
        except HolderFailed as error:
            raise _token_failed(error) from None
        half = len(raw) // 2
        proof = encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
        return Approval(act, self.officer, Method.SIGNATURE, proof)


def public_form(pem: str) -> bytes:
    """The one form of a public key, by which two are compared.

    Raises:
        InvalidValue: no public key of Ed25519 or ECDSA.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    form_of_key: bytes = _public(pem).public_bytes(serialization.Encoding.DER, form)
    return form_of_key


def verifies(pem: str, proof: bytes, text: bytes) -> bool:
    """Whether ``proof`` is a signature of ``text`` by the key."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = _public(pem)
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(proof, text, ec.ECDSA(hashes.SHA256()))
        else:
            key.verify(proof, text)
    except InvalidSignature:
        return False
    return True


def _public(pem: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: PLC0415

    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidValue(message("officers.public_key"), step=_STEP, term="公钥") from error
    if not isinstance(key, (ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey)):
        raise InvalidValue(message("officers.public_key"), step=_STEP, term="公钥")
    return key


def _private(pem: bytes, passphrase: Callable[[], str]) -> "PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: PLC0415

    if b"ENCRYPTED" not in pem:  # a key anybody can read proves nobody
        raise InvalidValue(message("officers.key_form"), step=_STEP, term="密钥文件")
    for words in spellings(passphrase(), _STEP):
        try:
            key = serialization.load_pem_private_key(pem, words)
            break
        except UnsupportedAlgorithm as error:
            raise InvalidValue(message("officers.key_form"), step=_STEP, term="密钥文件") from error
        except ValueError:
            continue
    else:
        raise ApprovalRefused("proof", message("officers.wrong_passphrase"))
    if not isinstance(key, (ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)):
        raise InvalidValue(message("officers.key_form"), step=_STEP, term="密钥文件")
    return key


def _token_failed(error: HolderFailed) -> ApprovalRefused:
    return ApprovalRefused("proof", message("officers.token", error=error.what))
