"""What a reader wants to know first, and the domains, licences and sources."""

from assay.corpus.analysis.facts import CorpusFacts
from assay.corpus.documents import UNKNOWN_LICENCE
from assay.interfaces.report import wording
from assay.interfaces.report.corpus import bars
from assay.interfaces.report.corpus.names import language
from assay.interfaces.report.corpus.quoting import quoted, told
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.parts import section, table


def headline(facts: CorpusFacts) -> Html:
    """The whole in a sentence, and the numbers that qualify it."""
    totals, first = facts.totals, facts.taken_in
    domains = wording.plural(len(facts.domains), "domain")
    verdict = f"{wording.plural(totals.documents, 'document')}, {wording.size(totals.bytes)}, {domains}."
    if facts.steps and first.documents:
        gone = first.documents - totals.documents
        text = (
            f"Of {wording.plural(first.documents, 'document')} ({wording.size(first.bytes)}) that went in, "
            f"{bars.percent(gone / first.documents)} were removed by {wording.plural(len(facts.steps), 'step')}."
        )
    else:
        text = "No step has been taken on this text yet: it is shown as it is."
    shares = {domain.name: domain.bytes / max(1, totals.bytes) for domain in facts.domains}
    colours = bars.hues(shares)
    return element(
        "section",
        element("p", verdict, class_="verdict", id="headline-title"),
        element("p", text, class_="lead"),
        bars.stacked(shares, colours, "Bytes by domain"),
        bars.key(colours, {name: bars.percent(share) for name, share in shares.items()}),
        element("div", _cards(facts), class_="cards"),
        id="headline",
        aria_labelledby="headline-title",
    )


def _card(title: str, number: str, text: Content) -> Html:
    return element(
        "div",
        element("p", title, class_="card-title"),
        element("p", number, class_="card-number"),
        element("p", text, class_="card-text"),
        class_="card",
    )


def _cards(facts: CorpusFacts) -> list[Html]:
    totals = facts.totals
    known = sum(each.bytes for each in facts.licences if each.licence != UNKNOWN_LICENCE)
    licences = len([each for each in facts.licences if each.licence != UNKNOWN_LICENCE])
    personal = sum(each.findings for each in facts.personal)
    kinds = len({each.kind for each in facts.personal})
    cards = [
        _card(
            "Licence known",
            bars.percent(known / max(1, totals.bytes)),
            f"of the bytes, under {wording.plural(licences, 'licence')}.",
        ),
        _card(
            "Exact duplicates left",
            f"{facts.same_texts:,}",
            "documents whose text an earlier one has, byte by byte.",
        ),
        _card(
            "Personal data",
            f"{personal:,}",
            f"findings of {wording.plural(kinds, 'kind')}, by form and checksum."
            if kinds
            else "nothing was found by form and checksum.",
        ),
    ]
    if facts.tokens is not None:
        text = "of the lab’s corpus, without what is held out and sealed."
        cards.insert(0, _card("Training tokens", bars.large(facts.tokens), text))
    if facts.languages:
        best = facts.languages[0]
        text = (
            f"of the documents; {wording.plural(len(facts.languages), 'language')} in all."
            if len(facts.languages) > 1
            else "of the documents."
        )
        cards.append(_card(f"In {language(best.code)}", bars.percent(best.share), text))
    return [*cards, _evaluations(facts)]


def _evaluations(facts: CorpusFacts) -> Html:
    title = "Text of evaluations"
    steps = [step for step in facts.steps if step.account.step == "decontaminate"]
    if not steps:
        return _card(title, "not looked for", told("`assay corpus decontaminate` finds it."))
    amounts = [amount for step in steps for amount in (*step.account.removed.values(), *step.account.changed.values())]
    found = sum(amount.documents for amount in amounts)
    return _card(title, f"{found:,}", "times a document went, or was cut, because it holds some.")


def domains(facts: CorpusFacts) -> Html:
    colours = bars.hues(domain.name for domain in facts.domains)
    total = max(1, facts.totals.bytes)
    rows = [
        [
            [element("span", class_="swatch", style=colours[domain.name]), quoted(domain.name)],
            f"{domain.documents:,}",
            wording.size(domain.bytes),
            [
                bars.share_bar(domain.bytes / total, colours[domain.name]),
                element("span", bars.percent(domain.bytes / total)),
            ],
            wording.UNKNOWN if domain.tokens is None else f"{domain.tokens:,}",
            wording.UNKNOWN if domain.bytes_per_token is None else f"{domain.bytes_per_token:.2f}",
            wording.size(domain.lengths.quantiles["0.5"]),
        ]
        for domain in facts.domains
    ]
    note = (
        "Tokens are those that training reads: of the lab’s corpus without what is held out and sealed."
        if any(domain.tokens is not None for domain in facts.domains)
        else "Nothing has been tokenised yet, so there are no tokens to count; `assay corpus tokenize` does it."
    )
    return section(
        "domains",
        "Domains",
        table(
            "What there is of each domain.",
            ["domain", "documents", "bytes", "share of bytes", "tokens", "bytes per token", "median document"],
            rows,
            (1, 2, 4, 5, 6),
        ),
        element("p", told(note), class_="aside"),
    )


def licences(facts: CorpusFacts) -> Html:
    colours = bars.hues(domain.name for domain in facts.domains)
    total = max(1, facts.totals.bytes)
    rows = [
        [
            quoted(each.licence) if each.licence != UNKNOWN_LICENCE else element("strong", "unknown", class_="alarm"),
            f"{each.documents:,}",
            wording.size(each.bytes),
            bars.percent(each.bytes / total),
            bars.stacked({name: amount.bytes / total for name, amount in each.domains.items()}, colours, "Domains"),
        ]
        for each in facts.licences
    ]
    sources = [[quoted(name), f"{count:,}"] for name, count in facts.sources.items()]
    return section(
        "licences",
        "Licences and sources",
        bars.key(colours),
        table("Licences, by bytes.", ["licence", "documents", "bytes", "share", "by domain"], rows, (1, 2, 3)),
        table("The most frequent sources.", ["source", "documents"], sources, (1,)),
    )
