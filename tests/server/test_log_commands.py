"""`cosignet log …`, and what doctor, backup and restore know of the log, as operators run them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tests.engines import engines
from tests.server.logbook import ROOTS, Book, on_log
from tests.server.rows import opened
from tests.server.test_backup import Store

from cosignet.core.checkpoint import parse_checkpoint
from cosignet.core.log_errors import LogRefuses
from cosignet.core.merkle import leaf_hash
from cosignet.core.note import parse_key, parse_note, verify_note
from cosignet.core.tile import unpack_entries
from cosignet.server.secret import SigningKey, check_ed25519

URL = "http://localhost:8000"


@pytest.fixture
def store(engine: str, tmp_path: Path) -> Store:
    """A store whose log has five entries under one head."""
    folder = tmp_path / "store"
    on_log(folder, grown(0, 5))
    return Store(folder, URL)


def grown(start: int, end: int) -> Any:
    async def work(book: Book) -> int:
        await book.add(*range(start, end))
        return await book.keep()

    return work


def doctors(store: Store) -> dict[str, str]:
    """Return what the doctor finds of the log."""
    with store.start("doctor", "--json") as process:
        said, complaint = process.communicate(timeout=60)
    assert "Traceback" not in complaint
    [found] = [row for row in json.loads(said) if row["check"] == "log"]
    return found


def said_on_the_side(store: Store, *arguments: str) -> str:
    with store.start(*arguments) as process:
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 0, complaint
    return complaint


def test_a_new_key_is_printed_alone_and_belongs_to_no_store(engine: str, tmp_path: Path) -> None:
    nowhere = Store(tmp_path / "nowhere", URL)
    first, second = (nowhere.run("log", "key", "--new") for _ in range(2))
    assert first != second
    assert len(base64.b64decode(first.strip(), validate=True)) == 32
    told = json.loads(nowhere.run("log", "key", "--new", "--json"))
    assert list(told) == ["logKey"]
    assert nowhere.count() is None
    begun = Store(tmp_path / "begun", URL, COSIGNET_LOG_KEY=first.strip())
    begun.run("migrate")
    [key] = begun.run("log", "key").split()
    assert parse_key(key).public_key == SigningKey(base64.b64decode(first)).public_key


def test_the_keys_are_printed_oldest_first_and_rotating_adds_one(store: Store) -> None:
    first = store.run("log", "key").split()
    assert len(first) == 1
    second = store.run("log", "rotate", "--overlap-days", "0").strip()
    assert store.run("log", "key").split() == [*first, second]
    assert json.loads(store.run("log", "key", "--json")) == [*first, second]
    assert "0 to 365" in store.refused("log", "rotate", "--overlap-days", "366")
    third = json.loads(store.run("log", "rotate", "--json"))["vkey"]
    assert store.run("log", "key").split() == [*first, second, third]


def test_verifying_says_what_was_looked_through_and_finds_a_flipped_bit(store: Store) -> None:
    assert store.run("log", "verify") == "5 entries, 1 heads: fine\n"
    assert json.loads(store.run("log", "verify", "--json")) == {"entries": 5, "heads": 1}
    with opened(store.database) as rows:
        rows.execute("UPDATE leaves SET entry = x'39' WHERE leaf_index = 3")
        rows.commit()
    assert "tile 0 of level 0 is damaged" in store.refused("log", "verify")


def test_an_export_is_a_log_that_verifies_by_itself(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    assert store.run("log", "export", str(folder)) == f"4 files in {folder}\n"
    key = parse_key((folder / "key").read_text().strip())
    note = parse_note((folder / "checkpoint").read_text())
    verify_note(note, [key], check_ed25519)
    head = parse_checkpoint(note.text)
    entries = unpack_entries((folder / "tile/entries/000.p/5").read_bytes())
    hashes = [leaf_hash(entry) for entry in entries]
    assert (folder / "tile/0/000.p/5").read_bytes() == b"".join(hashes)
    assert head.size == len(entries) == 5
    assert head.root == ROOTS[4]
    assert json.loads(store.run("log", "export", str(folder), "--json")) == {"files": 4}


def test_a_frozen_log_signs_nothing_until_it_is_thawed(store: Store) -> None:
    assert "is stopped" in store.run("log", "freeze")
    assert json.loads(store.run("log", "freeze", "--json")) == {"frozen": True, "changed": False}
    assert on_log(store.folder, grown(5, 8)) == 0
    found = doctors(store)
    assert (found["result"], found["what"]) == ("WARN", "it is stopped: 5 entries, 3 wait")
    assert "--thaw" in found["cure"]
    thawed = json.loads(store.run("log", "freeze", "--thaw", "--json"))
    assert thawed == {"frozen": False, "changed": True}
    assert on_log(store.folder, Book.keep) == 3
    assert doctors(store)["result"] == "OK"


def test_the_doctor_finds_that_the_memory_is_missing(store: Store) -> None:
    assert doctors(store)["what"] == "5 entries, 0 wait"
    (store.folder / "log-head").unlink()
    found = doctors(store)
    assert found["result"] == "FAIL"
    assert "log verify --remember" in found["what"]
    assert found["cure"]


def test_an_old_backup_is_refused_also_when_it_has_outgrown_what_is_remembered(
    store: Store, tmp_path: Path
) -> None:
    backup = str(tmp_path / "backup")
    assert "log-head" in said_on_the_side(store, "backup", backup)
    assert on_log(store.folder, grown(5, 20)) == 15
    before = (store.folder / "log-head").read_text()
    # The database goes back; what the node remembers does not.
    said = said_on_the_side(store, "restore", backup, "--replace")
    assert "reached 20 entries: it is an older copy" in said
    assert (store.folder / "log-head").read_text() == before
    assert doctors(store)["result"] == "FAIL"

    async def outgrow(book: Book) -> None:
        await book.add(*range(100, 130))
        with pytest.raises(LogRefuses, match="older copy"):
            await book.keep()
        assert [head.size for head in await book.heads()] == [5]

    on_log(store.folder, outgrow)
    # Who knows that the newest is lost goes on, and says so.
    assert store.run("log", "verify", "--remember") == "5 entries, 1 heads: fine\n"
    assert on_log(store.folder, Book.keep) == 30
    assert doctors(store)["result"] == "OK"


def test_a_backup_in_a_new_place_waits_for_its_operator(store: Store, tmp_path: Path) -> None:
    backup = str(tmp_path / "backup")
    store.run("backup", backup)
    settings = engines.settings(tmp_path / "second") if engines.current == "postgres" else {}
    second = Store(tmp_path / "second", URL, **settings).take_key_of(store)
    assert "log-head is missing" in said_on_the_side(second, "restore", backup)
    second.run("log", "verify", "--remember")
    assert on_log(second.folder, grown(5, 6)) == 1
    # The newest memory of the first does as well.
    third = Store(tmp_path / "third", URL).take_key_of(store)
    third.folder.mkdir(mode=0o700, exist_ok=True)
    (third.folder / "log-head").write_bytes((store.folder / "log-head").read_bytes())
    assert "does not go on" not in said_on_the_side(third, "restore", backup)
    assert on_log(third.folder, grown(5, 6)) == 1
