"""From a file on disk to physical lines as UTF-8 bytes, from any place on, in flat memory."""

import codecs
import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from app.tabular.plan import Unreadable

BLOCK = 1 << 20
LINE_BYTES = 8 << 20
CHUNK_BYTES = 4 << 20
"""A chunk ends after this many bytes although it has room for more rows: it bounds memory."""
TEXT_BYTES = 64 << 30
"""The most text that one file may unpack to."""
UNPACKED_BYTES = 1 << 30
"""What any packed file may unpack to; a larger one at most to :data:`RATIO` times its size. Tables pack 3 to 30 times,
files made to fill a disk a thousand times.
"""
RATIO = 100

_BOM = codecs.BOM_UTF8
_AS_IS = ("utf-8", "utf-8-sig")


class Lines:
    """The physical lines of a file with their line ends. ``offset`` and ``count`` say what was handed out.

    Invalid bytes pass unchanged: whoever looks at the single row can name its line.
    """

    def __init__(
        self, path: Path, *, encoding: str, gzipped: bool, offset: int = 0, count: int = 0, block: int = BLOCK
    ) -> None:
        self._raw = path.open("rb")
        self._size = max(os.fstat(self._raw.fileno()).st_size, 1)
        self._stream = cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw)) if gzipped else self._raw
        self._decoder = None if encoding in _AS_IS else codecs.getincrementaldecoder(encoding)(_errors(encoding))
        self._most = min(TEXT_BYTES, max(UNPACKED_BYTES, RATIO * self._size)) if gzipped else TEXT_BYTES
        self._block = block
        self._lines: list[bytes] = []
        self._at = 0
        self._rest = b""
        self._ended = False
        self.offset = 0
        self.count = count
        try:
            with _told():
                self._go_to(offset, len(_BOM) if encoding == "utf-8-sig" else 0)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the file back."""
        self._stream.close()
        self._raw.close()

    @property
    def fraction(self) -> float:
        """How much of the file was read, 0 to 1."""
        return min(self._raw.tell() / self._size, 1.0) if not self.ended else 1.0

    @property
    def ended(self) -> bool:
        """True when every line was handed out."""
        return self._ended and self._at >= len(self._lines)

    def take(self, rows: int, size: int = CHUNK_BYTES) -> list[bytes]:
        """The next lines, at most ``rows``, and no further block once they hold ``size`` bytes; [] at the end."""
        taken: list[bytes] = []
        held = 0
        while len(taken) < rows and held < size and self._filled():
            part = self._lines[self._at : self._at + rows - len(taken)]
            self._at += len(part)
            held += sum(map(len, part))
            taken += part
        self.offset += held
        self.count += len(taken)
        return taken

    def _filled(self) -> bool:
        """Whether a line is at hand, reading on if need be."""
        with _told():
            while self._at >= len(self._lines) and not self._ended:
                self._read_on()
        return self._at < len(self._lines)

    def _read_on(self) -> None:
        block = self._decoded()
        self._ended = not block
        text = self._rest + block
        lines = text.splitlines(keepends=True)
        # The last line may go on in the next block, and a final \r may be half of \r\n.
        whole = self._ended or text.endswith(b"\n")
        self._rest = b"" if whole or not lines else lines.pop()
        if len(self._rest) > LINE_BYTES:
            raise Unreadable(
                f"A line after line {self.count + len(lines):,} is longer than {LINE_BYTES >> 20} MB. "
                "Check that this is a table with one row a line."
            )
        if self.offset > self._most:
            raise Unreadable(
                f"The file unpacks to more than {self._most / 1e9:,.1f} GB. Divide it and import the parts, unpacked."
            )
        self._lines, self._at = lines, 0

    def _decoded(self) -> bytes:
        """The next block as UTF-8; b"" only at the end."""
        if self._decoder is None:
            return self._stream.read(self._block)
        text, block = "", b"-"
        while block and not text:
            block = self._stream.read(self._block)
            text = self._decoder.decode(block, final=not block)
        return text.encode("utf-8", self._decoder.errors)

    def _go_to(self, offset: int, bom: int) -> None:
        if self._decoder is None:
            self._stream.seek(bom + offset)
        else:
            self._skip(offset)
        self.offset = offset

    def _skip(self, left: int) -> None:
        while left > 0 and (block := self._decoded()):
            self._rest = block[left:]
            left -= len(block)


def _errors(encoding: str) -> str:
    """Broken characters become bytes that are no UTF-8, so that they are found in their row."""
    return "surrogatepass" if encoding.startswith("utf-16") else "surrogateescape"


@contextmanager
def _told() -> Iterator[None]:
    """Say in a sentence what the libraries say in exceptions."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Unreadable("The compressed file is damaged or incomplete. Upload it again.") from error
    except UnicodeDecodeError as error:
        raise Unreadable("The text of this file is damaged. Save it again as CSV in UTF-8.") from error
