"""`assay evaluate`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from cyclopts import Parameter

from assay.evidence.intervals import student_half_width
from assay.interfaces.cli.shared import Json, Words, count, find_run, print_json
from assay.spec.errors import UserError
from assay.spec.registry import names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.evaluation.results import Evaluated, Scores

#: The row with the error over groups.
OVER_GROUPS = "groups by chance"


def evaluate(
    *words: Words,
    on: Annotated[
        list[Path], Parameter(consume_multiple=True, help="Evaluation files: .jsonl, .jsonl.gz or .jsonl.zst.")
    ],
    task: Annotated[
        str | None, Parameter(help=f"{', '.join(names('evaluation_task'))}; told from the rows' fields if left out.")
    ] = None,
    limit: Annotated[int | None, Parameter(help="Take so many items, spread evenly over each file.")] = None,
    json: Json = False,
) -> None:
    """Evaluate a run on files of tasks, or two runs against each other. assay evaluate [LAB] RUN [RUN2] --on FILE...

    A run is named by the beginning of its hash, or by its folder. One run gets scores with standard errors; two get the
    differences, RUN2 minus RUN, with standard errors that are paired item by item. What was measured once is kept in
    the run's folder. No training, researcher or promotion sees any of it.

    Errors are over items: they say how another draw of such items would differ, not another seed of the same recipe.
    "groups by chance" counts groups, such as BLiMP's paradigms, as drawn by chance too.

    Examples:

        assay evaluate mylab 3f2a --on blimp.jsonl.zst arc_easy.jsonl.zst
        assay evaluate mylab/runs/3f2a9c17be04 --on passages.jsonl --task last_word --limit 500
        assay evaluate mylab 3f2a 81cd --on blimp.jsonl.zst --json
    """
    from assay.evaluation.evaluate import evaluate as run_evaluation
    from assay.evaluation.files import read_file
    from assay.interfaces.cli.progress import share_progress

    folders = find_runs(words)
    files = [read_file(path, task, limit) for path in on]
    found: list[list[Evaluated]] = []
    for number, file in enumerate(files, 1):
        found.append([])
        for folder in folders:
            doing = f"{file.task} on {folder.name[:8]} ({number} of {len(files)})"
            with share_progress(quiet=json or not sys.stderr.isatty()) as show:
                tick = lambda done, of, show=show, doing=doing: show(_Share(done / of, doing))  # noqa: E731
                found[-1].append(run_evaluation(folder, file, tick))
    if json:
        print_json({"evaluations": [_facts(evaluated) for evaluated in found]})
        return
    for evaluated in found:
        if not evaluated[0].summary.scores:
            _show_texts(evaluated)
        else:
            (_show_one if len(evaluated) == 1 else _show_two)(*evaluated)


class _Share(NamedTuple):
    """How far an evaluation is, for a progress bar."""

    share: float
    doing: str


def find_runs(words: tuple[str, ...]) -> list[Path]:
    """Folders of one or two runs: `[LAB] RUN [RUN2]`. Raises `UserError` for anything else."""
    in_lab = bool(words) and (Path(words[0]) / "lab.toml").is_file()
    lab = Path(words[0]) if in_lab else None
    runs = words[1:] if in_lab else words
    if not 1 <= len(runs) <= 2:
        raise UserError(f"{count(len(runs), 'run')} named; expected: assay evaluate [LAB] RUN [RUN2] --on FILE...")
    return [find_run(name, lab) for name in runs]


def _facts(evaluated: "list[Evaluated]") -> dict[str, Any]:
    """What `--json` prints of one file: task, file, the runs, and of two runs their difference."""
    from assay.evaluation import results

    same = evaluated[0].summary.model_dump(include={"task", "file", "sha256", "limit"})
    own = {"run", "checkpoint", "scores", "groups", "seconds"}
    facts = same | {"runs": [one.summary.model_dump(include=own) for one in evaluated]}
    if not evaluated[0].summary.scores:
        facts["texts"] = [[item.text for item in one.items] for one in evaluated]
    elif len(evaluated) == 2:
        difference = results.paired(*evaluated)
        facts["difference"] = {"scores": _intervals(results.scores(difference)), "groups": {
            name: _intervals(scores) for name, scores in results.by_group(difference).items()
        }}  # fmt: skip
    return facts


def _intervals(scores: "Scores") -> dict[str, Any]:
    return {
        name: score.model_dump(exclude={"guessing"})
        | dict(zip(("low", "high"), _interval(score.value, score.error, score.items), strict=True))
        | dict(zip(("group_low", "group_high"), _interval(score.value, score.group_error, score.groups), strict=True))
        for name, score in scores.items()
    }


def _interval(value: float, error: float | None, count: int) -> tuple[float | None, float | None]:
    """The 95% interval of a mean over so many items or groups (Student)."""
    if error is None:
        return None, None
    half = student_half_width(count, error * count**0.5)
    return value - half, value + half


def _show_one(one: "Evaluated") -> None:
    """A row for all items and for each group, a column for each measure."""
    summary = one.summary
    print(f"{summary.task} on {summary.file}, {count(len(one.items), 'item')}: run {summary.run}")
    rows = {"all": summary.scores} | summary.groups
    width = max(len(OVER_GROUPS), *map(len, rows))
    print(f"  {'':{width}}  {'items':>6}  " + "  ".join(f"{name:>18}" for name in summary.scores))
    for name, scores in rows.items():
        cells = (f"{score.value:.4f} {_plus_minus(score.error)}" for score in scores.values())
        _row(name, width, str(next(iter(scores.values())).items), cells)
        if name == "all" and summary.groups:
            _row(OVER_GROUPS, width, "", (_plus_minus(score.group_error) for score in scores.values()))
    guesses = [score.guessing for score in summary.scores.values()]
    if any(guess is not None for guess in guesses):
        cells = ("" if guess is None else f"{guess:.4f}        " for guess in guesses)
        _row("guessing", width, "", cells)


def _row(name: str, width: int, items: str, cells: "Iterable[str]") -> None:
    print(f"  {name:{width}}  {items:>6}  {'  '.join(f'{cell:>18}' for cell in cells)}".rstrip())


def _plus_minus(error: float | None) -> str:
    return f"±{'?' if error is None else f'{error:.4f}':>6}"


def _show_two(one: "Evaluated", two: "Evaluated") -> None:
    """A row for each group and measure."""
    from assay.evaluation import results

    summary = one.summary
    print(f"{summary.task} on {summary.file}, {count(len(one.items), 'item')}: "
          f"run {two.summary.run} minus run {summary.run}")  # fmt: skip
    difference = results.paired(one, two)
    groups = {"all": (summary.scores, two.summary.scores, results.scores(difference))}
    for name, scores in results.by_group(difference).items():
        groups[name] = (summary.groups[name], two.summary.groups[name], scores)
    width = max(len(OVER_GROUPS), *map(len, groups))
    print(f"  {'':{width}}  {'items':>6}  {'measure':17}  {'RUN':>8}  {'RUN2':>8}  {'difference':>10}  95% interval")
    for name, (first, second, scores) in groups.items():
        for measure, score in scores.items():
            told = _bounds(_interval(score.value, score.error, score.items))
            print(f"  {name:{width}}  {score.items:>6}  {measure:17}  {first[measure].value:8.4f}  "
                  f"{second[measure].value:8.4f}  {score.value:+10.4f}  {told}".rstrip())  # fmt: skip
            if score.group_error is not None:
                told = _bounds(_interval(score.value, score.group_error, score.groups))
                print(f"  {OVER_GROUPS:{width}}  {'':6}  {'':17}  {'':8}  {'':8}  {'':10}  {told}")


def _bounds(bounds: tuple[float | None, float | None]) -> str:
    low, high = bounds
    return "" if low is None or high is None else f"[{low:+.4f}, {high:+.4f}]"


def _show_texts(evaluated: "list[Evaluated]") -> None:
    """What each run wrote after each prompt."""
    first = evaluated[0]
    print(f"{first.summary.task} on {first.summary.file}, {count(len(first.items), 'item')}")
    for row, line in enumerate(first.lines):
        for one in evaluated:
            print(f"  line {line}, run {one.summary.run}: {one.items[row].text!r}")
