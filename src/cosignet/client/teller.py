"""A command of the user's that brings a link to somebody: it opens a page, or rings a bell."""

import shlex
import subprocess

from cosignet.client.cosignet import Asked
from cosignet.client.errors import SetupIncomplete


def tell_by(command: str | None, asked: Asked) -> None:
    """Start the command with the link as its last argument, and leave it alone.

    Raises:
        SetupIncomplete: there is no such command, or the link leads elsewhere.
    """
    if command is None:
        return
    if not asked.url.startswith(f"{asked.expected.origin}/"):
        raise SetupIncomplete("The link leads away from the server; nobody is told of it.")
    try:
        subprocess.Popen(  # noqa: S603 - the command that the user has written
            [*shlex.split(command), asked.url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError, IndexError) as error:
        raise SetupIncomplete(f"--tell {command!r} does not start: {error}") from None
