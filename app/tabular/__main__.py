"""``python -m app.tabular PATH``: look at one file, answer in JSON on standard output."""

import json
import resource
import sys
from pathlib import Path

from app.tabular.inspection import inspect_here
from app.tabular.plan import Unreadable, dump

_MEMORY_BYTES = 1 << 30


def main() -> None:
    """Answer with an inspection, or with the sentence of a refusal; anything else is a traceback and exit code 1."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    try:
        answer = dump(inspect_here(Path(sys.argv[1])))
    except Unreadable as refusal:
        answer = {"unreadable": refusal.message}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
