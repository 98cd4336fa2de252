"""The last head that was signed, remembered outside the database.

A database that is restored from an old backup does not know that it has been further: its log would
grow a second history. This file does.
"""

import os
import tempfile
from pathlib import Path

from cosignet.core.errors import Unavailable

FILE = "log-head"
_BYTES_MAX = 64 * 1024


class RememberedHead:
    """The file, in the data directory of every node."""

    def __init__(self, folder: Path) -> None:
        """Know the folder; it is made when there is something to remember."""
        self.path = folder / FILE

    def read(self) -> str | None:
        """Return the note that was remembered last; None: nothing was.

        Raises:
            Unavailable: it cannot be read.
        """
        try:
            with self.path.open(encoding="utf-8", newline="") as file:
                return file.read(_BYTES_MAX)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"{self.path} cannot be read") from error

    def write(self, note: str) -> None:
        """Remember a note, durably: after a crash the file holds it, or the one before.

        Raises:
            Unavailable: it could not be written.
        """
        try:
            self._write(note)
        except OSError as error:
            raise Unavailable(f"{self.path} cannot be written") from error

    def _write(self, note: str) -> None:
        folder = self.path.parent
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, draft = tempfile.mkstemp(prefix=FILE + ".", dir=folder)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(self.path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
