"""What a serving process asks of Python and of the system."""

import contextlib
import gc
import os
import resource
import sys

DESCRIPTORS_WITHOUT_LIMIT = 10_240
SWITCH_SECONDS = 0.00005
"""After so long the thread that commits is let in, so that the disk works while requests are read;
5 ms are Python's own choice, in which a whole turn of the event loop passes."""
GARBAGE_OBJECTS = 10_000
"""How many more there are before Python looks for circles of them; 700 is its own choice."""


def settle() -> None:
    """Prepare for serving, once all is loaded."""
    # What is loaded by now stays for good: looking through it again would only hold requests.
    gc.collect()
    gc.freeze()
    # What a request makes is gone when it is answered; most of it before it is looked at now.
    gc.set_threshold(GARBAGE_OBJECTS)
    sys.setswitchinterval(SWITCH_SECONDS)


def raise_descriptor_limit() -> int:
    """Allow this process all the files and sockets it may allow itself; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS says "no limit" and then refuses more than that (`OPEN_MAX`).
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, DESCRIPTORS_WITHOUT_LIMIT)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def processors() -> int:
    """Return how many processors this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
