"""What nobody is shown before its time: placebos under test, and their runs."""

from collections.abc import Sequence

from assay.store.ledger import Entry


def open_placebos(entries: Sequence[Entry]) -> dict[int, str]:
    """Number and recipe of every placebo without a verdict, from the ledger alone."""
    told = {entry.body["number"] for entry in entries if entry.kind == "verdict"}
    registered = [entry.body["registered"] for entry in entries if entry.kind == "placebo"]
    return {r["number"]: r["candidate"] for r in registered if r["number"] not in told}


def visible(entries: Sequence[Entry]) -> list[Entry]:
    """The entries without those of placebos under test."""
    hidden = open_placebos(entries)
    if not hidden:
        return list(entries)
    shown: list[Entry] = []
    runs: dict[str, bool] = {}
    for entry in entries:
        match entry.kind:
            case "placebo":
                keep = entry.body["registered"]["number"] not in hidden
            case "run":
                keep = runs[entry.body["run"]] = entry.body["number"] not in hidden
            case "result":
                keep = runs.get(entry.body["run"], True)
            case _:
                keep = True
        if keep:
            shown.append(entry)
    return shown
