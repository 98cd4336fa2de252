"""System calls that fail at random, and a clock that jumps, for real: libfiu and libfaketime stand
between a server and its C library.

`apt-get install fiu-utils faketime` brings them; without them these are skipped.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.live import Process
from tests.people import JSON, PAYLOAD, Person, Program, raise_for
from tests.server.together import eventually

PRELOADED = [
    Path(folder) / name
    for folder in ("/usr/lib/fiu", "/usr/local/lib/fiu")
    for name in ("fiu_run_preload.so", "fiu_posix_preload.so")
    if Path(folder, name).exists()
]
FAKETIME = [*Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]
pytestmark = pytest.mark.engine("sqlite")
EIO, ENOSPC, EMFILE = 5, 28, 24
HOUR = 3_600
ASKED = {"username": "ada", "action": "Deploy to production", "payload": PAYLOAD}
ROUNDS = 40
SHARE = 0.3
"""Of the calls that fail."""


class Faults:
    """What fails in a server: libfiu's control of it, two pipes."""

    def __init__(self, prefix: Path, server: Process) -> None:
        self._orders = Path(f"{prefix}-{server.process.pid}.in")
        self._answers = Path(f"{prefix}-{server.process.pid}.out")

    @contextmanager
    def failing(self, call: str, errno: int) -> Iterator[None]:
        """Let a call fail now and then while the block runs."""
        name = f"name=posix/io/{call}"
        self._order(f"enable_random {name},probability={SHARE},failinfo={errno}")
        try:
            yield
        finally:
            self._order(f"disable {name}")

    def _order(self, order: str) -> None:
        self._orders.write_text(f"{order}\n")
        assert self._answers.read_text().strip() == "0", order


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[tuple[Process, Faults]]:
    prefix = tmp_path / "fiu"
    settings = {
        "LD_PRELOAD": " ".join(map(str, PRELOADED)),
        "FIU_CTRL_FIFO": str(prefix),
    }
    with Process(tmp_path / "data", settings=settings) as server:
        yield server, Faults(prefix, server)


@pytest.mark.skipif(not PRELOADED, reason="no libfiu here (apt-get install fiu-utils)")
@pytest.mark.parametrize(
    ("call", "errno", "hurts"),
    [
        # What the log remembers in a file: it waits, and decisions do not wait for it.
        ("sync/fsync", EIO, False),
        ("oc/open", EMFILE, False),
        ("sync/fdatasync", EIO, True),
        ("rw/pwrite", ENOSPC, True),
        ("rw/pread", EIO, True),
    ],
)
def test_what_fails_is_503_and_what_was_acknowledged_stays(
    faulty: tuple[Process, Faults], call: str, errno: int, hurts: bool
) -> None:
    server, faults = faulty
    owner = Person(server.url)
    owner.register(server.owner_link(), "ada")
    program = Program(server.url, owner.practise()["apiKey"]["key"])
    asked = [program.ask("ada")["id"] for _ in range(ROUNDS)]
    signed = [owner.sign(one) for one in asked]
    told: Counter[str] = Counter()
    stands = dict.fromkeys(asked, "pending")
    with faults.failing(call, errno):
        for one, credential in zip(asked, signed, strict=True):
            made = program.post("/api/confirmations", ASKED)
            decided = owner.post_approval(one, credential)
            read = program.get(f"/api/confirmations/{one}")
            told.update(judged(answer) for answer in (made, decided, read))
            if made.is_success:
                stands[made.json()["id"]] = "pending"
            if decided.is_success:
                stands[one] = "approved"
            if read.is_success:
                assert read.json()["status"] == stands[one]
    assert told["served"]
    assert (len(told) > 1) is hurts
    eventually(lambda: httpx2.get(f"{server.url}/readyz").is_success)
    assert standing(program) == stands
    for one in asked:
        assert stands[one] == "approved" or owner.approve(one).is_success
    eventually(lambda: all(logged(program, one) for one in asked))
    assert server.process.poll() is None


def until_the_log_waits(server: Process, program: Program, person: Person) -> list[str]:
    """Have decisions made, of which none may fail, until a call of the log's has; return them."""
    made: list[str] = []

    def waits() -> bool:
        made.append(program.ask(person.username)["id"])
        raise_for(person.approve(made[-1]))
        return "the log waits" in server.said

    eventually(waits)
    return made


def judged(answer: httpx2.Response) -> str:
    """Return what an answer was: served, or refused as it should be."""
    if answer.is_success:
        return "served"
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    return answer.json()["code"]


def everything(program: Program) -> Iterator[JSON]:
    """Yield all confirmations there are."""
    cursor: JSON = {}
    while True:
        page = raise_for(program.get("/api/confirmations", limit=100, **cursor))
        yield from page["items"]
        if page["nextCursor"] is None:
            return
        cursor = {"cursor": page["nextCursor"]}


def standing(program: Program) -> dict[str, str]:
    """Return how each confirmation stands."""
    return {one["id"]: one["status"] for one in everything(program)}


def logged(program: Program, confirmation_id: str) -> bool:
    """Whether a decision is in the log, under a signed head."""
    evidence = program.read(confirmation_id)["evidenceId"]
    return program.get(f"/public/log/entries/{evidence}/verification").status_code == 200


@pytest.mark.skipif(not FAKETIME, reason="no libfaketime here (apt-get install faketime)")
def test_a_clock_that_jumps_brings_nothing_back(tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    offset.write_text("+0\n")
    settings = {
        "LD_PRELOAD": str(FAKETIME[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with Process(tmp_path / "data", settings=settings) as server:
        owner = Person(server.url)
        owner.register(server.owner_link(), "ada")
        program = Program(server.url, owner.practise()["apiKey"]["key"])
        brief = program.ask("ada", ttlSeconds=HOUR // 2)["id"]
        stands = {brief: "expired"}
        for hours in (1, -1, 0, 48, 0):
            offset.write_text(f"{hours * HOUR:+}\n")
            if hours == 48:
                stands = {one: was.replace("pending", "expired") for one, was in stands.items()}
            asked = [program.ask("ada", ttlSeconds=24 * HOUR)["id"] for _ in range(2)]
            assert owner.approve(asked[0]).is_success
            stands |= zip(asked, ("approved", "pending"), strict=True)
            assert_settled(program, stands, asked[0])


def assert_settled(program: Program, stands: dict[str, str], decided: str) -> None:
    """Assert that all is soon as it should be, and a decision logged."""
    eventually(lambda: standing(program) == stands)
    eventually(lambda: logged(program, decided))
