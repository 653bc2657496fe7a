"""What the verdicts rest on: calibration, spend, provenance, every run, and the words."""

from typing import Any

from assay.interfaces.report import wording
from assay.interfaces.report.html import Content, Html, between, element
from assay.interfaces.report.parts import (
    Facts,
    code,
    definitions,
    details,
    nothing,
    proposal_link,
    section,
    table,
)


def calibration(facts: Facts) -> Html:
    rows = [
        [
            row["author"],
            str(row["proposals"]),
            str(row["supported"]),
            str(row["refuted"]),
            str(row["inconclusive"]),
            f"{row['covered']} of {row['measured']}" if row["measured"] else wording.UNKNOWN,
            f"{100 * row['covered'] / row['measured']:.0f}%" if row["measured"] else wording.UNKNOWN,
            wording.percent(row["mean_error"]),
            wording.percent(row["mean_absolute_error"], signed=False),
            details(wording.plural(len(row["numbers"]), "proposal"), between(" ", map(proposal_link, row["numbers"])))
            if row["numbers"]
            else "none",
        ]
        for row in facts["calibration"]
    ]
    return section(
        "calibration",
        "How well each author predicts",
        element(
            "p",
            "A well-calibrated author’s 80% intervals hold the measured effect four times out of five, or a "
            "little less, as measurements carry noise too. Mean error is measured minus predicted: below zero, "
            "the author promised too much.",
        ),
        table(
            "Calibration by author",
            [
                "author",
                "proposals",
                "supported",
                "refuted",
                "inconclusive",
                "within 80%",
                "share",
                "mean error",
                "mean absolute error",
                "measured",
            ],
            rows,
            numeric=range(1, 9),
        )
        if rows
        else nothing("No proposal has been registered yet."),
    )


def spend(facts: Facts) -> Html:
    money, runs = facts["spend"], facts["runs"]
    sessions = [
        [
            wording.time(s["begun"]),
            ", ".join(_budget(key, amount) for key, amount in s["budget"].items()) or "no limit",
            wording.time(s["ended"]),
            s["reason"] or wording.UNKNOWN,
        ]
        for s in facts["sessions"]
    ]
    return section(
        "spend",
        "What it cost",
        definitions(
            [
                ("compute", wording.flops(money["flops"])),
                ("core time", wording.duration(money["core_seconds"])),
                (
                    "money",
                    f"{wording.money(money['usd_compute'])} for compute, {wording.money(money['usd_models'])} for "
                    f"{wording.plural(money['model_requests'], 'request')} to language models",
                ),
                ("runs", ", ".join(f"{count} {status}" for status, count in runs.items() if count) or "none yet"),
            ]
        ),
        table("Sessions", ["begun", "budget", "ended", "why it ended"], sessions) if sessions else None,
    )


def _budget(key: str, amount: float) -> str:
    match key:
        case "runs":
            return wording.plural(int(amount), "run")
        case "seconds":
            return wording.duration(amount)
        case "flops":
            return wording.flops(amount)
        case _:
            return wording.money(amount)


def provenance(facts: Facts) -> Html:
    lab, ledger = facts["lab"], facts["ledger"]
    state = (
        f"{wording.plural(ledger['entries'], 'entry', 'entries')}, intact"
        if ledger["intact"]
        else f"BROKEN at entry {ledger['entries'] + 1}: {ledger['problem']}"
    )
    domains = [
        [
            name,
            wording.whole(d["train_documents"]),
            wording.size(d["train_bytes"]),
            wording.size(d["heldout_bytes"]),
            wording.significant(d["score_weight"]),
            _licences(d["licences"]),
        ]
        for name, d in lab["domains"].items()
    ]
    ladder = [
        [
            s["name"],
            wording.scientific(s["flops"], 3),
            str(s["width"]),
            str(s["depth"]),
            wording.whole(s["parameters"]),
            wording.whole(s["steps"]),
            wording.whole(s["tokens"]),
        ]
        for s in lab["ladder"]
    ]
    settings = lab["evidence"]
    return section(
        "provenance",
        "Provenance",
        definitions(
            [
                ("lab", f"{lab['name']}, seed {lab['seed']}"),
                ("trainer", lab["trainer"] or "no run yet"),
                ("corpus", [code(lab["corpus"]), f", tokenizer {lab['tokenizer']}"]),
                ("ledger", element("span", state, class_=None if ledger["intact"] else "alarm")),
                ("newest entry", [code(ledger["head"]), f", {wording.time(ledger['time'])}"]),
                (
                    "to verify",
                    [
                        code("assay ledger verify"),
                        " recomputes every hash, and every decision from the recorded "
                        "results and names the first entry that does not fit.",
                    ],
                ),
                (
                    "rules",
                    f"false discovery rate {100 * settings['fdr']:g}%; at most {settings['pairs']} pairs to replicate "
                    f"and {settings['confirm_pairs']} to confirm; smallest effect worth having "
                    f"{settings['min_effect']:g}%",
                ),
            ]
        ),
        table(
            "Corpus",
            ["domain", "documents", "training text", "held-out text", "weight", "licences"],
            domains,
            numeric=(1, 2, 3, 4),
        ),
        table(
            "Ladder, with generation 0’s shape",
            ["scale", "FLOPs a run", "width", "layers", "parameters", "steps", "tokens"],
            ladder,
            numeric=range(1, 7),
        ),
    )


def _licences(counts: dict[str, int], most: int = 3) -> str:
    """The commonest licences of a domain with their documents."""
    ordered = list(counts.items())
    shown = ", ".join(f"{name} ({wording.whole(count)})" for name, count in ordered[:most])
    more = len(ordered) - most
    return (shown + (f" and {more} more" if more > 0 else "")) or "not recorded"


def runs(facts: Facts) -> Html:
    """Every run, so that each hash on the page leads somewhere."""
    names = _recipe_names(facts)
    rows = [_run(row, names) for row in facts["run_list"]]
    listed = table(
        "Runs",
        ["run", "recipe", "scale", "seed", "status", "bits per byte", "by domain", "FLOPs", "time", "trainer"],
        rows,
        numeric=(5, 7, 8),
        ids=[f"run-{row['hash']}" for row in facts["run_list"]],
    )
    return section(
        "runs",
        "Every run",
        element("p", "The folder ", code("runs/HASH"), " of the lab holds each run’s order, metrics, result and log."),
        details(wording.plural(len(rows), "run"), listed) if rows else nothing("No run yet."),
    )


def _recipe_names(facts: Facts) -> dict[str, list[Content]]:
    """Who a recipe is: the generation it made champion and the proposals that asked for it."""
    names: dict[str, list[Content]] = {}
    for g in facts["generations"]:
        names.setdefault(g["recipe"], []).append(f"generation {g['number']}")
    for p in facts["proposals"]:
        names.setdefault(p["candidate"], []).append(proposal_link(p["number"]))
    return names


def _run(row: dict[str, Any], names: dict[str, list[Content]]) -> list[Content]:
    seed = str(row["seed_init"]) if row["seed_init"] == row["seed_data"] else f"{row['seed_init']}/{row['seed_data']}"
    message = row["message"]
    return [
        code(row["hash"]),
        between(", ", names[row["recipe"]]) if row["recipe"] in names else code(row["recipe"]),
        row["scale"],
        seed + (f", repeat {row['repeat']}" if row["repeat"] else ""),
        [row["status"], details("why", element("pre", message)) if message else None],
        wording.score(row["score"]),
        ", ".join(f"{domain} {wording.score(loss)}" for domain, loss in row["domains"].items()),
        wording.scientific(row["flops"], 3),
        wording.duration(row["seconds"]),
        row["trainer"],
    ]
