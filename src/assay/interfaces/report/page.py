"""The report page: `render` draws it from facts, `write_report` puts it into the lab's folder."""

from pathlib import Path

from assay.campaign.facts import facts as facts_of
from assay.campaign.lab import Lab
from assay.interfaces.report import appendix, wording
from assay.interfaces.report.audit import audit
from assay.interfaces.report.budget import budget
from assay.interfaces.report.effects import domains, predictions, verdicts
from assay.interfaces.report.glossary import glossary
from assay.interfaces.report.html import Content, element
from assay.interfaces.report.losses import loss_compute, training_curves
from assay.interfaces.report.noise import noise
from assay.interfaces.report.overview import generations, headline
from assay.interfaces.report.parts import Facts, section
from assay.interfaces.report.placebos import placebos
from assay.interfaces.report.proposals import proposals
from assay.interfaces.report.shell import document, write_page

CHARTS = (loss_compute, training_curves, verdicts, predictions, domains)

_CONTENTS = {
    "headline": "Result",
    "generations": "Generations",
    "audit": "Audit",
    "charts": "Charts",
    "proposals": "Proposals",
    "calibration": "Calibration",
    "noise": "Noise",
    "error-budget": "Error budget",
    "placebos": "Placebos",
    "spend": "Cost",
    "provenance": "Provenance",
    "runs": "Runs",
    "words": "Words",
}


def write_report(lab: Lab, path: Path | None = None) -> Path:
    """Write a lab's report as one HTML file, replacing an older one in a single step.

    Args:
        lab: an open lab.
        path: where to; `report.html` in the lab's folder by default.

    Returns:
        The path written.

    Raises:
        UserError: the file cannot be written there.
    """
    target = lab.folder / "report.html" if path is None else path
    write_page(render(facts_of(lab)), target)
    return target


def render(facts: Facts) -> str:
    """The report as HTML text, from the facts of `assay.campaign.facts.facts` and nothing else."""
    lab, ledger = facts["lab"], facts["ledger"]
    title = f"{lab['name']}: assay report"
    state: Content = (
        "ledger intact"
        if ledger["intact"]
        else element("strong", f"ledger broken at entry {ledger['entries'] + 1}", class_="alarm")
    )
    shown = {name: text for name, text in _CONTENTS.items() if name != "noise" or facts.get("noise")}
    links = [element("a", text, href=f"#{identifier}") for identifier, text in shown.items()]
    return document(
        title,
        element(
            "header",
            element("p", "assay report", class_="eyebrow"),
            element("h1", lab["name"]),
            element(
                "p",
                f"As of ledger entry {ledger['entries']:,}, {wording.time(ledger['time'])} · ",
                state,
                class_="state",
            ),
        ),
        element("nav", links, aria_label="Contents"),
        element(
            "main",
            headline(facts),
            generations(facts),
            audit(facts),
            section("charts", "Charts", [draw(facts) for draw in CHARTS]),
            proposals(facts),
            appendix.calibration(facts),
            noise(facts),
            budget(facts),
            placebos(facts),
            appendix.spend(facts),
            appendix.provenance(facts),
            appendix.runs(facts),
            glossary(),
        ),
        element(
            "footer",
            "Written by assay from the lab’s own store. ",
            element("code", "assay report --json"),
            " gives the same facts as data.",
        ),
    )
