"""Secrets on standard output, words on standard error, so that a shell can take just the secret."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from cosignet.core.characters import visible
from cosignet.core.errors import SetupError
from cosignet.server.app import opened
from cosignet.server.config import Config, read_config
from cosignet.server.runtime import Runtime
from cosignet.server.store.connect import is_shared, store_exists

Answer = TypeVar("Answer")


def with_runtime(work: Callable[[Runtime], Awaitable[Answer]]) -> Answer:
    """Open the configured installation, do one piece of work on it, and close it."""

    config = read_config()

    async def run() -> Answer:
        if not await store_exists(config.database_url):
            raise SetupError(no_store(config))
        async with opened(config) as runtime:
            return await work(runtime)

    return asyncio.run(run())


def no_store(config: Config) -> str:
    """Say that there is no store where one is configured, and what to do."""
    if is_shared(config.database_url):
        where = "that database. Set COSIGNET_DATABASE_URL to the server's"
    else:
        where = f"{config.data_dir}. Set COSIGNET_DATA_DIR to the server's folder"
    return (
        f"There is no store in {where}; a new store is made by `cosignet serve` or "
        "`cosignet migrate`."
    )


def say(*lines: str) -> None:
    """Tell a person something."""
    for line in lines:
        print(line, file=sys.stderr)


def print_secret(options: argparse.Namespace, secret: str, about: dict[str, Any]) -> None:
    """Print what was minted: alone, or as JSON with what is known about it."""
    print(json.dumps(about) if options.json else secret, flush=True)


def print_table(options: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    """Print rows, one a line, or as JSON."""
    if options.json:
        print(json.dumps(rows))
        return
    if not rows:
        say("None.")
        return
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    for line in cells:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, cast("list[object]", value)))
    return "-" if value is None else visible(str(value))
