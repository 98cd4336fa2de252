"""Figures as text for Prometheus, those of the other processes behind the same port included.

Each process keeps its own. Whoever scrapes meets any of them, so each puts its figures into a
file from time to time, and the one that is asked tells those of all, by `worker`. A file is
replaced as a whole; one that cannot be read is left out.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Family = dict[str, Any]
"""A metric with its samples, as JSON holds it."""


def families(registry: CollectorRegistry, *, worker: int) -> list[Family]:
    """Return what a registry holds now; every sample says whose it is."""
    return [
        {
            "name": metric.name,
            "help": metric.documentation,
            "type": metric.type,
            "samples": [
                (sample.name, {**sample.labels, "worker": str(worker)}, sample.value)
                for sample in metric.samples
            ],
        }
        for metric in registry.collect()
    ]


class _Merged(Collector):
    """The families of several processes, each of them once."""

    def __init__(self, several: Iterable[list[Family]]) -> None:
        self._several = several

    def collect(self) -> Iterator[Metric]:
        merged: dict[str, Metric] = {}
        for family in (one for found in self._several for one in found):
            name = family["name"]
            if name not in merged:
                merged[name] = Metric(name, family["help"], family["type"])
            for sample in family["samples"]:
                merged[name].add_sample(*sample)
        yield from merged.values()


def expose(several: Iterable[list[Family]], *, accept: str) -> tuple[bytes, str]:
    """Return a body and its media type: text format 0.0.4, or what `accept` prefers to it."""
    encode, media_type = choose_encoder(accept)
    return encode(_Merged(several)), media_type


@dataclass(frozen=True, slots=True)
class Place:
    """A process's place among those behind one port, and the folder where they leave figures."""

    number: int = 0
    folder: Path | None = None
    """None: it is alone."""

    def leave(self, found: list[Family]) -> None:
        """Put this process's figures where the others find them.

        Raises:
            OSError: they cannot be written.
        """
        if self.folder is not None:
            draft = self.folder / f"{self.number}.draft"
            draft.write_text(json.dumps(found))
            draft.replace(self.folder / f"{self.number}.json")

    def gather(self) -> list[list[Family]]:
        """Return the figures that the others have left."""
        paths = [] if self.folder is None else sorted(self.folder.glob("*.json"))
        found: list[list[Family]] = []
        for path in paths:
            if path.stem != str(self.number):
                with contextlib.suppress(OSError, ValueError):
                    found.append(json.loads(path.read_text()))
        return found
