"""Pairs of recipe fields that exclude each other. Each refusal names both fields.

To add one, add an entry to `CONFLICTS`: the two dotted keys, when they exclude each other, and why.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Flat = dict[str, Any]


@dataclass(frozen=True)
class Conflict:
    """Two settings that cannot go together."""

    one: str
    other: str
    both: Callable[[Flat], bool]
    why: str


def _no_mean(key: str) -> Conflict:
    """A beta1 of 0 under Schedule-Free."""
    return Conflict(
        "optimiser.name", f"optimiser.{key}",
        lambda r: r["optimiser.name"] == "schedule_free" and r[f"optimiser.{key}"] == 0,
        "with a beta1 of 0 the averaged weights that Schedule-Free is judged by would play no part in training",
    )  # fmt: skip


CONFLICTS: tuple[Conflict, ...] = (
    Conflict(
        "model.experts", "model.experts_per_token",
        lambda r: 0 < r["model.experts"] < r["model.experts_per_token"],
        "a token cannot go to more experts than there are",
    ),
    Conflict(
        "model.experts", "model.bias",
        lambda r: r["model.experts"] > 0 and r["model.bias"],
        "experts have no biases",
    ),
    Conflict(
        "model.position", "model.head_dim",
        lambda r: r["model.position"] == "rope" and r["model.head_dim"] % 2 == 1,
        "rotary positions turn the numbers of a head in pairs, so that there must be an even number of them",
    ),
    Conflict(
        "model.init", "model.norm_place",
        lambda r: r["model.init"] == "zero_residual" and r["model.norm_place"] in ("output", "sandwich"),
        "a block that begins by writing nothing leaves the norm on its output nothing to divide",
    ),
    Conflict(
        "optimiser.name", "schedule.average",
        lambda r: r["optimiser.name"] == "schedule_free" and r["schedule.average"] > 0,
        "Schedule-Free averages the weights by itself",
    ),
    *(_no_mean(key) for key in ("beta1", "embedding.beta1", "head.beta1", "vectors.beta1")),
    Conflict(
        "data.opening.share", "data.closing.share",
        lambda r: r["data.opening.share"] + r["data.closing.share"] > 1,
        "together they are longer than the run",
    ),
    Conflict(
        "data.mixture", "data.mixture_rule",
        lambda r: r["data.mixture"] is not None and r["data.mixture_rule"] != "size",
        "weights are given by hand or follow from a rule",
    ),
    *(
        Conflict(
            "data.reweight", f"data.{limit}",
            lambda r, limit=limit: r["data.reweight"] > 0 and bool(r[f"data.{limit}"]),
            "reweighting draws by the losses, and would not keep to a limit",
        )
        for limit in ("epoch_limit", "epoch_limits")
    ),
)  # fmt: skip


def check_combination(flat: Flat) -> None:
    """Raise `ValueError`, naming both fields and their values, if two fields of a recipe exclude each other."""
    for conflict in CONFLICTS:
        if conflict.both(flat):
            raise ValueError(
                f"{conflict.one} = {flat[conflict.one]!r} and {conflict.other} = {flat[conflict.other]!r} cannot go "
                f"together: {conflict.why}; change one of the two"
            )
