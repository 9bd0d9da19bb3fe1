"""Three registered officers with their key files, for the commands that draft and approve."""

from pathlib import Path

import pytest

from sbcard_core.officers import new_key

SECRET = "correct horse"


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``officers.toml`` beside ``li.pem``, ``wang.pem`` and ``zhang.pem``."""
    folder, rows = tmp_path_factory.mktemp("office"), []
    for officer, name in (("zhang", "张经办"), ("li", "李审核"), ("wang", "王复核")):
        private, public = new_key(SECRET)
        (folder / f"{officer}.pem").write_bytes(private)
        rows.append(f'[[officer]]\nid = "{officer}"\nname = "{name}"\npublic_key = """\n{public}"""\n')
    (folder / "officers.toml").write_text("\n".join(rows), "utf-8")
    return folder


@pytest.fixture(autouse=True)
def _at_the_office(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SBCARD_OFFICERS", str(office / "officers.toml"))
    monkeypatch.setenv("SBCARD_OFFICER_SECRET", SECRET)
