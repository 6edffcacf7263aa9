"""Two uploads that tidy up at the same moment do not disturb each other."""

import os
from pathlib import Path

import pytest

from app.services import uploads
from app.storage.uploads import Store
from tests.factories import body
from tests.people import Company


async def test_a_leftover_that_another_upload_removed_meanwhile_is_no_error(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, 1_000)
    names = ("a.part", "b.part", "c.json")
    for name in names:
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (0, 0))
    genuine = Path.stat

    def stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.name == "b.part":
            path.unlink(missing_ok=True)  # the other upload was here first
        return genuine(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", stat)
    kept = await uploads.receive(company.ann, store, "x.csv", None, body(b"x"))
    assert {path.name for path in store.folder.iterdir()} == {f"{kept.id}.data", f"{kept.id}.json"}
