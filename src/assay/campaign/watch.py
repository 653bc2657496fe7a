"""What a running campaign tells whoever watches it."""

import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from assay.campaign.history import Campaign
from assay.spec.protocols import Progress


class Selecting(NamedTuple):
    """How far a step over training text has come, in bytes of all its passes; `seconds_left` None: not known yet."""

    step: str
    done: int
    total: int
    seconds_left: float | None


class Snapshot(NamedTuple):
    """The state of a session at one moment. `selecting`: None unless training text is selected."""

    campaign: Campaign
    progress: Sequence[Progress]
    seconds: float
    share: float | None
    seconds_left: float | None
    doing: str
    selecting: Selecting | None = None


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


class Pace:
    """Tells time left from the bytes done so far, of one step after the other."""

    def __init__(self) -> None:
        self._begun, self._first, self._last = time.monotonic(), 0, 0

    def at(self, step: str, done: int, total: int) -> Selecting:
        """Where a step is. Less done than before is the beginning of another one."""
        now = time.monotonic()
        if done < self._last:
            self._begun, self._first = now, done
        self._last = done
        since = done - self._first
        return Selecting(step, done, total, (now - self._begun) * (total - done) / since if since else None)
