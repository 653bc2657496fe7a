"""`assay mixture`: fit, predict."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from assay.interfaces.cli.mixture_options import Seed, Weights, prediction_rows
from assay.interfaces.cli.shared import Json, count, print_json
from assay.spec.errors import UserError

if TYPE_CHECKING:
    from assay.evidence.mixtures.model import MixtureModel
    from assay.evidence.mixtures.regressor import Prediction

Targets = Annotated[
    list[str], Parameter(name="--target", negative="", help="A column to predict; repeatable; * and ?.")
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
        name: {"predictions": prediction_rows(prediction), "measured": _against(rows, name, prediction)}
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
