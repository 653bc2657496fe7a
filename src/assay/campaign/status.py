"""Where a lab stands, read straight from the store: no history is rebuilt, so the answer is instant."""

from collections import Counter
from pathlib import Path
from typing import Any

from assay.campaign.hidden import open_placebos
from assay.campaign.lab import find_external
from assay.campaign.lock import holder
from assay.spec.calibration import Calibration
from assay.spec.lab import LabConfig
from assay.store.store import Store
from assay.training.identity import trainer_identity


def _trainer(folder: Path, config: LabConfig) -> str:
    execution = config.execution
    return trainer_identity(execution.command, execution.hardware, find_external(folder, config))


def status_of(folder: Path) -> dict[str, Any]:
    """Facts for `assay status`.

    Raises:
        UserError: the lab or its store is broken.
    """
    config = LabConfig.from_toml(folder / "lab.toml")
    store = Store.at(folder)
    entries = store.ledger()
    hidden = open_placebos(entries)
    rows = [row for row in store.run_rows() if row["recipe"] not in hidden.values()]
    proposals = {e.body["registered"]["number"]: e.body["registered"] for e in entries if e.kind == "proposal"}
    verdicts = {e.body["number"]: e.body["decision"] for e in entries if e.kind == "verdict"}
    placebos = {number: decision for number, decision in verdicts.items() if number not in proposals}
    verdicts = {number: decision for number, decision in verdicts.items() if number in proposals}
    alarms = [e.body["number"] if e.kind == "alarm" else None for e in entries if e.kind in ("alarm", "acknowledged")]
    promotions = [e.body["recipe"] for e in entries if e.kind == "promotion"]
    ends = [e.kind for e in entries if e.kind in ("session", "end")]
    running = holder(folder)
    champion = promotions[-1] if promotions else config.start.hash
    calibrations = [e.body["calibration"] for e in entries if e.kind == "calibration"]
    found = Calibration.parse(calibrations[-1], "the calibration") if calibrations else None
    selections = [e.body for e in entries if e.kind == "selection"]
    return {
        "lab": config.name,
        "controller": running,
        "interrupted": bool(ends) and ends[-1] == "session" and running is None,
        "generation": len(promotions),
        "champion": champion,
        "proposals": len(proposals),
        "verdicts": dict(Counter(verdicts.values())),
        "placebos": {"decided": len(placebos), "passed": sum(d == "supported" for d in placebos.values())},
        "alarm": alarms[-1] if alarms else None,
        "under_test": [
            {"number": number, "author": r["proposal"]["author"], "change": r["proposal"]["change"]}
            for number, r in proposals.items()
            if number not in verdicts
        ],
        "queued": [
            {"id": f"q{letter.id}", "author": letter.body["author"], "change": letter.body["change"]}
            for letter in store.letters()
            if letter.kind == "propose"
        ],
        "runs": dict(Counter(row["status"] for row in rows)),
        "flops": sum(row["flops"] for row in rows),
        "core_seconds": sum(row["seconds"] for row in rows),
        "data_work": {"selections": len(selections), "core_seconds": sum(s["seconds"] for s in selections)},
        "usd": store.usd_spent(),
        "noise": None
        if found is None
        else {
            "scale": found.scale,
            "runs": len(found.runs),
            "stale": found.stale(champion, _trainer(folder, config)),
        },
        "ledger_entries": len(entries),
    }
