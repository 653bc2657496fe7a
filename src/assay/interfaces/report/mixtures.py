"""Picture of a fitted mixture model: rows predicted without themselves against what was measured, and relevance."""

from collections.abc import Sequence

import numpy as np

from assay.evidence.mixtures.model import Z95, MixtureModel, quality, relevance
from assay.interfaces.report.picture import Panel, picture
from assay.interfaces.report.plot import Axis, axis_around, line, marker, tick_digits
from assay.interfaces.report.wording import significant

#: Targets drawn at most; more make a page nobody looks at.
MOST_TARGETS = 12


def mixture_picture(model: MixtureModel) -> str:
    """An SVG document with two plots a target: measured against left out, and relevance of each domain."""
    panels: list[Panel] = []
    for name in list(model.targets)[:MOST_TARGETS]:
        panels += [_left_out(model, name), _relevance(model, name)]
    rows = f"{len(model.weights)} mixtures of {len(model.domains)} domains, regressor {model.regressor}."
    return picture(
        "What mixtures lead to",
        f"{rows} First plot: each measured mixture, predicted without itself, with its 95% interval; marks beyond the "
        f"interval are red. On the diagonal a prediction is exact. Second plot: relevance, how far predictions move "
        f"when a domain's weight is dealt out anew among the mixtures.",
        panels,
    )


def _left_out(model: MixtureModel, name: str) -> Panel:
    measured = model.targets[name]
    left_out = model.fitted[name].left_out()
    found = quality(measured, left_out)
    axis = axis_around([*measured.tolist(), *left_out.mean.tolist()])
    marks = [line(0, 0, 100, 100, class_="zero")]
    for value, mean, sd in zip(measured.tolist(), left_out.mean.tolist(), left_out.sd.tolist(), strict=True):
        low, high = mean - Z95 * sd, mean + Z95 * sd
        kind = "" if low <= value <= high else " bad"
        x = axis.at(value)
        marks.append(line(x, axis.at(low), x, axis.at(high), class_=f"whisker{kind}"))
        marks.append(marker(0, x, axis.at(mean), f"measured {value:.4g}, predicted {mean:.4g}", class_=f"mark{kind}"))
    ticks = _ticks(axis, 6)
    caption = f"rank correlation {found.spearman:.3f}, {100 * found.within_95:.0f}% inside their intervals"
    return Panel(
        marks,
        x_ticks=ticks,
        y_ticks=_ticks(axis, 5),
        x_label=f"{name}, measured ({caption})",
        y_label=f"{name}, predicted without the row itself",
        height=360,
    )


def _relevance(model: MixtureModel, name: str) -> Panel:
    found = relevance(model.fitted[name], model.weights, model.seed)
    order = np.argsort(-found, kind="stable")
    axis = Axis(0.0, float(found.max()) * 1.06 or 1.0)
    marks = [
        line(0, _height(place, order), axis.at(float(found[domain])), _height(place, order), class_="interval",
             title=f"{model.domains[domain]}: {significant(float(found[domain]))}")
        for place, domain in enumerate(order.tolist())
    ]  # fmt: skip
    # Names stand inside, because they are too long for the margin.
    labels = [(_height(place, order), str(place + 1)) for place in range(len(order))]
    more = " …" if len(order) > 4 else ""
    listed = ", ".join(f"{place + 1} {model.domains[domain]}" for place, domain in enumerate(order[:4].tolist()))
    return Panel(
        marks,
        x_ticks=_ticks(axis, 6),
        y_ticks=labels,
        x_label=f"change of {name}",
        y_label=f"relevance by rank: {listed}{more}",
        height=18 * len(order) + 20,
    )


def _height(place: int, order: Sequence[int] | np.ndarray) -> float:
    return 100 * (1 - (place + 0.5) / len(order))


def _ticks(axis: Axis, count: int) -> list[tuple[float, str]]:
    ticks = axis.ticks(count)
    digits = tick_digits(ticks)
    return [(axis.at(value), f"{value:.{digits}f}") for value in ticks]
