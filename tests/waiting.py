"""Patience with other processes."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 60.0


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of a condition. Raises `AssertionError`, which names what was waited for, after a minute."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError(f"waited {PATIENCE:.0f} s in vain for {what}")
