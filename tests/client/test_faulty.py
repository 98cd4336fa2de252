"""Every fault at every client: none runs what was not approved, none takes one fault for another.

The run leaves its table in .build/faults.md.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from tests.authenticator import EDDSA, RS256, Authenticator, base64url
from tests.client.clients import CLIENTS, Asking, Client, Did
from tests.client.faulty import ERASE, FAULTS, Case, Fault, Server
from tests.client.faulty_log import LOG_FAULTS, VKEY

AT_ONCE = 12
ALL_FAULTS = FAULTS | LOG_FAULTS
CHECKS_NO_LOG = "checks no log"
"""What the scripts are: they refuse to be told a log's key (test_recipes.py)."""
TABLE = Path(__file__).parent.parent.parent / ".build" / "faults.md"


def attempt(client: Client, fault: Fault, folder: Path) -> tuple[Did, Server]:
    with Server(fault) as server:
        log_keys = () if fault.log is None else (VKEY,)
        return client(Asking(server.url, fault.ttl, folder, log_keys=log_keys)), server


def wrong(name: str, fault: Fault, did: Did, server: Server) -> str | None:
    """Return what is wrong with what a client did, None if nothing."""
    runs = 1 if fault.want == "ran" else 0
    if did.runs != runs or did.verdict not in (fault.want, fault.loosely):
        return f"{name}: {did.runs} runs, {did.verdict}, wanted {fault.want}: {did.said[-300:]}"
    if ERASE[0] in did.said or ERASE[-1] in did.said:
        return f"{name}: a terminal obeys what the server says"
    if server.followed:
        return f"{name}: it went where a redirect led"
    if len(set(server.keys)) > 1 or None in server.keys:
        return f"{name}: one request was made with several keys"
    if (
        did.runs
        and fault.step != "outcome"
        and [o["result"] for o in server.outcomes] != ["executed"]
    ):
        return f"{name}: the outcome was not told"
    return None


@pytest.fixture(scope="module")
def verdicts() -> Iterator[dict[str, dict[str, str]]]:
    """What each client made of each fault, written down when all have been tried."""
    made: dict[str, dict[str, str]] = {}
    yield made
    rows = [["fault", *made], ["---"] * (len(made) + 1)]
    rows += [
        [fault, *(column.get(fault, CHECKS_NO_LOG) for column in made.values())]
        for fault in ALL_FAULTS
    ]
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("".join(f"| {' | '.join(row)} |\n" for row in rows))


@pytest.mark.parametrize("named", CLIENTS)
def test_a_client_fails_closed(
    named: str, tmp_path: Path, verdicts: dict[str, dict[str, str]]
) -> None:
    def judge(item: tuple[str, Fault]) -> tuple[str, Did, str | None]:
        name, fault = item
        folder = tmp_path / name.replace(" ", "-").replace(",", "").replace("'", "")
        folder.mkdir()
        did, server = attempt(CLIENTS[named], fault, folder)
        return name, did, wrong(name, fault, did, server)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        faults = FAULTS if ".sh" in named else ALL_FAULTS
        results = list(pool.map(judge, faults.items()))
    verdicts[named] = {name: did.verdict for name, did, _ in results}
    complaints = [words for _, _, words in results if words]
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("algorithm", [EDDSA, RS256])
@pytest.mark.parametrize("named", CLIENTS)
def test_every_kind_of_passkey_is_verified(named: str, algorithm: int, tmp_path: Path) -> None:
    other = Authenticator(algorithm=algorithm)
    flipped = {"signature": lambda data: bytes([data[0] ^ 1]) + data[1:]}
    for folder, runs, tamper in ((tmp_path / "1", 1, {}), (tmp_path / "2", 0, flipped)):
        folder.mkdir()
        fault = Fault("ran", partial(Case.approved, by=other, tamper=tamper))
        with Server(fault) as server:
            asking = Asking(server.url, fault.ttl, folder, pin=base64url(other.spki))
            did = CLIENTS[named](asking)
        assert (did.runs, did.verdict) == (runs, "ran" if runs else "evidence"), did.said


def test_the_table_holds_every_kind_of_end() -> None:
    assert {fault.want for fault in ALL_FAULTS.values()} == {
        *("ran", "rejected", "expired", "cancelled"),
        *("undecided", "unavailable", "evidence", "refused"),
    }
    assert len(FAULTS) > 90
    assert len(LOG_FAULTS) > 45
