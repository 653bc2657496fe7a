"""From the scores of a calibration's runs to what they say about noise: a pure function."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from assay.campaign.rounds import OFFSETS, Arm, Place, Plan, Remedy
from assay.evidence.design import Choice, Stage, best_design
from assay.evidence.sequential import detectable, power
from assay.evidence.variance import (
    Floats,
    Interval,
    Whole,
    correlation_interval,
    crossed,
    deviation_interval,
    deviation_of,
    deviation_ratio,
    evaluation_deviation,
    mean_interval,
    signal_ratio,
)
from assay.spec.calibration import Calibration, Component, Design, Effect, Estimate, PairedDeviation, Stopping
from assay.spec.calibration import Remedy as Measured
from assay.spec.lab import EvidenceSettings

Scores = Mapping[Place, float | None]
"""Score of each run in bits per byte; None where training diverged."""
Sharing = tuple[tuple[str, int, int], ...]

#: What the arms of a pair share, and the champion's place (initialisation, data order) from that of round i.
SHARING: Sharing = (("data order", -1, 0), ("initialisation", 0, 1), ("nothing", -1, 1))
#: Power of the recommended design.
POWER = 0.8
#: Runs below which a scale's deviation says too little to plan with.
FEWEST_RUNS = 4
#: Pairs beyond which no design is recommended.
MOST_PAIRS = 200
#: Share of the variance that evaluation may have where more held-out text no longer matters.
NEGLIGIBLE = 0.1


class Spans(NamedTuple):
    """The held-out spans that were scored, and what each adds to a run's score."""

    contributions: Mapping[Place, Floats]
    sizes: Floats
    domains: Whole
    documents: Whole


def _estimate(interval: Interval, unit: float = 1.0) -> Estimate:
    low, high = (None if end is None else end * unit for end in interval[1:])
    return Estimate(value=interval.value * unit, low=low, high=high)


def estimates(
    plan: Plan, rounds: int, scores: Scores, spans: Spans | None, settings: EvidenceSettings, threshold: float,
    runs: Sequence[str],
) -> Calibration:  # fmt: skip
    """Everything that whole rounds say.

    Args:
        scores: of every place of these rounds.
        spans: losses on single spans of the champion's and the changes' runs at (i, i); None where there are none.
        threshold: e-value that the lab's next test has to reach.
        runs: hashes of all runs behind the scores.
    """
    name = plan.scale.name
    grid = [Place("champion", name, i, i + k) for i in range(rounds) for k in range(OFFSETS)]
    found = {place: scores[place] for place in grid}
    champion = {place: score for place, score in found.items() if score is not None}
    unit = 100 / (sum(champion.values()) / len(champion))  # to per cent
    components = [*_components(plan, scores, champion, unit), *_elsewhere(plan, rounds, scores)]
    paired = [each for arm in plan.arms if (each := _paired(plan, arm, rounds, scores, unit, "both", 0, 0))]
    sharing = [
        each for arm in plan.arms for what, a, b in SHARING
        if (each := _paired(plan, arm, rounds, scores, unit, what, a, b))
    ]  # fmt: skip
    remedies = [_remedy(plan, remedy, rounds, scores, unit) for remedy in plan.remedies]
    evaluation_bytes = None
    if spans is not None:
        rows = [spans.contributions[p] for i in range(rounds) if (p := Place("champion", name, i, i)) in champion]
        part = evaluation_deviation(np.stack(rows), spans.sizes, spans.domains, spans.documents)
        if part is not None:
            said = _estimate(part, unit)
            components.append(Component(scale=name, source="evaluation", deviation=said, runs=len(rows)))
            remedies.append(_more_text(plan, rounds, scores, spans))
            evaluation_bytes = _enough_text(part.value, deviation_of(list(champion.values())), float(spans.sizes.sum()))
    return Calibration(
        recipe=plan.champion.recipe.hash,
        trainer=plan.trainer,
        scale=name,
        rounds=rounds,
        components=tuple(components),
        paired=tuple(paired),
        sharing=tuple(sharing),
        remedies=tuple(remedies),
        design=_design(plan, paired, components, evaluation_bytes, settings, threshold) if paired else None,
        runs=tuple(runs),
    )


def _components(plan: Plan, scores: Scores, champion: Mapping[Place, float], unit: float) -> list[Component]:
    name = plan.scale.name
    repeated = {p: s for p, s in scores.items() if p.arm == "champion" and p.repeat and s is not None}
    places = [*champion, *(p for p in repeated if p.scale == name)]
    values = [*champion.values(), *(s for p, s in repeated.items() if p.scale == name)]
    parts = crossed([p.init for p in places], [p.data for p in places], values)
    named = {"initialisation": parts.init, "data order": parts.data, "interaction": parts.interaction,
             "total": parts.total}  # fmt: skip
    found = [
        Component.parse(
            {"scale": name, "source": source, "deviation": _estimate(part, unit).model_dump(), "runs": len(champion)},
            source,
        )
        for source, part in named.items()
    ]
    if parts.repeat is not None:
        repeat = _estimate(parts.repeat, unit)
        found.append(Component(scale=name, source="repeat", deviation=repeat, runs=parts.repeats))
    return found


def _elsewhere(plan: Plan, rounds: int, scores: Scores) -> list[Component]:
    """Total deviation of the champion at other budgets and scales, each in per cent of its own mean."""
    found: list[Component] = []
    for scale in (plan.half, plan.double, plan.upper):
        if scale is None:
            continue
        values = [s for i in range(rounds) if (s := scores.get(Place("champion", scale.name, i, i))) is not None]
        if len(values) > 1:
            part = deviation_interval(deviation_of(values), len(values) - 1)
            unit = 100 / (sum(values) / len(values))
            found.append(Component(scale=scale.name, source="total", deviation=_estimate(part, unit), runs=len(values)))
    return found


def _pairs(
    plan: Plan, base: str, arm: str, rounds: int, scores: Scores, init: int = 0, data: int = 0
) -> dict[int, tuple[float, float]]:
    """Scores of base and arm by round; the base's place is off by (init, data)."""
    name = plan.scale.name
    found: dict[int, tuple[float, float]] = {}
    for i in range(rounds):
        old, new = scores.get(Place(base, name, i + init, i + data)), scores.get(Place(arm, name, i, i))
        if old is not None and new is not None:
            found[i] = old, new
    return found


def _paired(
    plan: Plan, arm: Arm, rounds: int, scores: Scores, unit: float, shared: str, init: int, data: int
) -> PairedDeviation | None:
    pairs = list(_pairs(plan, "champion", arm.name, rounds, scores, init, data).values())
    differences = [old - new for old, new in pairs]
    if len(pairs) < 2 or not deviation_of(differences):
        return None
    degrees = len(pairs) - 1
    r = correlation_interval([old for old, _ in pairs], [new for _, new in pairs])
    return PairedDeviation.parse(
        {
            "scale": plan.scale.name, "kind": arm.kind, "shared": shared, "degrees": degrees, "change": arm.change,
            "deviation": _estimate(deviation_interval(deviation_of(differences), degrees), unit).model_dump(),
            "correlation": None if r is None else _estimate(r).model_dump(),
            "effect": _estimate(mean_interval(differences), unit).model_dump(),
        },
        arm.name,
    )  # fmt: skip


def _remedy(plan: Plan, remedy: Remedy, rounds: int, scores: Scores, unit: float) -> Measured:
    """Pairs under the remedy against pairs without it, at the same seeds."""
    without: list[list[float]] = []
    under: list[list[float]] = []
    effects: list[Effect] = []
    for plain, treated in remedy.arms:
        a = _pairs(plan, "champion", plain.name, rounds, scores)
        b = _pairs(plan, remedy.base.name, treated.name, rounds, scores)
        both = sorted(a.keys() & b.keys())
        if len(both) < 2:
            continue
        old, new = ([old - new for old, new in (side[i] for i in both)] for side in (a, b))
        without.append(old)
        under.append(new)
        change = mean_interval([y - x for x, y in zip(old, new, strict=True)])
        effects.append(
            Effect(
                change=plain.change,
                without=_estimate(mean_interval(old), unit),
                under=_estimate(mean_interval(new), unit),
                difference=_estimate(change, unit),
            )
        )
    ratio = deviation_ratio(under, without) if without else None
    itself = [old - new for old, new in _pairs(plan, "champion", remedy.base.name, rounds, scores).values()]
    signal = signal_ratio(under, without) if without else None
    return Measured(
        name=remedy.name,
        change=remedy.change,
        ratio=_estimate(ratio) if ratio else Estimate(value=1.0),
        effect_percent=_estimate(mean_interval(itself), unit) if len(itself) > 1 else None,
        signal=_estimate(signal) if signal else None,
        effects=tuple(effects),
    )


def _more_text(plan: Plan, rounds: int, scores: Scores, spans: Spans) -> Measured:
    """What twice the held-out text does to paired differences: the part that evaluation adds is halved in variance."""
    name = plan.scale.name
    total = evaluated = low = high = 0.0
    bounded = True
    for arm in plan.arms:
        pairs = _pairs(plan, "champion", arm.name, rounds, scores)
        if len(pairs) < 2:
            continue
        rows = [
            spans.contributions[Place("champion", name, i, i)] - spans.contributions[Place(arm.name, name, i, i)]
            for i in pairs
        ]
        part = evaluation_deviation(np.stack(rows), spans.sizes, spans.domains, spans.documents)
        assert part is not None, "the champion's runs have more than one document in each domain"
        d = len(pairs) - 1
        total += d * deviation_of([old - new for old, new in pairs.values()]) ** 2
        evaluated += d * part.value**2
        if part.low is None or part.high is None:
            bounded = False
        else:
            low, high = low + d * part.low**2, high + d * part.high**2

    def ratio(part: float) -> float:
        return math.sqrt(max(0.5, 1 - 0.5 * part / total)) if total else 1.0

    return Measured(
        name="twice the held-out text",
        ratio=Estimate(
            value=ratio(evaluated), low=ratio(high) if bounded else None, high=ratio(low) if bounded else None
        ),
        cost=1.0,
        note="reckoned from losses on single documents; training costs the same, evaluation twice as much",
    )


def _enough_text(evaluation: float, total: float, present: float) -> int:
    """Held-out bytes at which evaluation is a tenth of what training leaves."""
    training = max(total**2 - evaluation**2, 0.1 * total**2)
    return max(1, round(present * max(evaluation**2 / (NEGLIGIBLE * training), 1e-3)))


def _design(
    plan: Plan, paired: Sequence[PairedDeviation], components: Sequence[Component], evaluation_bytes: int | None,
    settings: EvidenceSettings, threshold: float,
) -> Design:  # fmt: skip
    degrees = sum(each.degrees for each in paired)
    noise = math.sqrt(sum(each.degrees * each.deviation.value**2 for each in paired) / degrees)
    totals = {c.scale: c.deviation.value for c in components if c.source == "total" and c.runs >= FEWEST_RUNS}
    upper, here = totals.get(plan.upper.name) if plan.upper else None, totals.get(plan.scale.name)
    factor = upper / here if upper and here else 1.0
    pairs, confirm = (pairs_for(settings.min_effect / (noise * k), threshold) for k in (1.0, factor))
    smallest = detectable(noise, threshold, settings.pairs)
    # What cannot be found within the pairs allowed is no aim.
    aim = max(settings.min_effect, 0.0 if math.isinf(smallest) else smallest)
    cheapest, from_above = _cheapest(plan, aim, noise, noise * factor, bool(upper), settings, threshold)
    return Design(
        effect_percent=settings.min_effect,
        power=min(POWER, power(settings.min_effect / noise, threshold, pairs)),
        pairs=pairs,
        confirm_pairs=confirm,
        evaluation_bytes=evaluation_bytes or 1,
        detectable_percent=None if math.isinf(smallest) else smallest,
        threshold=threshold,
        cheapest=cheapest,
        flops_from_above=from_above,
    )


def _cheapest(
    plan: Plan,
    aim: float,
    noise: float,
    noise_above: float,
    measured_above: bool,
    settings: EvidenceSettings,
    threshold: float,
) -> tuple[Stopping | None, float | None]:
    """Design of least compute per discovery, and that compute if tests began one scale higher.

    None where nothing allowed could find such an effect: a campaign shall not keep to that.

    The champion's replications are shared by all tests and not counted. Beginning higher, a confirmation is taken to
    cost as much more, and to be as noisy, as the first stage there.
    """
    above = plan.upper.flops if plan.upper else plan.scale.flops
    step = above / plan.scale.flops

    def best(deviation: float, deviation_above: float, flops: float) -> Choice:
        first = Stage(aim / deviation, flops, settings.pairs)
        second = Stage(aim / deviation_above, 2 * step * flops, settings.confirm_pairs)
        return best_design(first, second, threshold)

    chosen = best(noise, noise_above, plan.scale.flops)
    higher = best(noise_above, noise_above, above).cost if measured_above else math.inf
    stopping = None if math.isinf(chosen.cost) else Stopping(
        effect_percent=aim, pairs=chosen.pairs, confirm_pairs=chosen.confirm_pairs, futile_at=chosen.futile_at,
        power=chosen.power, null_pairs=chosen.null_pairs, flops=chosen.cost,
    )  # fmt: skip
    return stopping, None if math.isinf(higher) else higher


def pairs_for(effect: float, threshold: float) -> int:
    """Fewest pairs that find a standardised effect with the wanted power; `MOST_PAIRS` where more would be needed."""
    low, high = 2, MOST_PAIRS
    while low < high:  # power rises with the cap
        middle = (low + high) // 2
        low, high = (low, middle) if power(effect, threshold, middle) >= POWER else (middle + 1, high)
    return low
