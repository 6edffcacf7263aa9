"""The house stays one that a newcomer finds through: few names at the root, each package in a floor, each name once."""

import ast
import tomllib
from collections import defaultdict
from pathlib import Path

from tests.rules.tree import ROOT, modules, parsed, sources

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FLOORS = next(
    [floor.split(" | ") for floor in contract["layers"]]
    for contract in PROJECT["tool"]["importlinter"]["contracts"]
    if contract.get("containers") == ["app"]
)
# What every floor may know, and what puts the parts together.
FILES = {"__main__", "main", "config", "actor", "permissions", "errors", "paging", "topics", "clock", "ids", "trace"}
MOST_NAMES = 34
# Names that stand twice in a floor. The lists only shrink.
SAME_FILES = {
    "audit", "datasets", "documents",  # a noun's routes and its tasks
    "queues", "schedules",  # what the queue does with them, and questions of people about them
    "sessions", "second_factor", "step_up", "throttle", "one_time_links", "api_tokens",  # each with its queries
}  # fmt: skip
SAME_CLASSES = {"Choice", "Line", "Overview", "Plan", "Problem"}


def test_the_root_of_the_app_holds_what_every_floor_may_know() -> None:
    assert {path.stem for path in modules("app")} == FILES
    packages = {path.parent.name for path in (ROOT / "app").glob("*/__init__.py")}
    assert len(FILES | packages) <= MOST_NAMES


def test_every_part_of_the_app_stands_in_one_floor() -> None:
    named = [part for floor in FLOORS for part in floor]
    there = FILES | {path.parent.name for path in (ROOT / "app").glob("*/__init__.py")}
    assert sorted(named) == sorted(there)


def test_no_two_modules_of_a_floor_share_a_name() -> None:
    found: set[str] = set()
    for floor in FLOORS:
        homes = defaultdict(set)
        for path in _of(floor):
            homes[path.stem].add(path)
        found |= {name for name, paths in homes.items() if len(paths) > 1}
    assert found == SAME_FILES


def test_no_two_classes_of_a_floor_share_a_name() -> None:
    found: set[str] = set()
    for floor in FLOORS:
        homes = defaultdict(set)
        for path in _of(floor):
            for node in parsed(path).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    homes[node.name].add(path)
        found |= {name for name, paths in homes.items() if len(paths) > 1}
    assert found == SAME_CLASSES


def _of(floor: list[str]) -> list[Path]:
    return [
        path
        for part in floor
        for path in sources(f"app/{part}.py" if part in FILES else f"app/{part}")
        if path.stem != "__init__"
    ]
