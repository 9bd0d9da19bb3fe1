"""The receipt of a payment, as it stands after refunds (缴费凭证)."""

from collections.abc import Mapping

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.ledger.transfers import is_id
from sbcard_core.messages import message
from sbcard_core.premiums.posting import RateKey, figures, moment
from sbcard_core.premiums.records import Channel, Receipt
from sbcard_core.premiums.tariff import Rate
from sbcard_core.store import schema
from sbcard_core.values import mask_id


def read(connection: sa.Connection, rates: Mapping[RateKey, Rate], payment_id: str) -> Receipt:
    """The receipt of a payment that was taken.

    Raises:
        InvalidValue: no such payment.
    """
    paid, bill = schema.premium_payment, schema.premium_bill
    wanted = sa.select(paid, bill).join(bill, bill.c.bill_no == paid.c.bill_no)
    wanted = wanted.where(paid.c.payment_id == (payment_id if is_id(payment_id) else ""))
    row = connection.execute(wanted).mappings().one_or_none()
    if row is None:
        raise InvalidValue(message("premiums.no_payment"), step="premiums.receipt", term="缴费凭证")
    rate = rates.get((row["insurance"], row["category"], row["rate_since"]))
    return Receipt(
        row["payment_id"],
        row["bill_no"],
        row["name"],
        mask_id(row["id_number"]),
        rate.name_zh if rate else row["insurance"],
        row["period"],
        row["amount_fen"],
        sum(figures(row["refunded"])),
        Channel(row["channel"]),
        row["agent"],
        moment(row["at"]),
        row["card_no"] or "",
    )
