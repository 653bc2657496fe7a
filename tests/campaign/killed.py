"""`python -m tests.campaign.killed LAB BUDGET SEED`: a simulated campaign whose controller is killed again and again.

Each session is a forked process that kills itself (SIGKILL, so nothing is tidied up) at a random beginning or end of
a write to the store. The next session goes on without a budget of its own, until one comes to its end. Prints how
many were killed.
"""

import os
import random
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import optuna  # noqa: F401 (once here instead of once in each session)
from sqlalchemy import Engine, event

from assay.campaign.lab import Lab
from tests.campaign.helpers import simulate


def session(folder: Path, budget: str | None, moments: int) -> None:
    """Go on with a campaign until so many write transactions have begun or are about to be committed."""
    left = [moments]

    def count(connection: Any) -> None:
        if connection.get_execution_options().get("write"):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "begin", count)
    event.listen(Engine, "commit", count)
    simulate(Lab(folder), budget)


def main(folder: Path, budget: str, seed: int) -> int:
    draw, kills = random.Random(seed), 0
    while True:
        moments = draw.randint(4, 40)
        pid = os.fork()
        if pid == 0:
            try:
                session(folder, None if kills else budget, moments)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code == 0:
            return kills
        if code != -signal.SIGKILL:
            raise SystemExit(f"session {kills + 1} ended with exit code {code}")
        kills += 1


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
