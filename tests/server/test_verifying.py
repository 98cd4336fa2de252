"""Many answers are verified beside the loop: the same is found there, or nothing at all."""

import asyncio
import logging
import os
import pickle
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop
from tests.server.together import children
from tests.server.webauthn_attempts import CHALLENGE, RP, Attempt, assertion, stored
from tests.server.webauthn_mutations import MUTATIONS, attempt

from cosignet.core.errors import Refusal
from cosignet.core.jsontext import JsonValue
from cosignet.server import process
from cosignet.server.verifying import Expected, VerifiedAnswer, Verifier, beside, verifier
from cosignet.server.verifying.answer import verify_answer
from cosignet.server.verifying.beside import VerifyingProcess
from cosignet.server.webauthn import RelyingParty
from cosignet.server.webauthn.errors import ChallengeNotOurs

SECONDS_MAX = 20
ANSWER = assertion()
EXPECTED = Expected(CHALLENGE, stored(), "alice")
OTHER_CHALLENGE = bytes(48)
FOUND = tuple(verify_answer(ANSWER.value, EXPECTED, RP))


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run on the loop that the server runs on."""
    uvloop.run(asyncio.wait_for(work(), SECONDS_MAX))


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - the system tells of processes to who looks
        await asyncio.sleep(0.005)


def descriptors() -> int:
    """How many files and sockets are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@asynccontextmanager
async def started() -> AsyncGenerator[tuple[VerifyingProcess, int]]:
    """Start a process, and give it with its number once it is ready."""
    before = children()
    made = await VerifyingProcess.start(RP)
    [pid] = children() - before
    try:
        await until(lambda: made.is_ready)
        yield made, pid
    finally:
        made.end()
        await until(lambda: pid not in children())


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "PATIENCE_SECONDS", 0.05)


@asynccontextmanager
async def pretender() -> AsyncGenerator[tuple[VerifyingProcess, socket.socket]]:
    """Give the loop's side, and the other one, on which a test says what it likes."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    theirs.settimeout(SECONDS_MAX)
    with theirs:
        made = VerifyingProcess(ours)
        theirs.send(b"ready")
        await until(lambda: made.is_ready)
        yield made, theirs
        made.end()


def found_here(made: Attempt) -> VerifiedAnswer | Refusal:
    assert made.credential is not None
    assert made.approver_id is not None
    try:
        return verify_answer(
            made.value, Expected(made.challenge, made.credential, made.approver_id), RP
        )
    except Refusal as refusal:
        return refusal


def told(found: object) -> object:
    """What anybody is told of a finding."""
    if isinstance(found, Refusal):
        return type(found), str(found), found.detail, found.field, found.members
    return found


# --- The process --------------------------------------------------------------------------------


def test_the_process_finds_what_the_loop_finds_whatever_is_wrong() -> None:
    made = [attempt(mutation) for mutation in MUTATIONS]
    attempts = [
        ANSWER,
        *(one for one in made if not one.registration and one.credential and one.approver_id),
    ]
    assert len(attempts) > 30

    async def work() -> None:
        async with started() as (process, _):
            for one in attempts:
                assert one.credential is not None
                assert one.approver_id is not None
                expected = Expected(one.challenge, one.credential, one.approver_id)
                found = await process.verify(one.value, expected)
                too_long = len(pickle.dumps(one.value)) > beside.MESSAGE_BYTES_MAX
                assert told(found) == (None if too_long else told(found_here(one)))
        assert isinstance(found_here(ANSWER), VerifiedAnswer)

    run(work)


def refusals(family: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    yield family
    for one in family.__subclasses__():
        yield from refusals(one)


REFUSALS: list[type[Refusal]] = sorted(set(refusals()), key=repr)


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_travels_whole(kind: type[Refusal]) -> None:
    for made in (kind(), kind("why", field="payload.amount", retryAfterSeconds=3)):
        assert told(pickle.loads(pickle.dumps(made))) == told(made)


def test_answers_come_back_to_those_who_asked_even_if_one_has_left() -> None:
    others = [replace(ANSWER, value=ANSWER.value | {"extra": number}) for number in range(20)]

    async def work() -> None:
        async with started() as (process, _):
            asked = [asyncio.ensure_future(process.verify(one.value, EXPECTED)) for one in others]
            await asyncio.sleep(0)
            asked[3].cancel()
            found = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(found.pop(3), asyncio.CancelledError)
        assert found == [found_here(one) for number, one in enumerate(others) if number != 3]

    run(work)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_dies_says_nothing(number: int) -> None:
    async def work() -> None:
        async with started() as (process, pid):
            os.kill(pid, signal.SIGSTOP)
            asked = [
                asyncio.ensure_future(process.verify(ANSWER.value, EXPECTED)) for _ in range(5)
            ]
            await asyncio.sleep(0.01)
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)
            assert set(await asyncio.gather(*asked)) <= {None, found_here(ANSWER)}
            await until(lambda: process.has_ended)
            assert await process.verify(ANSWER.value, EXPECTED) is None

    run(work)


@pytest.mark.usefixtures("patience")
def test_a_process_that_hangs_is_given_up_and_ended() -> None:
    async def work() -> None:
        async with started() as (process, pid):
            os.kill(pid, signal.SIGSTOP)
            asked = [process.verify(ANSWER.value, EXPECTED) for _ in range(5)]
            assert await asyncio.gather(*asked) == [None] * 5
            assert process.has_ended
            await until(lambda: pid not in children())

    run(work)


@pytest.mark.usefixtures("patience")
def test_a_process_that_works_is_not_given_up() -> None:
    async def work() -> None:
        async with started() as (process, _):
            for _ in range(30):
                assert await process.verify(ANSWER.value, EXPECTED) == found_here(ANSWER)
                await asyncio.sleep(0.01)

    run(work)


@pytest.mark.parametrize(
    "said",
    [
        pickle.dumps((OTHER_CHALLENGE, FOUND)),
        pickle.dumps((CHALLENGE, (1, 2))),
        pickle.dumps((CHALLENGE, None)),
        pickle.dumps(CHALLENGE),
        b"ready",
        b"rubbish",
        b"",
    ],
    ids=["another question's", "too little", "nothing", "no finding", "ready", "rubbish", "empty"],
)
def test_what_is_no_answer_proves_nothing_and_ends_it(said: bytes) -> None:
    async def work() -> None:
        async with pretender() as (process, theirs):
            asked = asyncio.gather(
                process.verify(ANSWER.value, EXPECTED), process.verify(ANSWER.value, EXPECTED)
            )
            await asyncio.sleep(0)
            theirs.send(said)
            assert await asked == [None, None]
            assert process.has_ended

    run(work)


def test_an_answer_that_nobody_asked_for_ends_it() -> None:
    async def work() -> None:
        async with pretender() as (process, theirs):
            theirs.send(pickle.dumps((CHALLENGE, FOUND)))
            await until(lambda: process.has_ended)

    run(work)


def test_it_is_asked_no_more_than_it_can_answer_soon() -> None:
    async def work() -> None:
        async with pretender() as (process, theirs):
            asked = [
                asyncio.ensure_future(process.verify(ANSWER.value, EXPECTED))
                for _ in range(beside.UNANSWERED_MAX)
            ]
            await asyncio.sleep(0)
            assert await process.verify(ANSWER.value, EXPECTED) is None
            theirs.close()
            assert await asyncio.gather(*asked) == [None] * beside.UNANSWERED_MAX

    run(work)


def test_it_is_not_asked_where_the_system_has_no_room() -> None:
    long = ANSWER.value | {"extra": "x" * (beside.MESSAGE_BYTES_MAX - 4_000)}

    async def work() -> None:
        async with pretender() as (process, _):
            asked = [
                asyncio.ensure_future(process.verify(long, EXPECTED))
                for _ in range(beside.UNANSWERED_MAX)
            ]
            await asyncio.sleep(0)
            refused = [one for one in asked if one.done()]
            assert refused
            assert len(refused) < len(asked)
            assert not process.has_ended
            process.end()
            assert await asyncio.gather(*asked) == [None] * len(asked)

    run(work)


def test_too_long_an_answer_is_not_its_business() -> None:
    fitting = ANSWER.value | {"extra": "\N{FULL BLOCK}" * 3_000}
    too_long = ANSWER.value | {"extra": "x" * beside.MESSAGE_BYTES_MAX}

    async def work() -> None:
        async with started() as (process, _):
            found = await process.verify(fitting, EXPECTED)
            assert found == found_here(replace(ANSWER, value=fitting))
            assert await process.verify(too_long, EXPECTED) is None
            assert await process.verify(ANSWER.value, EXPECTED) == found_here(ANSWER)

    run(work)


def test_it_leaves_when_nobody_asks_or_nobody_is_there() -> None:
    program = (
        "import sys; from cosignet.server.verifying import beside; beside.QUIET_SECONDS = {};"
        " beside.verify_until_quiet(int(sys.argv[1]), 'localhost', 'http://localhost:8000')"
    )

    async def leaves(quiet_seconds: float, *, closes: bool) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            descriptor = theirs.fileno()
            other = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", program.format(quiet_seconds), str(descriptor)),
                pass_fds=[descriptor],
            )
            theirs.close()
            if closes:
                ours.close()
            assert await other.wait() == 0

    run(lambda: leaves(0.05, closes=False))
    run(lambda: leaves(60, closes=True))


def test_it_inherits_nothing() -> None:
    async def work() -> None:
        with socket.socket() as given:
            os.set_inheritable(given.fileno(), True)
            await inherits_nothing()

    async def inherits_nothing() -> None:
        async with started() as (_, pid):
            own = Path(f"/proc/{pid}")
            assert (own / "environ").read_bytes() == b""
            opened = sorted(int(one.name) for one in (own / "fd").iterdir())
            assert len(opened) == 4  # in, out and error; and its end of the pair
            assert (own / "fd" / "0").readlink() == Path("/dev/null")

    run(work)


def test_it_does_not_mind_ctrl_c() -> None:
    async def work() -> None:
        async with started() as (process, pid):
            os.kill(pid, signal.SIGINT)
            assert await process.verify(ANSWER.value, EXPECTED) == found_here(ANSWER)

    run(work)


def test_a_process_that_cannot_be_started_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    before = descriptors()

    async def work() -> None:
        open_before = descriptors()
        with pytest.raises(FileNotFoundError):
            await VerifyingProcess.start(RP)
        assert descriptors() == open_before

    run(work)
    assert descriptors() == before


# --- Who verifies -------------------------------------------------------------------------------


class Stopwatch:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def crowd(made: Verifier, count: int = verifier.CROWD_PER_SECOND + 1) -> None:
    for _ in range(count):
        assert await made.verify(ANSWER.value, EXPECTED) == found_here(ANSWER)


@asynccontextmanager
async def verifying(
    clock: Stopwatch, *, processors: int = 2
) -> AsyncGenerator[tuple[Verifier, Callable[[], set[int]]]]:
    """Give a verifier, and what tells which processes it has."""
    before = children()
    made = Verifier(RP, monotonic=clock, processors=processors)
    yield made, lambda: children() - before
    await made.close()
    assert made._process is None or made._process.has_ended
    await until(lambda: children() == before)


NOT_HERE = VerifiedAnswer(0, False, "", b"")


def not_here(_value: JsonValue, _expected: Expected, _relying_party: RelyingParty) -> object:
    return NOT_HERE


def test_a_crowd_is_verified_by_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with verifying(Stopwatch()) as (made, beside_it):
            await crowd(made)
            await until(beside_it)
            monkeypatch.setattr(verifier, "verify_answer", not_here)
            while await made.verify(ANSWER.value, EXPECTED) is NOT_HERE:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.01)
            for _ in range(10):
                assert await made.verify(ANSWER.value, EXPECTED) == found_here(ANSWER)
            with pytest.raises(ChallengeNotOurs):
                await made.verify(ANSWER.value, EXPECTED._replace(challenge=OTHER_CHALLENGE))

    run(work)


def test_a_few_are_verified_here() -> None:
    async def work() -> None:
        clock = Stopwatch()
        async with verifying(clock) as (made, beside_it):
            for _ in range(3):
                await crowd(made, verifier.CROWD_PER_SECOND)
                clock.seconds += 1
            await asyncio.sleep(0.05)
            assert not beside_it()

    run(work)


def test_one_processor_has_no_room_for_a_second_process() -> None:
    async def work() -> None:
        async with verifying(Stopwatch(), processors=1) as (made, beside_it):
            await crowd(made)
            await asyncio.sleep(0.05)
            assert not beside_it()

    run(work)


def test_there_is_another_one_after_a_while_if_it_dies(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        clock = Stopwatch()
        async with verifying(clock) as (made, beside_it):
            await crowd(made)
            await until(beside_it)
            [first] = beside_it()
            os.kill(first, signal.SIGKILL)
            await until(lambda: not beside_it())
            await crowd(made)
            await asyncio.sleep(0.05)
            assert not beside_it()
            clock.seconds += verifier.PAUSE_SECONDS
            await crowd(made)
            await until(beside_it)

    with caplog.at_level(logging.WARNING):
        run(work)


def test_without_a_process_everything_is_verified_here(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    async def work() -> None:
        async with verifying(Stopwatch()) as (made, beside_it):
            await crowd(made)
            await until(lambda: "without help" in caplog.text)
            await crowd(made)
            assert not beside_it()

    run(work)


def test_closing_waits_for_one_that_is_being_started() -> None:
    async def work() -> None:
        clock = Stopwatch()
        async with verifying(clock) as (made, beside_it):
            await crowd(made)
            await made.close()
            await until(lambda: not beside_it())
            clock.seconds += verifier.PAUSE_SECONDS
            await crowd(made)
            await asyncio.sleep(0.05)
            assert not beside_it()

    run(work)


def test_the_processors_are_those_that_this_process_may_use() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert process.processors() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert process.processors() == len(before)


def test_nobody_waits_for_a_process_that_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)

    async def start(_: RelyingParty) -> VerifyingProcess:
        return VerifyingProcess(ours)

    monkeypatch.setattr(VerifyingProcess, "start", start)

    async def work() -> None:
        async with verifying(Stopwatch()) as (made, _):
            await crowd(made)
            await until(lambda: made._process)
            await crowd(made, 3)
            assert made._process is not None
            assert not made._process.has_ended

    with theirs:
        run(work)
        assert theirs.recv(1) == b""  # its end, and no question before
