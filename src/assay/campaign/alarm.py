"""Stopping in time what would wait for longer than a session may last."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager


class OutOfTime(KeyboardInterrupt):
    """The alarm rang. Like Ctrl-C it passes through code that catches every `Exception`."""


@contextmanager
def alarm(seconds: float | None) -> Generator[None]:
    """Raise `OutOfTime` in the block if it takes longer; None: let it take its time.

    Only the main thread can be interrupted; in another one the block takes its time too.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds))  # zero would turn it off
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
