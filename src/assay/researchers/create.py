"""Building researchers by name."""

from collections.abc import Callable

from assay.researchers.exchange import Exchange
from assay.spec.lab import LabConfig
from assay.spec.protocols import Researcher
from assay.spec.registry import load


def check(name: str) -> None:
    """Raise `ResearcherUnavailable` where it is clear beforehand that a researcher cannot answer: without a key."""
    if name == "claude":
        from assay.researchers.claude.messages import read_key

        read_key()


def create(name: str, config: LabConfig, record: Callable[[Exchange], None], spent_usd: float) -> Researcher:
    """The researcher that `[researchers] use` calls `name`.

    Embedded strategies need nothing. A researcher that costs money gets its settings, `record`, which stores
    each exchange as soon as it has ended, and what the lab has spent on it so far.
    """
    build = load("researcher", name)
    if name == "claude":
        return build(config.researchers.claude, record, spent_usd)
    return build()
