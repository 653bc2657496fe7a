"""`python launch.py CONFIG`: starts one worker for each process that the config asks for, and passes signals on.

It stands for torchrun and its kind: what assay starts is not what trains.
"""

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path


def main(config: str) -> int:
    count = tomllib.loads(Path(config).read_text())["launcher"]["processes"]
    workers = [
        subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py")), config],
            env=os.environ | {"RANK": str(rank), "WORLD_SIZE": str(count)},
        )
        for rank in range(count)
    ]

    def pass_on(number: int, _: object) -> None:
        for worker in workers:
            worker.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    return max(abs(worker.wait()) for worker in workers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
