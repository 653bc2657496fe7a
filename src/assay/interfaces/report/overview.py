"""What a reader wants to know first: what held, generation by generation."""

from statistics import median
from typing import Any

from assay.interfaces.report import wording
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.parts import (
    DECISIONS,
    STAGES,
    Facts,
    change_code,
    code,
    css,
    definitions,
    details,
    proposal_link,
    run_links,
    section,
    table,
)

#: Where a quoted size is from.
SIZES = {
    "shrunken": "shrunken towards what is usual in this lab",
    "remeasured": "measured again on fresh seeds",
    "confirmation": "from the confirmation",
}


def headline(facts: Facts) -> Html:
    """The result in a sentence, and the numbers that qualify it."""
    totals = facts["totals"]
    decided = [p for p in facts["proposals"] if p["decision"] != "under test"]
    if totals["generations"]:
        verdict, text = _held(facts, len(decided))
    elif decided:
        verdict = "Nothing has held yet."
        text = (
            f"{wording.plural(len(decided), 'proposal')} came to a verdict, and none passed the evidence at two scales "
            f"that a promotion needs. {_visible(facts)}"
        )
    else:
        verdict = "Nothing has been decided yet."
        text = "Generation 0 is the champion until a proposal is shown to be better."
    return element(
        "section",
        element("p", verdict, class_="verdict", id="headline-title"),
        element("p", text, class_="lead"),
        element("div", _cards(facts), class_="cards"),
        id="headline",
        aria_labelledby="headline-title",
    )


def _held(facts: Facts, decided: int) -> tuple[str, str]:
    totals = facts["totals"]
    held, scale = totals["generations"], facts["lab"]["ladder"][1]["name"]
    verdict = f"{wording.plural(held, 'change')} held."
    gain = wording.percent(totals["gain_percent"], signed=False)
    text = f"Of {wording.plural(decided, 'proposal')} with a verdict, {held} became a new generation. " + (
        f"Together they save {gain} of generation 0’s bits per byte at scale “{scale}”, at equal compute."
        if held > 1
        else f"It saves {gain} of generation 0’s bits per byte at scale “{scale}”, at equal compute."
    )
    return verdict, text


def _visible(facts: Facts) -> str:
    smallest = facts["smallest_effect"]
    if smallest["first_test"] is None:
        return "Too little has been measured to say how small an effect could have been seen."
    return (
        f"The first test would have found an effect of {wording.percent(smallest['first_test'], signed=False)} four "
        f"times out of five"
        + (
            f"; the next one needs {wording.percent(smallest['next_test'], signed=False)}."
            if smallest["next_test"] is not None
            else "."
        )
    )


def _cards(facts: Facts) -> list[Content]:
    totals, smallest, budget = facts["totals"], facts["smallest_effect"], facts["error_budget"]
    spend, runs = facts["spend"], facts["runs"]
    cards: list[Content] = []
    if totals["generations"]:
        cards += _gain_cards(totals)
    else:
        cards.append(_card("Verified gain vs generation 0", "none yet", "No change has passed at two scales."))
        cards.append(_card("Compute multiplier", "none yet", "It is measured once a change is promoted."))
    seen = smallest["first_test"], smallest["next_test"]
    found = [p["detectable_percent"] for p in facts["proposals"] if p["detectable_percent"] is not None]
    among = f" Median over the verdicts: {wording.percent(median(found), signed=False)}." if found else ""
    if seen[0] is None:
        cards.append(_card("Smallest effect that could be seen", "not known yet", "Nothing was measured often enough."))
    else:
        cards.append(
            _card(
                "Smallest effect that could be seen",
                wording.percent(seen[0], signed=False),
                f"by the first test, {_or_none(seen[1])} by the next: found with 80% probability within "
                f"{smallest['pairs']} pairs, at a noise of "
                f"{wording.percent(smallest['noise_percent'], signed=False)} a pair.{among}",
            )
        )
    fdr = f"{100 * budget['fdr']:g}%"
    cards.append(
        _card(
            "False discoveries",
            f"at most {fdr}",
            f"of all promotions are expected to be false, over the lab’s whole life and however long it searches. "
            f"{wording.plural(budget['tests'], 'test')} registered.",
        )
    )
    cards.append(_proposals_card(facts["proposals"]))
    money = spend["usd_compute"] + spend["usd_models"]
    cards.append(
        _card(
            "Spent",
            wording.flops(spend["flops"]),
            f"{wording.plural(runs['finished'], 'finished run')}, {wording.duration(spend['core_seconds'])} of "
            f"training and evaluation, {wording.money(money)}.",
        )
    )
    return cards


def _gain_cards(totals: dict[str, Any]) -> list[Content]:
    k, confidence = totals["generations"], totals["confidence"]
    if confidence is None:
        sure = "Too many generations for a joint interval"
    else:
        sure = "95% interval" if k == 1 else f"joint interval, at least {100 * confidence:.0f}% confidence"

    def interval(text: str) -> str:
        return f"{sure}." if confidence is None else f"{text} ({sure})."

    gain = [
        f"{SIZES.get(totals['size_from'][-1], '').capitalize()}; the confirmations it was selected on said "
        f"{wording.percent(totals['selected_percent'])}."
        if totals["size_from"] != ["confirmation"]
        else "Selected for being large, so probably a little too large.",
        interval(wording.percent_range(totals["low_percent"], totals["high_percent"])),
    ]
    compute = [interval(wording.multiplier_range(totals["multiplier_low"], totals["multiplier_high"]))]
    if k > 1:
        gain.append(f"Product of the effects of {k} generations, each measured against the one before.")
        compute.append("Product over the generations.")
    if totals["multiplier"] is None:
        compute = ["No generation’s loss lies inside the measured range of the one before."]
    elif totals["beyond"]:
        compute.append(f"Not in it, as beyond the measured range: generation {', '.join(map(str, totals['beyond']))}.")
    number = wording.multiplier(totals["multiplier"])
    if totals["preliminary"] and totals["multiplier"] is not None:
        # Until three scales vouch for it, the number is told, but not as a result.
        compute.insert(0, f"Preliminary, {number}:")
        compute.append("A multiplier from fewer than three scales inside the measured range is no result yet.")
        number = "too few scales"
    return [
        _card("Verified gain vs generation 0", wording.percent(totals["gain_percent"]), " ".join(gain), "good"),
        _card("Compute multiplier", number, " ".join(compute), "" if totals["preliminary"] else "good"),
    ]


def _or_none(value: float | None) -> str:
    return "none of any size" if value is None else wording.percent(value, signed=False)


def _card(title: str, number: str, text: Content, kind: str = "") -> Html:
    return element(
        "div",
        element("p", title, class_="card-title"),
        element("p", number, class_="card-number"),
        element("p", text, class_="card-text"),
        class_=f"card {kind}".strip(),
    )


def _proposals_card(proposals: list[dict[str, Any]]) -> Html:
    counts = {d: sum(p["decision"] == d for p in proposals) for d in DECISIONS}
    bar = [element("span", class_=css(d), style=f"flex-grow:{n}", title=f"{d}: {n}") for d, n in counts.items() if n]
    words = [[element("span", class_=f"dot {css(d)}"), f"{n} {d}"] for d, n in counts.items() if n] or [
        "none registered yet"
    ]
    return element(
        "div",
        element("p", "Proposals", class_="card-title"),
        element("p", f"{len(proposals)}", class_="card-number"),
        element("div", bar, class_="share", aria_hidden="true") if bar else None,
        element("p", [element("span", word, class_="nowrap") for word in words], class_="card-text words"),
        class_="card",
    )


# ------------------------------------------------------------------------------------------------- generations


def generations(facts: Facts) -> Html:
    by_number = {p["number"]: p for p in facts["proposals"]}
    rows = [_generation_row(g) for g in facts["generations"]]
    headers = (
        "generation",
        "change",
        "proposed by",
        "verified effect (95%)",
        "compute multiplier (95%)",
        "e-value (needed)",
    )
    cells = [
        element(
            "tr",
            [
                element(
                    "th" if i == 0 else "td",
                    cell,
                    role="rowheader" if i == 0 else "cell",
                    scope="row" if i == 0 else None,
                    data_label=headers[i],
                    class_="empty" if cell == wording.UNKNOWN else None,
                )
                for i, cell in enumerate(row)
            ],
            role="row",
        )
        for row in rows
    ]
    head = element("tr", [element("th", text, scope="col", role="columnheader") for text in headers], role="row")
    certificates = [
        _certificate(g, by_number[g["proposal"]]) for g in facts["generations"] if g["proposal"] is not None
    ]
    return section(
        "generations",
        "Generation by generation",
        element(
            "p",
            f"Effects are reductions of the deciding score, the mean bits per byte over the held-out text of all "
            f"domains, at scale “{facts['lab']['ladder'][1]['name']}” against the generation before, at equal compute. "
            f"The size to quote comes first. The confirmation beside it was measured until a threshold was reached, so "
            f"on average it is a little too large.",
        ),
        element(
            "table",
            element("caption", "Generations", class_="hidden"),
            element("thead", head, role="rowgroup"),
            element("tbody", cells, role="rowgroup"),
            class_="stack",
            role="table",
        ),
        certificates,
    )


def _generation_row(g: dict[str, Any]) -> list[Content]:
    if g["dropped"] is not None:
        said = f"audit: the change of generation {g['dropped']} is dropped. {' '.join(g['reasons'])}"
        return [str(g["number"]), said, *4 * [wording.UNKNOWN]]
    if g["proposal"] is None:
        return [str(g["number"]), "the recipe that the lab began with", *4 * [wording.UNKNOWN]]
    return [
        str(g["number"]),
        [
            element("div", change_code(g["change"])),
            element("div", "proposal ", proposal_link(g["proposal"]), class_="aside"),
        ],
        g["author"],
        [
            element("b", wording.percent(g["size_percent"])),
            " ",
            element("span", wording.percent_range(g["size_low"], g["size_high"]), class_="interval"),
            element("div", _selected(g), class_="aside"),
        ],
        [
            element("b", wording.multiplier(g["multiplier"])) if g["multiplier"] is not None else _why_none(g),
            " ",
            element("span", wording.multiplier_range(g["multiplier_low"], g["multiplier_high"]), class_="interval")
            if g["multiplier"] is not None
            else None,
            element("span", "preliminary", class_="badge plain") if g["preliminary"] else None,
        ],
        [
            element("b", wording.e_value(g["e_value"])),
            f" ({wording.e_value(g['threshold'])})",
            [" ", element("span", "advisory", class_="badge plain")] if g["vault"] == "advisory" else None,
        ],
    ]


def _selected(g: dict[str, Any]) -> str:
    """Where a size is from, and what the confirmation said, which it was selected on."""
    text = f"confirmation {wording.percent(g['effect_percent'])}"
    text += f" ({wording.percent_range(g['low_percent'], g['high_percent'])})"
    return text if g["size_from"] == "confirmation" else f"{SIZES.get(g['size_from'], '')}; {text}"


def _why_none(g: dict[str, Any]) -> str:
    """Why a generation has no compute multiplier, in the words of its certificate."""
    return "; ".join(dict.fromkeys(m["note"].partition(":")[0] for m in g["multipliers"])) or wording.UNKNOWN


def _certificate(g: dict[str, Any], proposal: dict[str, Any]) -> Html:
    """All that a promotion rests on: recipe, multipliers at each scale, runs of each stage."""
    stages = [
        (
            f"{STAGES[e['stage']]} at {e['scale']}",
            [
                f"{wording.plural(len(e['pairs']), 'pair')}, e-value {wording.e_value(e['e_value'])}. Champion: ",
                run_links(pair["champion"] for pair in e["pairs"]),
                ". Candidate: ",
                run_links(pair["candidate"] for pair in e["pairs"]),
            ],
        )
        for e in proposal["evidence"]
    ]
    start = [f"{key}: {wording.value(pair[0])} → {wording.value(pair[1])}" for key, pair in g["against_start"].items()]
    return details(
        f"Generation {g['number']}: certificate and runs",
        definitions(
            [
                ("recipe", code(g["recipe"])),
                ("against generation 0", element("ul", [element("li", code(text)) for text in start])),
                ("decided by", f"{proposal['decided_by']}: {'; '.join(proposal['reasons'])}"),
                ("registered", wording.time(g["time"])),
                ("sealed set", g["vault"] + (f": {g['vault_reason']}" if g["vault_reason"] else "")),
                ("by the trainer’s own account", ", ".join(g["self_reported"]) or "nothing"),
                *([("data work", wording.data_cost(g["data_cost"]))] if g.get("data_cost") else []),
                *stages,
            ]
        ),
        table(
            f"Compute multiplier of generation {g['number']} at each scale",
            ["scale", "multiplier", "95% interval", "note"],
            [
                [
                    m["scale"],
                    wording.multiplier(m["value"]) if m["value"] is not None else wording.UNKNOWN,
                    wording.multiplier_range(m["low"], m["high"]) if m["value"] is not None else wording.UNKNOWN,
                    m["note"],
                ]
                for m in g["multipliers"]
            ],
            numeric=(1, 2),
        ),
        _sizes(g),
        _matched(g),
    )


def _sizes(g: dict[str, Any]) -> Html | None:
    """The effect as confirmed, on fresh seeds, and in the light of all tests."""
    confirmed = {"percent": g["effect_percent"], "low": g["low_percent"], "high": g["high_percent"]}
    named = (
        ("confirmation, stopped when it was enough", confirmed),
        ("fresh seeds, as many as fixed beforehand", g.get("remeasured")),
        ("shrunken: in the light of all of the lab’s tests", g.get("shrunken")),
    )
    rows = [
        [name, wording.percent(size["percent"]), wording.percent_range(size["low"], size["high"])]
        for name, size in named
        if size
    ]
    return table(f"Size of the effect of generation {g['number']}", ["measured by", "effect", "95% interval"], rows,
                 numeric=(1, 2))  # fmt: skip


def _matched(g: dict[str, Any]) -> Html | None:
    """The effect where both had the same compute, tokens or time."""
    if not g.get("matched"):
        return None
    names = {"flops": "compute", "tokens": "tokens", "time": "time"}
    rows: list[list[Content]] = [
        [
            f"{names.get(m['match'], m['match'])} ({'estimated' if m['estimated'] else 'measured'})",
            wording.UNKNOWN if m["ratio"] is None else f"{m['ratio']:.2f}×",
            wording.percent(m["percent"]),
            wording.UNKNOWN if m["percent"] is None else wording.percent_range(m["low"], m["high"]),
            m["note"],
        ]
        for m in g["matched"]
    ]
    return table(
        f"Generation {g['number']} against the one before, where both have the same of something",
        ["equal", "used at equal compute", "effect", "95% interval", "note"], rows, numeric=(1, 2, 3),
    )  # fmt: skip
