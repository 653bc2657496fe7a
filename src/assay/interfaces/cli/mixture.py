"""`assay mixture`: fit, predict, best, design."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, count, print_json
from assay.spec.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assay.evidence.mixtures.model import MixtureModel
    from assay.evidence.mixtures.regressor import Prediction
    from assay.evidence.mixtures.simplex import Limits

Targets = Annotated[
    list[str], Parameter(name="--target", negative="", help="A column to predict; repeatable; * and ?.")
]
Weights = Annotated[
    str | None, Parameter(help="Names of the weight columns, with * and ?; found by their sums if left out.")
]
Seed = Annotated[int, Parameter(help="Of every random number.")]
Least = Annotated[list[str] | None, Parameter(name="--min", negative="", help="DOMAIN=WEIGHT at least; repeatable.")]
Most = Annotated[list[str] | None, Parameter(name="--max", negative="", help="DOMAIN=WEIGHT at most; repeatable.")]
Available = Annotated[
    list[str] | None, Parameter(negative="", help="DOMAIN=TOKENS there are; repeatable; needs --train-tokens.")
]
TrainTokens = Annotated[float | None, Parameter(help="Tokens of the run that the mixture is for.")]
Epochs = Annotated[float, Parameter(help="How often a domain's tokens may be read, with --available.")]
Importance = Annotated[
    list[str] | None, Parameter(name="--weight", negative="", help="TARGET=WEIGHT in the mean to minimise; repeatable.")
]


def fit(
    table: Path,
    *,
    target: Targets,
    weights: Weights = None,
    losses: Annotated[Path | None, Parameter(help="A second table that holds the targets.")] = None,
    on: Annotated[str, Parameter(help="Column by which the rows of both tables are joined.")] = "index",
    regressor: Annotated[str, Parameter(help="gp, linear or lightgbm (an extra).")] = "gp",
    scale: Annotated[str | None, Parameter(help="For a lab: the scale of its runs; the smallest if left out.")] = None,
    seed: Seed = 0,
    save: Annotated[Path | None, Parameter(help="File for the model.")] = None,
    svg: Annotated[Path | None, Parameter(help="File for a picture: fit and relevance.")] = None,
    json: Json = False,
) -> None:
    """Fit losses as functions of mixture weights. TABLE has one row a training run: weights and measured losses.

    The weights are the columns that add up to one (or 100) in every row. TABLE may also be a lab's folder: then the
    finished runs of its commonest recipe on different mixtures are read, weights as weight/DOMAIN, losses as DOMAIN
    and score.

    Examples:

        assay mixture fit train.csv --target pile_cc_loss --save model.json
        assay mixture fit mix.csv --losses loss.csv --target 'metric/*'
        assay mixture fit mylab --target score --svg fit.svg
    """
    from assay.evidence.mixtures import model as models
    from assay.evidence.mixtures.table import training_table
    from assay.evidence.tables import read_table
    from assay.interfaces.cli.progress import target_progress

    if (table / "lab.toml").is_file():
        from assay.campaign.lab import Lab
        from assay.campaign.mixture_runs import mixture_runs

        read, extra = mixture_runs(Lab(table), scale)
        weights = weights or "weight/*"
    elif scale is not None:
        raise UserError(f"--scale is for labs, and {table} is none; leave it out")
    else:
        read, extra = read_table(table), []
    data = training_table(read, target, weights, read_table(losses) if losses else None, on)
    with target_progress(len(data.targets), quiet=json or not sys.stderr.isatty()) as tick:
        model = models.fit_model(data, regressor, seed, tick)
    if save:
        models.save(model, save)
    if svg:
        from assay.interfaces.report.mixtures import mixture_picture
        from assay.interfaces.report.picture import write_picture

        write_picture(svg, mixture_picture(model))
    facts = _fit_facts(model, [*extra, *data.notes], save)
    if json:
        print_json(facts)
        return
    print(f"{count(facts['n'], 'mixture')} of {len(model.domains)} domains, regressor {regressor}")
    width = max(len(name) for name in facts["targets"])
    for name, row in facts["targets"].items():
        print(f"  {name:<{width}}  error {row['rmse']:.4g}, rank correlation {row['spearman']:.3f}, "
              f"{100 * row['within_95']:.0f}% within their 95% intervals ({row['method']})")  # fmt: skip
        first = sorted(row["relevance"].items(), key=lambda item: -item[1])[:4]
        print(f"  {'':<{width}}  moved most by {', '.join(f'{domain} ({value:.2g})' for domain, value in first)}")
    for note in facts["notes"]:
        print(f"  note: {note}")
    for path, what in ((save, "model"), (svg, "picture")):
        if path:
            print(f"  {what}: {path}")


def _fit_facts(model: "MixtureModel", notes: Sequence[str], save: Path | None) -> dict[str, Any]:
    from dataclasses import asdict

    from assay.evidence.mixtures.model import quality, relevance

    rows: dict[str, Any] = {}
    said = list(notes)
    for name, regression in model.fitted.items():
        found = quality(model.targets[name], regression.left_out())
        if found.explained < 0.1:
            said.append(f"the weights hardly tell anything about {name}: {100 * max(found.explained, 0):.0f}% of its "
                        f"variance is predicted")  # fmt: skip
        moved = relevance(regression, model.weights, model.seed)
        rows[name] = {**asdict(found), "relevance": dict(zip(model.domains, moved.tolist(), strict=True))}
    return {
        "regressor": model.regressor, "n": len(model.weights), "domains": list(model.domains), "targets": rows,
        "notes": said, "model": str(save) if save else None,
    }  # fmt: skip


def predict(
    model: Path,
    table: Path,
    *,
    json: Json = False,
) -> None:
    """Predict the losses of the mixtures in TABLE, row by row, with a model that `assay mixture fit --save` wrote.

    The sd is that of one new run's measured loss. Columns may stand in any order; those that are no domains are
    ignored, except that measured targets are compared with the predictions.

    Example:

        assay mixture predict model.json test.csv --json
    """
    from assay.evidence.mixtures.model import load
    from assay.evidence.tables import read_table

    fitted, rows = load(model), read_table(table)
    found = fitted.predict(rows)
    facts: dict[str, Any] = {
        name: {"predictions": _prediction_rows(prediction), "measured": _against(rows, name, prediction)}
        for name, prediction in found.items()
    }
    if json:
        only = next(iter(facts)) if len(facts) == 1 else None
        print_json({"target": only, **facts[only]} if only else {"targets": facts})
        return
    for name, fact in facts.items():
        print(f"{name}: mean and sd of one new run")
        for line, row in zip(rows.rows, fact["predictions"], strict=True):
            print(f"  line {line:>5}  {row['mean']:.5g} ± {row['sd']:.2g}")
        if fact["measured"]:
            seen = fact["measured"]
            print(f"  against the table's own {name}: rank correlation {seen['spearman']:.3f}, error "
                  f"{seen['rmse']:.4g}, {100 * seen['within_95']:.0f}% within their 95% intervals")  # fmt: skip


def _prediction_rows(prediction: "Prediction") -> list[dict[str, float]]:
    return [{"mean": mean, "sd": sd} for mean, sd in zip(prediction.mean.tolist(), prediction.sd.tolist(), strict=True)]


def _against(table: Any, name: str, prediction: "Prediction") -> dict[str, Any] | None:
    """How predictions compare with what the table holds as measured; None if it holds no such numbers."""
    from dataclasses import asdict

    from assay.evidence.mixtures.model import quality
    from assay.evidence.mixtures.regressor import LeftOut

    if name not in table.columns or len(table) < 3:
        return None
    try:
        measured = table.numbers(name)
    except UserError:
        return None
    if measured.min() == measured.max():
        return None
    return asdict(quality(measured, LeftOut("measured in the table", prediction.mean, prediction.sd)))


def best(
    model: Path,
    *,
    target: Annotated[
        list[str] | None, Parameter(name="--target", negative="", help="Of the model; repeatable.")
    ] = None,
    weight: Importance = None,
    least: Least = None,
    most: Most = None,
    available: Available = None,
    train_tokens: TrainTokens = None,
    epochs: Epochs = 4.0,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Find the mixture with the least predicted loss, its uncertainty, and whether the data support it.

    With several targets their mean is minimised, weighted by --weight. Domains and targets may be named by an ending
    that no other has.

    Examples:

        assay mixture best model.json
        assay mixture best model.json --max github=0.2 --min wikipedia_en=0.05
        assay mixture best model.json --weight code_loss=2 --weight web_loss=1
        assay mixture best model.json --available web=2e9 --train-tokens 5e9
    """
    from assay.evidence.mixtures.best import best_mixture, gain
    from assay.evidence.mixtures.model import combined, load
    from assay.evidence.mixtures.simplex import place_of

    fitted = load(model)
    names = list(fitted.targets)
    if target and weight:
        raise UserError("--target and --weight both choose targets; --weight TARGET=1 does what --target TARGET does")
    chosen = {names[place_of(name, names)]: 1.0 for name in target or ()}
    chosen |= {names[place_of(name, names)]: value for name, value in _pairs(weight, "--weight").items()}
    regression, importance = combined(fitted, chosen or None)
    limits = _limits(fitted.domains, least, most, available, train_tokens, epochs)
    found, free = best_mixture(regression, fitted.weights, limits, seed)
    saved = gain(regression, fitted.weights, found, limits)
    facts: dict[str, Any] = {
        "objective": importance,
        **_best_facts(fitted, found),
        "gain": {
            "over_row": saved.row + 1, "over_mixture": _named(fitted, fitted.weights[saved.row]), "value": saved.value,
            "lo": saved.lo, "hi": saved.hi,
        },
        "targets": {
            name: _prediction_rows(fitted.fitted[name].predict(found.mixture[None]))[0] for name in importance
        },
        "refused": _best_facts(fitted, free) if free else None,
    }  # fmt: skip
    facts["warnings"] = _warnings(facts)
    if json:
        print_json(facts)
        return
    print(f"best mixture for {' + '.join(f'{share:.3g} × {name}' for name, share in importance.items())}")
    for name, share in sorted(facts["mixture"].items(), key=lambda item: -item[1]):
        if share >= 0.0005:
            print(f"  {share:.3f}  {name}")
    print(f"predicted {found.mean:.5g}, one run within [{found.lo:.5g}, {found.hi:.5g}] at 95%")
    spread = f", 95% interval [{saved.lo:+.3g}, {saved.hi:+.3g}]" if saved.lo is not None else ""
    print(f"saves {saved.value:+.3g} against the best trained mixture (row {saved.row + 1}){spread}")
    print(f"nearest trained mixture: row {found.nearest + 1}, Hellinger distance {found.distance:.3f} (trained ones "
          f"lie up to {found.spacing:.3f} from their neighbours)")  # fmt: skip
    for warning in facts["warnings"]:
        print(f"warning: {warning}")


def _best_facts(model: "MixtureModel", found: Any) -> dict[str, Any]:
    return {
        "mixture": _named(model, found.mixture), "mean": found.mean, "sd": found.sd, "lo": found.lo, "hi": found.hi,
        "nearest": {"row": found.nearest + 1, "distance": found.distance, "spacing": found.spacing},
        "known": found.known, "supported": found.supported,
    }  # fmt: skip


def _warnings(facts: dict[str, Any]) -> list[str]:
    said: list[str] = []
    refused = facts["refused"]
    if refused:
        said.append(f"the regression alone would go further, to {refused['mean']:.5g} at a distance of "
                    f"{refused['nearest']['distance']:.3f} from every trained mixture, where the data say next to "
                    f"nothing; that was refused")  # fmt: skip
    if not facts["supported"]:
        said.append(
            "nowhere within the limits do the data say much: train mixtures there first (`assay mixture design`)"
        )
    if facts["gain"]["lo"] is not None and facts["gain"]["lo"] <= 0:
        said.append("the data do not tell this mixture from the best trained one")
    return said


def design(
    source: Path,
    *,
    number: Annotated[int, Parameter(name=("--number", "-n"), help="Mixtures wanted.")],
    aim: Annotated[
        Literal["learn", "best"], Parameter(help="With a model: learn about all mixtures, or find the best one.")
    ] = "learn",
    weights: Weights = None,
    least: Least = None,
    most: Most = None,
    available: Available = None,
    train_tokens: TrainTokens = None,
    epochs: Epochs = 4.0,
    seed: Seed = 0,
    out: Annotated[Path | None, Parameter(help="CSV file for the mixtures, which `fit` reads back.")] = None,
    json: Json = False,
) -> None:
    """Choose the mixtures to train next. SOURCE is a table or a model.

    A table with the columns domain and tokens gives mixtures that fill the space around the shares of tokens; a table
    of mixtures gives others that lie far from those; a model gives those that tell most, or that may be the best.

    Examples:

        assay mixture design tokens.csv -n 32 --out mixtures.csv
        assay mixture design model.json -n 8 --aim best --out more.csv
    """
    import numpy as np

    from assay.evidence.mixtures.design import informative, space_filling
    from assay.evidence.mixtures.model import combined, is_model, load
    from assay.evidence.mixtures.table import domain_table, find_domains, named_domains, shares_of
    from assay.evidence.tables import read_table

    if not 1 <= number <= 1000:
        raise UserError(f"-n {number}: between 1 and 1,000 mixtures can be designed at once")
    removed: float | None = None
    limits_given = (least, most, available, train_tokens, epochs)
    if is_model(source):
        fitted = load(source)
        domains, method = list(fitted.domains), aim
        regression, _ = combined(fitted)
        limits = _limits(domains, *limits_given)
        points, removed = informative(regression, fitted.weights, number, limits, aim, seed)
    else:
        table, method = read_table(source), "space filling"
        shares = domain_table(source, table)
        if shares is not None:
            domains, centre = shares
            points = space_filling(centre, number, _limits(domains, *limits_given), None, seed)
        else:
            columns = list(table.columns)
            domains = named_domains(table, columns, weights) if weights else find_domains(table, columns)
            present = shares_of(table, domains)
            centre = np.asarray(present.mean(axis=0))
            points = space_filling(centre, number, _limits(domains, *limits_given), present, seed)
    if out:
        _write_mixtures(out, domains, points)
    mixtures = [dict(zip(domains, row, strict=True)) for row in points.tolist()]
    if json:
        print_json({"method": method, "seed": seed, "domains": domains, "mixtures": mixtures,
                    "variance_removed": removed, "out": str(out) if out else None})  # fmt: skip
        return
    print(f"{count(number, 'mixture')} of {len(domains)} domains ({method}, seed {seed})")
    for place, mixture in enumerate(mixtures[:20]):
        first = sorted(mixture.items(), key=lambda item: -item[1])[:4]
        print(f"  {place + 1:>3}  {', '.join(f'{share:.3f} {name}' for name, share in first if share)}")
    if len(mixtures) > 20:
        print(f"  … and {len(mixtures) - 20} more")
    if removed is not None:
        print(f"measuring them takes away {100 * removed:.0f}% of the mean variance over the space")
    if out:
        print(f"written to {out}")


def _write_mixtures(path: Path, domains: Sequence[str], points: "NDArray[np.float64]") -> None:
    import csv
    import io

    from assay.training.files import replace_file

    if not path.absolute().parent.is_dir():
        raise UserError(f"{path} cannot be written: there is no folder {path.parent}")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["index", *domains])
    writer.writerows([place, *(f"{share:.4f}" for share in row)] for place, row in enumerate(points.tolist(), 1))
    replace_file(path, text.getvalue().encode())


def _named(model: "MixtureModel", mixture: "NDArray[np.float64]") -> dict[str, float]:
    return dict(zip(model.domains, mixture.tolist(), strict=True))


def _limits(
    domains: Sequence[str],
    least: list[str] | None,
    most: list[str] | None,
    available: list[str] | None,
    train_tokens: float | None,
    epochs: float,
) -> "Limits":
    from assay.evidence.mixtures.simplex import limits_of

    if train_tokens is not None and not train_tokens > 0:
        raise UserError(f"--train-tokens {train_tokens:g} should be above zero")
    if not epochs > 0:
        raise UserError(f"--epochs {epochs:g} should be above zero")
    return limits_of(
        domains, _pairs(least, "--min"), _pairs(most, "--max"), _pairs(available, "--available"), train_tokens, epochs
    )


def _pairs(given: list[str] | None, option: str) -> dict[str, float]:
    """Read NAME=NUMBER."""
    import math

    found: dict[str, float] = {}
    for text in given or ():
        name, sign, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not sign or not math.isfinite(value):
            raise UserError(f"{option} {text}: NAME=NUMBER was expected")
        found[name] = value
    return found
