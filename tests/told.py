"""What an answer of a service tells, whatever it is made of."""

import json
from dataclasses import fields, is_dataclass
from typing import Any


def told_by(found: Any) -> str:
    """Everything that an answer holds, as text."""

    def plain(value: Any) -> Any:
        if is_dataclass(value) and not isinstance(value, type):
            return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
        if isinstance(value, dict) or hasattr(value, "items"):
            return {str(key): plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple) or hasattr(value, "_mapping"):
            return [plain(item) for item in value]
        return str(value)

    return json.dumps(plain(found))
