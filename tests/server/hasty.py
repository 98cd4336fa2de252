"""`cosignet` with shorter delays between attempts, a shorter deadline and shorter leases.

python -m tests.server.hasty serve
"""

from dataclasses import replace
from typing import Any

from cosignet.cli.main import main
from cosignet.core import webhook
from cosignet.server import app
from cosignet.server.config import Config
from cosignet.server.install import Opened, open_installation
from cosignet.server.outbound.http import Outside

DELAYS = (0.0, 0.2, 0.4, 0.8, 1.6, 3.2)
DEADLINE_SECONDS = 1.0
LEASE_SECONDS = 3.0


async def open_hastily(config: Config, **drawn: Any) -> Opened:
    opened = await open_installation(config, **drawn)
    runtime = replace(
        opened.runtime,
        limits=replace(opened.runtime.limits, lease_seconds=LEASE_SECONDS),
        outside=Outside(allow_private=True, seconds=DEADLINE_SECONDS),
    )
    opened.runtime.database.listen("delivery", lambda _: runtime.owed.set())
    return Opened(runtime, opened.migrations)


if __name__ == "__main__":
    webhook.RETRY_DELAYS = DELAYS  # type: ignore[misc,assignment]
    app.open_installation = open_hastily
    raise SystemExit(main())
