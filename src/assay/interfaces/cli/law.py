"""`assay law fit`: the law of loss from a table of runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, print_json
from assay.spec.errors import UserError

if TYPE_CHECKING:
    from assay.evidence.scaling.influence import Influence
    from assay.evidence.scaling.law import Law
    from assay.evidence.scaling.predict import Prediction

Svg = Annotated[Path | None, Parameter(name="--svg", help="Write a picture to this file.")]
#: Influential runs that the text lists.
_MOST_LISTED = 12


def fit(
    table: Annotated[Path, Parameter(help="CSV or TSV with columns params, tokens, loss and optionally flops.")],
    *,
    method: Annotated[
        Literal["huber", "projection"],
        Parameter(help="'huber' resists outliers; 'projection' is least squares by variable projection."),
    ] = "huber",
    drop_lowest_ratio: Annotated[int, Parameter(help="Leave out so many runs of fewest tokens per parameter.")] = 0,
    group: Annotated[
        str | None, Parameter(help="Column that names each row's training run, where rows are checkpoints.")
    ] = None,
    predict: Annotated[
        tuple[str, ...],
        Parameter(
            negative="", help="params=N,tokens=D of a run to predict, or a table with these columns; may be repeated."
        ),
    ] = (),
    svg: Svg = None,
    json: Json = False,
) -> None:
    """Fit loss = E + A·params^−alpha + B·tokens^−beta, with 95% intervals and the runs that it rests on.

    A prediction outside the measured range is refused where its interval says nothing.

    Examples:

        assay law fit runs.csv
        assay law fit runs.csv --drop-lowest-ratio 5 --svg law.svg
        assay law fit checkpoints.csv --group run_name
        assay law fit runs.csv --predict params=7e9,tokens=1.4e11
    """
    from assay.evidence.scaling.influence import influence
    from assay.evidence.scaling.law import fit as fit_law
    from assay.evidence.scaling.predict import predict as predict_runs
    from assay.evidence.scaling.runs import read_runs

    params, tokens = _points(predict)
    every = read_runs(table, group)
    runs = every.without_lowest_ratio(drop_lowest_ratio)
    law = fit_law(runs, method)
    other = fit_law(runs, "projection" if method == "huber" else "huber", resamples=2)
    rests = influence(law)
    predictions = predict_runs(law, params, tokens) if params else []
    if svg:
        from assay.interfaces.report.picture import write_picture
        from assay.interfaces.report.scaling import law_picture

        write_picture(svg, law_picture(law, {run.line for run in rests.runs}))
    if json:
        print_json(facts(law, other, rests, predictions))
        return
    print(f"{len(runs)} runs; loss = E + A·params^−alpha + B·tokens^−beta\n")
    print(f"{'':<18}{'estimate':>11}  {'95% interval':<22} {other.method}")
    for name in ("E", "A", "alpha", "B", "beta"):
        print(_row(name, getattr(law, name), law.interval(name), getattr(other, name)))
    print(_row("compute exponent", law.exponent, law.interval("exponent"), other.exponent))
    print("\nThe best number of parameters grows as compute to the power of the compute exponent.")
    low, high = law.interval("exponent")
    if not low <= other.exponent <= high:
        print("The two methods disagree by more than the interval: outliers, or a law of another form, decide.")
    if law.untold:
        print(f"Not to be relied on: {law.untold}.")
    _print_influence(law, rests)
    for found in predictions:
        said = (
            f"refused: {found.refused}" if found.refused
            else f"loss {found.loss:.4f}, 95% interval of one run {found.lo:.4f} to {found.hi:.4f}"
        )  # fmt: skip
        print(f"\nparams {found.params:.4g}, tokens {found.tokens:.4g}: {said}")
    if svg:
        print(f"\nPicture: {svg}")


def facts(law: "Law", other: "Law", rests: "Influence", predictions: "list[Prediction]") -> dict[str, Any]:
    """What `assay law fit --json` prints."""
    from dataclasses import asdict

    low, high = law.interval("exponent")
    names = ("A", "B", "E", "alpha", "beta")
    return {
        **{name: getattr(law, name) for name in names},
        "ci": {name: list(law.interval(name)) for name in names},
        "compute_exponent": {"value": law.exponent, "lo": low, "hi": high, "refused": law.untold},
        "influential": [asdict(run) for run in rests.runs],
        "n": len(law.runs),
        "method": law.method,
        "influential_groups": [asdict(found) for found in rests.groups],
        "influence_note": rests.note,
        "influential_together": rests.together,
        "without_influential": _estimates(rests.without) if rests.without else None,
        "other_method": {"method": other.method, **_estimates(other)},
        "predictions": [asdict(found) for found in predictions],
    }


def _estimates(law: "Law") -> dict[str, float]:
    return {name: getattr(law, name) for name in ("A", "B", "E", "alpha", "beta")} | {
        "compute_exponent": law.exponent,
        "n": len(law.runs),
    }


def _row(name: str, value: float, ends: tuple[float, float], other: float) -> str:
    return f"  {name:<16}{_number(value):>11}  {f'{_number(ends[0])} to {_number(ends[1])}':<22} {_number(other)}"


def _number(value: float) -> str:
    return f"{value:.4f}" if 1e-3 < abs(value) < 10 else f"{value:,.1f}" if abs(value) < 1e4 else f"{value:.3g}"


def _print_influence(law: "Law", rests: "Influence") -> None:
    if rests.note:
        print(f"\nInfluence of single runs: not known ({rests.note}).")
    elif not rests.runs and not rests.groups:
        print("\nNo run lies far off the law, and none moves an exponent by half a standard error.")
    if rests.runs:
        print(f"\n{len(rests.runs)} influential run{'s' if len(rests.runs) > 1 else ''}, by line of {law.runs.name}:")
        print("  line  tokens/param     loss   off the law   exponent without it")
        for run in rests.runs[:_MOST_LISTED]:
            off = "–" if run.distance is None else f"{run.distance:+.1f} sd"
            moved = run.exponent_without - law.exponent
            print(f"  {run.line:>4}  {run.tokens_per_param:>12.3g}  {run.loss:>7.4f}  {off:>12}   "
                  f"{run.exponent_without:.4f} ({moved:+.4f})")  # fmt: skip
        if len(rests.runs) > _MOST_LISTED:
            print(f"  and {len(rests.runs) - _MOST_LISTED} more (--json lists all)")
    if rests.without:
        w = rests.without
        print(f"  Without all of them: alpha {w.alpha:.4f}, beta {w.beta:.4f}, compute exponent {w.exponent:.4f} "
              f"(moved by {rests.together:.1f} standard errors).")  # fmt: skip
    for found in rests.groups:
        print(f"  Without the training run {found.name} ({found.rows} rows): compute exponent "
              f"{found.exponent_without:.4f}.")  # fmt: skip


def _points(words: tuple[str, ...]) -> tuple[list[float], list[float]]:
    """Params and tokens named on the command line."""
    from assay.evidence.scaling.predict import read_points

    params: list[float] = []
    tokens: list[float] = []
    for word in words:
        if "=" not in word:
            more_params, more_tokens = read_points(Path(word))
            params += more_params
            tokens += more_tokens
            continue
        given = {name.strip(): value for name, _, value in (part.partition("=") for part in word.split(","))}
        try:
            pair = float(given.pop("params")), float(given.pop("tokens"))
        except (KeyError, ValueError):
            raise UserError(f"--predict {word}: write params=7e9,tokens=1.4e11, or name a table") from None
        if given or not all(0 < value < 1e30 for value in pair):
            raise UserError(f"--predict {word}: write params=7e9,tokens=1.4e11, two numbers above zero")
        params.append(pair[0])
        tokens.append(pair[1])
    return params, tokens
