"""The bulletin as one self-contained HTML page: no script, no outside file, printable on A4."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sbcard_core.bulletin import charts
from sbcard_core.bulletin.findings import SEVERITY_ZH
from sbcard_core.bulletin.model import ORIGIN_WORDS, Bulletin
from sbcard_core.files import new_file


def render(bulletin: Bulletin) -> str:
    """The page as text; the same bulletin always gives the same text."""
    environment = Environment(
        loader=PackageLoader("sbcard_core.bulletin"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("bulletin.html.j2").render(
        b=bulletin,
        words=ORIGIN_WORDS,
        severity=SEVERITY_ZH,
        completion=Markup(charts.completion(bulletin.annex1)),  # noqa: S704  (charts escapes every text)
        funnel=Markup(charts.funnel(bulletin.annex2)),  # noqa: S704
    )


def write_html(path: Path, bulletin: Bulletin) -> None:
    """Write the page (UTF-8, LF).

    Raises:
        FileRefused: there is such a file already.
        OSError: the path cannot be written.
    """
    with new_file(path) as file:
        file.write(render(bulletin).encode("utf-8"))
