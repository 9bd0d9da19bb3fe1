"""Recompute a letter: each rule looks at every figure of its kind and knows no row by name.

A finding says what is printed, what it should be, how that was computed, and the
same in a Chinese and an English sentence. The rules and their order are :data:`RULES`;
adding one is one function and one line there.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction

from sbcard_core.bulletin import derived
from sbcard_core.bulletin.figures import UNKNOWN, Figure, Number, half_up, in_unit
from sbcard_core.bulletin.findings import AuditFinding
from sbcard_core.bulletin.letter import Letter
from sbcard_core.bulletin.rates import rates
from sbcard_core.values import Severity

Rule = Callable[[Letter], Iterator[AuditFinding]]


def audit(letter: Letter) -> list[AuditFinding]:
    """Apply every rule; errors first, then by the order of the rules.

    Example:
        >>> from sbcard_core.bulletin.letter import load
        >>> [f.code for f in audit(load()) if f.severity is Severity.ERROR]
        ['rate.of_another_row', 'shortfall.netted', 'month.wrong', 'date.impossible']
    """
    if not letter.printed():
        zh, en = "通报未载任何数字，无可核对", "the letter prints no figure: there is nothing to check"
        return [AuditFinding("letter.empty", Severity.NOTE, (), UNKNOWN, UNKNOWN, "", zh, en)]
    found = [finding for rule in RULES for finding in rule(letter)]
    return sorted(found, key=lambda finding: -finding.severity)


def netted_shortfall(letter: Letter) -> Iterator[AuditFinding]:
    """``shortfall.netted``: the stated gap is smaller than the gap of those who have one.

    Reported when the surplus is above zero for every value its rounding allows.
    """
    gap = derived.shortfall(letter)
    if gap is None or gap.surplus_bounds[0] <= 0:
        return
    n, rest = len(gap.finished), len(letter.members("cities")) - len(gap.finished)
    surplus, gross = half_up(gap.surplus, 0), half_up(gap.gross, 0)
    net, unit = gap.net.text, gap.net.unit
    low, high = (half_up(side, 0) for side in gap.gross_bounds)
    keys = (gap.net.key, *(f"{subject}.{m}" for subject in gap.finished for m in ("submitted", "annual_rate")))
    yield AuditFinding(
        "shortfall.netted",
        Severity.ERROR,
        keys,
        f"{net}{unit}",
        f"≈{gross}{unit}",
        f"{net} + Σ(已提交 − 已提交 ÷ 完成率) = {net} + {surplus}，取整误差内 {low}–{high}",
        f"还需{net}{unit}是净数：{n}个市州超额约{surplus}{unit}抵掉了其余{rest}个市州的缺口，实际缺口约{gross}{unit}",
        f"the {net} x 10,000 still needed is net: a surplus of about {surplus} in {n} cities is set off against "
        f"a real gap of about {gross} in the other {rest}",
    )


def netted_month(letter: Letter) -> Iterator[AuditFinding]:
    """``month.netted``: the total passes the month's target while members miss theirs."""
    total = letter.get("province.monthly_rate")
    if total is None or total.value is None or total.value < 100:
        return
    below = [f for f in letter.of_measure("monthly_rate", letter.members("cities")) if (f.value or 0) < 100]
    if below:
        names = "、".join(f"{letter.name(f.subject)}{f.text}%" for f in below)
        yield AuditFinding(
            "month.netted",
            Severity.WARNING,
            (total.key, *(f.key for f in below)),
            f"{total.text}%",
            f"{len(below)}个市未完成",
            f"合计 ≥ 100%，而 {names}",
            f"全省月任务完成{total.text}%只因超额市州抵补：{names}未完成",
            f"the total of {total.text}% of the month's target holds only by netting: {len(below)} cities miss theirs",
        )


def comparison_month(letter: Letter) -> Iterator[AuditFinding]:
    """``month.wrong``: an increase is counted against the month before the letter's, not any other."""
    year, month = (int(part) for part in letter.month.split("-"))
    before = f"{year - (month == 1)}-{(month + 10) % 12 + 1:02d}"
    for key, against in letter.compared_with.items():
        if against == before or key not in letter:
            continue
        name, increase = letter.name(letter[key].subject), letter[key]
        peers = [k for k, other in letter.compared_with.items() if other == before]
        yield AuditFinding(
            "month.wrong",
            Severity.ERROR,
            (key,),
            f"较{int(against[-2:])}月份",
            f"较{int(before[-2:])}月份",
            f"通报月份 {letter.month} 的上月 = {before}；同句另{len(peers)}项均较{int(before[-2:])}月份",
            f"{name}新增{increase.text}{increase.unit}写作较{int(against[-2:])}月份，应为较{int(before[-2:])}月份",
            f"{key}: the increase is said to be against {against}, the month before is {before}",
        )


def impossible_dates(letter: Letter) -> Iterator[AuditFinding]:
    """``date.impossible``: a date earlier than one it cannot come before."""
    for named in letter.dates.values():
        later = [letter.dates[key] for key in named.not_before if named.value < letter.dates[key].value]
        for other in later:
            yield AuditFinding(
                "date.impossible",
                Severity.ERROR,
                (f"date.{named.key}", f"date.{other.key}"),
                f"{named.value:%Y-%m-%d}",
                f"≥ {other.value:%Y-%m-%d}",
                f"早 {(other.value - named.value).days} 天",
                f"{named.place}早于{other.place}，不可能",
                f"date {named.key!r} ({named.value}) is {(other.value - named.value).days} days before {other.key!r}"
                f" ({other.value})",
            )


def lists(letter: Letter) -> Iterator[AuditFinding]:
    """``order.unsorted``, ``count.differs``, ``list.claim``: what a sentence claims of the subjects it lists."""
    for named in letter.lists:
        figures = [letter[f"{member}.{named.measure}"] for member in named.members]
        values: list[Number] = [f.value or 0 for f in figures]
        down, keys = sorted(figures, key=lambda figure: -figure.exact), tuple(f.key for f in figures)
        shown = "、".join(f.text for f in figures)
        order = [figure.exact for figure in figures]
        if named.ranked and order not in (sorted(order), sorted(order, reverse=True)):
            better = "、".join(figure.text for figure in down)
            zh = f"{named.place}列举未按大小排列：{shown}"
            en = f"the list {named.key!r} is not in order of size"
            yield AuditFinding("order.unsorted", Severity.NOTE, keys, shown, better, "按数值从大到小", zh, en)
        stated = letter.get(named.stated)
        if stated is not None and stated.value != len(figures):
            zh = f"{named.place}称{stated.text}个，实列{len(figures)}个"
            en = f"the list {named.key!r} is said to have {stated.text} members and has {len(figures)}"
            keys = (stated.key, *keys)
            yield AuditFinding(
                "count.differs", Severity.ERROR, keys, stated.text, str(len(figures)), "逐个点数", zh, en
            )
        for figure, value in zip(figures, values, strict=True):
            if named.at_least is not None and value < named.at_least:
                yield _claim(letter, figure, f"≥ {named.at_least}%")
            if named.below is not None and value >= named.below:
                yield _claim(letter, figure, f"< {named.below}%")


def _claim(letter: Letter, figure: Figure, wanted: str) -> AuditFinding:
    zh = f"{letter.name(figure.subject)}{figure.text}%，与所在列举的条件({wanted})不符"
    en = f"{figure.key} = {figure.text}% does not meet what its list says ({wanted})"
    return AuditFinding("list.claim", Severity.ERROR, (figure.key,), f"{figure.text}%", wanted, "逐项核对", zh, en)


def city_totals(letter: Letter) -> Iterator[AuditFinding]:
    """``total.differs``: the cities must add up to what was submitted.

    Imposed figures are included, so a wrong split of the unprinted rest shows here too.
    """
    total = letter.get("province.submitted")
    parts = [derived.submitted(letter, city) for city in letter.members("cities")]
    if total is None:
        yield from _no_total("province.submitted", len([part for part in parts if part]), "市州", "cities")
        return
    found = [part for part in parts if part is not None and part.base == total.base]
    exact = sum((part.exact for part in found), Fraction(0))
    if exact <= total.exact and (len(found) < len(parts) or exact == total.exact):
        return
    known = in_unit(exact, total)
    zh = f"全省上报{total.text}{total.unit}，各市州之和为{known}{total.unit}"
    en = f"{total.text} submitted in total, the cities add up to {known}"
    keys = (total.key, *(part.key for part in found))
    how = f"{len(found)}个市州已提交数之和"
    shown, better = f"{total.text}{total.unit}", f"{known}{total.unit}"
    yield AuditFinding("total.differs", Severity.ERROR, keys, shown, better, how, zh, en)


def bank_totals(letter: Letter) -> Iterator[AuditFinding]:
    """``total.gap``: what the named banks received against what was submitted; more than submitted is an error."""
    total = letter.get("province.submitted")
    received = letter.of_measure("received", letter.members("banks"))
    if total is None:
        yield from _no_total("province.submitted", len(received), "银行", "banks")
        return
    received = tuple(f for f in received if f.base == total.base)
    exact = sum((f.exact for f in received), Fraction(0))
    gap = total.exact - exact
    if not received or gap == 0:
        return
    taken, left = in_unit(exact, total), in_unit(gap, total)
    zh = f"上报{total.text}{total.unit}，{len(received)}家银行接收{taken}{total.unit}"
    zh += "，接收多于上报" if gap < 0 else f"：{left}{total.unit}的去向原文未说明"
    en = f"{total.text} submitted, {taken} received by the named banks: "
    en += "more than was submitted" if gap < 0 else f"{left} not accounted for"
    severity = Severity.ERROR if gap < 0 else Severity.WARNING
    keys = (total.key, *(f.key for f in received))
    how = " + ".join(f.text for f in received)
    shown, better = f"{total.text}{total.unit}", f"{taken}{total.unit}"
    yield AuditFinding("total.gap", severity, keys, shown, better, how, zh, en)


def _no_total(key: str, parts: int, zh: str, en: str) -> Iterator[AuditFinding]:
    """``total.absent``: parts are printed and the total they should add up to is not."""
    if parts:
        text = f"通报列出{parts}个{zh}的数，而未载全省上报数，无法核对合计"
        english = f"{parts} {en} have figures and the letter gives no {key}: their sum cannot be checked"
        yield AuditFinding("total.absent", Severity.NOTE, (key,), UNKNOWN, UNKNOWN, "", text, english)


def increases(letter: Letter) -> Iterator[AuditFinding]:
    """``added.too_large``: nobody adds more in a month than they have altogether."""
    for added in letter.of_measure("added", letter.members("cities")):
        stock = derived.submitted(letter, added.subject)
        if stock is not None and stock.base == added.base and added.exact > stock.exact:
            zh = f"{letter.name(added.subject)}本月新增{added.text}{added.unit}，多于累计{stock.text}{stock.unit}"
            en = f"{added.key} = {added.text} is more than the stock of {stock.text}"
            keys = (added.key, stock.key)
            yield AuditFinding(
                "added.too_large", Severity.ERROR, keys, added.text, f"≤ {stock.text}", "累计提交数", zh, en
            )


def silent_subjects(letter: Letter) -> Iterator[AuditFinding]:
    """``subject.unmentioned``: a member of the group without one printed figure."""
    for city in letter.members("cities"):
        if not any(figure.subject == city for figure in letter.printed()):
            name = letter.name(city)
            zh = f"{name}全文未提及：既不在已完成年任务之列，也不在未完成月任务之列"
            en = f"{city} is nowhere mentioned: neither among the finished nor among those behind"
            yield AuditFinding(
                "subject.unmentioned", Severity.NOTE, (f"{city}.submitted",), "无", "—", "逐市州点检", zh, en
            )


RULES: tuple[Rule, ...] = (
    rates,
    netted_shortfall,
    comparison_month,
    impossible_dates,
    netted_month,
    city_totals,
    bank_totals,
    increases,
    lists,
    silent_subjects,
)
