"""What the lab's champion makes of the corpus: loss by domain, and the documents it finds hardest and easiest."""

from assay.corpus.analysis.facts import CorpusFacts, DocumentLoss, Losses
from assay.interfaces.report import wording
from assay.interfaces.report.corpus import bars
from assay.interfaces.report.corpus.quoting import document, missing, quoted
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.parts import details, figure, section, table
from assay.interfaces.report.plot import axis_around, line, marker, tick_digits


def losses(facts: CorpusFacts) -> Html:
    if facts.losses is None:
        return section("losses", "What the champion makes of it", missing(facts.no_losses))
    found = facts.losses
    text = (
        f"Bits per byte of the champion (recipe {found.recipe[:8]}, run {found.run[:8]} at scale “{found.scale}”) on a "
        f"sample of {wording.plural(found.documents.get('heldout', 0), 'held-out document')} (squares) and "
        f"{wording.plural(found.documents.get('train', 0), 'training document')} (circles), a stretch of at most 1 KiB "
        f"each. Lower is easier."
    )
    return section(
        "losses",
        "What the champion makes of it",
        figure("loss-domains", "Loss by domain", text, _domains(found, facts)),
        _documents("The hardest documents", found.hardest),
        _documents("The easiest documents", found.easiest),
    )


def _domains(found: Losses, facts: CorpusFacts) -> list[Content]:
    axis = axis_around([value for sides in found.domains.values() for value in sides.values()], 0.08)
    colours = bars.hues(domain.name for domain in facts.domains)
    values = axis.ticks(5)
    ticks = bars.scale([(axis.at(value), f"{value:.{tick_digits(values)}f}") for value in values])
    rows: list[Content] = [bars.row("", ticks, "held out", head=True)]
    order = sorted(found.domains, key=lambda name: -found.domains[name].get("heldout", 0.0))
    for name in order:
        sides = found.domains[name]
        places = {side: axis.at(value) for side, value in sides.items()}
        marks: list[Content] = [
            line(min(places.values()), 50, max(places.values()), 50, class_="spread-line"),
            [
                marker({"train": 0, "heldout": 1}[side], x, 50, f"{name}, {side}: {sides[side]:.4f}", class_="mark")
                for side, x in places.items()
            ],
        ]
        style = colours.get(name, "--h:255")
        drawing = element(
            "svg",
            element("g", marks, style=style),
            width="100%",
            height=22,
            role="img",
            aria_label=f"{name}: " + ", ".join(f"{side} {value:.3f}" for side, value in sides.items()),
            class_="bar",
        )
        rows.append(bars.row(quoted(name), drawing, wording.score(sides.get("heldout"))))
    lines = [
        [
            quoted(name),
            wording.score(found.domains[name].get("heldout")),
            wording.score(found.domains[name].get("train")),
        ]
        for name in order
    ]
    return [
        bars.grid(rows, "Loss by domain"),
        details("In numbers", table("Bits per byte.", ["domain", "held out", "training"], lines, (1, 2))),
    ]


def _documents(title: str, listed: tuple[DocumentLoss, ...]) -> Html:
    side = {"train": "training", "heldout": "held out"}
    return details(
        f"{title} ({len(listed)})",
        [
            document(each, f" · {side[each.side]} · ", element("b", f"{each.bits_per_byte:.3f}"), " bits per byte")
            for each in listed
        ],
    )
