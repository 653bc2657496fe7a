"""Freeing disk space: checkpoints that no verdict needs."""

import shutil
from typing import Any

from assay.campaign.decide import Key
from assay.campaign.history import Campaign
from assay.campaign.lab import Lab
from assay.campaign.lock import controlling


def collect(lab: Lab, dry_run: bool) -> dict[str, Any]:
    """Delete checkpoints of finished runs that are not behind a promotion; returns what was freed.

    Raises:
        UserError: a controller is running.
    """
    with controlling(lab.folder, "assay gc"):
        campaign = lab.campaign()
        needed = {
            digest
            for generation in campaign.generations
            if generation.certificate
            for evidence in generation.certificate.verdict.evidence
            for pair in evidence.pairs
            for digest in (pair.champion, pair.candidate)
        }
        needed |= {campaign.hash_of(need.key) for need in campaign.decider.outstanding}
        needed |= {campaign.hash_of(key) for key in awaited_by_vault(campaign)}
        freed, runs, kept = 0, 0, 0
        for row in lab.store.run_rows():
            folder = lab.run_dir(row["hash"]) / "checkpoint"
            if not folder.is_dir():
                continue
            if row["hash"] in needed or row["status"] not in ("finished", "diverged", "failed", "cancelled"):
                kept += 1
                continue
            freed += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            runs += 1
            if not dry_run:
                with lab.store.transaction() as connection:
                    lab.store.forget_checkpoint(connection, row["hash"])
                shutil.rmtree(folder)
    return {"bytes": freed, "runs": runs, "kept": kept, "dry_run": dry_run}


def awaited_by_vault(campaign: Campaign) -> set[Key]:
    """Confirmation runs of open tests: their checkpoints answer the question to the vault that may come."""
    open_tests = campaign.decider.active
    return {
        key
        for test in open_tests
        for key in campaign.outcomes
        if key.scale == campaign.decider.scale_of("confirm") and key.recipe in (test.champion, test.candidate)
    }
