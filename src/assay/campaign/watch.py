"""What a running campaign tells whoever watches it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from assay.campaign.history import Campaign
from assay.spec.protocols import Progress


class Snapshot(NamedTuple):
    """The state of a session at one moment."""

    campaign: Campaign
    progress: Sequence[Progress]
    seconds: float
    share: float | None
    seconds_left: float | None
    doing: str


class Watcher(Protocol):
    """Shows a session. `tick` comes several times a second, `say` once for each event worth a line."""

    def tick(self, snapshot: Snapshot) -> None: ...
    def say(self, line: str) -> None: ...


class Silent:
    """Watches without showing anything."""

    def tick(self, snapshot: Snapshot) -> None:
        del snapshot

    def say(self, line: str) -> None:
        del line
