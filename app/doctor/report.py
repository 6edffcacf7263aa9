"""The findings as text for a terminal or a log, or as JSON."""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

import typer

from app.doctor.findings import Finding, Level

_COLORS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red"}
_WIDTH = 110
_INDENT = " " * 9


def worst(findings: Sequence[Finding]) -> Level:
    """The level of all of it."""
    return max((finding.level for finding in findings), key=list(Level).index, default=Level.OK)


def as_text(findings: Sequence[Finding]) -> str:
    """One entry for each finding; colours disappear where the output is no terminal."""
    lines = []
    for finding in findings:
        first, *rest = textwrap.wrap(
            f"{finding.check}: {finding.sentence}", _WIDTH, break_long_words=False, break_on_hyphens=False
        )
        lines.append(typer.style(f"{finding.level:<9}", fg=_COLORS[finding.level]) + first)
        lines += [_INDENT + line for line in rest]
        # Not wrapped: what is to be done may be a command to copy.
        lines += [f"{_INDENT}→ {finding.advice}"] if finding.advice else []
    return "\n".join([*lines, "", _summary(findings)])


def as_json(findings: Sequence[Finding]) -> str:
    """For programs: ``{"status": …, "findings": [{"check", "level", "sentence", "advice"}]}``."""
    return json.dumps({"status": worst(findings), "findings": [asdict(each) for each in findings]}, indent=2)


def _summary(findings: Sequence[Finding]) -> str:
    counts = {level: sum(finding.level is level for finding in findings) for level in Level}
    if worst(findings) is Level.OK:
        return "Everything is as it should be."
    parts = [f"{n} {level}{'s' if n > 1 else ''}" for level, n in counts.items() if n and level is not Level.OK]
    return f"{' and '.join(reversed(parts))}."
