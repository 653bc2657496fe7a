"""Trainers that behave in ways that the executor has to survive; imported by name like `fake_training`."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def with_grandchild(run_json: Path) -> None:
    """Starts a process of its own, as an external trainer does, and never ends."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (run_json.parent / "pid").write_text(str(child.pid))
    time.sleep(600)


def stubborn(run_json: Path) -> None:
    """Will not pause."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (run_json.parent / "deaf").touch()
    time.sleep(600)


def nonsense(run_json: Path) -> None:
    """Leaves a result that says nothing."""
    (run_json.parent / "result.json").write_text("{}")


def nosy(run_json: Path) -> None:
    """Writes down what this process was given, and leaves without a result."""
    files = Path("/proc/self/fd")
    seen = {
        "environment": dict(os.environ),
        "files": [path.readlink().name for path in files.iterdir() if path.is_symlink()],
        "ignores_interrupts": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
        "default_child_signal": signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL,
        "leads_its_group": os.getpgid(0) == os.getpid(),
    }
    (run_json.parent / "seen.json").write_text(json.dumps(seen))
    raise SystemExit(0)
