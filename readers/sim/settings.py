"""What the virtual card and PSAM do where no public source says what real ones do.

Every field marked *assumed* is ours: set it to what the issuer's own documents say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
        key_version, algorithm: what the purse reports of its keys.
        pin_tries, key_tries, mac_tries: retry limits of PIN, authentication keys and purse MACs, assumed.
        load_needs_pin, purchase_needs_pin: the purse asks for a verified PIN first, assumed.
        initial_pin_refusal: status word when a debit is tried with the initial PIN, assumed.
        same_pin_refusal: status word when the initial PIN is chosen again, assumed.
        psam_mac_budget: wrong MAC2 values a PSAM accepts in a row before it locks its purchase key, assumed.
        get_response: answer as T=0 cards do: data behind 61xx, and 6Cxx where Le is not exact.
        first_terminal_txn_no: where the PSAM's transaction counter starts.
        file_rules: who may read a file, by path: ``PIN``, a key id such as ``0A``, ``PIN|0A`` or ``PIN+0A``, ``never``;
            other files are free (EF06 of a version 3 card excepted).
        more_keys: further key ids of EXTERNAL AUTHENTICATE by the name of the order's key; 06 opens PIN messages.
        secure_files: files whose records are updated under a MAC (class 04) with key ``STK``, assumed.
        log_records: how many transactions the purse's log keeps: 30 by one public table of 2.0 files.
        log_rule: who may read the log, written as ``file_rules``; assumed.
        keeps_proof: whether GET TRANSACTION PROVE still answers after a reset.
    """

    process_key_rule: ProcessKeyRule = ProcessKeyRule.DIVERSIFY_16
    irk_key_id: int = 0x01
    purse_aid: bytes = bytes.fromhex("D15600000503")
    purse_key_index: int = 0x01
    key_version: int = 0x01
    algorithm: int = 0x00
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
    file_rules: Mapping[str, str] = field(default_factory=dict)
    more_keys: Mapping[int, str] = field(default_factory=lambda: {0x06: "RPK"})
    secure_files: frozenset[str] = frozenset()
    log_records: int = 30
    log_rule: str = "PIN"
    keeps_proof: bool = True


DEFAULT = SimSettings()
