"""What must not stand in the source: markup from data, raw colours, places of one machine, endless files."""

import ast
import re
from pathlib import Path

import pytest

from components import assets
from tests.rules.tree import PRODUCT, ROOT, at, calls, parsed, read, sources, strings

DRAWN = ("pages", "components")
MOST_LINES = 400
TEXT = (".py", ".js", ".css", ".md", ".toml", ".yaml", ".yml", ".html", ".svg", ".ini", ".txt", ".lock")
# Put together here, so that this file does not find itself.
PLACES = ["/" + "work/", "/" + "root/", "/" + "home/", "/opt/" + "wheels", "py" + "pi.org", "python" + "hosted.org"]
COLOUR = re.compile(
    r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})\b|\b(?:rgb|hsl|oklch|oklab|lab|lch)a?\(", re.IGNORECASE
)
SCROLLER = re.compile(r"([^{}]+)\{([^{}]*overflow(?:-[xy])?:\s*(?:auto|scroll)[^{}]*)\}")
MARKUP_IN_SCRIPTS = re.compile(r"v-html|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")


def test_screens_and_components_exist() -> None:
    assert sources("components")
    assert sources("components", suffixes=(".js",))


@pytest.mark.parametrize("path", sources(*DRAWN), ids=str)
def test_no_markup_or_script_is_made_from_data(path: Path) -> None:
    wrong = [at(path, call) for name, call in calls(path) if _is_dangerous(name, call)]
    wrong += [str(path) for text in strings(path) if "options-html" in text]
    assert not wrong, f"Data would run in people's browsers: {wrong}"


def _is_dangerous(name: str, call: ast.Call) -> bool:
    last = name.rsplit(".", maxsplit=1)[-1]
    if name in {"ui.html", "ui.markdown", "html", "markdown"} or last in {"add_body_html", "Html", "Markdown"}:
        return True
    if last == "run_javascript" and not (call.args and isinstance(call.args[0], ast.Constant)):
        return True
    return any(word.arg == "html" and ast.unparse(word.value) != "False" for word in call.keywords)


@pytest.mark.parametrize("path", sources(*DRAWN, suffixes=(".js",)), ids=str)
def test_no_script_writes_markup(path: Path) -> None:
    found = MARKUP_IN_SCRIPTS.findall(read(path))
    assert not found


@pytest.mark.parametrize("path", sources(*DRAWN), ids=str)
def test_what_a_browser_sends_is_read_in_one_place(path: Path) -> None:
    attributes = (node for node in ast.walk(ast.parse(read(path))) if isinstance(node, ast.Attribute))
    wrong = [at(path, node) for node in attributes if node.attr == "args"]
    assert not wrong or path.name == "wire.py", f"Hand the handler to components.page.wire.taking: {wrong}"


@pytest.mark.parametrize("path", sources(*DRAWN, suffixes=(".py", ".js", ".css")), ids=str)
def test_colours_stand_only_in_the_theme(path: Path) -> None:
    found = [] if path.name == "tokens.css" else COLOUR.findall(read(path))
    assert not found, "Use a token of tokens.css."


@pytest.mark.parametrize("path", sources(*DRAWN, suffixes=(".css",)), ids=str)
def test_whatever_scrolls_holds_what_is_placed_in_it(path: Path) -> None:
    """Else words for screen readers, which are placed, lie where they would be if nothing scrolled: below the page."""
    scrollers = [(name.strip(), look) for name, look in SCROLLER.findall(read(path))]
    wrong = [name for name, look in scrollers if "position:" not in look and not re.search(r"(pre|\.code)$", name)]
    assert not wrong, f"Say position:relative: {wrong}"


@pytest.mark.parametrize("path", sources(*DRAWN, "benchmarks", suffixes=(".js", ".css")), ids=str)
def test_styles_and_scripts_are_written_to_be_read(path: Path) -> None:
    """As ``prettier --print-width 120`` writes them; what has no space to be wrapped at may be longer."""
    lines = read(path).splitlines()
    assert not [line for line in lines if len(line) > 120 and " " in line.strip()]
    if path.suffix == ".css":
        plain = [re.sub(r'"[^"]*"|\([^()]*\)', "", line) for line in lines]
        assert not [line for line in plain if line.count(";") > 1 or re.search(r"\{.*\S", line)], (
            "one declaration a line"
        )


def test_every_style_is_part_of_the_sheet() -> None:
    assert sorted(assets.STYLES) == sorted(path.stem for path in sources("components/styles", suffixes=(".css",)))


@pytest.mark.parametrize("path", sources("components"), ids=str)
def test_every_component_has_its_script(path: Path) -> None:
    """NiceGUI draws nothing where there is none, and says so to nobody."""
    named = [
        keyword.value.value
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef)
        for keyword in node.keywords
        if keyword.arg == "component" and isinstance(keyword.value, ast.Constant)
    ]
    assert not [name for name in named if not (ROOT / path).with_name(str(name)).exists()]


def test_nothing_names_a_place_of_one_machine() -> None:
    files = sources(*PRODUCT, "tests", "benchmarks", "docs", ".ci", suffixes=TEXT)
    files += [path.relative_to(ROOT) for path in ROOT.iterdir() if path.is_file() and _is_ours(path)]
    assert len(files) > 20
    wrong = [f"{path}: {place}" for path in files for place in PLACES if place in read(path)]
    assert not wrong


def _is_ours(path: Path) -> bool:
    return path.suffix in TEXT or path.name in {"Makefile", "Dockerfile", "LICENSE"}


@pytest.mark.parametrize("path", sources(*PRODUCT, "tests", "benchmarks", suffixes=(".py", ".js", ".css")), ids=str)
def test_no_file_is_endless(path: Path) -> None:
    if path.parent == Path("migrations/versions"):
        return  # history: written once, read from top to bottom, never grown
    assert len(read(path).splitlines()) <= MOST_LINES, "Split it by what changes together."


ACTS = {"submit", "act", "bulk", "export", "done"}
"""Events by which somebody does something that may be recorded."""


@pytest.mark.parametrize("path", sources("components"), ids=str)
def test_what_people_do_runs_once_at_a_time(path: Path) -> None:
    heard = [call for name, call in calls(path) if name.endswith(".on") and _is_act(call)]
    wrong = [at(path, call) for call in heard if not ast.unparse(call.args[1]).startswith("once(")]
    assert not wrong, "A message that is sent twice would do it twice: wrap the handler in components.page.wire.once."


def _is_act(call: ast.Call) -> bool:
    return isinstance(call.args[0], ast.Constant) and call.args[0].value in ACTS
