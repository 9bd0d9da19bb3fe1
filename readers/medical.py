"""The terminal of a hospital or pharmacy (医保终端): prove the card, read the holder, settle a bill."""

from typing import Unpack

from apdu.channel import CardChannel
from readers.base import Bill, HostLink, PinPad, SettleReply, SettleRequest
from readers.errors import HostRefused, TerminalState
from readers.terminal import Terminal, TerminalOptions
from sbcard_core.card.basic import CardBasic
from sbcard_core.messages import message


class MedicalTerminal(Terminal):
    """One patient's visit.

    Args:
        card, psam, pin_pad, options: see :class:`readers.terminal.Terminal`.
        host: the line to the insurance centre.

    Example:
        A card is made and read; card and PSAM have proved themselves to each other:

        >>> import random
        >>> from sbcard_core.card.personalize import CardRequest, order_lines
        >>> from sbcard_core.card.profiles.v2 import SAMPLE
        >>> from sbcard_core.crypto.keystore import KeyUsage, MasterKeys
        >>> from readers.base import FixedPinPad, PinPurpose
        >>> from readers.sim.card import VirtualCard
        >>> from readers.sim.psam import VirtualPSAM
        >>> keys, rng = MasterKeys.simulation(1), random.Random(7).randbytes
        >>> transport = keys.get(KeyUsage.TRANSPORT)
        >>> person = CardRequest(1, "X00000019", "430100", bytes(4), bytes.fromhex("8660010203040506"),
        ...                      "111111198101011110", "张三", "1", "01", "19810101", "20140801", "20240801")
        >>> line = next(order_lines([person], keys, transport))
        >>> card = VirtualCard.from_order(line, transport.material(), rng=rng)
        >>> roots = {usage: keys.get(usage).material() for usage in (KeyUsage.IRK, KeyUsage.RK_SSSE)}
        >>> psam = VirtualPSAM(roots, bytes.fromhex("430100000001"), rng=rng)
        >>> pad = FixedPinPad({PinPurpose.VERIFY: "123456"})
        >>> terminal = MedicalTerminal(card, psam, pad, host=None, profile=SAMPLE, rng=rng)
        >>> terminal.read_holder().masked_id, terminal.terminal_no
        ('111111********1110', '430100000001')
    """

    def __init__(
        self,
        card: CardChannel,
        psam: CardChannel,
        pin_pad: PinPad,
        host: HostLink,
        **options: Unpack[TerminalOptions],
    ) -> None:
        super().__init__(card, psam, pin_pad, **options)
        self._host = host
        self._holder: CardBasic | None = None

    def read_holder(self) -> CardBasic:
        """Let card and PSAM authenticate each other, then read issuer and holder data.

        Raises:
            InternalAuthFailed: the card is not genuine.
            UnexpectedStatus: card or PSAM refused a step; the step is named.
            CardLost: the card went away.
        """
        self._holder = None
        self._holder = self._read_authenticated()
        return self._holder

    def settle(self, bill: Bill) -> SettleReply:
        """Verify the holder's PIN and have the centre settle the bill.

        Raises:
            TerminalState: no card was read before.
            PinEntryFailed: the holder still uses the initial PIN (-35).
            PinWrong, PinLocked: wrong PIN; the centre was not asked.
            VisitEnded: cancelled or too slow; the centre was not asked.
            HostRefused: the centre said no, or its three parts do not add up to the bill.
        """
        holder = self._holder
        if holder is None:
            raise TerminalState(message("readers.card_first"), step="settle", term="未读卡")
        self._verify_pin(initial_allowed=False)
        request = SettleRequest(self.terminal_no, holder.card_no, holder.id_number, holder.name, bill)
        self._check("settle")
        with self._moving_money():
            reply = self._host.settle(request)
        if not reply.approved:
            raise HostRefused(message("readers.centre.refused", reason=reply.reason), step="settle", term="结算失败")
        parts = (reply.fund_fen, reply.account_fen, reply.cash_fen)
        if any(type(part) is not int or part < 0 for part in parts) or sum(parts) != bill.amount_fen:
            raise HostRefused(
                message("readers.centre.sum", settlement_no=reply.settlement_no),
                step="settle",
                term="结算金额不符",
            )
        self.show(f"结算成功,个人现金支付{reply.cash_fen // 100}.{reply.cash_fen % 100:02}元")
        return reply
