"""The product's own source, parsed: what the rules look at."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("app", "pages", "components", "migrations")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*places: str, suffixes: tuple[str, ...] = (".py",)) -> list[Path]:
    """Every file with one of the suffixes, in the folders (or being the files) named, relative to the repository."""
    found: list[Path] = []
    for place in places:
        path = ROOT / place
        found += [path] if path.is_file() else [one for one in path.rglob("*") if one.suffix in suffixes]
    return sorted(path.relative_to(ROOT) for path in found if "__pycache__" not in path.parts)


def modules(folder: str) -> list[Path]:
    """The modules right in a folder, without its ``__init__``."""
    return [path for path in sources(folder) if path.parent == Path(folder) and path.stem != "__init__"]


def verbs() -> list[Path]:
    """The modules of verbs: the services, and authentication."""
    return [*modules("app/services"), *modules("app/authentication")]


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file, relative to the repository."""
    return ast.parse(read(path), filename=str(path))


def read(path: Path) -> str:
    """A file's text."""
    return (ROOT / path).read_text(encoding="utf-8")


def public_functions(path: Path) -> list[Function]:
    """The public functions at the top of a module."""
    return [node for node in parsed(path).body if isinstance(node, Function) and not node.name.startswith("_")]


def first_parameter(function: Function) -> str | None:
    """The name of a function's first parameter, or None."""
    positional = [*function.args.posonlyargs, *function.args.args]
    return positional[0].arg if positional else None


def imports(path: Path) -> Iterator[str]:
    """Every name that a file imports, absolute and dotted: ``sqlalchemy.text`` for ``from sqlalchemy import text``."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(package: str, *places: str) -> set[str]:
    """Which files import a package or a part of it."""
    return {
        str(path)
        for path in sources(*places)
        if any(name == package or name.startswith(package + ".") for name in imports(path))
    }


def strings(path: Path) -> Iterator[str]:
    """Every piece of text in a file."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a file with its name as written: ``ui.html``, ``run_javascript``."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def members_used(enum: str, *places: str) -> set[str]:
    """The members of an enum that files name: ``RETRY`` for ``Permission.RETRY``."""
    return {
        node.attr
        for path in sources(*places)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).split(".")[-1] == enum
    }


def at(path: Path, node: ast.expr | ast.stmt) -> str:
    """Where something stands, for a failure's message."""
    return f"{path}:{node.lineno}"
