"""The one root of every error the library raises.

An error says four things: what failed, at which step, the Chinese term a clerk
knows it by, and what to do next. None of them ever carries a key, a PIN or a
full citizen number.
"""


class SBCardError(Exception):
    """Root of all errors of ``sbcard_core``, ``apdu`` and ``readers``.

    Args:
        what: what failed, one English sentence without the final stop.
        step: where it failed, e.g. ``"openings.read_result"``.
        advice: what to do next.
        term: the Chinese term, e.g. ``"开户结果文件"``.

    Example:
        >>> print(SBCardError("batch total differs", step="payout", term="批次合计", advice="ask for a new file"))
        batch total differs (批次合计) [payout]; ask for a new file
    """

    def __init__(self, what: str, *, step: str = "", advice: str = "", term: str = "") -> None:
        self.what = what
        self.step = step
        self.advice = advice
        self.term = term
        text = what
        if term:
            text += f" ({term})"
        if step:
            text += f" [{step}]"
        if advice:
            text += f"; {advice}"
        super().__init__(text)


class InvalidValue(SBCardError, ValueError):
    """A value no caller may pass: wrong length, wrong characters, out of range."""


class MissingPart(SBCardError, ImportError):
    """An optional part (an extra, a service, the built extension) is not there; the advice names it."""


class Refused(SBCardError):
    """A whole request is refused and nothing has been changed."""
