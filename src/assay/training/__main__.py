"""`python -m assay.training run.json`: train one run, alone."""

import argparse
import os
import sys
from pathlib import Path

from assay.spec.errors import UserError
from assay.training.pause import Pause


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments (None: the process's own); its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m assay.training",
        description="Train the run that run.json orders. Writes metrics.jsonl, checkpoint/ and result.json next to it. "
        "SIGTERM or Ctrl-C pauses it with a checkpoint; the same command goes on. A finished run is left alone.",
    )
    parser.add_argument("run", type=Path, metavar="run.json", help="the run's order")
    path: Path = parser.parse_args(arguments).run
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported: its matrix products would take every core
    with Pause() as pause:  # before torch is imported, which takes seconds
        from assay.training.main import train

        try:
            result = train(path, pause)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    loss = "none" if result.loss is None else f"{result.loss:.4f} nats a token"
    print(f"{result.status}: {result.steps} steps, loss {loss}, {result.seconds:.1f} s, {result.step_ms:.2f} ms a step")
    return 0


if __name__ == "__main__":
    sys.exit(main())
