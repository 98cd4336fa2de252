"""Files that are made whole or not at all, and that nobody but their owner reads."""

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def made_whole(path: Path) -> Generator[Path]:
    """Give a draft beside a file that is to be made; when the block has ended, the file is there.

    It is on the disk then. A crash before that leaves at most the draft, whose name begins with a
    dot and the file's own.

    Raises:
        FileExistsError: there is such a file already; it stays as it is.
        OSError: the folder is missing or cannot be written.
    """
    if path.exists():
        raise FileExistsError(path)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    draft = Path(name)
    try:
        yield draft
        _sync(draft)
        _publish(draft, path)
        _sync(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _publish(draft: Path, path: Path) -> None:
    # A link, unlike a rename, never takes the place of what is there.
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError(path) from None
        draft.rename(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
