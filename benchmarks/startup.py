"""How long `assay --help` and `assay status LAB` take: `python benchmarks/startup.py LAB [--times 9]`."""

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds(words: list[str], times: int) -> list[float]:
    """Wall time of each call of the installed command; the first, which fills the disk cache, is left out."""
    command = [str(Path(sys.executable).parent / "assay"), *words]
    found: list[float] = []
    for _ in range(times + 1):
        begun = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found.append(time.perf_counter() - begun)
    return found[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lab", nargs="?", help="an existing lab; a new tiny one if left out")
    parser.add_argument("--times", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lab = arguments.lab or f"{folder}/lab"
        if not arguments.lab:
            assay = str(Path(sys.executable).parent / "assay")
            subprocess.run([assay, "init", lab, "--ladder", "tiny", "--json"], check=True, stdout=subprocess.DEVNULL)
        print(f"{platform.platform()}, Python {platform.python_version()}")
        print("| command | median (s) | worst (s) |\n|---|---|---|")
        for words in (["--help"], ["status", lab]):
            found = seconds(words, arguments.times)
            print(f"| `assay {words[0]}` | {statistics.median(found):.2f} | {max(found):.2f} |")


if __name__ == "__main__":
    main()
