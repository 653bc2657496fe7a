"""`python -m assay.training.devices.worker run.json`: one of the processes that train a run, started by torchrun.

Standard input belongs to the process that asked for the run (`torchrun.py`), and all workers share it: a byte asks for
a pause, which all obey after the same step, and its end means that nobody is left who waits for them.
"""

import os
import sys
import threading
from datetime import timedelta
from pathlib import Path

import torch.distributed as dist

from assay.spec.errors import UserError
from assay.training.devices.forward import leave
from assay.training.devices.torchrun import ANSWER, Answer
from assay.training.files import replace_file
from assay.training.pause import Pause
from assay.training.protocol import read_order
from assay.training.trainer import train_run

PATIENCE = timedelta(minutes=10)  # for the others, who may be compiling or writing; a dead one is noticed at once


def work(run_json: Path, pause: Pause) -> int:
    """Train a process's share of a run; the first one answers for all. The exit code."""
    folder = run_json.parent
    order = read_order(run_json)
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # torchrun started us all on this machine
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if order.hardware.device == "cuda" else "gloo", timeout=PATIENCE)
        result = train_run(order, folder, pause)
    except UserError as error:
        answer = Answer(error=str(error))
        code = 2
    else:
        answer = Answer(result=result)
        code = 0
        if dist.get_rank() > 0:
            leave()
            return code
        leave()
    replace_file(folder / ANSWER, answer.model_dump_json().encode())
    return code


def _listen(pause: Pause) -> None:
    while os.read(0, 1):
        pause.requested = True
    os._exit(1)


def main(run_json: Path) -> int:
    pause = Pause()  # not entered: torchrun's SIGTERM, when another worker was lost, ends this one at once
    threading.Thread(target=_listen, args=(pause,), daemon=True).start()
    return work(run_json, pause)


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a daemon thread is blocked on standard input
