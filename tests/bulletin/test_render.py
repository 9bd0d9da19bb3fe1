"""A real browser draws the page: nothing spills, and no Chinese character is a box."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from sbcard_core.bulletin.report import Bulletin, render

LAYOUT = """<script>
addEventListener("load", () => {
  const box = e => e.getBoundingClientRect(), out = [];
  for (const svg of document.querySelectorAll("svg.chart")) {
    const texts = [...svg.querySelectorAll("text")], frame = box(svg);
    texts.forEach((a, i) => {
      const p = box(a);
      if (p.left < frame.left - 1 || p.right > frame.right + 1) out.push("outside: " + a.textContent);
      for (const b of texts.slice(i + 1)) {
        const q = box(b), x = Math.min(p.right, q.right) - Math.max(p.left, q.left);
        const y = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
        if (x > 1 && y > 6) out.push("overlap: " + a.textContent + " / " + b.textContent);
      }
    });
  }
  if (document.documentElement.scrollWidth > innerWidth) out.push("wider than the window");
  const bars = document.querySelectorAll("svg.chart rect").length;
  const edges = {};
  for (const f of document.querySelectorAll("table.annex tr > td:nth-child(5) > data"))
    edges[Math.round(box(f).right)] = 1;
  const columns = Object.keys(edges).length;
  document.documentElement.innerHTML = "<body>" + JSON.stringify({ out, bars, columns });
});
</script>"""


GLYPHS = """<script>
addEventListener("load", () => {
  const ink = c => {
    const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
    canvas.width = canvas.height = 40;
    pen.font = "32px " + getComputedStyle(document.body).fontFamily;
    pen.fillText(c, 2, 32);
    return canvas.toDataURL();
  };
  const none = ink("\\u{10FFFD}");
  const seen = [...new Set(document.body.innerText)].filter(c => c.codePointAt(0) > 0x7F && c.trim());
  const boxes = seen.filter(c => ink(c) === none).join("");
  document.documentElement.innerHTML = "<body>" + JSON.stringify({ boxes, many: seen.length > 100 });
});
</script>"""

RealPart = Callable[[str, bool, str], None]


def drawn(bulletin: Bulletin, probe: str, folder: Path, real_part: RealPart) -> str:
    """The JSON the probe leaves behind after Chromium has laid the page out."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    real_part("Chromium", browser is not None, "apt install chromium")
    assert browser is not None
    page = folder / "page.html"
    page.write_text(render(bulletin).replace("</body>", probe + "</body>"), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={folder / 'profile'}", "--window-size=1280,1600", "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, timeout=300, check=True).stdout.decode("utf-8")
    found = re.search(r"<body>(\{.*\})", dom)
    assert found is not None, dom[-500:]
    return found[1]


def test_no_label_overlaps_and_numbers_stand_in_line(bulletin: Bulletin, tmp_path: Path, real_part: RealPart) -> None:
    bars = len(bulletin.annex1.rows) + 3 * len(bulletin.annex2.rows)
    # One right edge for the fifth column of each of the two annexes.
    assert drawn(bulletin, LAYOUT, tmp_path, real_part) == f'{{"out":[],"bars":{bars},"columns":2}}'


def test_no_character_is_drawn_as_a_box(bulletin: Bulletin, tmp_path: Path, real_part: RealPart) -> None:
    fonts = shutil.which("fc-list")
    listed = fonts and subprocess.run([fonts, ":lang=zh-cn"], capture_output=True, timeout=300, check=True).stdout
    real_part("a Chinese font", bool(listed), "apt install fonts-wqy-microhei")
    assert drawn(bulletin, GLYPHS, tmp_path, real_part) == '{"boxes":"","many":true}'
