"""What several commands need: finding the lab, printing facts, parameters that all share."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, validators

from assay.interfaces.report.wording import size as size
from assay.spec.errors import UserError

if TYPE_CHECKING:
    from assay.campaign.lab import Lab

LabArgument = Annotated[Path | None, Parameter(help="Folder of the lab; found from the present folder if left out.")]
#: `[LAB] NAME…`, which the command's docstring explains and `split_words` reads.
Words = Annotated[str, Parameter(show=False)]
Workers = Annotated[int, Parameter(help="Processes.", validator=validators.Number(gte=1))]
Overwrite = Annotated[bool, Parameter(negative="", help="Replace OUT if it is there already and a step wrote it.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print machine-readable facts.")]


def find_lab(folder: Path | None) -> Path:
    """The lab's folder: the one named, or the nearest one above the present folder.

    Raises:
        UserError: there is none.
    """
    if folder is not None:
        if folder.is_file():
            raise UserError(
                f"{folder} is a file, and a lab's folder was expected; for bare files give both, IN and OUT"
            )
        if not (folder / "lab.toml").is_file():
            raise UserError(f"{folder} is not a lab: it has no lab.toml; `assay init {folder}` makes one")
        return folder
    here = Path.cwd()
    for candidate in (here, *here.parents):
        if (candidate / "lab.toml").is_file():
            return candidate
    raise UserError("no lab here: name its folder, go into it, or make one with `assay init mylab`")


def open_lab(folder: Path | None) -> "Lab":
    from assay.campaign.lab import Lab

    return Lab(find_lab(folder))


def find_run(name: str, lab: Path | None) -> Path:
    """The folder of a run: that folder itself, or the one in a lab whose hash begins so.

    Raises:
        UserError: there is no such run, or more than one.
    """
    if (Path(name) / "run.json").is_file():
        return Path(name)
    opened = open_lab(lab)
    try:
        return opened.find_run(name)
    finally:
        opened.close()


def split_words(words: tuple[str, ...], names: tuple[str, ...], command: str) -> tuple["Lab", list[str]]:
    """Read `[LAB] NAME…`: with one word more than `names` the first is the lab.

    Raises:
        UserError: too few or too many words.
    """
    missing_one = len(words) == len(names) and (Path(words[0]) / "lab.toml").is_file()
    if len(words) == len(names) and not missing_one:
        return open_lab(None), list(words)
    if len(words) == len(names) + 1:
        return open_lab(Path(words[0])), list(words[1:])
    given = f"only {' and '.join(words)} given" if words else "nothing given"
    problem = f"too much given ({' '.join(words)})" if len(words) > len(names) else given
    raise UserError(f"{problem}; expected: assay {command} [LAB] {' '.join(names)}")


def print_json(facts: Any) -> None:
    json.dump(facts, sys.stdout, indent=2, ensure_ascii=False)
    print()


def count(number: int, one: str, many: str = "") -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def duration(seconds: float | None) -> str:
    """Seconds as people say them."""
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def interval(low: float | None, high: float | None, unit: str = "%") -> str:
    """An interval with open ends where the data do not bound it yet."""
    if low is None or high is None:
        return "not bounded yet"
    return f"[{low:+.2f}{unit}, {high:+.2f}{unit}]"
