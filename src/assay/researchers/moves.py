"""Local moves in the search space: a few fields of the champion change, the rest stays.

Strategies share the space's dimensions, the way a draw becomes a readable change, and the loop that draws
until enough admissible proposals are found.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from assay.corpus.mixtures.apply import parts_of
from assay.researchers.acting import STAGES, effective, of_mixing, resolved, unmet
from assay.researchers.admissible import admissible, domains, is_new
from assay.researchers.history import kind_of, predict
from assay.spec.errors import UserError
from assay.spec.proposal import Proposal
from assay.spec.protocols import View
from assay.spec.recipe import Change, Recipe, changed, flatten, is_by_domain, is_mixture
from assay.spec.scale import shape_at
from assay.spec.search import Range, Scalar

MOST_FIELDS = 3  # a change of more fields is hard to learn from
DRAWS_PER_PROPOSAL = 200


@dataclass(frozen=True)
class Options:
    """One of several values. `ordered` options are numbers, drawn and modelled by their position."""

    name: str
    values: tuple[Scalar, ...]

    @property
    def ordered(self) -> bool:
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


@dataclass(frozen=True)
class Interval:
    """A number between two limits."""

    name: str
    low: float
    high: float
    log: bool
    whole: bool = False


Dimension = Options | Interval
Draw = Callable[[Sequence[Dimension]], dict[str, Any]]
"""Values by dimension name: for options a position in `values`, for intervals a number."""


def fields(view: View) -> dict[str, list[Dimension]]:
    """Dimensions of each recipe field that may change. What is given by domain has one for each of them."""
    values = flatten(view.champion.model_dump(mode="json"))
    classifier = view.champion.data.quality_model or "data.quality_model" in view.config.search
    result: dict[str, list[Dimension]] = {}
    for key, allowed in view.config.search.items():
        if key not in values or (of_mixing(key) and len(domains(view)) < 2):
            continue
        if key == "data.quality_share" and not classifier:
            continue
        if not isinstance(allowed, Range):
            options = Options(key, allowed)
            result[key] = [Options(key, tuple(sorted(allowed))) if options.ordered else options]
        elif is_by_domain(key):
            result[key] = [Interval(_weight(key, d), allowed.low, allowed.high, allowed.log) for d in domains(view)]
        else:
            result[key] = [Interval(key, allowed.low, allowed.high, allowed.log, isinstance(values[key], int))]
    return result


def position(recipe: Recipe, view: View) -> dict[str, Any]:
    """Where a recipe lies in the space, as a draw would; dimensions that do not contain it are left out."""
    values = resolved(recipe)
    result: dict[str, Any] = {}
    for key, dimensions in fields(view).items():
        given = mixture_of(recipe, view, key) if is_mixture(key) else values[key] or {} if is_by_domain(key) else None
        for dimension in dimensions:
            value = values[key] if given is None else given.get(_domain(dimension.name), 0.0)
            if isinstance(dimension, Options):
                if value in dimension.values:
                    result[dimension.name] = dimension.values.index(value)
            elif dimension.low <= value <= dimension.high:
                result[dimension.name] = value
    return result


def mixture_of(recipe: Recipe, view: View, key: str = "data.mixture") -> dict[str, float]:
    """Sampling weights of the run's main part or of a stage at the smallest scale, adding up to one."""
    tokens = {d: view.domain_tokens.get(d, 1) for d in domains(view)}
    run = shape_at(recipe, view.config.ladder[0], view.vocab).tokens
    opening, main, closing = parts_of(recipe.data, tokens, run)
    weights = {"data.opening.mixture": opening, "data.closing.mixture": closing}.get(key, main).weights
    total = sum(weights.values())
    return {domain: weight / total for domain, weight in weights.items()}


def change_of(view: View, drawn: dict[str, Any]) -> Change:
    """The change that a draw means: readable numbers, without what stays as it is or would not act."""
    dimensions = {d.name: (key, d) for key, group in fields(view).items() for d in group}
    change: Change = {}
    mixtures: dict[str, dict[str, float]] = {}
    for name, value in drawn.items():
        key, dimension = dimensions[name]
        if isinstance(dimension, Options):
            change[key] = dimension.values[value]
        elif is_mixture(key):
            mixtures.setdefault(key, {})[_domain(name)] = value
        elif is_by_domain(key):
            change.setdefault(key, {})[_domain(name)] = readable(value, dimension.low, dimension.high, whole=False)
        else:
            change[key] = readable(value, dimension.low, dimension.high, dimension.whole)
    change |= {key: shares(weights) for key, weights in mixtures.items() if sum(weights.values()) > 0}
    old = flatten(view.champion.model_dump(mode="json"))
    change = by_rule_or_hand(change, old)
    change = {key: value for key, value in change.items() if value != old[key]}
    try:
        return effective(view.champion, changed(view.champion, change), change)
    except UserError:
        return change  # refused by `admissible`, with the reason


def by_rule_or_hand(change: Change, old: Change) -> Change:
    """A change that leaves no weights by hand beside a rule: what is new replaces the other.

    Args:
        old: the champion's fields.
    """
    if (old | change)["data.mixture_rule"] == "size":
        return change
    if change.get("data.mixture") and "data.mixture_rule" not in change:
        return change | {"data.mixture_rule": "size"}
    return change | {"data.mixture": None}


def readable(value: float, low: float, high: float, whole: bool) -> float:
    """A number between the limits, rounded to three significant digits, or to a whole number."""
    if whole:
        return max(math.ceil(low), min(math.floor(high), round(value)))
    return max(low, min(high, float(f"{value:.3g}")))


def shares(weights: dict[str, float]) -> dict[str, float]:
    """Weights in thousandths that add up to one (largest remainders are rounded up)."""
    total = sum(weights.values())
    exact = {domain: 1000 * weight / total for domain, weight in sorted(weights.items())}
    parts = {domain: math.floor(part) for domain, part in exact.items()}
    short = 1000 - sum(parts.values())
    for domain in sorted(exact, key=lambda d: parts[d] - exact[d])[:short]:
        parts[domain] += 1
    return {domain: part / 1000 for domain, part in parts.items()}


def search(
    view: View, n: int, author: str, draw: Draw, reason: Callable[[Change], str], citations: tuple[str, ...] = ()
) -> list[Proposal]:
    """Draw local moves until `n` of them are admissible and different, or the draws are used up."""
    rng = random.Random(f"{author} {view.seed}")
    space = fields(view)
    found: list[Proposal] = []
    seen: set[tuple[tuple[str, Any], ...]] = set()  # in a small space most draws come twice
    for _ in range(DRAWS_PER_PROPOSAL * n if space else 0):
        if len(found) == n:
            break
        keys = _some(view, list(space), rng)
        drawn = draw([dimension for key in keys for dimension in space[key]])
        marked = tuple(sorted(drawn.items()))
        change = change_of(view, drawn) if marked not in seen else {}
        seen.add(marked)
        if not change:
            continue
        kind = kind_of(change)
        proposal = Proposal(
            hypothesis=reason(change),
            kind=kind,
            change=change,
            predicted=predict(view, author, kind),
            author=author,
            citations=citations,
        )
        if admissible(view, proposal) is None and is_new(view, proposal, found):
            found.append(proposal)
    return found


def _some(view: View, keys: Sequence[str], rng: random.Random) -> list[str]:
    """One to three fields to change. A table of several fields, as `optimiser.head`, is as likely as a single one.

    A field that does not act in the champion comes with the one that keeps it from acting, and a stage's share with
    its mixture: alone they would do nothing.
    """
    values = resolved(view.champion)
    tables: dict[str, list[str]] = {}
    for key in sorted(keys):
        table = key.rpartition(".")[0]
        tables.setdefault(table if "." in table else key, []).append(key)
    wanted, chosen = rng.randint(1, MOST_FIELDS), list[str]()
    for table in rng.sample(list(tables), k=len(tables)):
        if table in STAGES:
            together = tables[table]
        else:
            key = rng.choice(tables[table])
            together = [key, *(condition.key for condition in unmet(key, values) if condition.key in keys)]
        new = [key for key in dict.fromkeys(together) if key not in chosen]
        if not chosen or len(chosen) + len(new) <= wanted:
            chosen += new
        if len(chosen) >= wanted:
            break
    return chosen


def _weight(key: str, domain: str) -> str:
    return f"{key}/{domain}"


def _domain(name: str) -> str:
    return name.partition("/")[2]
