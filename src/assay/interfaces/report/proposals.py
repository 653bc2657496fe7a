"""Every proposal with all that its verdict rests on; the refuted and undecided ones with equal care."""

from typing import Any

from assay.interfaces.report import wording
from assay.interfaces.report.html import Content, Html, between, element
from assay.interfaces.report.parts import (
    DECISIONS,
    STAGES,
    Facts,
    badge,
    change_code,
    claim,
    code,
    css,
    definitions,
    nothing,
    proposal_link,
    run_link,
    section,
    table,
)

Row = dict[str, Any]

_MEANING = {
    "supported": "Better at two scales, by evidence that reached this test’s threshold at both.",
    "refuted": "Shown to gain less than is worth having, if anything, or unable to train at all.",
    "inconclusive": "Neither shown to help nor shown not to: dropped early, stopped, failed or cancelled.",
    "under test": "Registered, with runs under way or waiting.",
}


def proposals(facts: Facts) -> Html:
    groups = [(decision, [p for p in facts["proposals"] if p["decision"] == decision]) for decision in DECISIONS]
    promoted = {g["proposal"]: g["number"] for g in facts["generations"]}
    retests: dict[int, int] = {p["retest_of"]: p["number"] for p in facts["proposals"] if p["retest_of"] is not None}
    runs = {row["hash"]: row for row in facts["run_list"]}
    shown = [
        [
            element("h3", DECISIONS[decision].capitalize(), " ", element("span", str(len(rows)), class_="count")),
            element("p", _MEANING[decision], class_="aside"),
            [_proposal(p, promoted.get(p["number"]), retests.get(p["number"]), runs) for p in rows],
        ]
        for decision, rows in groups
        if rows
    ]
    return section(
        "proposals",
        "Every proposal",
        shown or nothing("No proposal has been registered yet."),
        refused(facts),
    )


def _proposal(p: Row, generation: int | None, retest: int | None, runs: dict[str, Row]) -> Html:
    decision = p["decision"]
    if p["effect_percent"] is not None:
        said = claim(p["effect_percent"], p["low_percent"], p["high_percent"])
    else:
        said = [element("span", "; ".join(p["reasons"]), class_="aside")] if p["reasons"] else []
    notes = [f"generation {generation}"] if generation is not None else []
    notes += ["a gain, but too small"] if decision == "refuted" and (p["low_percent"] or 0) > 0 else []
    notes += [f"again as #{retest}"] if retest is not None else []
    summary = element(
        "summary",
        element("span", f"#{p['number']}", class_="number-tag"),
        element("span", wording.change(p["change"]), class_="what"),
        element(
            "span", badge(decision), [element("span", note, class_="badge plain") for note in notes], class_="marks"
        ),
        element("span", f"e {wording.e_value(p['e_value'])} of {wording.e_value(p['threshold'])}", class_="evidence")
        if p["e_value"] is not None
        else element("span", f"needs e {wording.e_value(p['threshold'])}", class_="evidence"),
        element("span", said, class_="said"),
    )
    return element(
        "details",
        summary,
        element("blockquote", p["hypothesis"]),
        definitions(_facts_of(p, generation, retest)),
        [_stage(p, e, runs) for e in p["evidence"]],
        _unjudged_runs(p, runs),
        id=f"proposal-{p['number']}",
        class_=f"proposal {css(decision)}",
    )


def _facts_of(p: Row, generation: int | None, retest: int | None) -> list[tuple[str, Content] | None]:
    decided = p["decided_by"] is not None
    return [
        ("change", change_code(p["change"])),
        ("proposed by", [p["author"], f", {wording.time(p['time'])}"]),
        ("kind", p["kind"]),
        (
            "predicted",
            f"{wording.percent(p['predicted_percent'])}, 80% interval "
            f"{wording.percent_range(p['predicted_low'], p['predicted_high'])}",
        ),
        (
            "measured",
            [
                claim(p["effect_percent"], p["low_percent"], p["high_percent"]),
                f" at {p['scale']}, {wording.plural(p['pairs'], 'pair')}, 95% interval",
            ]
            if p["effect_percent"] is not None
            else "no effect: no complete pair was compared",
        ),
        (
            "e-value",
            [
                element("b", wording.e_value(p["e_value"])) if p["e_value"] is not None else "not known yet",
                f" of {wording.e_value(p['threshold'])} needed (level {wording.significant(p['level'])})",
            ],
        ),
        (
            "smallest detectable effect",
            f"{wording.percent(p['detectable_percent'], signed=False)} with 80% power"
            if p["detectable_percent"] is not None
            else "not known: too few pairs",
        ),
        ("the champion’s own tuning", _retuning(p["retuning"])) if p["retuning"] else None,
        ("sealed vault", _vault(p["vault"])) if p["vault"] else None,
        ("decided by", p["decided_by"]) if decided else None,
        ("reasons", element("ul", [element("li", reason) for reason in p["reasons"]])) if p["reasons"] else None,
        ("became", f"generation {generation}") if generation is not None else None,
        ("retest of", proposal_link(p["retest_of"])) if p["retest_of"] is not None else None,
        ("tested again as", proposal_link(retest)) if retest is not None else None,
        ("compared with", [f"generation {p['generation']}, recipe ", code(p["champion"])]),
        ("candidate recipe", code(p["candidate"])),
        ("expected cost", wording.flops(p["cost_flops"])),
        ("data work", wording.data_cost(p["data_cost"])) if p.get("data_cost") else None,
        ("citations", element("ul", [element("li", text) for text in p["citations"]])) if p["citations"] else None,
    ]


def _retuning(retuning: Row) -> list[Content]:
    """What the champion tried before this change could replace it."""
    trials = [
        element(
            "li",
            f"{trial['change']}: ",
            wording.percent(trial["effect_percent"]) if trial["effect_percent"] is not None else "training broke",
            " at the smallest scale, ",
            between(" ", (run_link(run) for run in trial["runs"])),
        )
        for trial in retuning["trials"]
    ]
    best = retuning["best"]
    end = f"The candidate had to beat the champion with {best} too." if best else "None looked better than it."
    return [element("ul", trials), end]


def _vault(vault: Row) -> str:
    said = "confirms it" if vault["passed"] else "does not confirm it"
    return f"{said}, advisory only" if vault["advisory"] else said


def _stage(p: Row, e: Row, runs: dict[str, Row]) -> list[Content]:
    """One stage's pairs, and what they amount to."""
    said: list[Content] = []
    if e["effect_percent"] is not None:
        said += ["effect ", claim(e["effect_percent"], e["low_percent"], e["high_percent"])]
        said += [f", e-value {wording.e_value(e['e_value'])}"]
        if e["deviation_percent"] is not None:
            said += [f", deviation of a difference {wording.percent(e['deviation_percent'], signed=False)}"]
        if e["detectable_percent"] is not None:
            said += [f", smallest detectable effect {wording.percent(e['detectable_percent'], signed=False)}"]
        said += ["."]
    if e["domains_percent"]:
        said += [" By domain: ", ", ".join(f"{d} {wording.percent(v)}" for d, v in e["domains_percent"].items()), "."]
    title = f"{STAGES[e['stage']]} at {e['scale']}"
    if e["stage"] == "half":
        what, unit = "loss half-way", "training loss in nats a token"
    else:
        what, unit = "score", "in bits per byte"
    pairs = [
        [
            str(pair["seed"]),
            *(
                part
                for arm in ("champion", "candidate")
                for part in (run_link(pair[arm]), _outcome(runs, pair[arm], what))
            ),
            wording.difference(pair["difference"]),
        ]
        for pair in e["pairs"]
    ]
    headers = ["seed", "champion’s run", what, "candidate’s run", what, "difference"]
    columns = len(headers) - (e["stage"] == "half")  # nothing is decided on the difference of two half runs' scores
    return [
        element("h4", title.capitalize()),
        element("p", said) if said else None,
        table(
            f"Proposal {p['number']}, {title}: {wording.plural(len(pairs), 'pair')}, {unit}",
            headers[:columns],
            [row[:columns] for row in pairs],
            numeric=(2, 4, 5),
        ),
    ]


def _outcome(runs: dict[str, Row], digest: str, what: str) -> str:
    """What a run measured, or how it ended if it measured nothing."""
    row = runs.get(digest)
    if row is None:
        return wording.UNKNOWN
    measured = row["score"] if what == "score" else row["half_loss"]
    return row["status"] if measured is None or row["status"] == "diverged" else wording.score(measured)


def _unjudged_runs(p: Row, runs: dict[str, Row]) -> Html | None:
    """Runs of the candidate that no verdict rests on: a test under way, or one that ended for another reason."""
    judged = {pair["candidate"] for e in p["evidence"] for pair in e["pairs"]}
    mine = [row for row in runs.values() if row["recipe"] == p["candidate"] and row["hash"] not in judged]
    if not mine or (p["decision"] != "under test" and judged):
        return None
    listed = between(", ", ([run_link(row["hash"]), f" ({row['scale']}, {row['status']})"] for row in mine))
    return element("p", "The candidate’s runs: ", listed, ".")


def refused(facts: Facts) -> list[Content]:
    rows = [[r["author"], change_code(r["change"]), r["reason"], wording.time(r["time"])] for r in facts["refused"]]
    if not rows:
        return []
    return [
        element("h3", "Refused", " ", element("span", str(len(rows)), class_="count")),
        element("p", "Not admitted as tests, so they used up nothing of the error budget.", class_="aside"),
        table("Refused proposals", ["author", "change", "reason", "when"], rows),
    ]
