"""Stand-in with the call shapes of the kernels."""

from types import SimpleNamespace
from typing import Any

from sbcard_core.crypto.padding import pad


def _make(name: str) -> Any:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, modes
    from cryptography.hazmat.primitives.ciphers.algorithms import SM4

    des = name == "des"
    block = 8 if des else 16

    def prim(key: Any) -> Any:
        k = bytes(key)
        if not des:
            return SM4(k)
        return TripleDES(k * 3 if len(k) == 8 else k + k[:8] if len(k) == 16 else k)

    def turn(key: Any, iv: Any, dec: bool, data: Any) -> bytes:
        c = Cipher(prim(key), modes.ECB() if iv is None else modes.CBC(bytes(iv)))
        return (c.decryptor() if dec else c.encryptor()).update(bytes(data))

    def cut(b: Any, w: int, i: int) -> Any:
        return b if len(b) == w else b[w * i : w * i + w]

    def ecb(keys, kl, data, dec, out, level):
        if len(keys) == kl:
            out[:] = turn(keys, None, dec, data)
            return
        if len(keys) // kl * block != len(data) or len(out) != len(data):
            raise ValueError("ragged")
        for i in range(len(data) // block):
            out[block * i : block * i + block] = turn(cut(keys, kl, i), None, dec, data[block * i : block * i + block])

    def cbc(keys, kl, ivs, data, off, dec, out, level):
        for i in range(len(off) - 1):
            out[off[i] : off[i + 1]] = turn(cut(keys, kl, i), cut(ivs, block, i), dec, data[off[i] : off[i + 1]])

    def cbc_mac(keys, kl, iv, data, off, padding, retail, out, level):
        for i in range(len(off) - 1):
            m = pad(bytes(data[off[i] : off[i + 1]]), padding, block)
            k = bytes(cut(keys, kl, i))
            v = cut(iv, block, i)
            if retail:
                t = turn(k[:8], v, False, m)[-8:]
                t = turn(k[:8], None, False, turn(k[8:], None, True, t))
            else:
                t = turn(k, v, False, m)[-block:]
            out[block * i : block * i + block] = t

    def derive(masters, factors, out, level):
        for i in range(len(factors) // 8):
            f = bytes(factors[8 * i : 8 * i + 8])
            out[16 * i : 16 * i + 16] = turn(cut(masters, 16, i), None, False, f + bytes(b ^ 255 for b in f))

    def tac(master, factors, data, off, out, level):
        keys = bytearray(2 * len(factors))
        derive(master, factors, keys, level)
        for i in range(len(off) - 1):
            k = bytes(a ^ b for a, b in zip(keys[16 * i : 16 * i + 8], keys[16 * i + 8 : 16 * i + 16]))
            t = turn(k, bytes(8), False, pad(bytes(data[off[i] : off[i + 1]])))[-8:]
            out[4 * i : 4 * i + 4] = t[:4]

    def tac_verify(master, factors, data, off, tacs, out, level):
        made = bytearray(len(tacs))
        tac(master, factors, data, off, made, level)
        for i in range(len(off) - 1):
            out[i] = made[4 * i : 4 * i + 4] != tacs[4 * i : 4 * i + 4]

    if des:
        return SimpleNamespace(ecb=ecb, cbc=cbc, cbc_mac=cbc_mac, derive=derive, tac=tac, tac_verify=tac_verify)
    return SimpleNamespace(
        ecb=lambda k, d, e, o, lv: ecb(k, 16, d, e, o, lv),
        cbc=lambda k, v, d, of, e, o, lv: cbc(k, 16, v, d, of, e, o, lv),
        cbc_mac=lambda k, v, d, of, p, o, lv: cbc_mac(k, 16, v, d, of, p, False, o, lv),
        derive=derive,
    )


def choose(name: str) -> tuple[Any, str]:
    return _make(name), "composed"
