"""How fast the steps from raw text to tokens are, and in how much memory; against the usual tools in the same run.

    python benchmarks/corpus.py                    every section
    python benchmarks/corpus.py tokenizers         some of them
    python benchmarks/corpus.py --quick            seconds; shows that everything runs, and measures nothing

The text is that of `corpora/` in the shared folder (--shared DIR or ASSAY_SHARED, default ../shared), repeated with
seeded changes where more is needed. Peer and assay take turns, and medians of at least five measurements are reported
for what takes seconds, in megabytes (10⁶ bytes of text) a second of processor time, or of wall time where it says so.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from harness import Options, options_of, parsed, run_sections, sections_of

SECTIONS = sections_of("corpus_sections")


def arguments() -> argparse.Namespace:
    return parsed(options_of(__doc__, SECTIONS), SECTIONS)


def main() -> int:
    given = arguments()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as temporary:
        options = Options(
            peer=Path(), shared=given.shared, work=given.work or Path(temporary),
            repeats=1 if given.quick else given.repeats, quick=given.quick,
        )  # fmt: skip
        return run_sections("corpus_sections", given.sections or SECTIONS, given.sections, options, given.json)


if __name__ == "__main__":
    sys.exit(main())
