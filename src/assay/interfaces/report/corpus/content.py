"""What documents are about and in which language: languages, topics, dates."""

from collections.abc import Mapping

from assay.corpus.analysis.facts import CorpusFacts, TopicFacts
from assay.interfaces.report import wording
from assay.interfaces.report.corpus import bars
from assay.interfaces.report.corpus.names import language
from assay.interfaces.report.corpus.quoting import quoted
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.parts import details, figure, nothing, section, table

MOST_LANGUAGES = 12


def languages(facts: CorpusFacts) -> Html:
    """Languages of each domain, as found in the sample."""
    listed = facts.languages[:MOST_LANGUAGES]
    colours = bars.hues(each.code for each in listed) | {"other": "--h:0;--mark-c:0"}
    rows: list[Content] = []
    for domain in facts.domains:
        shares = {each.code: each.domains.get(domain.name, 0.0) for each in listed}
        shares["other"] = max(
            0.0, sum(each.domains.get(domain.name, 0.0) for each in facts.languages) - sum(shares.values())
        )
        best = max(shares, key=lambda code: shares[code], default="")
        said = f"{best} {bars.percent(shares[best])}" if best else wording.UNKNOWN
        rows.append(bars.row(quoted(domain.name), bars.stacked(shares, colours, f"Languages of {domain.name}"), said))
    if not listed:
        return section("languages", "Languages", nothing("There is no document to look at."))
    shown = {code: colour for code, colour in colours.items() if code != "other" or len(facts.languages) > len(listed)}
    return section(
        "languages",
        "Languages",
        figure(
            "language-shares",
            "The likeliest language of each document",
            "By n-grams of its bytes, in the sample. In code and tables the guess means little; short documents are "
            "guessed wrongly more often.",
            bars.key(shown, {each.code: bars.percent(each.share) for each in listed}),
            bars.grid(rows, "Languages by domain"),
        ),
        table(
            "Languages of all documents, estimated from the sample.",
            ["language", "share of documents", "found in"],
            [
                [
                    f"{language(each.code)} ({each.code})",
                    bars.percent(each.share),
                    ", ".join(f"{name} {bars.percent(share)}" for name, share in each.domains.items()),
                ]
                for each in listed
            ],
            (1,),
        ),
    )


def topics(facts: CorpusFacts) -> Html:
    """Clusters of documents with the words that tell each from the others."""
    if not facts.topics:
        return section("topics", "Topics", nothing("There are too few documents to find topics among them."))
    colours = bars.hues(domain.name for domain in facts.domains)
    text = (
        "Documents of the sample in clusters by the words that they use; below each, the words that tell it from the "
        "rest, the most telling first. The bar shows its domains."
    )
    return section(
        "topics",
        "Topics",
        element("p", text),
        bars.key(colours),
        element("div", [_topic(topic, colours) for topic in facts.topics], class_="topics"),
    )


def _topic(topic: TopicFacts, colours: Mapping[str, str]) -> Html:
    titles = [
        element(
            "li",
            quoted(each.excerpt),
            " ",
            element("span", quoted(f"{each.domain} · {each.id}"), class_="aside"),
            dir="auto",
        )
        for each in topic.titles
    ]
    return element(
        "article",
        element("p", element("b", bars.percent(topic.share)), " of all documents", class_="card-title"),
        element(
            "p",
            [[element("span", quoted(word), class_="word"), " "] for word in topic.words],
            class_="topic-words",
            dir="auto",
        ),
        bars.stacked(topic.domains, colours, "Domains"),
        details("Typical documents", element("ul", titles)),
        class_="card",
    )


def dates(facts: CorpusFacts) -> Html:
    """When documents were retrieved, and when they were written as far as records say so."""
    return section(
        "time",
        "Time",
        _bars(
            "retrieved",
            "When documents were retrieved",
            "By month.",
            facts.dates.retrieved,
            "No document says when it was retrieved.",
        ),
        _bars(
            "written",
            "When documents were written",
            "By the year that their records name.",
            _by_span(facts.dates.written),
            "No record carries a date.",
        ),
    )


def _by_span(years: Mapping[str, int]) -> dict[str, int]:
    """Single years, or decades where they are many."""
    known = {year: count for year, count in years.items() if year != "unknown"}
    if len(known) <= 30:
        return dict(years)
    found: dict[str, int] = {}
    for year, count in known.items():
        decade = f"{year[:3]}0s"
        found[decade] = found.get(decade, 0) + count
    return found | ({"unknown": years["unknown"]} if "unknown" in years else {})


def _bars(identifier: str, title: str, text: str, counts: Mapping[str, int], missing: str) -> Html:
    known = {name: count for name, count in counts.items() if name != "unknown"}
    if not known:
        return figure(identifier, title, "", nothing(missing))
    unknown = counts.get("unknown", 0)
    said = f"{text} {wording.plural(unknown, 'document says', 'documents say')} nothing." if unknown else text
    most = max(known.values())
    rows = [
        bars.row(name, bars.share_bar(count / most, "--h:255"), f"{count:,}") for name, count in sorted(known.items())
    ]
    return figure(identifier, title, said, bars.grid(rows, title, "narrow"))
