"""`python -m assay.evaluation RUN_FOLDER`: score one trained run."""

import argparse
import sys
from pathlib import Path

from assay.spec.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments (None: the process's own); its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m assay.evaluation",
        description="Score the newest checkpoint of a run on its corpus's held-out spans. Writes scores.json.",
    )
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER", help="where run.json and checkpoint/ are")
    parser.add_argument("--json", action="store_true", help="print scores.json instead of a table")
    given = parser.parse_args(arguments)
    from assay.evaluation.score import score_run  # after --help: it imports torch

    try:
        scores = score_run(given.folder)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if given.json:
        print(scores.model_dump_json(indent=1))
        return 0
    for domain, value in scores.bits_per_byte.items():
        print(f"{domain:<16} {value:8.4f} bits per byte on {scores.bytes[domain]:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
