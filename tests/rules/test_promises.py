"""What is declared is also used: permissions, actions, dependencies."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions

import pytest

from app.models.audit import Action
from app.permissions import ROLE_PERMISSIONS, Permission, Role
from tests.rules.tree import PRODUCT, ROOT, calls, imports, members_used, modules, read, sources

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES: list[str] = PROJECT["project"]["dependencies"]
# As soon as there are screens, every right and every kind of entry must be there for a reason.
SCREENS = modules("pages")
DUE_PERMISSIONS = list(Permission) if SCREENS else []
DUE_ACTIONS = list(Action) if SCREENS else []
# app/main.py puts the parts together; before that, some have no caller.
DUE_DEPENDENCIES = DEPENDENCIES if (ROOT / "app/main.py").exists() else []

USED_WITHOUT_AN_IMPORT = {
    "python-multipart": "FastAPI reads forms with it",
    "argon2-cffi": "passlib hashes with it",
    "tzdata": "zoneinfo reads it where the system has no time zones",
}
DEV_DEPENDENCIES = [one for group in PROJECT["dependency-groups"].values() for one in group]


def _name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found, requirement
    return found[0].lower().replace("_", "-")


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_is_granted_to_a_role(permission: Permission) -> None:
    others = [role for role in Role if role is not Role.SUPER_ADMIN and permission in ROLE_PERMISSIONS[role]]
    assert others or permission in ROLE_PERMISSIONS[Role.SUPER_ADMIN]


def test_every_role_has_a_row_in_the_matrix() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    assert ROLE_PERMISSIONS[Role.NONE] == frozenset()


@pytest.mark.parametrize("permission", DUE_PERMISSIONS)
def test_every_permission_is_demanded_somewhere(permission: Permission) -> None:
    assert permission.name in members_used(
        "Permission", "app/services", "app/authentication", "app/worker", "app/web", "app/privacy/personal.py"
    )


@pytest.mark.parametrize("action", DUE_ACTIONS)
def test_every_action_is_recorded_somewhere(action: Action) -> None:
    by_name = members_used("Action", *(str(path) for path in sources("app") if path.parts[1] != "models"))
    by_value = any(f"'{action.value}'" in read(path) for path in sources("migrations/versions"))
    assert action.name in by_name or by_value


@pytest.mark.parametrize("requirement", [*DEPENDENCIES, *DEV_DEPENDENCIES], ids=_name)
def test_every_dependency_has_an_upper_bound(requirement: str) -> None:
    assert "<" in requirement or "==" in requirement


@pytest.mark.parametrize("requirement", DUE_DEPENDENCIES, ids=_name)
def test_every_dependency_is_imported_by_the_product(requirement: str) -> None:
    used = _name(requirement) in _distributions_used()
    assert used != (_name(requirement) in USED_WITHOUT_AN_IMPORT), "Drop the dependency, or the exception."


def test_every_import_of_the_product_is_a_dependency() -> None:
    missing = _distributions_used() - {_name(one) for one in DEPENDENCIES}
    assert not missing, f"Imported, but only there because something else needs it: {missing}"


@cache
def _distributions_used() -> set[str]:
    known = packages_distributions()
    files = sources(*PRODUCT)
    top = {name.split(".")[0] for path in files for name in imports(path)}
    top |= {
        str(ast.literal_eval(node.args[0]))
        for path in files
        for name, node in calls(path)
        if name.endswith("find_spec")
    }
    outside = top - set(PRODUCT) - set(sys.stdlib_module_names)
    return {known[name][0].lower().replace("_", "-") for name in outside}


def test_both_locks_agree_and_name_no_place() -> None:
    runtime, dev = (read(ROOT / name) for name in ("requirements.lock", "requirements-dev.lock"))
    assert _pins(runtime)
    assert _pins(runtime) <= _pins(dev)
    for lock in (runtime, dev):
        assert not re.search(r"https?:|file:|--index|--extra|--find-links|^-e|^/| @ ", lock, re.MULTILINE)
        assert lock.count("==") <= lock.count("--hash=sha256:")


def test_what_only_tests_may_use_is_never_shipped() -> None:
    """Its licence (GPL) would reach the product."""
    shipped = {_name(pin) for pin in _pins(read(ROOT / "requirements.lock"))}
    assert "stripe" in shipped
    assert not shipped & {"localstripe"}
    assert "localstripe" not in {_name(one) for one in DEPENDENCIES}


def _pins(lock: str) -> set[str]:
    return {line.rstrip("\\ ") for line in lock.splitlines() if re.match(r"[\w.-]+(\[.*\])?==", line)}


@pytest.mark.parametrize("requirement", [*DEPENDENCIES, *DEV_DEPENDENCIES], ids=_name)
def test_every_dependency_is_locked(requirement: str) -> None:
    lock = read(ROOT / "requirements-dev.lock").lower()
    assert re.search(rf"^{re.escape(_name(requirement))}(\[.*\])?==", lock, re.MULTILINE), "Run: make lock"
