"""A card profile: the files of one generation, and what an issuer must say because no public source does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from sbcard_core.card.access import KEYS, KeyRef
from sbcard_core.card.declared import built_in
from sbcard_core.card.errors import ProfileRefused
from sbcard_core.card.files import DirectoryDecl, FileDecl
from sbcard_core.crypto.auth import UNSET, AuthRules
from sbcard_core.crypto.errors import unset
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.rules import UNSET as PURSE_UNSET
from sbcard_core.crypto.rules import PurseRules
from sbcard_core.messages import message

T = TypeVar("T")


class Reading(StrEnum):
    """Which form of READ and UPDATE RECORD a card takes. All four are seen in the field."""

    SFI_TAG = "short identifier and tag"
    """One command a record, the same on every generation: P2 = SFI << 3. Two sources."""
    SFI_NUMBER = "short identifier and number"
    """One command a record: P2 = SFI << 3 | 4. Three sources."""
    SELECT_TAG = "selected file and tag"
    SELECT_NUMBER = "selected file and number"

    @property
    def by_sfi(self) -> bool:
        """Whether no SELECT of the file is needed."""
        return self in {Reading.SFI_TAG, Reading.SFI_NUMBER}

    @property
    def by_tag(self) -> bool:
        """Whether a record is named by its tag."""
        return self in {Reading.SFI_TAG, Reading.SELECT_TAG}

    @property
    def with_select(self) -> "Reading":
        """The same with the file selected first."""
        return Reading.SELECT_TAG if self.by_tag else Reading.SELECT_NUMBER


@dataclass(frozen=True, slots=True)
class PurseLog:
    """Where the purse keeps its records and what they hold. Assumed: the one public table gives no meanings.

    Args:
        path: the cyclic file.
        amount: its field that holds the amount of the transaction.
        type_of: transaction type of the class-80 purse → the character in the log.
    """

    path: str = "DF04/EF08"
    amount: str = "amount_1"
    type_of: Mapping[int, str] = field(default_factory=lambda: {0x01: "1", 0x02: "2", 0x05: "5", 0x06: "6"})


@dataclass(frozen=True, slots=True)
class PinMessage:
    """How keys in software protect PIN reload and unblock (8424). Assumed: one vendor code shows lengths only.

    Args:
        block: bytes of the encrypted PIN block: length, packed PIN, 80 00….
        encrypt, mac: usages of the keys.
    """

    block: int = 16
    encrypt: KeyUsage = KeyUsage.RPK
    mac: KeyUsage = KeyUsage.RPK


@dataclass(frozen=True, slots=True)
class Assumed:
    """What the public sources leave open. Unset values are refused when a step needs them.

    Args:
        auth: the process key rule, see :mod:`sbcard_core.crypto.auth`.
        irk_psam_key_id: number of the internal authentication key in the PSAM.
        purse_aid: application identifier of the purse.
        purse_key_index: key index sent in INITIALIZE FOR LOAD and PURCHASE.
        purse: rules of the purse, among them the instruction bytes of DF04 that no source has.
        purse_log: the purse's log; without it a torn transaction is judged by counters and balance.
        transaction_proof: whether the card answers GET TRANSACTION PROVE (80 5A) after a reset.
        secure_mac: which master key makes the MAC of class 04 commands.
        pin_message: protection of PIN reload and unblock by keys in software.
        extension_only_when_full: whether writers fill 姓名 before they use its extension, so that a short name saves
            the reading of it.
    """

    auth: AuthRules = UNSET
    irk_psam_key_id: int | None = None
    purse_aid: bytes | None = None
    purse_key_index: int | None = None
    purse: PurseRules = PURSE_UNSET
    purse_log: PurseLog | None = None
    transaction_proof: bool = False
    secure_mac: KeyUsage | None = None
    pin_message: PinMessage | None = None
    extension_only_when_full: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """One generation of cards.

    Args:
        name: for messages.
        version: 规范版本 as record 03 of EF05 carries it.
        files: the basic files, in the order they are written on a new card and read by ``read_basic``.
        psam_key_of_kid: EXTERNAL AUTHENTICATE key id → PSAM key id.
        initial_pins: PINs that only open a new card (初始密码); two are seen, by region.
        card_class: 卡的类别 written on new cards (assumed: the digit of the one public example, a 3.0 card).
        assumed: what the issuer must set.
        declarations: names of attached declarations that come with the library.
        more_files: further files; one with the path of a built-in file takes its place.
        directories: how directories are selected.
        keys: keys by name; an issuer's own numbers replace the public ones.
        environment: the directory the basic files lie in.
        reading: the form of READ RECORD; a card that knows no short identifiers is noticed and served.
        sample: marked as made up: nothing in it is any issuer's.
    """

    name: str
    version: str
    files: tuple[FileDecl, ...]
    psam_key_of_kid: Mapping[int, int]
    initial_pins: tuple[str, ...] = field(default=("123456", "888888"), repr=False)
    card_class: str = "3"
    assumed: Assumed = field(default_factory=Assumed)
    declarations: tuple[str, ...] = ()
    more_files: tuple[FileDecl, ...] = ()
    directories: tuple[DirectoryDecl, ...] = ()
    keys: Mapping[str, KeyRef] = field(default_factory=lambda: KEYS, repr=False)
    environment: str = "SSSE"
    reading: Reading = Reading.SFI_TAG
    sample: bool = False

    @property
    def generation(self) -> str:
        """First character of the version: ``"1"``, ``"2"`` or ``"3"`` for social security cards."""
        return self.version[:1]

    def all_files(self) -> Iterator[FileDecl]:
        """Every file: the basic ones, further ones, then the attached declarations."""
        seen = set()
        attached = (file for name in self.declarations for file in built_in(name))
        for file in (*self.files, *self.more_files, *attached):
            if file.path not in seen:
                seen.add(file.path)
                yield file

    def file(self, path: str) -> FileDecl:
        """Return a file by its path, e.g. ``"SSSE/EF05"``."""
        for declared in self.files:
            if declared.path == path:
                return declared
        for declared in self.all_files():
            if declared.path == path:
                return declared
        raise KeyError(path)

    def find(self, name: str) -> FileDecl:
        """Return a file by path, by the driver interface's spelling, or by its Chinese name where only one has it.

        Raises:
            ProfileRefused: no such file, or several of that name.

        Example:
            >>> from sbcard_core.card.profiles.v2 import V2
            >>> V2.find("SSSEEF05").path, V2.find("常住地文件").path
            ('SSSE/EF05', 'DF01/EF06')
        """
        found = [file for file in self.all_files() if name in (file.path, file.path.replace("/", ""), file.zh)]
        if len(found) != 1:
            what = message(f"cards.profile.{'files' if found else 'no_file'}", count=len(found), card=self.name)
            raise ProfileRefused(what, step="card.profile", term="文件地址")
        return found[0]

    def directory(self, name: str) -> DirectoryDecl:
        """Return a directory by name.

        Raises:
            ProfileRefused: not declared.
        """
        for declared in self.directories:
            if declared.name == name:
                return declared
        raise ProfileRefused(
            message("cards.profile.directory", directory=name, card=self.name), step="card.profile", term="文件目录"
        )

    def key(self, name: str) -> KeyRef:
        """Return a key by its name; IRK's number in the PSAM and a changed ``psam_key_of_kid`` are put in.

        Raises:
            ProfileRefused: not declared.
        """
        found = self.keys.get(name)
        if found is None:
            raise ProfileRefused(message("cards.profile.key", key=name), step="card.profile", term="密钥标识")
        if name == "IRK" and found.psam_key_id is None:
            return replace(found, psam_key_id=self.irk_psam_key_id())
        return found

    def irk_psam_key_id(self) -> int:
        """Number of the internal authentication key in the PSAM.

        Raises:
            AssumptionNotSet: the profile does not say.
        """
        return _need(self.assumed.irk_psam_key_id, "irk_number")

    def purse_aid(self) -> bytes:
        """Application identifier of the purse.

        Raises:
            AssumptionNotSet: the profile does not say.
        """
        return _need(self.assumed.purse_aid, "purse_aid")

    def purse_key_index(self) -> int:
        """Key index of load and purchase.

        Raises:
            AssumptionNotSet: the profile does not say.
        """
        return _need(self.assumed.purse_key_index, "purse_key_index")

    def pin_message(self) -> PinMessage:
        """How keys in software protect PIN reload and unblock.

        Raises:
            AssumptionNotSet: the profile does not say.
        """
        return _need(self.assumed.pin_message, "pin_message")

    def secure_mac(self) -> KeyUsage:
        """Which master key makes the MAC of class 04 commands.

        Raises:
            AssumptionNotSet: the profile does not say.
        """
        return _need(self.assumed.secure_mac, "secure_mac")


def describe(profile: Profile, path: str = "") -> str:
    """A table of a profile's files in words, for documentation and the command line.

    Args:
        profile: the generation.
        path: one file only; all when empty.

    Example:
        >>> from sbcard_core.card.profiles.v2 import V2
        >>> print(describe(V2, "SSSE/EF06"))  # doctest: +ELLIPSIS
        SSSE/EF06 持卡人基本数据文件: 7 records; read free, update key UK_SSSE; H (three sources)
          no. tag name            名称         format length confidence
            1 08  id_number       社会保障号码 an         18 H
            2 09  name            姓名         an         30 H
            3 4E  name_extension  姓名扩展     an         20 H, may be missing
        ...
    """
    from sbcard_core.card.describe import table  # noqa: PLC0415 - words are needed by few callers

    return table(profile, path)


def _need(value: T | None, part: str) -> T:
    if value is None:
        raise unset(part, "", "card.profile")
    return value
