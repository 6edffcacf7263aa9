"""The page about security promises nothing without a test, and no file of attacks is forgotten there."""

import ast
import re
from pathlib import Path

import pytest

from tests.rules.tree import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (?!promise|---)(.+) \| (.+) \|$", PAGE, re.MULTILINE)
NAMED = re.compile(r"`(?:([\w/]+\.py))?(?:::(test_\w+))?`")


def named(tests: str) -> list[tuple[str, str]]:
    """File and test (or nothing: all of the file) of each name in a row; ``::test`` stands for the file before it."""
    found: list[tuple[str, str]] = []
    for file, test in NAMED.findall(tests):
        found.append((file or found[-1][0], test))
    return found


@pytest.mark.parametrize(("promise", "tests"), ROWS, ids=[promise[:60] for promise, _ in ROWS])
def test_every_promise_has_its_tests(promise: str, tests: str) -> None:
    if "python -m benchmarks security" in tests:
        return
    assert tests.count("`") == 2 * len(named(tests)) > 0, promise
    for file, test in named(tests):
        path = ROOT / "tests" / file
        assert path.is_file(), file
        assert not test or test in _functions(path), f"{file}::{test}"


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_file_of_attacks_is_on_the_page() -> None:
    files = {f"security/{path.name}" for path in (ROOT / "tests" / "security").glob("test_*.py")}
    assert len(ROWS) > 30
    assert files <= {file for _, tests in ROWS for file, _ in named(tests)}
