"""Random bytes are drawn a block at a time; each is given once, to one process."""

import os
import subprocess
import sys

import pytest

from cosignet.server.secret import Randomness

pytestmark = pytest.mark.engine("sqlite")
SEVERAL = "import os; from cosignet.server.secret import Randomness as R; give = R(os.urandom);"


def counting() -> tuple[Randomness, list[int]]:
    """Return a source whose bytes tell their place, two by two, and what was drawn of it."""
    drawn: list[int] = []

    def draw(count: int) -> bytes:
        start = sum(drawn) // 2
        drawn.append(count)
        return b"".join((start + place).to_bytes(2, "big") for place in range(count // 2))

    return Randomness(draw), drawn


def test_no_byte_is_given_twice() -> None:
    give, drawn = counting()
    given = [give(count) for count in [32, 16, 8, 12] * 200]
    assert [len(one) for one in given] == [32, 16, 8, 12] * 200
    pairs = [one[at : at + 2] for one in given for at in range(0, len(one), 2)]
    assert len(set(pairs)) == len(pairs)
    assert len(drawn) < len(given) / 10


@pytest.mark.parametrize("count", [0, 1, 1023, 1024, 1025, 5000])
def test_as_many_as_were_asked_for(count: int) -> None:
    give = Randomness(os.urandom)
    give(7)
    assert len(give(count)) == count


def test_two_processes_are_never_given_the_same() -> None:
    code = (
        f"{SEVERAL} give(16); own, other = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    os.write(other, give(16)); os._exit(0)\n"
        "print(os.read(own, 16) != give(16))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
