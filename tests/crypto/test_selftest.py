"""A cipher that gives a wrong answer serves nobody; the answers are asked once, before the first use."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from sbcard_core import _kernels
from sbcard_core.crypto import aes, cipher, diversify, engine, mac, selftest, tac
from sbcard_core.crypto.errors import SelfTestFailed
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey, kcv
from sbcard_core.errors import SBCardError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    engine.forget()
    yield
    engine.forget()


def broken(name: str, call: str, spoil: Callable[[Any], None]) -> Callable[..., tuple[Any, str]]:
    """A chooser whose kernel ``name`` spoils the output of one call."""
    choose = _kernels.choose

    def chosen(wanted: str, level: str | None = None) -> tuple[Any, str]:
        module, level = choose(wanted, level)
        if wanted != name:
            return module, level
        calls = {part: getattr(module, part) for part in dir(module) if not part.startswith("_")}
        right = calls[call]

        def wrong(*args: Any) -> None:
            right(*args)
            spoil(args[-2])

        return SimpleNamespace(**{**calls, call: wrong}), level

    return chosen


LONG = range(4 * selftest.MANY, 1 << 20)
"""Outputs of the wide checks, statuses of TACs apart."""


def first_bit(out: Any) -> None:
    out[0] ^= 1


def last_of_many(out: Any) -> None:
    if len(out) in LONG or len(out) == selftest.MANY:
        out[-1] ^= 0x80


def swapped_lanes(out: Any) -> None:
    if len(out) == 8 * selftest.MANY:
        out[:8], out[8:16] = bytes(out[8:16]), bytes(out[:8])


DES_CALLS = ["ecb", "cbc", "cbc_mac", "derive", "tac", "tac_verify"]
USES: list[Callable[[], object]] = [
    lambda: mac.retail_mac(bytes(16), b"a"),
    lambda: mac.retail_mac_many([bytes(16)], [b"a"]),
    lambda: mac.cbc_mac(bytes(8), b"a"),
    lambda: mac.cmac(bytes(16), b"a"),
    lambda: mac.unionpay_mac(bytes(16), b"a"),
    lambda: cipher.ecb_encrypt(bytes(8), bytes(8)),
    lambda: cipher.cbc_many(bytes(8), [bytes(8)]),
    lambda: diversify.diversify(bytes(16), bytes(8)),
    lambda: diversify.session_key(bytes(16), bytes(8)),
    lambda: tac.verify_many(bytes(16), bytes(8), [bytes(22)], [bytes(4)]),
    lambda: kcv(SecretKey(bytes(16), KeyUsage.MAC)),
]


@pytest.mark.parametrize("call", DES_CALLS)
@pytest.mark.parametrize("spoil", [first_bit, last_of_many])
def test_a_wrong_des_kernel_serves_nobody(
    call: str, spoil: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_kernels, "choose", broken("des", call, spoil))
    for use in USES:
        with pytest.raises(SelfTestFailed, match="known answers"):
            use()
    assert mac.cbc_mac(bytes(16), b"a", cipher=Cipher.SM4), "the other algorithm still serves"


@pytest.mark.parametrize("call", ["ecb", "cbc", "cbc_mac", "derive"])
@pytest.mark.parametrize("spoil", [first_bit, last_of_many])
def test_a_wrong_sm4_kernel_serves_nobody(
    call: str, spoil: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_kernels, "choose", broken("sm4", call, spoil))
    with pytest.raises(SelfTestFailed):
        mac.cbc_mac(bytes(16), b"a", cipher=Cipher.SM4)
    assert mac.retail_mac(bytes(16), b"a")


def test_swapped_lanes_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kernels, "choose", broken("des", "cbc_mac", swapped_lanes))
    with pytest.raises(SelfTestFailed):
        mac.retail_mac(bytes(16), b"a")


def test_wrong_aes_and_a_kernel_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(aes, "ecb", lambda *_: None)
        with pytest.raises(SelfTestFailed):
            mac.cmac(bytes(16), b"a", cipher=Cipher.AES)
    boom = SimpleNamespace(ecb=lambda *_: 1 // 0)
    monkeypatch.setattr(_kernels, "choose", lambda *_: (boom, "boom"))
    with pytest.raises(SelfTestFailed) as caught:
        mac.retail_mac(bytes(16), b"a")
    assert isinstance(caught.value, SBCardError)
    assert "broken" in str(caught.value)


def test_a_failure_is_remembered_and_success_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[Cipher] = []
    run = selftest.run
    monkeypatch.setattr(selftest, "run", lambda kind, made: (runs.append(kind), run(kind, made)))
    with monkeypatch.context() as patch:
        patch.setattr(_kernels, "choose", broken("des", "ecb", first_bit))
        for _ in range(3):
            with pytest.raises(SelfTestFailed):
                mac.retail_mac(bytes(16), b"a")
    for _ in range(3):  # a kernel that is right by now is not trusted again in this process
        with pytest.raises(SelfTestFailed):
            mac.retail_mac(bytes(16), b"a")
    assert runs == [Cipher.TDES]
    engine.forget()
    for _ in range(3):
        mac.retail_mac(bytes(16), b"a")
    assert runs == [Cipher.TDES, Cipher.TDES]


@pytest.mark.parametrize("name", ["des", "sm4"])
def test_every_level_of_this_machine_passes(name: str) -> None:
    kind = Cipher.TDES if name == "des" else Cipher.SM4
    for level in _kernels.kernel_levels(name):
        module, chosen = _kernels.choose(name, level)
        assert chosen == level
        made = engine.DesEngine(module, level) if name == "des" else engine.BlockEngine(module, level)
        selftest.run(kind, made)
    assert isinstance(module, ModuleType)


def test_scalar_and_list_calls_need_no_array_package() -> None:
    """MACs, diversification and TACs of objects work before numpy or ``cryptography`` is loaded."""
    code = (
        "import sys\n"
        "from sbcard_core.crypto import mac, tac, diversify, purse\n"
        "mac.retail_mac(bytes(16), b'a'); mac.cmac(bytes(16), b'a'); mac.unionpay_mac(bytes(16), b'a')\n"
        "mac.retail_mac_many([bytes(16)] * 300, [b'a'] * 300)\n"
        "tac.verify_many(bytes(16), bytes(8), [bytes(22)], [bytes(4)])\n"
        "diversify.diversify_many(bytes(32), [bytes(16)] * 2, levels=2)\n"
        "print([name for name in ('numpy', 'cryptography') if name in sys.modules])\n"
    )
    environment = {"PATH": "/usr/bin:/bin", "SBCARD_CPU": "portable"}
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, env=environment
    )
    assert out.stdout.strip() == "[]"
