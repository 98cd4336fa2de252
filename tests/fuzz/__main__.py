"""`python -m tests.fuzz`: hold a live server against its own OpenAPI document, case by case.

Schemathesis reads the document and makes requests of it, well-formed and otherwise, that name what
there is; every one of its checks is on. Leaves 1 behind if one of them finds something.
"""

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.engines import ENGINES, engines
from tests.fuzz.cast import Cast, arrange
from tests.live import Live

HERE = Path(__file__).parent
METRICS_TOKEN = secrets.token_hex(16)


def main() -> int:
    """Fuzz on each engine that was named; return what the program is to leave behind."""
    parser = argparse.ArgumentParser(prog="make fuzz-api", description=__doc__)
    parser.add_argument("--engine", action="append", choices=ENGINES, help="only this engine")
    parser.add_argument("--examples", type=int, default=200, help="for each route (%(default)s)")
    parser.add_argument("--seed", type=int, help="make the same requests again")
    parser.add_argument("--short", action="store_true", help="the same few, in seconds")
    parser.add_argument("more", nargs="*", help="what schemathesis takes besides")
    options = parser.parse_args()
    failed = 0
    try:
        for engine in options.engine or ENGINES:
            with tempfile.TemporaryDirectory() as folder, engines.used(engine):
                print(f"--- {engine}", flush=True)
                failed |= _fuzz(Path(folder), options)
    finally:
        engines.close()
    return failed


def _fuzz(folder: Path, options: argparse.Namespace) -> int:
    with Live(folder / "data", {"COSIGNET_METRICS_TOKEN": METRICS_TOKEN}) as live:
        config = folder / "schemathesis.toml"
        config.write_text(HERE.joinpath("schemathesis.toml").read_text() + _found(arrange(live)))
        command = [
            str(Path(sys.executable).parent / "schemathesis"),
            f"--config-file={config}",
            "run",
            f"{live.url}/api/openapi.json",
            *_extent(options),
            *options.more,
        ]
        return subprocess.run(command, check=False).returncode


def _extent(options: argparse.Namespace) -> list[str]:
    if options.short:
        return ["--max-examples=10", "--generation-deterministic", "--phases=coverage,fuzzing"]
    seed = [] if options.seed is None else [f"--seed={options.seed}"]
    return [f"--max-examples={options.examples}", *seed]


def _found(cast: Cast) -> str:
    """Return the part of the configuration that names what this server holds."""
    places = cast.words | {f"ids {path}": ids for path, ids in cast.ids.items()}
    lines = [
        f"[auth.openapi]\napiKey = {{ api_key = {json.dumps(cast.key)} }}",
        f"session = {{ api_key = {json.dumps(cast.session)} }}",
        f"metrics = {{ bearer = {json.dumps(METRICS_TOKEN)} }}",
    ]
    for name, values in places.items():
        lines.append(f"[dictionaries.{json.dumps(name)}]\nvalues = {json.dumps(values)}")
    for name in cast.words:
        lines.append(f"[parameters.{json.dumps(name)}]\n{_often(name)}")
    for path in cast.ids:
        lines.append(f'[[operations]]\ninclude-path-regex = "^{path}"')
        for name in ("path.id", "path.code", "path.name"):
            lines.append(f"[operations.parameters.{json.dumps(name)}]\n{_often(f'ids {path}')}")
    return "\n".join(["", *lines, ""])


def _often(dictionary: str) -> str:
    return f"dictionary = {json.dumps(dictionary)}\nprobability = 0.7"


if __name__ == "__main__":
    sys.exit(main())
