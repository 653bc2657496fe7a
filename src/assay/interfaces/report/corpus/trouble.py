"""What should not be in a corpus: duplicates, text of evaluations, personal data."""

from typing import Any

from assay.corpus.analysis.facts import CorpusFacts, Shown, StepFacts
from assay.interfaces.report import wording
from assay.interfaces.report.corpus import bars
from assay.interfaces.report.corpus.quoting import document, missing, quoted
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.parts import details, figure, section, table

_MOST_PHRASES = 20
_TITLES = {
    "exact": "The same text, byte by byte",
    "normalised": "The same text but for case, spaces and punctuation",
    "minhash": "Nearly the same words (MinHash)",
}


def duplicates(facts: CorpusFacts) -> Html:
    """Clusters that deduplication found, with documents kept and dropped."""
    parts = [
        (rule, part)
        for step in _steps(facts, "dedup")
        for rule, part in step.report.items()
        if isinstance(part, dict) and "clusters" in part
    ]
    left = (
        f"{wording.plural(facts.same_texts, 'document')} of what is here have exactly the text of another one."
        if facts.same_texts
        else "No two documents of what is here have exactly the same text."
    )
    if not parts:
        text = "No deduplication has been done; `assay corpus dedup` finds and removes duplicates. "
        return section("duplicates", "Duplicates", missing(text + left))
    return section("duplicates", "Duplicates", element("p", left), [_clusters(rule, part) for rule, part in parts])


def _steps(facts: CorpusFacts, name: str) -> list[StepFacts]:
    return [step for step in facts.steps if step.account.step == name]


def _clusters(rule: str, part: dict[str, Any]) -> Html:
    dropped = part.get("dropped", {})
    documents = int(dropped.get("documents", 0))
    text = (
        f"{wording.plural(int(part['clusters']), 'cluster')} of documents that were taken for the same; "
        f"{bars.counted(documents, int(dropped.get('bytes', 0)))} went, and one document of each stayed."
    )
    content: list[Content] = []
    sizes: dict[str, int] = part.get("sizes", {})
    if sizes:
        most = max(sizes.values())
        rows = [
            bars.row(f"{size} documents", bars.share_bar(count / most, "--h:255"), f"{count:,}")
            for size, count in sorted(sizes.items(), key=lambda item: int(item[0]))[:12]
        ]
        content.append(bars.grid(rows, "Clusters by size", "narrow"))
    between = part.get("domains", ())
    if between:
        rows_ = [
            [quoted(row["kept"]), quoted(row["dropped"]), f"{row['documents']:,}", wording.size(row["bytes"])]
            for row in between
        ]
        content.append(table("Where they lie.", ["kept in", "dropped from", "documents", "bytes"], rows_, (2, 3)))
    content += [
        _pairs("The largest clusters", part.get("largest", ())),
        _pairs("The least alike that were dropped", part.get("least_alike", ())),
    ]
    return figure(f"duplicates-{rule}", _TITLES.get(rule, rule), text, content)


def _pairs(title: str, rows: Any) -> Content:
    if not rows:
        return None
    shown: list[Content] = []
    for each in rows:
        dropped = each["dropped"] if isinstance(each["dropped"], list) else [each["dropped"]]
        head = (
            f"{each['documents']} documents"
            if "documents" in each
            else f"Jaccard similarity {dropped[0].get('jaccard', 1):.2f}"
        )
        shown.append(element("h4", head))
        shown.append(document(_card(each["kept"]), " · ", element("b", "kept")))
        shown += [
            document(_card(card), f" · dropped, Jaccard similarity {card.get('jaccard', 1):.2f}") for card in dropped
        ]
    return details(f"{title} ({len(rows)})", shown)


def _card(card: dict[str, Any]) -> Shown:
    return Shown(
        id=str(card.get("id", "")),
        domain=str(card.get("domain", "")),
        excerpt=" ".join(str(card.get("beginning", "")).split()),
    )


def contamination(facts: CorpusFacts) -> Html:
    """Text of evaluations that was found, by evaluation and domain."""
    steps = _steps(facts, "decontaminate")
    if not steps:
        return section(
            "contamination",
            "Contamination",
            missing("Nobody has looked for text of evaluations here; `assay corpus decontaminate` does."),
        )
    report = steps[-1].report
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
    return section(
        "contamination",
        "Contamination",
        table(
            "Documents with text of an evaluation, by evaluation and domain. A document may count under several.",
            ["evaluation", "items", "items found", "documents", "bytes", *domains],
            rows,
            range(1, 5 + len(domains)),
        ),
        element("p", kept) if common else None,
        _phrases("To be looked at by a person: what is likeliest to be chance comes first", report.get("review", ())),
        _phrases("Common phrases", common.get("phrases", ())),
    )


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
