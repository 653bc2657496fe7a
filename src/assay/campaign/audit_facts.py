"""The facts of audits as plain data, for tables, pictures and `--json`."""

import math
from typing import Any

from assay.campaign.audit import Round
from assay.campaign.history import Campaign
from assay.spec.audit import Answered
from assay.spec.verdict import Certificate


def audit_facts(campaign: Campaign) -> dict[str, Any]:
    """What the last audit says of each change, what was dropped, and the drift against generation 0.

    Returns:
        `audit`: number of the last audit, None if there was none. `changes`: one row for each promoted change that was
        asked about, with the answer of the last round that asked; `drift`: the last champion that was audited against
        generation 0, beside what the certificates of its changes claim; `rounds`: how each round went; `note`: a
        sentence where there is nothing to audit.
    """
    if len(campaign.generations) == 1:
        return {"audit": None, "changes": [], "rounds": [], "drift": None, "current": True, "note": (
            "nothing has been promoted, so there is nothing to audit"
        )}  # fmt: skip
    if not campaign.audits:
        return {"audit": None, "changes": [], "rounds": [], "drift": None, "current": False, "note": (
            "no audit has been made; `assay audit` tests every promoted change again"
        )}  # fmt: skip
    number = campaign.audits[-1].spec.audit
    rounds = [current for current in campaign.audits if current.spec.audit == number]
    last = rounds[-1]
    rows: dict[int, dict[str, Any]] = {}
    for current in rounds:
        dropped = current.verdict().dropped if current.closed else None
        for answered in current.verdict().answers:
            if answered.generation:
                rows[answered.generation] = _row(campaign, current, answered, dropped == answered.generation)
    drift = next((a for a in last.verdict().answers if a.generation == 0), None)
    return {
        "audit": number,
        "champion": last.spec.champion,
        "generation": last.spec.generation,
        "current": last.spec.champion == campaign.generations[-1].recipe and not last.closed,
        "complete": last.concluded,
        "scale": last.spec.scale,
        "trainer": last.spec.trainer,
        "level": campaign.config.evidence.fdr,
        "threshold": last.spec.threshold,
        "min_effect_percent": last.worth,
        "changes": [rows[generation] for generation in sorted(rows)],
        "drift": None if drift is None else {**_measured(drift), "claimed": claims(campaign, last)},
        "dropped": [row["generation"] for row in rows.values() if row["dropped"]],
        "rounds": [
            {
                "round": r.spec.round, "champion": r.spec.champion, "threshold": r.spec.threshold,
                "questions": sum(q.without is not None for q in r.spec.questions), "runs": len(r.outcomes),
                "dropped": r.verdict().dropped if r.closed else None, "complete": r.complete,
            }
            for r in rounds
        ],
        "note": "",
    }  # fmt: skip


def claims(campaign: Campaign, current: Round) -> dict[str, float | None]:
    """The product of what certificates claim for the changes in an audited champion, per cent of generation 0's score.

    `raw` is what the confirmations measured, `remeasured` what fresh seeds at promotion did, and `shrunken` what was
    left of it in the light of all tests. None: not every certificate has it.
    """
    asked = [q.generation for q in current.spec.questions if q.generation]
    certificates = [campaign.generations[number].certificate for number in asked]

    def gain(of: list[float | None]) -> float | None:
        kept = [1 - value / 100 for value in of if value is not None]
        return 100 * (1 - math.prod(kept)) if len(kept) == len(of) else None

    return {
        "raw": gain([c.effect_percent if c else None for c in certificates]),
        "remeasured": gain([_size(c, "remeasured") for c in certificates]),
        "shrunken": gain([_size(c, "shrunken") for c in certificates]),
    }


def _size(certificate: Certificate | None, name: str) -> float | None:
    size = getattr(certificate, name) if certificate else None
    return size.percent if size else None


def _row(campaign: Campaign, current: Round, answered: Answered, dropped: bool) -> dict[str, Any]:
    generation = campaign.generations[answered.generation]
    certificate = generation.certificate
    assert certificate is not None
    question = next(q for q in current.spec.questions if q.generation == answered.generation)
    return {
        "generation": generation.number,
        "proposal": certificate.registered.number,
        "change": certificate.registered.proposal.change,
        "answer": answered.answer,
        "dropped": dropped,
        "without": question.without,
        "round": current.spec.round,
        "claimed_percent": certificate.effect_percent,
        "remeasured_percent": _size(certificate, "remeasured"),
        "shrunken_percent": _size(certificate, "shrunken"),
        **_measured(answered),
        "reasons": list(answered.reasons),
    }


def _measured(answered: Answered) -> dict[str, Any]:
    evidence = answered.evidence

    def percent(value: float | None) -> float | None:
        base = evidence.champion_score if evidence else None
        return None if value is None or not base else 100 * value / base

    return {
        "effect_percent": percent(evidence.effect if evidence else None),
        "low_percent": percent(evidence.low if evidence else None),
        "high_percent": percent(evidence.high if evidence else None),
        "pairs": len(evidence.pairs) if evidence else 0,
        "e_value": answered.e_value,
        "e_value_less": answered.e_value_less,
        "runs": [run for pair in evidence.pairs for run in (pair.champion, pair.candidate)] if evidence else [],
    }
