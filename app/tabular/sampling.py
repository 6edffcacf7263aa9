"""The first lines of a file and lines spread over the rest, without reading more of it than needed."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from app.tabular.source import Lines

HEAD_ROWS = 10_000
SPREAD_ROWS = 10_000

_WINDOWS = 50
_WINDOW_ROWS = SPREAD_ROWS // _WINDOWS
_BLOCK = 64 * 1024
_STREAM_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Sample:
    """Lines as UTF-8 (or the bytes of an 8-bit alphabet), and how many the whole file has; ``whole``: all are here."""

    head: list[bytes]
    spread: list[bytes]
    lines: int
    whole: bool


def sample(path: Path, encoding: str, *, gzipped: bool) -> Sample:
    """10,000 lines from the start and 10,000 from 50 places in the rest."""
    with closing(Lines(path, encoding=encoding, gzipped=gzipped)) as source:
        head = source.take(HEAD_ROWS + 1)
        following = source.take(1)
        if not following:
            return Sample(head, [], len(head), whole=True)
        if gzipped or encoding.startswith("utf-16"):
            return _streamed(source, head, following)
        return _sought(path, encoding, head, source.offset)


def _sought(path: Path, encoding: str, head: list[bytes], begin: int) -> Sample:
    """A file that can be read from anywhere."""
    size = path.stat().st_size
    spread: list[bytes] = []
    for window in range(_WINDOWS):
        place = begin + (size - begin) * window // _WINDOWS
        with closing(Lines(path, encoding=encoding, gzipped=False, offset=place, block=_BLOCK)) as source:
            source.take(1)
            spread += source.take(_WINDOW_ROWS, _BLOCK * 4)
    return Sample(head, spread, len(head) * size // max(begin, 1), whole=False)


def _streamed(source: Lines, head: list[bytes], following: list[bytes]) -> Sample:
    """A packed file has to be unpacked to its end, or to the first GB of it: windows thin out on the way."""
    windows, stride, number = [following], 1, 0
    while source.offset < _STREAM_BYTES and (lines := source.take(_WINDOW_ROWS * 5)):
        number += 1
        if number % stride == 0:
            windows.append(lines[:_WINDOW_ROWS])
        if len(windows) > 2 * _WINDOWS:
            windows, stride = windows[::2], stride * 2
    lines_in_all = int(source.count / max(source.fraction, 0.001)) if not source.ended else source.count
    kept = windows if len(windows) <= _WINDOWS else windows[:: len(windows) // _WINDOWS]
    return Sample(head, [line for lines in kept for line in lines], lines_in_all, whole=False)
