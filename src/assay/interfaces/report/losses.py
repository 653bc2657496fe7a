"""Charts of losses: against compute, the lab's main picture, and along training."""

from typing import Any

from assay.interfaces.report import plot, wording
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.parts import Facts, details, figure, hover_runs, nothing, run_link, run_links, table
from assay.interfaces.report.plot import Axis

Row = dict[str, Any]


def generation_look(number: int, newest: int) -> tuple[str, str | None]:
    """Class and style of a generation's marks: generation 0 is grey, later ones run through the hues."""
    return ("start", None) if number == 0 else ("", plot.style_of(number - 1, newest))


def generation_legend(numbers: list[int], newest: int) -> Html:
    return plot.legend(
        (f"generation {n}", generation_look(n, newest)[0], n, generation_look(n, newest)[1]) for n in numbers
    )


# ------------------------------------------------------------------------------------------ loss against compute


def loss_compute(facts: Facts) -> Html:
    generations = [g for g in facts["generations"] if g["loss_compute"]]
    title, text = (
        "Loss against compute",
        (
            "Each generation’s champion at each scale: mean over seeds, whiskers from the least to the most. Both axes "
            "are logarithmic. A curve further left or lower needs less compute for the same loss."
        ),
    )
    if not generations:
        return figure("loss-compute", title, text, nothing("No champion has been measured yet."))
    points = [(g["number"], p) for g in generations for p in g["loss_compute"]]
    x = plot.axis_around([scale["flops"] for scale in facts["lab"]["ladder"]], margin=0.1, log=True)
    y = plot.axis_around([end for _, p in points for end in (p["least"], p["most"])], log=True)
    ticks = y.ticks(5)
    newest = facts["generations"][-1]["number"]
    marks: list[Content] = []
    for generation in generations:
        number, mine = generation["number"], generation["loss_compute"]
        kind, style = generation_look(number, newest)
        places = [(x.at(p["flops"]), y.at(p["mean"])) for p in mine]
        group: list[Content] = [plot.curves(plot.polyline(places, f"generation {number}", class_=f"curve {kind}"))]
        for p, (across, up) in zip(mine, places, strict=True):
            hover = (
                f"generation {number} at {p['scale']}: {wording.score(p['mean'])} bits per byte, "
                f"{wording.score(p['least'])} to {wording.score(p['most'])} over "
                f"{wording.plural(len(p['runs']), 'run')}; {wording.flops(p['flops'])}; {hover_runs(p['runs'])}"
            )
            group += [
                plot.line(across, y.at(p["least"]), across, y.at(p["most"]), hover, class_=f"whisker {kind}"),
                plot.marker(number, across, up, hover, class_=f"mark {kind}"),
            ]
        marks.append(element("g", group, style=style))
    drawn = plot.plot(
        marks,
        x_ticks=[(x.at(s["flops"]), wording.scientific(s["flops"])) for s in facts["lab"]["ladder"]],
        y_ticks=[(y.at(tick), f"{tick:.{plot.tick_digits(ticks)}f}") for tick in ticks],
        x_label="training compute of one run, FLOPs",
        y_label="bits per byte",
        height=300,
        alt=f"Loss against compute of {wording.plural(len(generations), 'generation')}; its numbers are below",
    )
    numbers = table(
        "Loss against compute: every point and the runs behind it",
        ["generation", "scale", "FLOPs", "bits per byte", "least", "most", "runs"],
        [
            [
                str(n),
                p["scale"],
                wording.scientific(p["flops"], 3),
                wording.score(p["mean"]),
                wording.score(p["least"]),
                wording.score(p["most"]),
                element("div", run_links(p["runs"]), class_="runs"),
            ]
            for n, p in points
        ],
        numeric=(2, 3, 4, 5),
    )
    return figure(
        "loss-compute",
        title,
        text,
        generation_legend([g["number"] for g in generations], newest),
        drawn,
        details("The numbers and their runs", numbers),
    )


# --------------------------------------------------------------------------------------------- training losses


def training_curves(facts: Facts) -> Html:
    title, text = (
        "Training loss of the champions",
        (
            "One run of each generation at each scale. The first steps, where every curve falls steeply, are cut off. "
            "Training loss only illustrates: verdicts rest on held-out text."
        ),
    )
    drawn = [c for c in facts["curves"] if sum(loss is not None for loss in c["loss"]) > 1]
    if not drawn:
        return figure("curves", title, text, nothing("No champion has a training curve yet."))
    newest = facts["generations"][-1]["number"]
    scales = [s["name"] for s in facts["lab"]["ladder"] if any(c["scale"] == s["name"] for c in drawn)]
    panels = [_curves_panel(scale, [c for c in drawn if c["scale"] == scale], newest) for scale in scales]
    numbers = table(
        "Training curves: where each ends, and its run",
        ["generation", "scale", "last loss, nats a token", "run"],
        [[str(c["generation"]), c["scale"], wording.score(_losses(c)[-1][1]), run_link(c["run"])] for c in drawn],
        numeric=(2,),
    )
    legend = generation_legend(sorted({c["generation"] for c in drawn}), newest)
    panels_box = element("div", panels, class_="panels")
    return figure("curves", title, text, legend, panels_box, details("The numbers and their runs", numbers))


def _losses(curve: Row) -> list[tuple[float, float]]:
    return [(f, loss) for f, loss in zip(curve["flops"], curve["loss"], strict=True) if loss is not None]


def _curves_panel(scale: str, drawn: list[Row], newest: int) -> Html:
    x = Axis(0.0, max(c["flops"][-1] for c in drawn) or 1.0)
    settled = [loss for c in drawn for f, loss in _losses(c) if f >= 0.08 * x.high]
    y = plot.axis_around(settled or [loss for c in drawn for _, loss in _losses(c)])
    above = Axis(y.low, y.low + 20 * (y.high - y.low))  # room above the frame, so that a cut curve leaves it steeply
    lines: list[Content] = []
    for curve in drawn:
        kind, style = generation_look(curve["generation"], newest)
        hover = f"generation {curve['generation']} at {scale}, run {curve['run']}"
        points = [(x.at(f), 20 * above.at(loss)) for f, loss in _losses(curve)]
        lines.append(element("g", plot.polyline(points, hover, class_=f"curve thin {kind}"), style=style))
    ticks, across = y.ticks(4), x.ticks(4)
    unit = max((tick for tick in across if tick), default=1.0)
    power = 10.0 ** int(f"{unit:e}".partition("e")[2])
    exponent = wording.scientific(power, 1).removeprefix("1×")
    return element(
        "div",
        element("h4", scale),
        plot.plot(
            plot.curves(lines),
            x_ticks=[(x.at(tick), f"{tick / power:g}") for tick in across],
            y_ticks=[(y.at(tick), f"{tick:.{plot.tick_digits(ticks)}f}") for tick in ticks],
            x_label=f"compute so far, {exponent} FLOPs",
            y_label="nats a token",
            height=200,
            alt=f"Training loss at scale {scale} of {wording.plural(len(drawn), 'champion')}",
        ),
    )
