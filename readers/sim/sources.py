"""Which virtual device a ``sim:`` URL means: a card of an order file, of a made-up stock, of the desk; or a PSAM.

::

    sim:                                            an empty slot
    sim:orders.jsonl#3                              the card in line 3 of a personalisation order (default 1)
    sim:orders.jsonl#X00000019                      the card of that number
    sim:stock?count=1000&seed=7&version=3.00#12     card 12 of a made-up stock, or by its number
    sim:desk?seed=1&balance=5000                    the desk's one card
    sim:psam?stock=7   sim:psam?desk=1              the PSAM that trusts that stock or desk
    sim:psam?keys=keys.json&terminal=430100000001   a PSAM of these root keys

``keys=FILE`` (also behind an order file) is a JSON object of 16-byte keys in hex: ``TRANSPORT`` opens the orders,
the others are root keys. Options of ``drivers.open`` give the same without a file.
"""

import json
import os
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from readers.errors import ReaderNotFound
from readers.sim.card import VirtualCard
from readers.sim.desk import Desk
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import DEFAULT, SimSettings
from sbcard_core.errors import InvalidValue
from sbcard_core.files import open_text, read_input
from sbcard_core.messages import message

Random = Callable[[int], bytes]
STOCK = {"count": "1000", "seed": "1", "city": "430100", "version": "2.00", "balance": "0"}
DESK = {"seed": "1", "name": "张珅", "version": "2.00", "balance": "0", "account": ""}
PSAM = {"stock": "", "desk": "", "keys": "", "terminal": "", "number": "1", "city": STOCK["city"]}
TERMINAL = "430100000001"
_STEP = "sim.open"


def device(
    rest: str,
    *,
    transport_key: bytes = b"",
    psam_keys: Mapping[str, bytes] | None = None,
    rng: Random = os.urandom,
    settings: SimSettings = DEFAULT,
) -> VirtualCard | VirtualPSAM | None:
    """Make the device a URL means, None for an empty slot.

    Args:
        rest: the URL behind ``sim:``.
        transport_key: 16 bytes that an order's keys are encrypted under.
        psam_keys: root keys of ``sim:psam`` by name.
        rng: random bytes of the device.
        settings: behaviour where no source says.

    Raises:
        ReaderNotFound: no such file, line, card number or option.
        InvalidValue: a line or file of another form, a key that does not match its check value, or an option outside
            its range.

    Example:
        >>> device("stock?count=20&seed=7#12").transmit(bytes.fromhex("0084000004"))[-2:].hex()
        '9000'
        >>> device("") is None
        True
    """
    name, which = _split(rest, "#")
    name, query = _split(name, "?")
    if which and name in ("desk", "psam"):
        raise ReaderNotFound(message("readers.sim.one_device", device=name), step=_STEP)
    match name:
        case "":
            return None
        case "stock":
            return _of_stock(_options(query, STOCK), which, settings)
        case "desk":
            return _desk(_options(query, DESK), settings).card
        case "psam":
            return _psam(_options(query, PSAM), psam_keys, rng, settings)
    keys = _options(query, {"keys": ""})["keys"]
    transport = read_keys(keys).get("TRANSPORT", b"") if keys else transport_key
    if len(transport) != 16:
        raise ReaderNotFound(message("readers.sim.transport"), step=_STEP, term="传输密钥")
    line = _order(Path(name), which or "1")
    try:
        return VirtualCard.from_order(line, transport, rng=rng, settings=settings)
    except InvalidValue:
        raise
    except (KeyError, ValueError, TypeError, AttributeError):  # of what stands in the line
        raise _no_order_line(name, which) from None


def _split(text: str, mark: str) -> tuple[str, str]:
    head, _, tail = text.partition(mark)
    return head, tail


def _options(query: str, known: Mapping[str, str]) -> dict[str, str]:
    given = {key: values[-1] for key, values in parse_qs(query, keep_blank_values=True).items()}
    unknown = sorted(set(given) - set(known))
    if unknown:
        what = message("readers.sim.option", found=", ".join(unknown), known=", ".join(known) or "-")
        raise ReaderNotFound(what, step=_STEP)
    return {**known, **given}


def _whole(options: Mapping[str, str], name: str) -> int:
    text = options[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidValue(message("readers.sim.number", option=name), step=_STEP)
    return int(text)


def _of_stock(options: Mapping[str, str], which: str, settings: SimSettings) -> VirtualCard:
    from readers.sim.stock import CardStock  # noqa: PLC0415 - arrays are loaded when a stock is wanted

    stock = CardStock.made_up(
        _whole(options, "count"), seed=_whole(options, "seed"), city=options["city"], version=options["version"]
    )
    index = stock.index_of(which) if len(which) == 9 else _place(which) - 1
    if not 0 <= index < len(stock):
        raise ReaderNotFound(message("readers.sim.stock_card", which=which, count=len(stock)), step=_STEP, term="卡号")
    return stock.card(index, balance_fen=_whole(options, "balance"), settings=settings)


def _place(which: str) -> int:
    if not ((which.isascii() and which.isdigit()) or not which):
        raise ReaderNotFound(message("readers.sim.place"), step=_STEP, term="卡号")
    return int(which or "1")


def _desk(options: Mapping[str, str], settings: SimSettings = DEFAULT) -> Desk:
    return Desk(
        _whole(options, "seed"),
        options["name"],
        version=options["version"],
        balance_fen=_whole(options, "balance"),
        account_no=options["account"],
        settings=settings,
    )


def _psam(
    options: Mapping[str, str], keys: Mapping[str, bytes] | None, rng: Random, settings: SimSettings
) -> VirtualPSAM:
    if sum(bool(options[one]) for one in ("desk", "stock", "keys")) > 1:
        raise ReaderNotFound(message("readers.sim.psam_keys"), step=_STEP, term="主密钥")
    if options["desk"]:
        return _desk({**DESK, "seed": options["desk"]}, settings).psam
    if options["stock"]:
        from readers.sim.stock import CardStock  # noqa: PLC0415 - as above

        stock = CardStock.made_up(0, seed=_whole(options, "stock"), city=options["city"])
        return stock.psam(_whole(options, "number"), settings=settings)
    named = read_keys(options["keys"]) if options["keys"] else keys or {}
    roots = {name: key for name, key in named.items() if name != "TRANSPORT"}
    if not roots:
        raise ReaderNotFound(message("readers.sim.psam_keys"), step=_STEP, term="主密钥")
    try:
        terminal = bytes.fromhex(options["terminal"] or TERMINAL)
    except ValueError:
        raise InvalidValue(message("readers.sim.terminal"), step=_STEP, term="终端机编号") from None
    return VirtualPSAM(roots, terminal, rng=rng, settings=settings)


def read_keys(path: str | Path) -> dict[str, bytes]:
    """Keys by name out of a JSON file of 16-byte keys in hex.

    Raises:
        ReaderNotFound: no such file.
        InvalidValue: it is another file; the error keeps nothing of it.
    """
    try:
        found = _keys_of(read_input(Path(path)))
    except OSError:
        raise ReaderNotFound(message("readers.sim.file", file=path), step=_STEP, term="密钥") from None
    if found is None:  # raised here, where no error of a parser is at hand: it would keep the file's text
        raise InvalidValue(message("readers.sim.key_file"), step=_STEP, term="密钥")
    return found


def _keys_of(raw: bytes) -> dict[str, bytes] | None:
    try:
        return {name: bytes.fromhex(value) for name, value in json.loads(raw.decode("utf-8-sig")).items()}
    except (ValueError, AttributeError, TypeError):
        return None


def _order(path: Path, which: str) -> dict[str, Any]:
    """The line of a number, or of a card number; the file is read up to it."""
    if not path.is_file():
        raise ReaderNotFound(message("readers.sim.file", file=path), step=_STEP, term="制卡订单")
    try:
        with open_text(path) as lines:
            if len(which) == 9:
                found = (json.loads(line) for line in lines if which in line)
                order = next((one for one in found if isinstance(one, dict) and one.get("card_no") == which), None)
            else:
                text = next(islice(lines, _place(which) - 1, None), None) if _place(which) else None
                order = None if text is None else json.loads(text)
    except json.JSONDecodeError:
        raise _no_order_line(path, which) from None
    if order is None:
        raise ReaderNotFound(
            message(f"readers.sim.no_{'card' if len(which) == 9 else 'line'}", which=which), step=_STEP, term="制卡订单"
        )
    if not isinstance(order, dict):
        raise _no_order_line(path, which)
    return order


def _no_order_line(path: str | Path, which: str) -> InvalidValue:
    what = message("readers.sim.order_line", file=Path(path).name, which=which or "1")
    return InvalidValue(what, step=_STEP, term="制卡订单")
