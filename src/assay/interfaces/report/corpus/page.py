"""The corpus report: `render` draws it from facts and nothing else."""

from assay.corpus.analysis.facts import CorpusFacts
from assay.interfaces.report import wording
from assay.interfaces.report.corpus.content import dates, languages, topics
from assay.interfaces.report.corpus.duplicates import duplicates
from assay.interfaces.report.corpus.flow import flow
from assay.interfaces.report.corpus.lengths import lengths
from assay.interfaces.report.corpus.losses import losses
from assay.interfaces.report.corpus.overview import domains, headline, licences
from assay.interfaces.report.corpus.quality import quality
from assay.interfaces.report.corpus.trouble import contamination, personal
from assay.interfaces.report.html import Content, element
from assay.interfaces.report.parts import definitions, section
from assay.interfaces.report.shell import document

_CONTENTS = {
    "headline": "Result",
    "steps": "Steps",
    "domains": "Domains",
    "licences": "Licences",
    "lengths": "Lengths",
    "languages": "Languages",
    "topics": "Topics",
    "quality": "Quality",
    "duplicates": "Duplicates",
    "contamination": "Contamination",
    "personal": "Personal",
    "time": "Time",
    "losses": "Champion",
    "method": "Method",
}


def render(facts: CorpusFacts) -> str:
    """The report as HTML text."""
    what = "edition" if facts.kind == "edition" else "files"
    state: Content = (
        [f"{what} ", element("code", facts.id), " · root ", element("code", facts.root[:16])]
        if facts.id
        else ["bare files", [" · root ", element("code", facts.root[:16])] if facts.root else None]
    )
    draws = (
        headline,
        flow,
        domains,
        licences,
        lengths,
        languages,
        topics,
        quality,
        duplicates,
        contamination,
        personal,
        dates,
        losses,
        method,
    )
    links = [element("a", text, href=f"#{identifier}") for identifier, text in _CONTENTS.items()]
    return document(
        f"{facts.name}: assay corpus report",
        element(
            "header",
            element("p", "assay corpus report", class_="eyebrow"),
            element("h1", facts.name),
            element("p", state, class_="state"),
        ),
        element("nav", links, aria_label="Contents"),
        element("main", [draw(facts) for draw in draws]),
        element(
            "footer",
            "Written by assay. ",
            element("code", "assay corpus report --json"),
            " gives the same facts as data.",
        ),
        styles=("assay.interfaces.report.corpus",),
    )


def method(facts: CorpusFacts) -> Content:
    """What the numbers rest on."""
    hidden = (
        f" {wording.plural(facts.hidden, 'document')} of the draw were left out because they are sealed or may become "
        f"so: no text of theirs is on this page."
        if facts.hidden
        else ""
    )
    rows: list[tuple[str, Content]] = [
        (
            "counts",
            "Documents, bytes, licences, lengths, dates, exact duplicates and personal data are of all documents.",
        ),
        (
            "the sample",
            f"Languages, topics, statistics and what is quoted are of "
            f"{wording.plural(facts.sampled.documents, 'document')} ({wording.size(facts.sampled.bytes)}), drawn "
            f"within each domain with seed {facts.seed}; of a longer document the first 64 KiB are read. Shares of all "
            f"documents weigh each domain by its size.{hidden}",
        ),
        (
            "topics",
            "Words weighted by tf-idf, projected on their 48 strongest directions, clustered by k-means on the sphere; "
            "telling words by log-odds with an informative prior.",
        ),
        ("bytes", "Of text as UTF-8. 1 MB is a million bytes."),
    ]
    return section("method", "How this was measured", definitions(rows, "words"))
