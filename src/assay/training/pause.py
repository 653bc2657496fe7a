"""Being asked to pause: SIGTERM (or Ctrl-C) is remembered, and obeyed at the end of the current step."""

import signal
from types import FrameType, TracebackType
from typing import Self


class Pause:
    """While entered, SIGTERM and a first Ctrl-C set `requested`; a second Ctrl-C interrupts as usual.

    Where SIGINT is ignored, because a controller answers Ctrl-C for all its runs, it stays so.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            handler = signal.getsignal(number)
            if number == signal.SIGINT and handler == signal.SIG_IGN:
                continue
            self._before[number] = handler
            signal.signal(number, self._remember)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
