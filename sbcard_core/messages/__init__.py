"""Catalogue of the sentences users read, by code, in Chinese and English.

A sentence stands once, in ``sbcard_core/messages/<area>.toml``; its code begins with the area::

    ["files.is_input"]
    zh = "{path}是本次命令的输入文件，不能作为输出"
    en = "{path} is an input of this command and can't be its output"
    advice_zh = "请换一个输出路径"
    advice_en = "name another output"

Both languages have the same placeholders. An area is read when one of its sentences is first rendered.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

Language = Literal["zh", "en"]

_FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Sentence:
    """One entry of the catalogue, with ``{placeholders}``; the advice says what to do next and may be empty."""

    zh: str
    en: str
    advice_zh: str = ""
    advice_en: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A code of the catalogue with its parameters, rendered when somebody reads it.

    Parameters are shown as they are: mask citizen numbers and accounts before they are passed.

    Example:
        >>> found = message("values.choice", field="--lang", found="fr", allowed="zh, en")
        >>> found.en
        '--lang: fr is not one of zh, en'
        >>> print(found.zh)
        --lang：fr 不是允许的值（zh, en）
    """

    code: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def zh(self) -> str:
        """The sentence in Chinese."""
        return self._fill(_sentence(self.code).zh, "zh")

    @property
    def en(self) -> str:
        """The sentence in English."""
        return self._fill(_sentence(self.code).en, "en")

    @property
    def advice_zh(self) -> str:
        """What to do next, in Chinese; may be empty."""
        return self._fill(_sentence(self.code).advice_zh, "zh")

    @property
    def advice_en(self) -> str:
        """What to do next, in English; may be empty."""
        return self._fill(_sentence(self.code).advice_en, "en")

    @property
    def advice(self) -> str:
        """What to do next, in the language in use."""
        return self.advice_zh if language() == "zh" else self.advice_en

    def __str__(self) -> str:
        return self.zh if language() == "zh" else self.en

    def _fill(self, template: str, wanted: Language) -> str:
        return template.format_map(_Shown(self.parameters, wanted))


class _Shown(dict[str, Any]):
    """Parameters as they are printed; one that is absent stays visible instead of hiding the error it is part of.

    A message, or a tuple of them or of other texts that have both languages, is shown in the language of the whole.
    """

    def __init__(self, parameters: Mapping[str, Any], wanted: Language) -> None:
        super().__init__(parameters)
        self._wanted = wanted

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if isinstance(value, Message):
            value = (value,)
        if isinstance(value, tuple) and all(hasattr(one, "zh") and hasattr(one, "en") for one in value):
            return "；".join(one.zh for one in value) if self._wanted == "zh" else "; ".join(one.en for one in value)
        return printable(value) if isinstance(value, str) else value

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def message(code: str, /, **parameters: Any) -> Message:
    """A sentence of the catalogue by its code, to be given to an error or printed."""
    return Message(code, parameters)


def printable(text: str) -> str:
    r"""Escape control, format and surrogate characters, so that a file's content can't steer a terminal.

    Example:
        >>> print(printable("\x1b[31m张三\u202e\n"))
        \x1b[31m张三\u202e\n
    """
    if text.isprintable():
        return text
    shown = (mark if mark.isprintable() or mark == "\u3000" else ascii(mark)[1:-1] for mark in text)
    return "".join(shown)


_chosen: Language | None = None


def language() -> Language:
    """The language in use: the one chosen by :func:`use`, else ``SBCARD_LANG``, else English."""
    if _chosen is not None:
        return _chosen
    return "zh" if os.environ.get("SBCARD_LANG", "").lower().startswith("zh") else "en"


def use(chosen: Language | None) -> None:
    """Choose the language of this process; None goes back to the environment's."""
    global _chosen  # noqa: PLW0603 - one language a process, as a locale is
    _chosen = chosen


def catalogue() -> Iterator[tuple[str, Sentence]]:
    """Every code with its sentence, by area and code, for documentation and tests."""
    for path in sorted(_FOLDER.glob("*.toml")):
        yield from sorted(_area(path.stem).items())


def _sentence(code: str) -> Sentence:
    area = _area(code.partition(".")[0])
    return area[code]


@cache
def _area(name: str) -> dict[str, Sentence]:
    rows = tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return {code: Sentence(**row) for code, row in rows.items()}
