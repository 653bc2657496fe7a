"""The facts of a lab as plain data: what the report draws, what `--json` prints, what data frames hold.

Every number comes with the run hashes behind it.
"""

from typing import Any

from assay.campaign.audit_facts import audit_facts
from assay.campaign.decide import Key
from assay.campaign.error_budget import error_budget, placebo_facts
from assay.campaign.history import Campaign
from assay.campaign.lab import Lab
from assay.campaign.summary import calibration, domain_effects, smallest_effects, totals
from assay.spec.recipe import difference
from assay.spec.scale import Scale, Shape, shape_at
from assay.spec.verdict import Certificate, Evidence, Generation, Size, Verdict

#: Points of a loss curve in a report; more cannot be seen.
CURVE_POINTS = 120
RUN_COLUMNS = (
    "hash", "recipe", "scale", "seed_init", "seed_data", "repeat", "trainer", "status", "score", "domains", "flops",
    "seconds", "half_loss", "message",
)  # fmt: skip


def percent(value: float | None, base: float | None) -> float | None:
    """A difference in per cent of the champion's score."""
    return None if value is None or not base else 100 * value / base


def evidence_facts(evidence: Evidence) -> dict[str, Any]:
    """One stage's evidence with effects in bits per byte and in per cent."""
    base = evidence.champion_score
    return {
        **evidence.model_dump(mode="json"),
        "effect_percent": percent(evidence.effect, base),
        "low_percent": percent(evidence.low, base),
        "high_percent": percent(evidence.high, base),
        "deviation_percent": percent(evidence.deviation, base),
        "detectable_percent": percent(evidence.detectable, base),
    }


def last_evidence(verdict: Verdict | None) -> Evidence | None:
    """The evidence that speaks of the largest deciding scale reached."""
    deciding = [e for e in verdict.evidence if e.stage in ("half", "replicate", "confirm")] if verdict else []
    return deciding[-1] if deciding else None


def proposal_row(campaign: Campaign, number: int) -> dict[str, Any]:
    """One proposal as a flat row: the claim, the prediction, the verdict."""
    registered, verdict = campaign.registered[number], campaign.verdicts.get(number)
    evidence = last_evidence(verdict)
    shown = evidence_facts(evidence) if evidence else {}
    proposal, cost = registered.proposal, campaign.data_cost(registered.candidate)
    return {
        "number": number,
        "time": campaign.times[number],
        "author": proposal.author,
        "kind": proposal.kind,
        "hypothesis": proposal.hypothesis,
        "change": proposal.change,
        "citations": list(proposal.citations),
        "predicted_percent": proposal.predicted.effect,
        "predicted_low": proposal.predicted.low,
        "predicted_high": proposal.predicted.high,
        "generation": registered.generation,
        "retest_of": registered.retest_of,
        "champion": registered.champion,
        "candidate": registered.candidate,
        "level": registered.level,
        "cost_flops": registered.cost_flops,
        "data_cost": cost.model_dump(mode="json") if cost else None,
        "decision": verdict.decision if verdict else "under test",
        "decided_by": verdict.decided_by if verdict else None,
        "reasons": list(verdict.reasons) if verdict else [],
        "retuning": verdict.retuning.model_dump(mode="json") if verdict and verdict.retuning else None,
        "vault": verdict.vault.model_dump(mode="json") if verdict and verdict.vault else None,
        "e_value": verdict.e_value if verdict else None,
        "threshold": 1 / registered.level,
        "scale": shown.get("scale"),
        "pairs": len(evidence.pairs) if evidence else 0,
        "effect_percent": shown.get("effect_percent"),
        "low_percent": shown.get("low_percent"),
        "high_percent": shown.get("high_percent"),
        "detectable_percent": shown.get("detectable_percent"),
    }


def honest_size(certificate: Certificate) -> tuple[Size, str]:
    """The size to quote of a promoted effect, and where it is from: not from what selected it, if there is another."""
    if certificate.shrunken is not None:
        return certificate.shrunken, "shrunken"
    if certificate.remeasured is not None:
        return certificate.remeasured, "remeasured"
    selected = Size(
        percent=certificate.effect_percent, low=certificate.low_percent, high=certificate.high_percent,
    )  # fmt: skip
    return selected, "confirmation"


def generation_row(generation: Generation) -> dict[str, Any]:
    """One generation as a flat row: what changed, the verified gain, the compute multiplier."""
    certificate = generation.certificate
    row: dict[str, Any] = {"number": generation.number, "recipe": generation.recipe, "dropped": None}
    if certificate is None:
        audit = generation.audit
        dropped = audit and {"dropped": audit.dropped, "reasons": [audit.reason]}
        return row | {"change": {}, "author": None, "proposal": None} | (dropped or {})
    size, measured = honest_size(certificate)
    registered, pooled = certificate.registered, certificate.pooled
    return row | {
        "change": registered.proposal.change,
        "author": registered.proposal.author,
        "proposal": registered.number,
        "e_value": certificate.verdict.e_value,
        "threshold": certificate.verdict.threshold,
        "effect_percent": certificate.effect_percent,
        "low_percent": certificate.low_percent,
        "high_percent": certificate.high_percent,
        "size_percent": size.percent,
        "size_low": size.low,
        "size_high": size.high,
        "size_from": measured,
        "remeasured": certificate.remeasured and certificate.remeasured.model_dump(mode="json"),
        "shrunken": certificate.shrunken and certificate.shrunken.model_dump(mode="json"),
        "multiplier": pooled.value if pooled else None,
        "multiplier_low": pooled.low if pooled else None,
        "multiplier_high": pooled.high if pooled else None,
        "preliminary": certificate.preliminary,
        "vault": certificate.vault,
        "vault_reason": certificate.vault_reason,
        "self_reported": list(certificate.self_reported),
        "data_cost": certificate.data_cost and certificate.data_cost.model_dump(mode="json"),
    }


def facts(lab: Lab) -> dict[str, Any]:
    """All facts of a lab."""
    campaign, manifest = lab.campaign(), lab.corpus()
    every_row = lab.store.run_rows()
    rows = [row for row in every_row if row["recipe"] not in campaign.hidden_recipes()]
    verification = lab.store.verify_ledger()
    entries = lab.store.ledger()
    licences = _licences(lab)
    by_hash = {row["hash"]: row for row in rows}
    generations = [_generation(campaign, g) for g in campaign.generations]
    proposals = [_proposal(campaign, number, by_hash) for number in campaign.registered]
    return {
        "lab": {
            "name": lab.config.name,
            "seed": lab.config.seed,
            "trainer": campaign.trainer,
            "corpus": manifest.id,
            "tokenizer": manifest.tokenizer,
            "evidence": lab.config.evidence.model_dump(mode="json"),
            "domains": {
                name: {
                    "train_documents": domain.train.documents,
                    "train_bytes": domain.train.bytes,
                    "heldout_bytes": domain.heldout.bytes,
                    "score_weight": lab.config.corpus.score_weights.get(name, 0.0),
                    "licences": licences.get(name, {}),
                }
                for name, domain in manifest.domains.items()
            },
            "ladder": [_rung(scale, shape_at(lab.config.start, scale, manifest.vocab)) for scale in lab.config.ladder],
        },
        "totals": totals(generations),
        "generations": generations,
        "audit": audit_facts(campaign),
        "proposals": proposals,
        "calibration": calibration(proposals),
        "refused": [
            {
                "author": r["proposal"]["author"],
                "change": r["proposal"]["change"],
                "reason": r["reason"],
                "time": r["time"],
            }
            for r in campaign.refusals
        ],
        "noise_percent": campaign.noise_percent(),
        "noise": None
        if campaign.calibration is None
        else {
            "calibration": campaign.calibration.model_dump(mode="json"),
            "stale": campaign.calibration.stale(campaign.decider.champion, campaign.trainer or lab.trainer()),
        },
        "smallest_effect": smallest_effects(
            campaign.noise_percent(), lab.config.evidence, campaign.decider.next_number, campaign.decider.generation
        ),
        "error_budget": error_budget(campaign),
        "placebos": placebo_facts(campaign),
        "runs": {
            status: sum(row["status"] == status for row in rows)
            for status in ("finished", "diverged", "failed", "running", "paused", "cancelled")
        },
        "run_list": [{key: row[key] for key in RUN_COLUMNS} for row in rows],
        "curves": _curves(lab, campaign),
        "spend": {
            "flops": sum(row["flops"] for row in every_row),
            "core_seconds": sum(row["seconds"] for row in every_row),
            "usd_compute": sum(row["seconds"] for row in every_row) / 3600 * lab.config.costs.usd_per_core_hour,
            "data_seconds": sum(selected.seconds for selected in campaign.selections.values()),
            "usd_models": lab.store.usd_spent(),
            "model_requests": len(lab.store.exchanges()),
        },
        "sessions": _sessions(entries),
        "ledger": {
            "entries": verification.entries,
            "intact": verification.bad_seq is None,
            "problem": verification.problem,
            "head": entries[-1].hash_ if entries else "",
            "time": entries[-1].time if entries else "",
        },
    }


def _rung(scale: Scale, shape: Shape) -> dict[str, Any]:
    return {
        "name": scale.name, "flops": scale.flops, "width": shape.width, "depth": shape.depth,
        "parameters": shape.parameters, "steps": shape.steps, "tokens": shape.tokens,
    }  # fmt: skip


def _generation(campaign: Campaign, generation: Generation) -> dict[str, Any]:
    certificate = generation.certificate
    start = campaign.generations[0].recipe
    return generation_row(generation) | {
        "against_start": {
            key: list(pair)
            for key, pair in difference(campaign.recipes[start], campaign.recipes[generation.recipe]).items()
        },
        "multipliers": [m.model_dump(mode="json") for m in certificate.multipliers] if certificate else [],
        "time": campaign.times[certificate.registered.number] if certificate else None,
        "matched": [m.model_dump(mode="json") for m in certificate.matched] if certificate else [],
        "loss_compute": _loss_compute(campaign, generation.recipe),
    }


def _loss_compute(campaign: Campaign, recipe: str) -> list[dict[str, Any]]:
    """Score against compute: one point a scale, with every run behind it."""
    points: list[dict[str, Any]] = []
    for index, scale in enumerate(campaign.config.ladder):
        found = campaign.scores_at(recipe, index)
        scores = {seed: outcome.score for seed, outcome in sorted(found.items()) if outcome.score is not None}
        if scores:
            domains = sorted(next(iter(found.values())).domains)
            points.append(
                {
                    "scale": scale.name,
                    "flops": scale.flops,
                    "mean": sum(scores.values()) / len(scores),
                    "least": min(scores.values()),
                    "most": max(scores.values()),
                    "domains": {d: sum(o.domains[d] for o in found.values()) / len(found) for d in domains},
                    "runs": [campaign.hash_of(Key(recipe, index, seed)) for seed in scores],
                }
            )
    return points


def _proposal(campaign: Campaign, number: int, runs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    verdict = campaign.verdicts.get(number)
    shown = [evidence_facts(e) for e in verdict.evidence] if verdict else []
    return proposal_row(campaign, number) | {
        "evidence": [e | {"domains_percent": domain_effects(e["pairs"], runs)} for e in shown]
    }


def _licences(lab: Lab) -> dict[str, dict[str, int]]:
    """Documents by licence in each domain, as the corpus's own table of documents says."""
    import pyarrow.parquet as pq

    path = lab.corpus_dir / "documents.parquet"
    if not path.is_file():
        return {}
    table = pq.read_table(path, columns=["domain", "licence"])
    counted = table.group_by(["domain", "licence"]).aggregate([([], "count_all")]).to_pylist()
    found: dict[str, dict[str, int]] = {}
    for row in sorted(counted, key=lambda row: (row["domain"], -row["count_all"], row["licence"])):
        found.setdefault(row["domain"], {})[row["licence"]] = row["count_all"]
    return found


def _curves(lab: Lab, campaign: Campaign) -> list[dict[str, Any]]:
    """Training loss of the first finished run of each generation's champion at each scale."""
    curves: list[dict[str, Any]] = []
    for generation in campaign.generations:
        for index, scale in enumerate(campaign.config.ladder):
            seeds = sorted(campaign.scores_at(generation.recipe, index))
            if not seeds:
                continue
            digest = campaign.hash_of(Key(generation.recipe, index, seeds[0]))
            points = lab.store.series(digest)
            every = max(1, len(points) // CURVE_POINTS)
            flops = scale.flops / max(1, points[-1].step) if points else 0.0
            curves.append(
                {
                    "generation": generation.number,
                    "scale": scale.name,
                    "run": digest,
                    "flops": [point.step * flops for point in points[::every]],
                    "loss": [_window(points, i, every) for i in range(0, len(points), every)],
                }
            )
    return curves


def _window(points: list[Any], start: int, width: int) -> float | None:
    losses = [point.loss for point in points[start : start + width] if point.loss is not None]
    return sum(losses) / len(losses) if losses else None


def _sessions(entries: list[Any]) -> list[dict[str, Any]]:
    """Every `assay run`: when, with what budget, why it ended."""
    sessions: list[dict[str, Any]] = []
    for entry in entries:
        if entry.kind == "session":
            budget = {key: value for key, value in entry.body["budget"].items() if value is not None}
            sessions.append({"begun": entry.time, "budget": budget, "ended": None, "reason": "interrupted"})
        elif sessions and entry.kind in ("end", "note"):
            sessions[-1]["ended"] = entry.time
            sessions[-1]["reason"] = entry.body.get("reason") or entry.body.get("text")
    return sessions
