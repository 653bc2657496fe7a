"""What a lab's facts amount to, computed from the facts alone: totals, calibration, effects by domain.

Pure functions of plain rows, so that the report and `--json` say the same.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assay.evidence.online import level
from assay.evidence.sequential import detectable
from assay.spec.lab import EvidenceSettings

Row = Mapping[str, Any]


def totals(generations: Sequence[Row]) -> dict[str, Any]:
    """Gain and compute multiplier of the champion against generation 0, as products over the generations that stand.

    The ends of an interval are the products of the generations' ends. Each generation's 95% interval misses with
    probability 5% at most, so by Bonferroni's inequality all k hold at once, and with them their product, with
    probability 1 − 0.05·k at least; `confidence` is that number. Below one half it says little, and neither it nor
    the interval is given.

    Returns:
        `gain_percent`, `low_percent`, `high_percent`: reduction of the deciding score, per cent (None: unknown or
        unbounded), from sizes that nothing selected where there are any; `selected_percent`: from the confirmations
        that they were promoted on. Changes that an audit dropped count in none of it. `multiplier` and its ends: over
        the generations that have one; `beyond` lists the others.
    """
    dropped = {row["dropped"] for row in generations if row.get("dropped") is not None}
    steps = [row for row in generations if row.get("proposal") is not None and row["number"] not in dropped]
    if not steps:
        return {"generations": 0}
    confidence = round(1 - 0.05 * len(steps), 2)
    measured = [row for row in steps if row["multiplier"] is not None]
    known = confidence >= 0.5

    def gain(key: str) -> float | None:
        kept = [1 - row[key] / 100 for row in steps if row[key] is not None]
        return 100 * (1 - math.prod(kept)) if len(kept) == len(steps) else None

    def multiplier(key: str) -> float | None:
        found = [row[key] for row in measured if row[key] is not None]
        return math.prod(found) if found and len(found) == len(measured) else None

    return {
        "generations": len(steps),
        "confidence": confidence if known else None,
        "gain_percent": gain("size_percent"),
        "low_percent": gain("size_low") if known else None,
        "high_percent": gain("size_high") if known else None,
        "selected_percent": gain("effect_percent"),
        "size_from": sorted({row["size_from"] for row in steps}),
        "multiplier": multiplier("multiplier"),
        "multiplier_low": multiplier("multiplier_low") if known else None,
        "multiplier_high": multiplier("multiplier_high") if known else None,
        "beyond": [row["number"] for row in steps if row["multiplier"] is None],
        "preliminary": any(row["preliminary"] for row in steps),
    }


def calibration(proposals: Iterable[Row]) -> list[dict[str, Any]]:
    """How well each author's predictions fit what was measured.

    `covered` counts measured effects inside the predicted 80% interval; `mean_error` is the mean of measured minus
    predicted effect in per cent, below zero where an author promises too much. Measured effects carry noise of their
    own, so even a perfect forecaster covers somewhat less than 80%.
    """
    rows: dict[str, list[Row]] = {}
    for proposal in proposals:
        rows.setdefault(proposal["author"], []).append(proposal)
    found: list[dict[str, Any]] = []
    for author, mine in sorted(rows.items()):
        measured = [p for p in mine if p["effect_percent"] is not None]
        errors = [p["effect_percent"] - p["predicted_percent"] for p in measured]
        found.append(
            {
                "author": author,
                "proposals": len(mine),
                **{d: sum(p["decision"] == d for p in mine) for d in ("supported", "refuted", "inconclusive")},
                "measured": len(measured),
                "covered": sum(p["predicted_low"] <= p["effect_percent"] <= p["predicted_high"] for p in measured),
                "mean_error": sum(errors) / len(errors) if errors else None,
                "mean_absolute_error": sum(map(abs, errors)) / len(errors) if errors else None,
                "numbers": [p["number"] for p in measured],
            }
        )
    return found


def domain_effects(pairs: Iterable[Row], runs: Mapping[str, Row]) -> dict[str, float]:
    """Paired effect on each domain, per cent of the champion's bits per byte there, over the complete pairs.

    Args:
        pairs: of one stage, with the hashes of both runs.
        runs: every run by hash, with `domains`: bits per byte.
    """
    sums: dict[str, list[float]] = {}
    for pair in pairs:
        if pair["difference"] is None or not {pair["champion"], pair["candidate"]} <= runs.keys():
            continue
        old, new = runs[pair["champion"]]["domains"], runs[pair["candidate"]]["domains"]
        for domain in sorted(old.keys() & new.keys()):
            total = sums.setdefault(domain, [0.0, 0.0])
            total[0] += old[domain] - new[domain]
            total[1] += old[domain]
    return {domain: 100 * difference / base for domain, (difference, base) in sums.items() if base}


def smallest_effects(
    noise_percent: float | None, settings: EvidenceSettings, number: int, promotions: int
) -> dict[str, Any]:
    """Smallest true effects that tests find with 80% power at the measured noise, in per cent of the score.

    Of the campaign's first test and of its next one, whose level is smaller. None: nothing measured yet, or no effect
    is large enough for so few pairs.
    """
    pairs = min(settings.pairs, settings.confirm_pairs)

    def smallest(alpha: float) -> float | None:
        found = detectable(noise_percent, 1 / alpha, pairs) if noise_percent else math.inf
        return None if math.isinf(found) else found

    return {
        "noise_percent": noise_percent,
        "pairs": pairs,
        "first_test": smallest(level(settings.fdr, 1, 0)),
        "next_test": smallest(level(settings.fdr, number, promotions)),
    }
