"""``python -m benchmarks [NAME [--rows N] [--file PATH] [--json FILE]]``: without a name, the list of benchmarks."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from app.errors import StartupProblem
from benchmarks import audit, exports, grid, imports, jobs, report, screens, security, tabs
from benchmarks.options import Options

BENCHMARKS = {
    "imports": imports,
    "grid": grid,
    "screens": screens,
    "exports": exports,
    "security": security,
    "audit": audit,
    "jobs": jobs,
    "tabs": tabs,
}


def main() -> None:
    """Run one benchmark to its end, or list them. Whatever it started ends with it, also on Ctrl-C or SIGTERM."""
    asked = _arguments().parse_args()
    if asked.name is None:
        for name, module in BENCHMARKS.items():
            print(f"{name:10} {(module.__doc__ or '').splitlines()[0]}")
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(level=logging.ERROR)
    measures = asyncio.run(BENCHMARKS[asked.name].run(Options(asked.rows, asked.file)))
    print(report.as_table(measures))
    if asked.json is not None:
        asked.json.write_text(report.as_json(measures), encoding="utf-8")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Without a name, list the benchmarks.")
    parser.add_argument("name", nargs="?", choices=BENCHMARKS)
    parser.add_argument("--rows", type=_positive, metavar="N", help="how many rows to make")
    parser.add_argument("--file", type=_readable, metavar="PATH", help="import this file instead of a made one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as a JSON list too")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a number from 1 on is needed")
    return number


def _readable(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path.resolve()


if __name__ == "__main__":
    try:
        main()
    except StartupProblem as problem:
        sys.exit(problem.sentence)
    except KeyboardInterrupt:
        sys.exit(130)
