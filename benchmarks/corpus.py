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
from pkgutil import iter_modules

from harness import REPEATS, ROOT, Options, run_sections

SECTIONS = tuple(sorted(module.name for module in iter_modules([str(Path(__file__).parent / "corpus_sections")])))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("ASSAY_SHARED", ROOT.parent / "shared")))
    parser.add_argument("--work", type=Path, help="folder for what takes long to make; a temporary one if left out")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="measurements of each side (at least 5)")
    parser.add_argument("--quick", action="store_true", help="show that everything runs")
    parser.add_argument("--json", action="store_true", help="print the numbers instead of tables")
    given = parser.parse_args()
    for name in given.sections:
        if name not in SECTIONS:
            parser.error(f"no section is called '{name}'; there are: {', '.join(SECTIONS)}")
    if given.repeats < REPEATS:
        parser.error(f"--repeats {given.repeats}: at least {REPEATS} are needed for a median")
    return given


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
