"""Freeing disk space: checkpoints that no verdict needs, and views that can be made again."""

import shutil
from typing import Any

from assay.campaign.decide import Key
from assay.campaign.history import Campaign
from assay.campaign.lab import Lab
from assay.campaign.lock import controlling
from assay.campaign.unused_views import free, size_of, unused_views

OVER = ("finished", "diverged", "failed", "cancelled")


def collect(lab: Lab, dry_run: bool) -> dict[str, Any]:
    """Delete checkpoints of finished runs that are not behind a promotion, and views that nothing needs any more.

    Returns what was freed.

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
        over: set[str] = set()
        for row in lab.store.run_rows():
            if row["hash"] not in needed and row["status"] in OVER:
                over.add(row["hash"])
            folder = lab.run_dir(row["hash"]) / "checkpoint"
            if not folder.is_dir():
                continue
            if row["hash"] not in over:
                kept += 1
                continue
            freed += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            runs += 1
            if not dry_run:
                with lab.store.transaction() as connection:
                    lab.store.forget_checkpoint(connection, row["hash"])
                shutil.rmtree(folder)
        views = unused_views(lab, campaign, over)
        view_bytes = sum(map(size_of, views))
        for folder in () if dry_run else views:
            free(folder)
    return {
        "bytes": freed + view_bytes, "runs": runs, "kept": kept, "dry_run": dry_run,
        "views": sum(folder.parent.name == "views" for folder in views), "view_bytes": view_bytes,
    }  # fmt: skip


def awaited_by_vault(campaign: Campaign) -> set[Key]:
    """Confirmation runs of open tests: their checkpoints answer the question to the vault that may come."""
    open_tests = campaign.decider.active
    return {
        key
        for test in open_tests
        for key in campaign.outcomes
        if key.scale == campaign.decider.scale_of("confirm") and key.recipe in (test.champion, test.candidate)
    }
