"""Where a step's time goes."""

import time


class Clock:
    """Splits the time of each step into phases. Every moment between two `step` calls belongs to one phase.

    On a device that works while the program goes on (CUDA), a phase's time is that of handing the work over, except
    where the program has to wait.
    """

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._phases: dict[str, float] = {}

    def lap(self, phase: str) -> float:
        """Count the time since the last call as `phase`; returns that time in seconds."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        self.add(phase, seconds)
        return seconds

    def skip(self) -> None:
        """Leave out the time since the last call: it was somebody else's."""
        self._last = time.perf_counter()

    def add(self, phase: str, seconds: float) -> None:
        """Count time that was measured elsewhere."""
        self._phases[phase] = self._phases.get(phase, 0.0) + seconds

    def step(self) -> dict[str, float]:
        """Seconds in each phase since the last call of this."""
        phases, self._phases = self._phases, {}
        return phases
