"""The verifiers as people run them: what they print, how they end, how long they are."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.bundles import BASES, ROOT, edited, public, trust_in
from tests.conftest import NODE
from tests.people import JSON

from cosignet.core.bundle import STEPS

BASE: JSON = json.loads((BASES / "approval-es256.json").read_text())

# --- As programs ----------------------------------------------------------------------------------

PROGRAMS = {
    "python": [sys.executable, str(ROOT / "verifiers/verify.py")],
    "node": [str(NODE), str(ROOT / "verifiers/verify.mjs")],
}


def options(trust: JSON) -> list[str]:
    pins = [("--vkey", one) for one in trust["vkeys"]]
    pins += [("--credential-key", one) for one in trust["keys"]]
    pins += [("--origin", trust["origin"])] if trust["origin"] else []
    return [word for pair in [*pins, ("--kind", trust["kind"])] for word in pair]


def run(program: str, bundle: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAMS[program], str(bundle), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_exit_status_is_0_only_if_all_that_is_needed_is_proven(
    program: str, tmp_path: Path
) -> None:
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(public(BASE)))
    trust = trust_in(BASE)
    assert run(program, file, *options(trust)).returncode == 0
    payload = tmp_path / "payload.json"
    payload.write_text(json.dumps(json.loads(BASE["payload"]), indent=2) + "\n")
    ran = run(program, file, *options(trust), "--payload", str(payload))
    assert (ran.returncode, ran.stdout.splitlines()[1][:5]) == (0, " 2 OK")
    for pin in ("vkeys", "keys"):
        assert run(program, file, *options(trust | {pin: []})).returncode == 3
    assert run(program, file, *options(trust | {"origin": None})).returncode == 3
    ran = run(program, file, *options(trust | {"keys": ["0" * 64]}))
    assert ran.returncode == 1
    assert " 8 FAIL" in ran.stdout


def test_both_programs_print_the_same(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(BASE))
    said = {run(program, file, *options(trust_in(BASE))).stdout for program in PROGRAMS}
    assert len(said) == 1


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"\xff\xfe{}", b"[" * 200_000, b"\xef\xbb\xbf{}", b'"\xe2\x80\xae\x1b[2J"'],
)
def test_what_cannot_be_read_fails_without_a_traceback(
    program: str, text: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(text)
    ran = run(program, file)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("It cannot be read: ")
    assert len(ran.stderr.splitlines()) == 1
    assert ran.stderr.rstrip("\n").isprintable()


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_no_bundle_fails_in_every_step_but_those_that_need_nothing(
    program: str, tmp_path: Path
) -> None:
    file = tmp_path / "bundle.json"
    file.write_text('{"kind":"\\u001b[2J"}')
    ran = run(program, file)
    assert ran.returncode == 1
    verdicts = [line[3:13].rstrip() for line in ran.stdout.splitlines()]
    assert verdicts == ["NOT PROVEN"] * 2 + ["FAIL"] * 10 + ["NOT PROVEN"] * 2


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_file_that_is_not_there_is_named(program: str, tmp_path: Path) -> None:
    ran = run(program, tmp_path / "nothing.json")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "nothing.json" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(BASE))
    ran = run(program, file, "--payload", str(tmp_path / "nothing.json"))
    assert (ran.returncode, ran.stdout) == (1, "")


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_that_a_terminal_obeys_is_printed(program: str, tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(edited(BASE, ("kind",), "\x1b[2J\u202e")))
    ran = run(program, file, "--kind", "\x1b[2J\u202e")
    assert ran.stdout.isascii()
    assert "\x1b" not in ran.stdout


def test_the_documents_show_the_steps_and_options_that_there_are() -> None:
    page = (ROOT / "docs/log.md").read_text(encoding="utf-8")
    rows = [
        f"| {number} | {step.name} | {step.says} | {'yes' if step.needed else 'no'} |"
        for number, step in enumerate(STEPS, 1)
    ]
    assert "\n".join(rows) in page
    for program in PROGRAMS:
        for option in ("--vkey", "--origin", "--credential-key", "--payload", "--kind"):
            assert f"| `{option}` |" in page
            assert option.strip("-") in Path(PROGRAMS[program][1]).read_text(encoding="utf-8")


# --- Short enough to be read ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["verify.py", "verify.mjs"])
def test_a_verifier_is_short_enough_to_be_read(name: str) -> None:
    lines = (ROOT / "verifiers" / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 250
    assert max(map(len, lines)) <= 100


def test_the_one_in_python_is_laid_out_as_the_formatter_does() -> None:
    command = [sys.executable, "-m", "ruff", "format", "--check", ROOT / "verifiers/verify.py"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0


def test_the_one_in_python_imports_nothing_but_cryptography() -> None:
    heads = {
        line.split()[1].partition(".")[0]
        for line in (ROOT / "verifiers/verify.py").read_text(encoding="utf-8").splitlines()
        if line.startswith(("import ", "from "))
    }
    assert heads - set(sys.stdlib_module_names) == {"cryptography"}
