"""A recipe's mixture on a corpus, at the length of a run: what its rule or hand gives, within limits on repetition."""

from collections.abc import Mapping
from typing import NamedTuple

from assay.corpus.mixtures.rule import MixtureRule
from assay.spec.recipe import Data
from assay.spec.registry import load

Weights = dict[str, float]


class Part(NamedTuple):
    """A part of a run that has a mixture of its own."""

    name: str
    share: float
    """Of the run's tokens."""
    weights: Weights
    """Of domains; they need not add up to one."""


def parts_of(data: Data, available: Mapping[str, int], tokens: float) -> tuple[Part, Part, Part]:
    """Opening, main part and closing of a run, of which the first and the last may have a share of zero.

    Limits on repetition hold for the whole run: a stage with a mixture of its own is served first, the rest has what
    is left of each domain.

    Args:
        data: the recipe's settings. Domains that it names have to be in `available`.
        available: training tokens of each domain.
        tokens: that the run reads.
    """
    rule: MixtureRule = load("mixture_rule", data.mixture_rule)()
    main = data.mixture or rule.weights(available, data)
    closing = min(data.closing.share, 1 - data.opening.share)
    parts = {
        "opening": Part("opening", data.opening.share, data.opening.mixture or main),
        "closing": Part("closing", closing, data.closing.mixture or main),
        "main": Part("main", 1 - data.opening.share - closing, main),
    }
    limit = data.epoch_limit or rule.epoch_limit
    given = data.epoch_limits or {}
    if not limit and not given:
        return parts["opening"], parts["main"], parts["closing"]
    left = {
        name: given.get(name, limit) * count if given.get(name, limit) else float("inf")
        for name, count in available.items()
    }
    own = [name for name in ("opening", "closing") if getattr(data, name).mixture and parts[name].share > 0]
    for name in own:
        part = parts[name]
        drawn = limited(part.weights, part.share * tokens, left)
        parts[name] = part._replace(weights=drawn)
        left = {domain: max(0.0, amount - drawn.get(domain, 0.0)) for domain, amount in left.items()}
    rest = [name for name in parts if name not in own]
    share = sum(parts[name].share for name in rest)
    drawn = limited(main, share * tokens, left) if share > 0 else main
    parts |= {name: parts[name]._replace(weights=drawn) for name in rest}
    return parts["opening"], parts["main"], parts["closing"]


def limited(weights: Mapping[str, float], tokens: float, most: Mapping[str, float]) -> Weights:
    """Tokens to draw of each domain of positive weight: in proportion to weights, none above its limit.

    What one cannot take goes to the others in proportion to their weights. Where all together cannot take the tokens,
    all go beyond their limits by the same factor; where nothing is left of any, weights alone decide.

    Args:
        weights: of domains, at least one positive.
        tokens: to draw in all.
        most: tokens of each domain that may be drawn, possibly infinite.
    """
    open_ = {name: weight for name, weight in weights.items() if weight > 0}
    drawn: Weights = {}
    left = tokens
    while open_:
        whole = sum(open_.values())
        full = [name for name, weight in open_.items() if left * weight / whole > most[name]]
        if not full:
            return drawn | {name: left * weight / whole for name, weight in open_.items()}
        for name in full:
            drawn[name] = most[name]
            del open_[name]
        left = tokens - sum(drawn.values())
    whole = sum(drawn.values())
    if whole <= 0:
        return {name: weight for name, weight in weights.items() if weight > 0}
    return {name: amount * tokens / whole for name, amount in drawn.items()}


class Reading(NamedTuple):
    """What a run reads of a domain."""

    weight: float
    """Share of the run's tokens."""
    tokens: float
    epochs: float


def readings(data: Data, available: Mapping[str, int], tokens: float) -> dict[str, Reading]:
    """What a run of so many tokens reads of each domain of a corpus, on average over seeds."""
    found = dict.fromkeys(available, 0.0)
    for part in parts_of(data, available, tokens):
        whole = sum(part.weights.values())
        for name, weight in part.weights.items():
            found[name] += part.share * weight / whole
    return {
        name: Reading(share, share * tokens, share * tokens / available[name] if available[name] else 0.0)
        for name, share in found.items()
    }
