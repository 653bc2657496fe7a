"""`assay mixture best`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from assay.interfaces.cli.mixture_options import (
    Available,
    Epochs,
    Importance,
    Least,
    Most,
    Seed,
    TrainTokens,
    limits_from,
    named_numbers,
    prediction_rows,
)
from assay.interfaces.cli.shared import Json, print_json
from assay.spec.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assay.evidence.mixtures.model import MixtureModel


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
    chosen |= {names[place_of(name, names)]: value for name, value in named_numbers(weight, "--weight").items()}
    regression, importance = combined(fitted, chosen or None)
    limits = limits_from(fitted.domains, least, most, available, train_tokens, epochs)
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
            name: prediction_rows(fitted.fitted[name].predict(found.mixture[None]))[0] for name in importance
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


def _named(model: "MixtureModel", mixture: "NDArray[np.float64]") -> dict[str, float]:
    return dict(zip(model.domains, mixture.tolist(), strict=True))
