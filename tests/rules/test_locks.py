"""Installing resolves nothing: both locks are complete, and later releases of what they name change nothing."""

import re
import shlex
import subprocess
import sys
import zipfile
from hashlib import sha256
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.rules.test_promises import PROJECT
from tests.rules.tree import ROOT

GROUPS = {"requirements.lock": ("build",), "requirements-dev.lock": ("build", "dev")}
PIN = re.compile(r"([\w.-]+)==(\S+)( ; (?P<marker>[^\\]+?))?(?P<hashes>( \\\n    --hash=sha256:[0-9a-f]{64})+)\n")


@pytest.mark.parametrize("name", GROUPS)
def test_every_line_of_a_lock_names_one_version_and_its_hashes(name: str) -> None:
    comments = re.compile(r"^#.*\n", re.MULTILINE)
    assert PIN.sub("", comments.sub("", (ROOT / name).read_text(encoding="utf-8"))) == ""


@pytest.mark.parametrize("name", GROUPS)
def test_a_lock_holds_all_that_it_leads_to_in_versions_that_fit(name: str) -> None:
    """As ``pip check`` would say after installing it alone, and that every name there comes from the lock."""
    pins, installed = _pins(name), {canonicalize_name(one.name): one for one in distributions()}
    groups = [line for group in GROUPS[name] for line in PROJECT["dependency-groups"][group]]
    wanted = [(Requirement(line), "pyproject.toml") for line in [*PROJECT["project"]["dependencies"], *groups]]
    seen = set()
    while wanted:
        one, by = wanted.pop()
        key = canonicalize_name(one.name)
        assert key in pins, f"{by} needs {one}, which {name} does not name. Run: make lock"
        assert one.specifier.contains(pins[key], prereleases=True), f"{by} needs {one}, not {pins[key]}"
        for extra in ("", *one.extras):
            if (key, extra) not in seen:
                seen.add((key, extra))
                wanted += [(needed, key) for needed in _needs(installed[key], extra)]
    assert {key for key, _ in seen} == set(pins), f"{name} names what nothing needs. Run: make lock"


def _pins(name: str) -> dict[str, str]:
    """What a lock names for this Python on this machine."""
    text = (ROOT / name).read_text(encoding="utf-8")
    lines = [Requirement(f"{pin[1]}=={pin[2]}; {pin['marker'] or ''}".rstrip("; ")) for pin in PIN.finditer(text)]
    return {
        canonicalize_name(line.name): next(iter(line.specifier)).version
        for line in lines
        if line.marker is None or line.marker.evaluate()
    }


def _needs(one: Distribution, extra: str) -> list[Requirement]:
    requirements = [Requirement(line) for line in one.requires or ()]
    return [line for line in requirements if line.marker is None or line.marker.evaluate({"extra": extra})]


def test_what_is_installed_fits_together() -> None:
    check = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr


@pytest.mark.parametrize(("target", "lock"), [("runtime", "requirements.lock"), ("dev", "requirements-dev.lock")])
def test_a_release_made_after_the_lock_changes_nothing(tmp_path: Path, target: str, lock: str) -> None:
    """A needs B with an extra; B 1 is locked, and B 2 is offered by now, too."""
    offered = tmp_path / "offered"
    offered.mkdir()
    locked = [_wheel(offered, "toy-a", "1", "toy-b[x]"), _wheel(offered, "toy-b", "1", 'toy-c; extra == "x"')]
    locked.append(_wheel(offered, "toy-c", "1"))
    _wheel(offered, "toy-b", "2", 'toy-c; extra == "x"')
    (tmp_path / lock).write_text("".join(locked), encoding="utf-8")

    line = _installs(tmp_path, target, lock)
    assert _run(tmp_path, line).returncode == 0
    assert {path.name for path in (tmp_path / "installed").glob("*.dist-info")} == {
        "toy_a-1.dist-info",
        "toy_b-1.dist-info",
        "toy_c-1.dist-info",
    }
    resolving = _run(tmp_path, line.replace("--no-deps ", ""))
    assert resolving.returncode != 0, "These wheels would show nothing: pip does not mind the later release."
    assert "hash" in (resolving.stdout + resolving.stderr).lower()


def _installs(folder: Path, target: str, lock: str) -> str:
    """The line with which the Makefile installs a lock: what it would run where nothing is installed yet."""
    (folder / "pyproject.toml").touch()
    shown = _run(folder, f"make --no-print-directory --dry-run --file {shlex.quote(str(ROOT / 'Makefile'))} {target}")
    lines = [part.strip() for part in shown.stdout.replace("\\\n", " ").split("&&")]
    (found,) = [line for line in lines if " install " in line and line.endswith(f"-r {lock}")]
    return found


def _run(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """The line in a folder whose environment is this Python's, from wheels in the folder alone."""
    python = folder / ".venv/bin/python"
    if not python.exists():
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n', encoding="utf-8")
        python.chmod(0o755)
    settings = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "offered",
        "PIP_TARGET": "installed",
        "PIP_CONFIG_FILE": "/dev/null",
    }
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(
        ["sh", "-c", line], cwd=folder, env=path | settings, capture_output=True, text=True, check=False
    )


def _wheel(folder: Path, name: str, version: str, *needs: str) -> str:
    """Make an empty wheel; what a lock says of it."""
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{stem}-py3-none-any.whl"
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: x\n"
        + "".join(f"Requires-Dist: {one}\n" for one in needs),
        "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{stem}.dist-info/{one},,\n" for one in (*files, "RECORD"))
    with zipfile.ZipFile(path, "w") as wheel:
        for one, text in {**files, "RECORD": record}.items():
            wheel.writestr(f"{stem}.dist-info/{one}", text)
    return f"{name}=={version} \\\n    --hash=sha256:{sha256(path.read_bytes()).hexdigest()}\n"
