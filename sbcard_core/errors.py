"""The one root of every error the library raises.

An error says four things: what failed, at which step, the Chinese term a clerk
knows it by, and what to do next. None of them ever carries a key, a PIN or a
full citizen number. Sentences of the catalogue are rendered when somebody reads them.
"""

from sbcard_core.messages import Language, Message, language


class SBCardError(Exception):
    """Root of all errors of ``sbcard_core``, ``apdu`` and ``readers``.

    Args:
        what: what failed: a sentence of the catalogue (:func:`sbcard_core.messages.message`), or English without the
            final stop.
        step: where it failed, e.g. ``"openings.read_result"``.
        advice: what to do next; by default that of the catalogue.
        term: the Chinese term, e.g. ``"开户结果文件"``.

    Example:
        >>> print(SBCardError("batch total differs", step="payout", term="批次合计", advice="ask for a new file"))
        batch total differs (批次合计) [payout]; ask for a new file
        >>> from sbcard_core.messages import message
        >>> error = SBCardError(message("values.amount"), step="values.parse_yuan")
        >>> print(error)
        not an amount in yuan [values.parse_yuan]; write it as 1234.56
        >>> print(error.in_language("zh"))
        金额写法不对 [values.parse_yuan]；请写成 1234.56
    """

    def __init__(self, what: str | Message, *, step: str = "", advice: str | Message = "", term: str = "") -> None:
        self._what = what
        self._advice = advice
        self.step = step
        self.term = term
        super().__init__(what)

    @property
    def message(self) -> Message | None:
        """The catalogue's code with its parameters; None for plain text."""
        return self._what if isinstance(self._what, Message) else None

    @property
    def what(self) -> str:
        """What failed, in the language in use."""
        return str(self._what)

    @property
    def advice(self) -> str:
        """What to do next, in the language in use; may be empty."""
        return str(self._advice) or (self._what.advice if isinstance(self._what, Message) else "")

    def in_language(self, wanted: Language) -> str:
        """The whole error as one line in a language; plain text stays as it was written."""
        what, advice = self._what, self._advice
        chinese = wanted == "zh"
        if isinstance(advice, Message):
            advice = advice.zh if chinese else advice.en
        if isinstance(what, Message):
            advice = advice or (what.advice_zh if chinese else what.advice_en)
            text = what.zh if chinese else what.en
        else:
            text = what
        if self.term and not (chinese and isinstance(what, Message)):
            text += f" ({self.term})"
        if self.step:
            text += f" [{self.step}]"
        if advice:
            text += f"{'；' if chinese else ';'}{'' if chinese else ' '}{advice}"
        return text

    def __str__(self) -> str:
        return self.in_language(language())


class InvalidValue(SBCardError, ValueError):
    """A value no caller may pass: wrong length, wrong characters, out of range."""


class MissingPart(SBCardError, ImportError):
    """An optional part (an extra, a service, the built extension) is not there; the advice names it."""


class Refused(SBCardError):
    """A whole request is refused and nothing has been changed."""
