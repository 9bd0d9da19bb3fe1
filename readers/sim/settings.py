"""What the virtual card and PSAM do where no public source says what real ones do.

Every field marked *assumed* is ours: set it to what the issuer's own documents say.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

Sm4Rule = Callable[[bytes, bytes], bytes]
"""A 16-byte key and data: the key or the code that comes of them."""


VERSIONS = ("1.00", "2.00", "3.00")
"""规范版本 of the cards there are."""


def known_version(version: str) -> None:
    """Refuse a version of no card.

    Raises:
        InvalidValue: it is none of :data:`VERSIONS`.
    """
    if version not in VERSIONS:
        raise InvalidValue(message("readers.sim.version", known=", ".join(VERSIONS)), step="sim.card", term="规范版本")


class FileAccess(StrEnum):
    """Which files a card keeps shut."""

    PUBLISHED = "published"
    """By file as the one public source has it: PIN, key, either or both; see ``layout.read_rule``."""
    OPEN = "open"
    """Only what three sources have: EF06 of a version 3 card needs the key, everything else is free."""


@dataclass(frozen=True, slots=True)
class Sm4Rules:
    """How an SM4 card computes what is public for 3DES only. Assumed, all of it: unset, and refused with 6A81.

    Attributes:
        cryptogram: card key, process factor and original data give 8 bytes; ``cipher.sm4_xor_halves`` is a candidate.
        session: purse key and 8 bytes of transaction data give the session key.
        mac: session key and message give the 4 bytes of MAC1 and MAC2.
        tac: DTK and message give the 4 bytes of the TAC.
    """

    cryptogram: Callable[[bytes, bytes, bytes], bytes] | None = None
    session: Sm4Rule | None = None
    mac: Sm4Rule | None = None
    tac: Sm4Rule | None = None


class ProcessKeyRule(StrEnum):
    """How a card key and the process factor (过程因子) give the key of the cryptogram. Assumed, both."""

    DIVERSIFY_16 = "diversify-16"
    """16 bytes: the card key diversified once more by the process factor; then 3DES-ECB."""
    ENCRYPT_8 = "encrypt-8"
    """8 bytes: the process factor under the card key; then DES-ECB."""


@dataclass(frozen=True, slots=True)
class SimSettings:
    """Behaviour of the virtual card and PSAM.

    Attributes:
        process_key_rule: assumed.
        irk_key_id: number of IRK in the PSAM, assumed (those of RK_SSSE and UK_SSSE are public: 0A, 12).
        purse_aid: application that holds the class-80 purse, assumed: DF04, which holds the money account.
        purse_key_index: the one key index the purse knows.
        key_version, algorithm: what the purse reports of its keys; 0 = 3DES, 2 = SM4; 1 = SSF33, which is not
            public and is computed as 3DES here.
        sm4: how SM4 gives cryptograms and codes.
        pin_tries, key_tries, mac_tries: retry limits of PIN, authentication keys and purse MACs, assumed.
        load_needs_pin, purchase_needs_pin: the purse asks for a verified PIN first, assumed.
        initial_pin_refusal: status word when a debit is tried with the initial PIN, assumed.
        same_pin_refusal: status word when the initial PIN is chosen again, assumed.
        psam_mac_budget: wrong MAC2 values a PSAM accepts in a row before it locks its purchase key, assumed.
        get_response: answer as T=0 cards do: data behind 61xx, and 6Cxx where Le is not exact.
        first_terminal_txn_no: where the PSAM's transaction counter starts.
        whole_tree: the card has every file of its generation, empty where the order gives none; else only the order's.
        access: the rules of files that ``file_rules`` does not name.
        file_keys: number in the card of the key that reads a file or directory, by path (``DF04/EF06``, ``DF01``); no
            source gives one outside the environment, and what needs an unnamed key opens to nobody (assumed).
        update_keys: likewise the key that writes; 04, 07, 0D, 84, 86 and 87 are public.
        file_rules: who may read a file, by path: ``PIN``, a key id such as ``0A``, ``PIN|0A`` or ``PIN+0A``, ``never``,
            ``""`` = everybody; instead of any other rule.
        more_aids: further application identifiers and the directory behind each, e.g. DF07's, which is not public.
        more_keys: further key ids of EXTERNAL AUTHENTICATE by the name of the order's key; 06 opens PIN messages.
        secure_files: files whose records are updated under a MAC (class 04) with key ``STK``, assumed.
        log_records: how many transactions the purse's log keeps: 30 by one public table of 2.0 files.
        log_rule: who may read the log, written as ``file_rules``; assumed.
        account_instructions: instruction bytes of DF04's class B0 that no source has: ``credit-for-load``,
            ``initialize-for-debit``, ``debit``, ``get-proof``; their data is that of class 80, assumed.
        keeps_proof: whether GET TRANSACTION PROVE still answers after a reset.
    """

    process_key_rule: ProcessKeyRule = ProcessKeyRule.DIVERSIFY_16
    irk_key_id: int = 0x01
    purse_aid: bytes = bytes.fromhex("D15600000503")
    purse_key_index: int = 0x01
    key_version: int = 0x01
    algorithm: int = 0x00
    sm4: Sm4Rules = Sm4Rules()
    pin_tries: int = 3
    key_tries: int = 3
    mac_tries: int = 3
    load_needs_pin: bool = True
    purchase_needs_pin: bool = True
    initial_pin_refusal: int = 0x6985
    same_pin_refusal: int = 0x6A80
    psam_mac_budget: int = 3
    get_response: bool = False
    first_terminal_txn_no: int = 1
    whole_tree: bool = True
    access: FileAccess = FileAccess.PUBLISHED
    file_keys: Mapping[str, int] = field(default_factory=dict)
    update_keys: Mapping[str, int] = field(default_factory=dict)
    file_rules: Mapping[str, str] = field(default_factory=dict)
    more_aids: Mapping[bytes, str] = field(default_factory=dict)
    more_keys: Mapping[int, str] = field(default_factory=lambda: {0x06: "RPK"})
    secure_files: frozenset[str] = frozenset()
    log_records: int = 30
    log_rule: str = "PIN"
    account_instructions: Mapping[str, int] = field(default_factory=dict)
    keeps_proof: bool = True


DEFAULT = SimSettings()
