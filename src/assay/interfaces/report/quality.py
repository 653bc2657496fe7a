"""A classifier of quality: whether its chances are true, and what it prefers; as a picture and as a page."""

from typing import Any

from assay.corpus.quality.hashed_words import HASHED_WORDS
from assay.corpus.quality.preferences import DomainScores, Ngram, Preferences
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.parts import figure, section, table
from assay.interfaces.report.picture import Panel, picture
from assay.interfaces.report.plot import Axis, line, marker, plot, tick_digits
from assay.interfaces.report.shell import document

_UNIT = Axis(0.0, 1.0)


def quality_picture(training: dict[str, Any] | None, found: Preferences) -> str:
    """An SVG document: calibration, and the scores of each domain.

    Args:
        training: what the classifier's facts say of its training; None where nothing is known of it.
    """
    low, high = _range(found)
    scores = Axis(low, high)
    count = len(found.domains)
    domains = Panel(
        [_domain_mark(each, i, count, scores) for i, each in enumerate(found.domains)],
        _ticks(scores), [(_height(i, count), str(i + 1)) for i in range(count)], "score", _numbered(found),
        height=28 * count + 20,
    )  # fmt: skip
    text = f"Scores of {found.documents} documents by domain, from the 10th to the 90th percentile, with the median."
    title = f"Quality by classifier {found.classifier}"
    if training is None:
        return picture(title, text, [domains])
    calibration = Panel(
        _calibration_marks(training), _ticks(_UNIT), _ticks(_UNIT), _chance(training),
        "share that labellers found so, with 95% intervals", height=320,
    )  # fmt: skip
    return picture(title, f"{_calibration_text(training)} Below: {text[0].lower()}{text[1:]}", [calibration, domains])


def page(training: dict[str, Any] | None, found: Preferences) -> str:
    """A page: training, calibration, n-grams, domains, and samples at quantiles of each domain."""
    low, high = _range(found)
    scores = Axis(low, high)
    count = len(found.domains)
    header = element(
        "header",
        element("p", "assay quality report", class_="eyebrow"),
        element("h1", f"What classifier {found.classifier} prefers"),
        element("p", f"{found.documents:,} documents of {count} domains.", class_="state"),
    )
    known = training and figure(
        "calibration",
        "Are its chances true?",
        _calibration_text(training),
        plot(
            _calibration_marks(training), x_ticks=_ticks(_UNIT), y_ticks=_ticks(_UNIT), x_label=_chance(training),
            y_label="share that labellers found so", alt="calibration curve", height=320,
        ),
    )  # fmt: skip
    domains = figure(
        "domains",
        "Scores by domain",
        "From the 10th to the 90th percentile, with the median. A domain that lies higher is not better text: a "
        "classifier also learns what domains look like, so filter within domains.",
        plot(
            [_domain_mark(each, i, count, scores) for i, each in enumerate(found.domains)],
            x_ticks=_ticks(scores), y_ticks=[(_height(i, count), str(i + 1)) for i in range(count)], x_label="score",
            y_label=_numbered(found), alt="scores by domain", height=28 * count + 20,
        ),
        table(
            "Scores by domain",
            ("domain", "documents", "mean", "deviation", "correlation with length", "kept, if the best half of all is"),
            [
                (each.domain, f"{each.documents:,}", f"{each.mean:.2f}", f"{each.deviation:.2f}",
                 "–" if each.length_correlation is None else f"{each.length_correlation:+.2f}",
                 f"{100 * each.kept:.0f}%")
                for each in found.domains
            ],
            numeric=range(1, 6),
        ),
    )  # fmt: skip
    grams = found.preferred and figure(
        "ngrams",
        "What moves scores",
        "Words and pairs of words by how far they move the rank of these texts; digits are shown as 0.",
        table("N-grams that raise scores", ("raises", "pull", "texts"), _gram_rows(found.preferred), numeric=(1, 2)),
        table("N-grams that lower scores", ("lowers", "pull", "texts"), _gram_rows(found.avoided), numeric=(1, 2)),
    )
    samples = [_samples(each) for each in found.domains]
    return document(
        f"Classifier {found.classifier}",
        header,
        element("main", section("quality", "Quality", training and _training_table(training), known, domains, grams),
                section("samples", "Samples, from the lowest score to the highest", samples)),
    )  # fmt: skip


def _chance(training: dict[str, Any]) -> str:
    if training["kind"] != "labels":
        return "chance of being from the text that is trusted"
    return f"chance of grade {training['threshold']} or better"


def _calibration_text(training: dict[str, Any]) -> str:
    found = training["calibration"]
    return (
        f"Judged on {found['n']} labelled texts that the model had not seen. On the diagonal chances are true. "
        f"Expected calibration error {found['ece']:.3f}, 95% interval [{found['lo']:.3f}, {found['hi']:.3f}]; perfect "
        f"chances would show up to {found['perfect']:.3f} in so few texts."
    )


def _calibration_marks(training: dict[str, Any]) -> list[Html]:
    marks = [line(0, 0, 100, 100, class_="zero")]
    for each in training["calibration"]["bins"]:
        x = 100 * each["chance"]
        said = f"{each['n']} texts: chance {each['chance']:.2f}, share {each['share']:.2f}"
        marks.append(line(x, 100 * each["lo"], x, 100 * each["hi"], said, class_="whisker interval"))
        marks.append(marker(0, x, 100 * each["share"], said, class_="mark"))
    return marks


def _domain_mark(each: DomainScores, place: int, count: int, axis: Axis) -> list[Html]:
    _, low, _, median, _, high, _ = each.quantiles
    y = _height(place, count)
    said = f"{each.domain}: median {median:.2f}, 10th to 90th percentile {low:.2f} to {high:.2f}"
    return [
        line(axis.at(low), y, axis.at(high), y, said, class_="interval"),
        marker(0, axis.at(median), y, said, class_="mark"),
    ]


def _training_table(training: dict[str, Any]) -> Html:
    agreed = training["agreement"]
    kappa = "–" if agreed["kappa"] is None else f"{agreed['kappa']:.3f} [{agreed['lo']:.3f}, {agreed['hi']:.3f}]"
    rows = [
        ("trained on", f"{training['labels']:,} texts ({training['kind']})"),
        ("sees", training.get("features", HASHED_WORDS.description)),
        ("grades", ", ".join(f"{n} × {grade}" for grade, n in training["grades"].items())),
        ("labels by", ", ".join(f"{author} ({n})" for author, n in training["authors"].items()) or "nobody"),
        ("pairs with different grades in the right order", f"{100 * training['in_order']:.1f}%"),
        ("weighted kappa of score and grade", kappa),
    ]
    return table("Training", ("what", "value"), rows)


def _gram_rows(grams: tuple[Ngram, ...]) -> list[tuple[Content, ...]]:
    return [(element("code", each.text), f"{each.pull:+.3f}", f"{each.texts:,}") for each in grams]


def _samples(each: DomainScores) -> Html:
    rows = [
        (f"{100 * shown.quantile:.0f}%", f"{shown.score:.2f}", element("code", shown.id), element("pre", shown.text))
        for shown in each.samples
    ]
    return figure(
        f"samples-{each.domain}", each.domain, "", table(
            f"Samples of {each.domain}", ("quantile", "score", "document", "text"), rows, numeric=(0, 1)
        ),
    )  # fmt: skip


def _numbered(found: Preferences) -> str:
    """What the numbers at an axis stand for, since names of domains may be long."""
    return ", ".join(f"{i + 1} {each.domain}" for i, each in enumerate(found.domains))


def _range(found: Preferences) -> tuple[float, float]:
    """Ends of the axis of scores, with some room."""
    low = min(each.quantiles[0] for each in found.domains)
    high = max(each.quantiles[-1] for each in found.domains)
    room = 0.05 * (high - low) or 0.5
    return low - room, high + room


def _height(place: int, count: int) -> float:
    return 100 * (1 - (place + 0.5) / count)


def _ticks(axis: Axis) -> list[tuple[float, str]]:
    ticks = axis.ticks(5)
    digits = tick_digits(ticks)
    return [(axis.at(value), f"{value:.{digits}f}") for value in ticks]
