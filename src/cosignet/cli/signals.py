"""Signals that end a command line which waits for somebody, as Ctrl-C does."""

import signal
from typing import NoReturn

_ENDING = [one for one in signal.Signals if one.name in ("SIGTERM", "SIGHUP")]
"""Windows has but the first."""


def end_as_at_ctrl_c() -> None:
    """Let what ends other programs raise a KeyboardInterrupt, so that what was asked is taken back.

    Once: terminals and supervisors repeat themselves, and the second would end the taking back.
    What is ignored, as under nohup, stays ignored.
    """
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
