"""The shell recipes' own helpers against the cases that every language runs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.authenticator import base64url
from tests.client.clients import BY_JQ, RECIPES
from tests.test_vectors import CASES

PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
SECONDS = 120
CONTEXTS = """
for file in "$WORK"/*.case; do
  if json canonical "$file" "$CONTEXT_KEYS"; then echo 1; else echo 0; fi
done
"""
CHALLENGES = """
for file in "$WORK"/*.case; do
  cp "$file" "$WORK/context"
  challenge "$(sha256 <"${file%.case}.payload")" && echo
done
"""

SIGNATURES = """
set +e
say() { :; }
for folder in "$WORK"/*.case; do
  (WORK=$folder; verify_signature "$(cat "$folder/key")" "$(cat "$folder/algorithm")")
  echo "$?"
done
"""


def shell(script: str, folder: Path, **env: str) -> list[str]:
    """Run some of the library's functions over a folder of cases."""
    library = RECIPES / "lib" / "cosignet.sh"
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f'. "{library}"\nWORK={folder}\n{script}'],
        env={"PATH": PATH, "LC_ALL": "C"} | env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def is_of_other_kinds(text: str) -> bool:
    """Whether a text has the form and the keys, and a value of another kind: that is compared."""
    try:
        members: dict[str, Any] = json.loads(text)
    except ValueError:
        return False
    canonical = json.dumps(members, ensure_ascii=False, separators=(",", ":")) == text
    keys = [
        *json.loads(next(c for c in CASES["context"].values() if "want" in c)["inputs"]["text"])
    ]
    return canonical and isinstance(members, dict) and [*members] == keys


# jq writes U+007F escaped, and -0 as it is. A title with the one is refused (and nothing runs); the
# other is compared with 1 afterwards.
TAKEN_BY_JQ = ["refused-escape-del", "refused-quorum-minus-zero"]


@pytest.mark.parametrize(("tool", "taken"), [({}, []), (BY_JQ, TAKEN_BY_JQ)], ids=["python3", "jq"])
def test_contexts_are_in_their_one_form_or_refused(
    tmp_path: Path, tool: dict[str, str], taken: list[str]
) -> None:
    cases = sorted(CASES["context"].items())
    for name, case in cases:
        text = case["inputs"]["text"].encode(errors="surrogatepass")
        (tmp_path / f"{name}.case").write_bytes(text)
    wrong = [
        name
        for (name, case), said in zip(cases, shell(CONTEXTS, tmp_path, **tool), strict=True)
        if (said == "1") != ("want" in case) and not is_of_other_kinds(case["inputs"]["text"])
    ]
    assert wrong == taken


def test_challenges_have_these_bytes(tmp_path: Path) -> None:
    cases = sorted(
        (name, case)
        for name, case in CASES["challenge"].items()
        if case["inputs"].get("purpose") == "approve"
    )
    for name, case in cases:
        (tmp_path / f"{name}.case").write_text(case["inputs"]["contextText"])
        (tmp_path / f"{name}.payload").write_text(case["inputs"]["payloadText"])
    assert shell(CHALLENGES, tmp_path) == [case["want"]["challenge"] for _, case in cases]
    assert len(cases) > 15


def test_signatures_are_that_keys_or_refused(tmp_path: Path) -> None:
    cases = sorted(CASES["signature"].items())
    for name, case in cases:
        folder = tmp_path / f"{name}.case"
        folder.mkdir()
        inputs = case["inputs"]
        (folder / "key").write_text(base64url(bytes.fromhex(inputs["publicKeySpki"])))
        (folder / "algorithm").write_text(str(inputs["algorithm"]))
        (folder / "signature").write_bytes(bytes.fromhex(inputs["signature"]))
        (folder / "signed").write_bytes(bytes.fromhex(inputs["data"]))
    wrong = [
        name
        for (name, case), said in zip(cases, shell(SIGNATURES, tmp_path), strict=True)
        if (said == "0") != ("want" in case)
    ]
    assert wrong == []
