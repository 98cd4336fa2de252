"""All states there are: those of states.py and of each `NAME_states.py` beside it."""

import importlib
from pathlib import Path

from tests.e2e.states import STATES, State


def every_state() -> dict[str, State]:
    """Return states by name; those of `people_states.py` are its PEOPLE_STATES.

    First come those of states.py, some of which need a server that nobody owns yet.
    """
    found = dict(STATES)
    for path in sorted(Path(__file__).parent.glob("*_states.py")):
        module = importlib.import_module(f"tests.e2e.{path.stem}")
        found |= getattr(module, path.stem.upper())
    return found


EVERY_STATE = every_state()

MOVING = {"account-key-shown", "confirm-no-passkey", "confirm-other-device", "confirm-unfolded"}
"""Where the person asked for more, which moves what stands below it. Nothing else ever moves."""
