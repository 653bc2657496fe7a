"""What one process of a run does, whether it was forked by the zygote or spawned.

`python -m assay.execution.child KIND FOLDER MODULE:FUNCTION` is the spawned form: it also watches its standard
input, whose end means that the controller is gone, and then pauses.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from assay.execution import attempts
from assay.execution.folder import ERROR, REFUSED, Kind, next_step, read_order, read_result
from assay.spec.errors import UserError
from assay.spec.run import TrainingResult
from assay.training.protocol import pack_folders

Work = Callable[[Path], Any]

# One run is one core: two threads a run were slower than two runs, and reductions stay in one order.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}

_PR_SET_PDEATHSIG = 1


def load_work(path: str) -> Work:
    """The function that `module:function` names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def do(kind: Kind, folder: Path, work: Work) -> int:
    """Train or evaluate one run, or train a pack of them, in this process and return its exit code.

    Holds the run folders' locks meanwhile, so two attempts never write to one folder: where an orphan of a killed
    controller still does, this waits until it lets go, and does only what it left undone.
    """
    with contextlib.ExitStack() as stack:
        folders = pack_folders(folder) if kind == "train" else (folder,)
        for each in sorted(folders):
            stack.enter_context(_locked(each))
        left = [each for each in folders if _next_step(each) == kind]
        if not left:
            return 0
        numbers = {each: attempts.begin(each, kind) for each in left}

        def end(how: str) -> None:
            for each, number in numbers.items():
                attempts.end(each, number, how)

        try:
            result = work(folder / "run.json" if kind == "train" else folder)
        except UserError as error:
            print(f"{ERROR}{error}", flush=True)
            end(f"{ERROR}{error}")
            return REFUSED
        except BaseException as error:
            traceback.print_exc()
            sys.stderr.flush()
            end(f"crashed: {type(error).__name__}: {error}")
            return 1
        if not isinstance(result, TrainingResult):
            end("scored")
            return 0
        for each, number in numbers.items():
            own = result if len(numbers) == 1 else read_result(each)
            attempts.end(each, number, own.status if own else "left no result", result.environment)
        return 0


def _next_step(folder: Path) -> Kind | None:
    order = read_order(folder)
    assert order is not None, f"{folder} has no run.json"
    return next_step(order, folder)


def log_to(folder: Path) -> None:
    """Append this process's standard output and error to the run's `log.txt`; read nothing."""
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(nothing)
    os.close(log)


def pause_when_orphaned(parent: int) -> None:
    """Have the kernel send SIGTERM when the parent dies (Linux; the parent must have one thread only)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was told
        os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _pause_at_end_of(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main(kind: Kind, folder: Path, path: str) -> int:
    """The spawned form: set the process up, then do its part of the run."""
    os.environ.update(ONE_THREAD)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    controller = os.dup(0)
    log_to(folder)
    threading.Thread(target=_pause_at_end_of, args=(controller,), daemon=True).start()
    return do(kind, folder, load_work(path))


if __name__ == "__main__":
    assert sys.argv[1] in ("train", "evaluate")
    # No tidying up: a daemon thread is blocked on the controller's pipe.
    code = main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    sys.stdout.flush()
    os._exit(code)
