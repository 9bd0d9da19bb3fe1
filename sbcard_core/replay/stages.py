"""The stages of a campaign in their order: who acts, what it makes, and the function that does it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sbcard_core.replay import book_stages as book
from sbcard_core.replay import enrol_stages as enrol
from sbcard_core.replay import issue_stages as issue
from sbcard_core.replay import pay_stages as pay
from sbcard_core.replay import proof, publish
from sbcard_core.replay import use_stages as use
from sbcard_core.replay.context import Context


def _people(context: Context) -> int:
    return context.campaign.population.size


def _unknown(_: Context) -> int:
    return 0


@dataclass(frozen=True)
class Stage:
    """One stage: a function of the files and rows before it.

    Args:
        name: for ``--stage``.
        zh: what the progress bar says.
        run: does it, and yields how many items it has done since the last time.
        makes: directories and files below the campaign's root that are this stage's own.
        total: how many items are expected, 0 = unknown.
    """

    name: str
    zh: str
    run: Callable[[Context], Iterator[int]]
    makes: tuple[str, ...] = ()
    total: Callable[[Context], int] = _unknown


STAGES = (
    Stage("collection", "各市州采集上报", enrol.collect, ("collected", "planted"), _people),
    Stage("validation", "校验入库退回", enrol.validate, ("kickback", "quarantine"), _people),
    Stage("openings", "送银行开户", enrol.send_openings, ("banks/requests",)),
    Stage("bank-answers", "银行开户回盘", enrol.answer_openings, ("banks/results",), _people),
    Stage("accounts", "读入开户结果", enrol.read_openings, (), _people),
    Stage("production", "制卡下单", enrol.order_cards, ("factory/orders",)),
    Stage("factory", "卡厂制卡", enrol.make_cards, ("factory/back",), lambda c: c.campaign.made),
    Stage("back-files", "读入制卡回盘", enrol.read_back_files, (), lambda c: c.campaign.made),
    Stage("issuing", "发卡启用", issue.issue_cards),
    Stage("losses", "挂失", issue.lose_cards),
    Stage("replacements", "补卡", issue.replace_cards, ("factory/replacement-orders", "factory/replacement-back")),
    Stage("terminals", "就医购药", use.visit_terminals, ("terminals",)),
    Stage("rolls", "编制发放名册", pay.write_rolls, ("rolls",)),
    Stage("payouts", "代发送盘", pay.send_payouts, ("payouts/requests",)),
    Stage("payout-answers", "代发回盘", pay.answer_payouts, ("payouts/results",)),
    Stage("repayments", "退票重发", pay.repay_returned, ("payouts/again-requests",)),
    Stage("repayment-answers", "重发回盘", pay.answer_again, ("payouts/again-results",)),
    Stage("repaid", "读入重发结果", pay.read_repaid),
    Stage("statements", "对方对账单", book.write_statements, ("statements", f"planted/{book.PLANTED_DIFFERENCES}")),
    Stage("clearing", "脱机消费清算", book.clear_journals),
    Stage("reconciliation", "双方对账", book.reconcile_books),
    Stage("proof", "逐项核对", proof.write, (proof.FILE,)),
    Stage("bulletin", "月度通报", publish.publish, ("bulletin.html", "bulletin.xlsx")),
)
