"""Key holders of every kind answer alike; what one can't do it refuses."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any

import pytest

from readers.sim.psam import VirtualPSAM
from readers.sim.settings import ProcessKeyRule as SimRule
from readers.sim.settings import SimSettings
from sbcard_core.crypto import auth, cipher, diversify, hsm_strings, mac, purse, tac
from sbcard_core.crypto.auth import AuthRules, ProcessKeyRule
from sbcard_core.crypto.errors import (
    AssumptionNotSet,
    HolderFailed,
    HolderUnable,
    KeyMissing,
    KeyRefused,
    MacMismatch,
    MalformedHsmText,
    TestKeyRefused,
)
from sbcard_core.crypto.holder import KeyHolder, PurchaseRequest
from sbcard_core.crypto.hsm_strings import BasicStep1, BasicStep2, KeyAddress, KeyStep1, RemoteHsmKeyHolder
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.pkcs11_holder import Pkcs11KeyHolder
from sbcard_core.crypto.psam_holder import PsamKeyHolder
from sbcard_core.crypto.rules import PurseRules, Sm4MacRule, Sm4SessionRule, Sm4TacRule
from sbcard_core.crypto.software_holder import SoftwareKeyHolder
from sbcard_core.crypto.tac import TacStatus
from sbcard_core.errors import InvalidValue

SEED = 2014
RULES = [AuthRules(rule) for rule in ProcessKeyRule]
TERMINAL = bytes.fromhex("430100000001")
CITIES = (b"430100sx", b"430200sx")


def number(label: str, size: int) -> bytes:
    """Bytes that depend on a label: made up, and the same in every run."""
    return sha256(label.encode("ascii")).digest()[:size]


def path(i: int) -> bytes:
    return CITIES[i % 2] + number(f"card {i}", 8)


def software(rules: AuthRules = auth.SAMPLE, **how: Any) -> SoftwareKeyHolder:
    return SoftwareKeyHolder(MasterKeys.simulation(SEED), simulator=True, auth_rules=rules, **how)


def psam(rules: AuthRules = auth.SAMPLE, *, get_response: bool = False) -> PsamKeyHolder:
    keys = {usage.value: MasterKeys.simulation(SEED).get(usage).material() for usage in KeyUsage if "K" in usage.value}
    assert rules.process_key is not None
    settings = SimSettings(process_key_rule=SimRule(rules.process_key.value), get_response=get_response)
    card = VirtualPSAM(keys, TERMINAL, rng=bytes, settings=settings)
    return PsamKeyHolder(card, key_ids={KeyUsage.IRK: settings.irk_key_id}, classic=get_response)


def remote(rules: AuthRules = auth.SAMPLE) -> RemoteHsmKeyHolder:
    behind = software(rules)

    def ask(text: str) -> str:
        return hsm_strings.answer(BasicStep1.parse(text), behind).format()

    return RemoteHsmKeyHolder(ask, describe=lambda row: (bytes(5) + row[8:], bytes(16)))


@pytest.fixture(params=RULES, ids=[str(rules.process_key) for rules in RULES])
def rules(request: pytest.FixtureRequest) -> AuthRules:
    made: AuthRules = request.param
    return made


@pytest.fixture(params=["software", "psam", "classic psam", "remote"])
def holder(request: pytest.FixtureRequest, rules: AuthRules) -> Iterator[KeyHolder]:
    makers: dict[str, Any] = {
        "software": software,
        "psam": psam,
        "classic psam": lambda r: psam(r, get_response=True),
        "remote": remote,
    }
    with makers[request.param](rules) as made:
        yield made


@pytest.mark.parametrize("usage", [KeyUsage.IRK, KeyUsage.RK_SSSE])
@pytest.mark.parametrize("count", [0, 1, 20])
def test_cryptograms_are_those_of_the_arithmetic(
    holder: KeyHolder, rules: AuthRules, usage: KeyUsage, count: int
) -> None:
    factors = b"".join(path(i) for i in range(count))
    process = b"".join(number(f"process {i}", 8) for i in range(count))
    originals = b"".join(number(f"original {i}", 8) for i in range(count))
    expected = []
    for i in range(count):
        card = diversify.diversify(MasterKeys.simulation(SEED).get(usage), path(i)[:8], path(i)[8:])
        one = slice(8 * i, 8 * i + 8)
        expected.append(auth.cryptogram(card, process[one], originals[one], rules=rules))
    assert holder.cryptogram_many(usage, factors, process, originals) == b"".join(expected)


def test_ragged_calls_are_refused(holder: KeyHolder) -> None:
    for factors, process, originals in (
        (path(0), bytes(8), bytes(7)),
        (path(0), bytes(16), bytes(8)),
        (path(0)[:8], bytes(8), bytes(8)),
        (path(0) * 2, bytes(8), bytes(8)),
    ):
        with pytest.raises(InvalidValue):
            holder.cryptogram_many(KeyUsage.IRK, factors, process, originals)


@pytest.mark.parametrize("make", [psam, remote])
def test_what_a_device_can_not_do_it_refuses(make: Any) -> None:
    with make() as one:
        for call in (
            lambda: one.mac_many(KeyUsage.STK, path(0), [b"a"]),
            lambda: one.encrypt_many(KeyUsage.STK, path(0), [bytes(8)]),
            lambda: one.tac_verify_many(path(0), [bytes(22)], [bytes(4)]),
            lambda: one.kcv(KeyUsage.IRK),
        ):
            with pytest.raises(HolderUnable):
                call()
    with pytest.raises(HolderUnable):
        remote().begin_purchase(request())
    with pytest.raises(HolderUnable):
        remote().finish_purchase(bytes(4))


def test_a_process_rule_that_is_not_set_is_refused() -> None:
    with software(auth.UNSET) as one, pytest.raises(AssumptionNotSet):
        one.cryptogram_many(KeyUsage.IRK, path(0), bytes(8), bytes(8))


def test_keys_keep_to_their_usage() -> None:
    with software() as one:
        for call in (
            lambda: one.cryptogram_many(KeyUsage.DTK, path(0), bytes(8), bytes(8)),
            lambda: one.mac_many(KeyUsage.DLK, path(0), [b"a"]),
            lambda: one.encrypt_many(KeyUsage.MAC, path(0), [bytes(8)]),
        ):
            with pytest.raises(KeyRefused):
                call()


def test_test_keys_stay_in_simulators() -> None:
    with pytest.raises(TestKeyRefused):
        SoftwareKeyHolder(MasterKeys.simulation(SEED))


def test_software_macs_and_encryption() -> None:
    count, keys = 30, MasterKeys.simulation(SEED)
    factors = b"".join(path(i) for i in range(count))
    messages = [number(f"m{i}", i % 30) for i in range(count)]
    cards = [diversify.diversify(keys.get(KeyUsage.STK), path(i)[:8], path(i)[8:]) for i in range(count)]
    with software() as one:
        made = one.mac_many(KeyUsage.STK, factors, messages)
        assert made == [mac.retail_mac(card, m, length=4) for card, m in zip(cards, messages, strict=True)]
        assert one.mac_many(KeyUsage.STK, factors, messages, workers=2) == made
        direct = one.mac_many(KeyUsage.MAC, b"", messages, levels=0)
        assert direct == [mac.retail_mac(keys.get(KeyUsage.MAC), m, length=4) for m in messages]
        blocks = [bytes((i,)) * 8 * (1 + i % 3) for i in range(count)]
        assert one.encrypt_many(KeyUsage.STK, factors, blocks) == [
            cipher.ecb_encrypt(card, block) for card, block in zip(cards, blocks, strict=True)
        ]
        assert one.encrypt_many(KeyUsage.ENC, b"", blocks[:1], levels=0) == [
            cipher.ecb_encrypt(keys.get(KeyUsage.ENC), blocks[0])
        ]
        assert one.kcv(KeyUsage.STK) == keys.get(KeyUsage.STK).kcv
        for wrong in ([bytes(7)], [b""]):
            with pytest.raises(InvalidValue):
                one.encrypt_many(KeyUsage.STK, path(0), wrong)


def test_other_ciphers_in_software() -> None:
    keys = {
        KeyUsage.MAC: SecretKey(number("aes", 16), KeyUsage.MAC, Cipher.AES),
        KeyUsage.STK: SecretKey(number("sm4", 16), KeyUsage.STK, Cipher.SM4),
        KeyUsage.DTK: SecretKey(number("sm4 dtk", 16), KeyUsage.DTK, Cipher.SM4),
    }
    rules = PurseRules(sm4_tac=Sm4TacRule.WHOLE_KEY_FOLD)
    with SoftwareKeyHolder(MasterKeys(keys), purse_rules=rules) as one:
        assert one.mac_many(KeyUsage.MAC, b"", [b"a"], levels=0) == [mac.cmac(keys[KeyUsage.MAC], b"a", length=4)]
        card = diversify.diversify(keys[KeyUsage.STK], path(0)[:8], path(0)[8:])
        assert one.mac_many(KeyUsage.STK, path(0), [b"a"]) == [mac.cbc_mac(card, b"a", length=4)]
        dtk = diversify.diversify(keys[KeyUsage.DTK], path(0)[:8], path(0)[8:])
        good = tac.compute(dtk, bytes(22), rules=rules)
        assert one.tac_verify_many(path(0) * 2, [bytes(22)] * 2, [good, bytes(4)]) == [0, 1]
    with pytest.raises(AssumptionNotSet):
        tac.compute(SecretKey(bytes(16), KeyUsage.DTK, Cipher.SM4), bytes(22))


def journal(count: int) -> tuple[bytes, list[bytes], list[bytes], list[TacStatus]]:
    dtk, messages = MasterKeys.simulation(SEED).get(KeyUsage.DTK), [number(f"t{i}", 22) for i in range(count)]
    tacs = [
        tac.compute(diversify.diversify(dtk, path(i)[:8], path(i)[8:]), message) for i, message in enumerate(messages)
    ]
    expected = [TacStatus.VERIFIED] * count
    tacs[1], expected[1] = bytes(4), TacStatus.MISMATCH
    messages[2], expected[2] = b"short", TacStatus.MALFORMED
    return b"".join(path(i) for i in range(count)), messages, tacs, expected


def test_software_tacs_of_several_cities() -> None:
    factors, messages, tacs, expected = journal(30)
    with software() as one:
        assert one.tac_verify_many(factors, messages, tacs) == expected
        with pytest.raises(InvalidValue):
            one.tac_verify_many(factors[8:], messages, tacs)
        with pytest.raises(InvalidValue):
            one.tac_verify_many(factors, messages[1:], tacs)
        with pytest.raises(InvalidValue, match="one city"):
            one.tac_verify_many(factors, b"".join(messages), b"".join(tacs), message_length=22)
        city = [i for i in range(30) if i % 2 == 0 and i != 2]
        rows = one.tac_verify_many(
            b"".join(path(i) for i in city), b"".join(messages[i] for i in city), b"".join(tacs[i] for i in city)
        )
        assert not rows.any()
        assert one.tac_verify_many(b"", [], []) == []


def request() -> PurchaseRequest:
    moment = datetime.fromisoformat("2014-07-31T09:30:15")
    return PurchaseRequest(bytes.fromhex("11223344"), 7, 1250, 6, moment, (path(0)[:8], path(0)[8:]))


@pytest.mark.parametrize("make", [psam, lambda: software(terminal_no=TERMINAL)], ids=["psam", "software"])
def test_a_purchase(make: Any) -> None:
    """PSAM and software open the same purchase; the card's side is computed here."""
    with make() as one:
        opened, asked = one.begin_purchase(request()), request()
        dpk = diversify.diversify(MasterKeys.simulation(SEED).get(KeyUsage.DPK), *asked.factors)
        session = purse.purchase_session_key(dpk, asked.card_random, asked.card_txn_no, opened.terminal_txn_no)
        assert opened.terminal_txn_no == bytes((0, 0, 0, 1))
        assert opened.mac1 == purse.purchase_mac1(session, asked.amount_fen, 6, TERMINAL, asked.at)
        one.finish_purchase(purse.purchase_mac2(session, asked.amount_fen))
        second = one.begin_purchase(request())
        assert second.terminal_txn_no == bytes((0, 0, 0, 2))
        with pytest.raises(MacMismatch):
            one.finish_purchase(bytes(4))
        assert "mac1" not in repr(second)


def test_software_purchases_need_a_terminal_and_an_opening() -> None:
    with software() as one, pytest.raises(HolderFailed, match="terminal number"):
        one.begin_purchase(request())
    with software(terminal_no=TERMINAL) as one:
        with pytest.raises(HolderFailed, match="no purchase"):
            one.finish_purchase(bytes(4))
        one.begin_purchase(request())


def asked() -> BasicStep1:
    return BasicStep1(
        "430100", bytes(5) + path(0)[8:], "01", bytes(16), bytes(8), b"original", b"external", b"ORIGINAL"
    )


@pytest.mark.parametrize("end", ["\r\n", "\n", " ", "\t\r\n"])
def test_a_line_end_behind_a_text_is_no_item(end: str) -> None:
    question = asked()
    text = question.format()
    assert BasicStep1.parse(text + end) == question
    assert BasicStep1.parse(text + end).format() == text
    named = BasicStep1.parse(f"{text}410100813475|{end}")
    assert named.terminal_no == "410100813475"
    one = KeyStep1.parse("01|004c|" + "00" * 8 + "|" + "11" * 8 + "|" + end)
    assert (one.address, type(one.address), one.format()[:8]) == ("004C", KeyAddress, "01|004C|")
    right = hsm_strings.answer(question, software())
    assert BasicStep2.parse(right.format() + end) == right
    assert BasicStep1.parse(f"{text}HDOS1001120170609320000000000000|").terminal_no.startswith("HDOS")
    for number in ("41 01", "编号", "4101\r\n0001"):
        with pytest.raises(MalformedHsmText, match="terminal number"):
            BasicStep1.parse(f"{text}{number}|")
    for address in ("4C", "004G", "004C0", "", "００４Ｃ"):
        with pytest.raises(MalformedHsmText):
            KeyAddress.parse(address)


def test_remote_answers_belong_to_their_questions() -> None:
    question = asked()
    right = hsm_strings.answer(question, software())
    assert RemoteHsmKeyHolder(lambda _: right.format()).authenticate_many([question] * 2) == [right, right]
    bare = BasicStep1(*(getattr(question, name) for name in BasicStep1.__slots__[:6]))
    assert not hsm_strings.answer(bare, software()).external
    other = BasicStep2(right.internal, b"12345678", right.external, right.external_original)
    alone = BasicStep2(right.internal, right.internal_original)
    for wrong in (other, alone):
        with pytest.raises(HolderFailed, match="another question"):
            RemoteHsmKeyHolder(lambda _, w=wrong: w.format()).authenticate_many([question])
    for text in ("", "-25", "ERROR|", "密钥|", right.format() + "x|"):
        with pytest.raises(MalformedHsmText):
            RemoteHsmKeyHolder(lambda _, t=text: t).authenticate_many([question])
    one = KeyStep1("01", KeyAddress("0094"), bytes(8), b"original")
    made = RemoteHsmKeyHolder(lambda _: "00" * 8 + b"original".hex()).key_many([one])
    assert made[0].cryptogram == bytes(8)
    with pytest.raises(HolderFailed):
        RemoteHsmKeyHolder(lambda _: "00" * 16).key_many([one])


def test_remote_needs_to_know_the_card() -> None:
    bare = RemoteHsmKeyHolder(str)
    with pytest.raises(HolderUnable):
        bare.cryptogram_many(KeyUsage.IRK, path(0), bytes(8), bytes(8))
    with pytest.raises(HolderUnable):
        remote().cryptogram_many(KeyUsage.STK, path(0), bytes(8), bytes(8))


def test_missing_keys() -> None:
    with SoftwareKeyHolder(MasterKeys({})) as one, pytest.raises(KeyMissing):
        one.kcv(KeyUsage.IRK)


def test_sm4_purse_rules() -> None:
    """Unset they refuse; set, each rule gives its own result."""
    key = SecretKey(number("sm4", 16), KeyUsage.DPK, Cipher.SM4)
    with pytest.raises(AssumptionNotSet):
        purse.purchase_session_key(key, bytes(4), 1, 1)
    macs = set()
    for session_rule in Sm4SessionRule:
        session = purse.purchase_session_key(key, bytes(4), 1, 1, rules=PurseRules(sm4_session=session_rule))
        with pytest.raises(AssumptionNotSet):
            purse.purchase_mac2(session, 100)
        for mac_rule in Sm4MacRule:
            macs.add(purse.purchase_mac2(session, 100, rules=PurseRules(sm4_mac=mac_rule)))
    assert len(macs) == 4


def test_all_holders_have_the_one_shape() -> None:
    """The type checker holds them to the protocol; here the names of the calls are counted."""
    calls = {name for name in vars(KeyHolder) if not name.startswith("_")} - {"name"}
    for kind in (SoftwareKeyHolder, PsamKeyHolder, RemoteHsmKeyHolder, Pkcs11KeyHolder):
        shape: type[KeyHolder] = kind
        assert calls <= set(dir(shape))
