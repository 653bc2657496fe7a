"""What should not be in a corpus: text of evaluations, personal data."""

from collections.abc import Sequence
from typing import Any

from assay.corpus.analysis.facts import CorpusFacts, StepFacts
from assay.interfaces.report import wording
from assay.interfaces.report.corpus import bars
from assay.interfaces.report.corpus.quoting import missing, quoted
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.parts import details, section, table

_MOST_PHRASES = 20


def steps_called(facts: CorpusFacts, name: str) -> list[StepFacts]:
    return [step for step in facts.steps if step.account.step == name]


def removed_since(steps: Sequence[StepFacts]) -> Content:
    """A remark where what steps found counts documents that were removed on request afterwards."""
    most = max((step.report.get("removed_on_request", 0) for step in steps), default=0)
    if not most:
        return None
    gone = f"{wording.plural(most, 'document')} that the step was given"
    return element(
        "p", f"This is what was found when the step was taken; {gone} went on request since.", class_="aside"
    )


def contamination(facts: CorpusFacts) -> Html:
    """Text of evaluations that was found, by evaluation and domain."""
    steps = steps_called(facts, "decontaminate")
    if not steps:
        return section(
            "contamination",
            "Contamination",
            missing("Nobody has looked for text of evaluations here; `assay corpus decontaminate` does."),
        )
    several = [f"Decontamination {number} of {len(steps)}. " for number in range(1, len(steps) + 1)]
    titles = several if len(steps) > 1 else [""]
    found = [_found(step, title) for step, title in zip(steps, titles, strict=True)]
    return section("contamination", "Contamination", *found)


def _found(step: StepFacts, title: str) -> list[Content]:
    """What one decontamination found, with a title where there are several."""
    report = step.report
    evaluations: dict[str, Any] = report.get("evaluations", {})
    domains = sorted({domain for found in evaluations.values() for domain in found.get("domains", {})})
    rows: list[list[Content]] = [
        [
            quoted(name),
            f"{found.get('items', 0):,}",
            f"{found['items_found']:,}" if "items_found" in found else wording.UNKNOWN,
            f"{found.get('documents', 0):,}",
            wording.size(found.get("bytes", 0)),
            *[f"{found.get('domains', {}).get(domain, 0):,}" for domain in domains],
        ]
        for name, found in evaluations.items()
    ]
    common: dict[str, Any] = report.get("common_phrases", {})
    kept = (
        f"{wording.plural(int(common.get('ngrams', 0)), 'n-gram')} of evaluations stand in so many documents that "
        f"they are common phrases and remove nothing; "
        f"{wording.plural(int(common.get('documents_kept', 0)), 'document')} with nothing else stayed."
    )
    return [
        table(
            f"{title}Documents with text of an evaluation, by evaluation and domain. "
            "A document may count under several.",
            ["evaluation", "items", "items found", "documents", "bytes", *domains],
            rows,
            range(1, 5 + len(domains)),
        ),
        element("p", kept) if common else None,
        removed_since([step]),
        _phrases("To be looked at by a person: what is likeliest to be chance comes first", report.get("review", ())),
        _phrases("Common phrases", common.get("phrases", ())),
    ]


def _phrases(title: str, rows: Any) -> Content:
    if not rows:
        return None
    lines: list[list[Content]] = [
        [
            quoted(row["text"]),
            quoted(f"{row['evaluation']} {row.get('item', '')}"),
            f"{row['documents']:,}",
            f"{row.get('bits', 0):g}",
        ]
        for row in rows[:_MOST_PHRASES]
    ]
    shown = f"{title} ({len(rows)}" + (f", {_MOST_PHRASES} shown)" if len(rows) > _MOST_PHRASES else ")")
    return details(
        shown,
        table("Phrases of evaluations.", ["phrase", "evaluation", "documents", "bits of its words"], lines, (2, 3)),
    )


def personal(facts: CorpusFacts) -> Html:
    """Counts of personal data by kind and domain; the findings themselves are never shown."""
    if not facts.personal:
        text = "No personal data was found by form and checksum in what is here."
        return section("personal", "Personal data", missing(text))
    kinds = sorted({each.kind for each in facts.personal})
    amounts = {(each.kind, each.domain): each for each in facts.personal}
    sizes = {domain.name: domain.documents for domain in facts.domains}
    rows: list[list[Content]] = []
    for domain in facts.domains:
        cells: list[Content] = []
        for kind in kinds:
            found = amounts.get((kind, domain.name))
            share = found.documents / max(1, sizes[domain.name]) if found else 0.0
            hover = (
                f"in {wording.plural(found.documents, 'document')}, {bars.percent(share)} of them" if found else None
            )
            cells.append(element("span", f"{found.findings:,}", title=hover) if found else wording.UNKNOWN)
        rows.append([quoted(domain.name), *cells])
    total: list[Content] = [
        element("b", f"{sum(each.findings for each in facts.personal if each.kind == kind):,}") for kind in kinds
    ]
    return section(
        "personal",
        "Personal data",
        element(
            "p",
            "Pieces found in all documents that are kept, by form and checksum: some are examples, or numbers that "
            "look like it. They are counted and never shown.",
        ),
        table("Findings by domain and kind.", ["domain", *kinds], [*rows, ["all", *total]], range(1, len(kinds) + 1)),
    )
