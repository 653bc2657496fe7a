"""How fast, how exact and how good the trainer is; against nanoGPT where there is something to compare.

    python benchmarks/training.py                          every section but `quality`, which takes hours
    python benchmarks/training.py speed overheads          some of them
    python benchmarks/training.py quality --work quality   goes on where it was
    python benchmarks/training.py --quick                  seconds; shows that everything runs, and measures nothing

nanoGPT is used unmodified, from a checkout beside the project (`git clone https://github.com/karpathy/nanoGPT
../nanoGPT`; another place: --nanogpt DIR or ASSAY_NANOGPT). Peer and assay take turns in one process on one thread, and
medians of at least five measurements are reported, in tokens per second of processor time. The text is that of
`corpora/` in the shared folder (--shared DIR or ASSAY_SHARED, default ../shared).
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from harness import ROOT, Options, options_of, parsed, run_sections, sections_of

SECTIONS = sections_of("training_sections")
ON_REQUEST = ("quality",)  # it takes hours


def arguments() -> argparse.Namespace:
    parser = options_of(__doc__, SECTIONS)
    parser.add_argument("--nanogpt", type=Path, default=Path(os.environ.get("ASSAY_NANOGPT", ROOT.parent / "nanoGPT")))
    parser.add_argument("--sizes", nargs="*", default=(), help="quality: only these sizes; speed: only these widths")
    parser.add_argument("--arms", nargs="*", default=(), help="quality: only these sides")
    parser.add_argument("--as-is", action="store_true", help="quality: compare the runs that there are, train none")
    return parsed(parser, SECTIONS)


def main() -> int:
    given = arguments()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported
    with tempfile.TemporaryDirectory() as temporary:
        options = Options(
            peer=given.nanogpt, shared=given.shared, work=given.work or Path(temporary),
            repeats=1 if given.quick else given.repeats, quick=given.quick, sizes=tuple(given.sizes),
            arms=tuple(given.arms), as_is=given.as_is,
        )  # fmt: skip
        names = given.sections or [name for name in SECTIONS if given.quick or name not in ON_REQUEST]
        return run_sections("training_sections", names, given.sections, options, given.json)


if __name__ == "__main__":
    sys.exit(main())
