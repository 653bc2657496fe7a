"""Fair baselines: which changes are of architecture or optimiser, and how a champion is tuned before one replaces it.

A new architecture often wins because it came with a learning rate that suits it while the baseline kept an old one.
So before such a change is promoted, the champion tries as many learning rates as the change had trials.
"""

from assay.campaign.decide import Variant
from assay.spec.proposal import RETUNE, Prediction, Proposal
from assay.spec.recipe import Change, Recipe, changed, flatten
from assay.spec.search import Range, Space

#: Furthest that a learning rate is moved, as a power of two.
SPAN = 2.0


def structural(change: Change) -> frozenset[str]:
    """The keys of a change that make it one of architecture or optimiser; empty for one of constants or data."""
    return frozenset(key for key in change if key.startswith("model.") or key == "optimiser.name")


def rate_key(recipe: Recipe) -> str:
    """The learning rate that governs most of a recipe's weights."""
    own = {"muon": "optimiser.muon_lr", "soap": "optimiser.soap_lr"}
    return own.get(recipe.optimiser.name, "optimiser.lr")


def factors(trials: int) -> list[float]:
    """At least so many factors around 1, symmetric on a logarithmic scale, nearest first: 2, 1/2, 4, 1/4 for four."""
    each = (trials + 1) // 2
    span = SPAN if each > 1 else 1.0
    powers = [2.0 ** (span * (i + 1) / each) for i in range(each)]
    return [factor for power in powers for factor in (power, 1 / power)]


def variants(champion: Recipe, trials: int, space: Space) -> list[tuple[Change, str]]:
    """What the champion tries: changes of its governing learning rate, each with its words.

    Rates stay within the limits that the lab sets to its search, since what a proposal may not have a champion may not
    have either.
    """
    key = rate_key(champion)
    present: float = flatten(champion.model_dump(mode="json"))[key]
    allowed = space.get(key)
    found: dict[float, str] = {}
    for factor in factors(trials):
        rate = present * factor
        if isinstance(allowed, Range):
            rate = min(max(rate, allowed.low), allowed.high)
        rate = float(f"{rate:.6g}")
        if rate != present:
            found.setdefault(rate, f"{key} ×{rate / present:.3g}")
    return [({key: rate}, label) for rate, label in found.items()]


def recipes(champion: Recipe, trials: int, space: Space) -> list[tuple[Variant, Recipe]]:
    """The champion's variants as recipes."""
    made = [(changed(champion, change, "retuning"), label) for change, label in variants(champion, trials, space)]
    return [(Variant(recipe.hash, label), recipe) for recipe, label in made]


def proposal(champion: Recipe, variant: Variant, tuned: Recipe, number: int, gain_percent: float) -> Proposal:
    """An ordinary proposal to give the champion the learning rate that served it better.

    Args:
        number: of the test that lost to it.
        gain_percent: its gain over the champion on the seeds it was chosen on, which flatter it.
    """
    key = rate_key(champion)
    predicted = round(gain_percent / 2, 3)
    return Proposal(
        hypothesis=f"The champion is not well tuned: with {variant.label} it did as well as proposal {number}.",
        kind="optimiser",
        change={key: flatten(tuned.model_dump(mode="json"))[key]},
        predicted=Prediction(
            effect=predicted, low=round(predicted - gain_percent, 3), high=round(gain_percent * 1.5, 3)
        ),
        author=RETUNE,
    )
