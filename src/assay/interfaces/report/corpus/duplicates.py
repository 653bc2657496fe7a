"""Duplicates: clusters of documents with those kept and dropped, and pieces that occur again."""

from typing import Any

from assay.corpus.analysis.facts import CorpusFacts, Shown
from assay.interfaces.report import wording
from assay.interfaces.report.corpus import bars
from assay.interfaces.report.corpus.quoting import document, missing, quoted
from assay.interfaces.report.corpus.trouble import removed_since, steps_called
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.parts import details, figure, section, table
from assay.interfaces.report.plot import curves, line, plot, polyline

_TITLES = {
    "exact": "The same text, byte by byte",
    "normalised": "The same text but for case, spaces and punctuation",
    "lines": "Repeated lines",
    "paragraphs": "Repeated paragraphs",
    "substring": "Repeated passages",
    "minhash": "Nearly the same words (MinHash)",
}


def duplicates(facts: CorpusFacts) -> Html:
    """Clusters that deduplication found, with documents kept and dropped."""
    steps = steps_called(facts, "dedup")
    parts = [(rule, part) for step in steps for rule, part in step.report.items() if isinstance(part, dict)]
    left = (
        f"{wording.plural(facts.same_texts, 'document')} of what is here have exactly the text of another one."
        if facts.same_texts
        else "No two documents of what is here have exactly the same text."
    )
    if not parts:
        text = "No deduplication has been done; `assay corpus dedup` finds and removes duplicates. "
        return section("duplicates", "Duplicates", missing(text + left))
    figures: list[Html] = []
    for place, (rule, part) in enumerate(parts):
        before = sum(earlier == rule for earlier, _ in parts[:place])  # a rule may have been used more than once
        name = f"duplicates-{rule}-{before + 1}" if before else f"duplicates-{rule}"
        figures.append((_clusters if "clusters" in part else _pieces)(name, rule, part))
    return section("duplicates", "Duplicates", element("p", left), removed_since(steps), figures)


def _clusters(name: str, rule: str, part: dict[str, Any]) -> Html:
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
    content += [_curve(part["s_curve"]) if "s_curve" in part else None, _planted(part.get("planted", {}))]
    return figure(name, _TITLES.get(rule, rule), text, content)


def _pieces(name: str, rule: str, part: dict[str, Any]) -> Html:
    """Of lines, paragraphs or passages, which are no clusters of documents."""
    text = (
        f"{wording.plural(int(part.get('distinct', 0)), 'of them occurs again', 'of them occur again')}, "
        f"{int(part.get('occurrences', 0)):,} times in all."
    )
    rows: list[list[Content]] = [
        [quoted(str(row["text"])[:200]), f"{row['occurrences']:,}"]
        for row in part.get("most_frequent", ())
        if row["text"]
    ]
    shown = details("The most frequent", table("As they stand in the text.", ["text", "occurrences"], rows, (1,)))
    return figure(name, _TITLES.get(rule, rule), text, shown if rows else None)


def _curve(curve: dict[str, Any]) -> Html:
    """How likely two documents are to be compared, by how alike they are."""
    points = [(100 * float(x), 100 * y) for x, y in curve["points"].items()]
    wanted = 100 * curve["similarity"]
    ticks = [(x, f"{x / 100:.1f}") for x in range(0, 101, 20)]
    said = (
        f"{curve['permutations']} permutations in {curve['tables']} tables of {curve['rows']}: two documents are "
        f"compared with a chance of one half at a similarity of {curve['middle']:.2f}"
    )
    drawing = plot(
        line(wanted, 0, wanted, 100, f"removed from {curve['similarity']} on", class_="limit"),
        curves(polyline(points, said, class_="curve")),
        x_ticks=ticks,
        y_ticks=[(y, f"{y}%") for y in range(0, 101, 25)],
        x_label="Jaccard similarity of two documents; the broken line: removed from here on",
        y_label="chance that they are compared",
        alt=said,
        height=180,
    )
    return details("How likely near duplicates are to be found", element("p", f"{said}.", class_="aside"), drawing)


def _planted(found: dict[str, Any]) -> Content:
    if not found:
        return None
    rows: list[list[Content]] = [
        [bars.percent(float(rate)), f"{row['mean_jaccard']:.2f}", bars.percent(row["recall"])]
        for rate, row in found.get("edits", {}).items()
    ]
    caption = f"Edited copies planted among {wording.plural(int(found['documents']), 'document')} of this text."
    said = "" if found.get("precision") is None else f" Precision {found['precision']:.3f}."
    return details(
        "Planted duplicates that were found",
        table(caption + said, ["words changed", "mean similarity", "found"], rows, (0, 1, 2)),
    )


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
