"""What the documents say that the product is made of is what the lock installs, under licences that may be shipped."""

import json
import re
from typing import Any

from tests import bill
from tests.rules.tree import ROOT

SHIPPED = re.compile(r"(MIT|MIT-0|ISC|Apache-2\.0|BSD-[23]-Clause|PSF-2\.0|MPL-2\.0|Public domain)")
"""Others need a look first: those of the GPL family would reach the product."""


def locked() -> set[tuple[str, str]]:
    """Name and version of everything in the lock."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^([\w.-]+)(?:\[.*?\])?==([^\s;\\]+)", lock, re.MULTILINE)
    return {(name.lower(), version) for name, version in pins}


def components() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(bill.BILL.read_text(encoding="utf-8"))["components"]
    return found


def rows() -> list[tuple[str, str, str]]:
    """Name, version and licence in the table for people."""
    return re.findall(r"^\| ([\w.-]+) \| (\d\S*) \| (.+) \|$", bill.LICENSES.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_bill_names_what_the_lock_installs() -> None:
    assert {(one["name"].lower(), one["version"]) for one in components()} == locked(), "Run: make sbom"


def test_the_table_says_the_same() -> None:
    said = [(one["name"], one["version"], bill.stated(one)) for one in components()]
    assert said == rows(), "Run: make sbom"


def test_every_licence_may_be_shipped() -> None:
    for name, _, licence in rows():
        parts = re.split(r" (?:AND|OR|and) |, ", licence.replace("(", "").replace(")", ""))
        assert all(SHIPPED.fullmatch(part) for part in parts), f"{name}: {licence}"


def test_neither_names_a_place() -> None:
    for path in (bill.BILL, bill.LICENSES):
        places = re.findall(r"[a-z]+://[^\s\"]+", path.read_text(encoding="utf-8"))
        assert set(places) <= {"http://cyclonedx.org/schema/bom-1.6.schema.json"}
