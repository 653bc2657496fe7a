"""The vault as a campaign uses it: one question a promotion, each an entry of the ledger, and what is left of it."""

import math
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from assay.campaign.lab import Lab
from assay.campaign.lock import controlling
from assay.campaign.verdicts import NO_VAULT, SELF_SCORED
from assay.corpus.sealed import Sealed, open_sealed
from assay.evaluation.ladder import ask, deviation, lasting
from assay.evaluation.spans import read_span_losses, read_spans
from assay.evaluation.vault import Query, document_weights, read_queries
from assay.execution.launchers import environment_without_secrets
from assay.spec.base import canonical_json, sha256_text
from assay.spec.errors import UserError
from assay.spec.verdict import VaultAnswer
from assay.store.ledger import Entry, append

#: Kinds of ledger entries: a question with its answer, and a step to the next part.
ASKED, ROTATED = "vault", "rotation"


class Vault(Protocol):
    """What the controller asks for a confirmation."""

    def ask(self, number: int, pairs: Sequence[tuple[str, str]]) -> VaultAnswer: ...


class SealedVault:
    """A lab's vault: starts the evaluator and learns one bit."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._commitment = lab.corpus().vault

    def ask(self, number: int, pairs: Sequence[tuple[str, str]]) -> VaultAnswer:
        """Does the vault confirm a proposal? Asking the same again gives the same answer and counts once.

        Args:
            number: of the proposal.
            pairs: hashes of the confirmation's runs, champion and candidate, in order.

        Raises:
            UserError: the vault or a checkpoint is missing or damaged.
        """
        lab, entries = self._lab, self._lab.store.ledger()
        part = part_of(entries)
        query = Query(
            key=sha256_text(canonical_json([self._commitment, part, number, [list(pair) for pair in pairs]])),
            vault=str(lab.vault_dir), commitment=self._commitment, part=part, corpus_dir=str(lab.corpus_dir),
            weights=lab.config.corpus.score_weights,
            pairs=tuple((str(lab.run_dir(old)), str(lab.run_dir(new))) for old, new in pairs),
        )  # fmt: skip
        passed, confinement = _evaluate(query), lab.confinement
        advisory = confinement.mechanism == "advisory"
        return VaultAnswer(
            number=number, passed=passed, query=1 + sum(entry.kind == ASKED for entry in entries), part=part,
            commitment=self._commitment, advisory=advisory, note=confinement.reason if advisory else "",
        )  # fmt: skip


def absence(lab: Lab) -> str:
    """Why no question is asked of a lab's vault; '' if one is."""
    if lab.vault():
        return ""
    return NO_VAULT if not lab.corpus().vault else SELF_SCORED


def part_of(entries: Sequence[Entry]) -> int:
    """The part of the vault that is in use."""
    return sum(entry.kind == ROTATED for entry in entries)


def _evaluate(query: Query) -> bool:
    """Start the evaluator, outside the sandbox of the runs, and take its one bit."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "assay.evaluation.vault"], input=query.model_dump_json(), capture_output=True,
        text=True, env=environment_without_secrets(), start_new_session=True, check=False,
    )  # fmt: skip
    if done.returncode != 0 or done.stdout.strip() not in ("0", "1"):
        last = (done.stderr.strip().splitlines() or ["it ended without an answer"])[-1]
        raise UserError(f"the vault could not be asked: {last.removeprefix('error: ')}")
    return done.stdout.strip() == "1"


def vault_facts(lab: Lab) -> dict[str, Any]:
    """How much of the vault's worth is used up, and when to rotate it. No score and nothing of its text.

    Raises:
        UserError: the vault is damaged.
    """
    entries = lab.store.ledger()
    part, smallest = part_of(entries), lab.config.evidence.min_effect
    facts: dict[str, Any] = {
        "lab": str(lab.folder), "commitment": lab.corpus().vault, "mechanism": "advisory", "reason": absence(lab),
        "domains": {}, "without": sorted(lab.corpus().domains), "part": part, "parts": 0, "queries": 0,
        "bits_released": 0, "not_in_ledger": 0, "smallest_effect_percent": smallest, "documents": 0,
        "equal_documents": 0.0, "spread_percent": None, "deviation_percent": None, "queries_in_all": None,
        "worth_used": 0.0, "rotate": "",
    }  # fmt: skip
    if not facts["commitment"]:
        return facts | {"rotate": "there is no vault"}
    if facts["reason"]:
        return facts | {"rotate": "no question is asked of the vault"}
    sealed = open_sealed(lab.vault_dir)
    mine = [e for e in entries if e.kind == ASKED and e.body["part"] == part]
    answered = sum(record["part"] == part for record in read_queries(lab.vault_dir))
    queries = max(len(mine), answered)
    documents = equal_documents(sealed, part, lab.config.corpus.score_weights)
    numbers = {entry.body["number"] for entry in mine}
    spread = least_spread(lab, [e.body for e in entries if e.kind == "verdict" and e.body["number"] in numbers])
    domains = sealed.parts[part].domains
    facts |= {
        "mechanism": lab.confinement.mechanism, "reason": lab.confinement.reason,
        "domains": {name: {"documents": d.documents, "bytes": d.bytes} for name, d in domains.items()},
        "without": list(sealed.without), "parts": len(sealed.parts), "queries": queries, "bits_released": queries,
        "not_in_ledger": queries - len(mine), "documents": sum(d.documents for d in domains.values()),
        "equal_documents": documents,
    }  # fmt: skip
    if spread is None:
        return facts | {"rotate": "cannot be said before the first query: documents may differ more or less"}
    allowed = lasting(documents, spread, smallest)
    left = allowed - queries
    last = part + 1 == len(sealed.parts)
    what = "make a lab with fresh text" if last else "`assay vault rotate`"
    return facts | {
        "spread_percent": spread, "deviation_percent": deviation(queries, documents, spread),
        "queries_in_all": allowed, "worth_used": min(1.0, queries / allowed) if allowed else 1.0,
        "rotate": f"now: {what}" if left <= 0 else f"after {left} more {'query' if left == 1 else 'queries'}: {what}",
    }  # fmt: skip


def least_spread(lab: Lab, verdicts: Sequence[dict[str, Any]]) -> float | None:
    """By how much documents' differences deviated in the confirmations, per cent of the score: the least of them.

    Measured on the ordinary held-out documents, which are drawn as the sealed ones are, so that it gives nothing of
    those away. The least counts, since the larger an effect, the more it differs between documents, and what has to be
    exact to the smallest effect worth having are small ones. None before the first.
    """
    spans = read_spans(lab.corpus_dir)
    places = [(span.domain, span.document or str(i)) for i, span in enumerate(spans)]
    sizes: dict[tuple[str, str], int] = {}
    for place, span in zip(places, spans, strict=True):
        sizes[place] = sizes.get(place, 0) + len(span.text.encode())
    weights = document_weights(sizes, lab.config.corpus.score_weights)
    found: list[float] = []
    for verdict in verdicts:
        confirm = next(e for e in verdict["evidence"] if e["stage"] == "confirm")
        rows: list[list[float]] = []
        for pair in confirm["pairs"]:
            old, new = (read_span_losses(lab.run_dir(pair[arm])) for arm in ("champion", "candidate"))
            if old is None or new is None:
                break
            nats = dict.fromkeys(weights, 0.0)
            for place, difference in zip(places, (old - new).tolist(), strict=True):
                if place in nats:
                    nats[place] += difference
            rows.append([nats[place] / (math.log(2) * sizes[place]) for place in weights])
        if len(rows) == len(confirm["pairs"]) >= 2:
            found.append(100 * ask(rows, list(weights.values())).spread / confirm["champion_score"])
    return min(found, default=None)


def equal_documents(sealed: Sealed, part: int, weights: dict[str, float]) -> float:
    """How many documents of equal weight the vault's mean is worth: 1/Σv² over the weights v of its documents."""
    domains = sealed.parts[part].domains
    whole = sum(weights.get(name, 0.0) for name in domains)
    squares = sum((weights.get(name, 0.0) / whole) ** 2 * d.squares for name, d in domains.items()) if whole else 0.0
    return 1 / squares if squares else 0.0


def rotate(lab: Lab) -> dict[str, Any]:
    """Go on with the next part of the vault; returns its place and how many there are.

    Raises:
        UserError: there is no further part, or a campaign is running.
    """
    with controlling(lab.folder, "assay vault rotate"):
        if absence(lab):
            raise UserError(f"{lab.folder} has no vault to rotate: {absence(lab)}")
        sealed, part = open_sealed(lab.vault_dir), part_of(lab.store.ledger()) + 1
        if part >= len(sealed.parts):
            raise UserError(
                f"the vault has no further part ({len(sealed.parts)} sealed, all in use by now); make a new lab with "
                f"fresh text (assay init), since what was used up cannot be sealed again"
            )
        with lab.store.transaction() as connection:
            append(connection, ROTATED, {"part": part, "commitment": lab.corpus().vault})
    return {"part": part, "parts": len(sealed.parts)}
