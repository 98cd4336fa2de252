"""The match code: shown where a high-risk confirmation was asked, picked where it is decided.

It is friction, not a secret: three choices keep a person from approving what they did not ask for,
while the signature alone proves who approved. So a wrong pick costs a wait and never the
confirmation; else whoever has the link could burn it.
"""

from dataclasses import dataclass, field

from cosignet.core.errors import InvalidInput, Limited

MATCH_CHOICES = 3
"""How many codes the page shows."""
MATCH_CODE_WAIT_MS = 10_000
"""After a wrong pick, no other pick of that confirmation is looked at for so long."""
MATCH_CODE_PATTERN = "[1-9][0-9]{2}"
MATCH_RANDOM_BYTES = 16 * MATCH_CHOICES
_WORD_BYTES = 8


class MatchCodeMissing(InvalidInput, code="match_code_missing"):
    """This needs the match code. Pick the code that is shown where the action was asked for."""


class MatchCodeWrong(InvalidInput, code="match_code_wrong"):
    """That is not the match code. Compare it with where you asked; if you did not ask, reject."""


class MatchCodeWait(Limited, code="match_code_wait"):
    """A wrong match code was picked a moment ago. Wait as long as Retry-After says, pick again."""


@dataclass(frozen=True, slots=True)
class MatchCode:
    """A code of three digits, and the choices it hides among; both stay as they are drawn."""

    code: str = field(repr=False)
    choices: tuple[str, ...]
    """Ascending; the code is one of them."""


def draw_match_code(random: bytes) -> MatchCode:
    """Draw a code and its choices; `random` is MATCH_RANDOM_BYTES unpredictable bytes.

    No two choices begin with the same digit, so that nobody mixes them up at a glance. The code is
    any of 100 … 999, and the lowest, middle or highest of its choices, all equally likely (up to
    2^-54, which is what 64 random bits leave of a remainder).
    """
    words = [
        int.from_bytes(random[at : at + _WORD_BYTES]) for at in range(0, len(random), _WORD_BYTES)
    ]
    digits = list("123456789")
    drawn = [
        digits.pop(words[2 * number] % len(digits)) + f"{words[2 * number + 1] % 100:02}"
        for number in range(MATCH_CHOICES)
    ]
    return MatchCode(drawn[0], tuple(sorted(drawn)))
