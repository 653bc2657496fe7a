"""`assay calibrate`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, LabArgument, count, open_lab, print_json, size
from assay.spec.errors import UserError
from assay.spec.recipe import in_words

if TYPE_CHECKING:
    from assay.spec.calibration import Calibration, Estimate


def calibrate(
    lab: LabArgument = None,
    *,
    budget: Annotated[
        str | None, Parameter(help="10m, 150runs, 4e13flop or several joined by commas; 8 rounds if left out.")
    ] = None,
    scale: Annotated[str | None, Parameter(help="A scale of the ladder; the smallest if left out.")] = None,
    svg: Annotated[Path | None, Parameter(help="Draw a picture into this file.")] = None,
    json: Json = False,
) -> None:
    """Measure a lab's noise: where it comes from, what shared seeds take away, and what else would.

    Trains the champion with initialisation and data order varied apart, one change of each kind, and some ways to
    reduce noise, in rounds of about 17 runs. Runs are paid for once: the same command goes on after Ctrl-C, and a
    larger budget adds rounds. The campaign reckons with what was found where that can cost power and never validity.

    Examples:

        assay calibrate mylab

        assay calibrate mylab --budget 10m --svg noise.svg

        assay calibrate mylab --scale medium --budget 80runs --json
    """
    from assay.campaign.calibrate import calibrate as measure
    from assay.interfaces.cli.progress import calibration_progress
    from assay.spec.budget import Budget

    asked = None if budget is None else Budget.read(budget)
    opened = open_lab(lab)
    names = [rung.name for rung in opened.config.ladder]
    if scale is not None and scale not in names:
        raise UserError(f"no scale is called '{scale}'; the ladder has: {', '.join(names)}")
    executor = opened.executor()
    try:
        with calibration_progress(quiet=json or not sys.stderr.isatty()) as tick:
            found = measure(opened, asked, names.index(scale) if scale else 0, executor, tick)
    finally:
        executor.close()
    if svg is not None:
        from assay.interfaces.report.noise import draw
        from assay.interfaces.report.picture import write_picture

        write_picture(svg, draw(found))
    if json:
        print_json(found.model_dump(mode="json"))
        return
    show(found)


def show(found: "Calibration") -> None:
    """Print a calibration as tables."""
    print(f"Noise of {found.recipe} at '{found.scale}': {found.rounds} rounds, {count(len(found.runs), 'run')}")
    print("Deviations in per cent of the score, each with its 95% interval.\n")
    print("  one run's score varies by")
    for part in found.components:
        if part.scale != found.scale:
            continue
        if part.source == "repeat" and part.deviation.value == 0:
            said = f"none seen in {count(part.runs, 'repeat')} of the same seeds"
        else:
            said = _value(part.deviation)
        print(f"    {_SOURCES[part.source]:34} {said}")
    elsewhere = [part for part in found.components if part.scale != found.scale]
    if elsewhere:
        print("\n  and at other budgets and scales, all parts together, by")
        for part in elsewhere:
            print(f"    {part.scale:34} {_value(part.deviation)}  ({count(part.runs, 'seed')})")
    print("\n  a pair's difference varies by                            arms correlate")
    for pair in found.paired:
        name = in_words(pair.change)
        name = name if len(name) <= 40 else f"{name[:39]}…"
        print(f"    {name:40} {_value(pair.deviation)}  {_value(pair.correlation, '')}")
    if found.sharing:
        print("\n  sharing less than both seeds, over all changes")
        for what, deviation, ratio in pooled_sharing(found):
            print(f"    {what:34} {deviation:.2f}%  ({ratio:.2f} times as much as with both)")
    print("\n  what would reduce it            deviation of pairs      effect over deviation   score itself")
    for remedy in found.remedies:
        signal = _value(remedy.signal, "×") if remedy.signal else "no effect is clear"
        itself = _value(remedy.effect_percent, "%", signed=True) if remedy.effect_percent else ""
        print(f"    {remedy.name:28} {_value(remedy.ratio, '×'):22}  {signal:22}  {itself}")
        for effect in remedy.effects:
            print(
                f"      effect of {in_words(effect.change)}: {effect.without.value:+.2f}% without, "
                f"{effect.under.value:+.2f}% with; changed by {_value(effect.difference, '%', signed=True)}"
            )
    if found.design is not None:
        design = found.design
        print(f"\n  To find an effect of {design.effect_percent}% at e >= {design.threshold:.0f}:")
        print(
            f"    {design.pairs} pairs, {design.confirm_pairs} for the confirmation (power {100 * design.power:.0f}%)"
            + ("; more than any campaign should spend" if design.power < 0.79 else "")
        )
        best = design.cheapest
        if best is not None:
            print(
                f"    least compute for {best.effect_percent:.2f}%: at most {best.pairs} pairs and "
                f"{best.confirm_pairs} to confirm, giving up below a\n    likelihood ratio of {best.futile_at:g} "
                f"({best.flops:.1e} FLOPs per discovery if one proposal in ten helps;\n    power "
                f"{100 * best.power:.0f}%, {best.null_pairs:.1f} pairs a null); campaigns keep to it"
            )
            above = design.flops_from_above
            if above is not None:
                cheaper = "less" if above < best.flops else "more"
                print(f"    beginning at the second scale would take {cheaper}: {above:.1e} FLOPs per discovery")
        if design.detectable_percent is not None:
            print(f"    within the pairs of lab.toml an effect of {design.detectable_percent:.2f}% is found with 80%")
        if design.evaluation_bytes > 1:
            print(f"    held-out text beyond {size(design.evaluation_bytes)} no longer matters beside training's noise")


_SOURCES = {
    "repeat": "nondeterminism, same seeds", "initialisation": "initialisation", "data order": "data order",
    "interaction": "both together", "evaluation": "of it by the held-out documents", "total": "all of it",
}  # fmt: skip


def _value(estimate: "Estimate | None", unit: str = "%", signed: bool = False) -> str:
    if estimate is None:
        return "unknown"
    sign = "+" if signed else ""
    low, high = ("?" if end is None else f"{end:{sign}.2f}" for end in (estimate.low, estimate.high))
    return f"{estimate.value:{sign}.2f}{unit} [{low}, {high}]"


def pooled_sharing(found: "Calibration") -> list[tuple[str, float, float]]:
    """What is shared, root mean square deviation over all changes, and how many times that with both shared it is."""

    def pooled(what: str) -> float:
        rows = [row for row in (*found.paired, *found.sharing) if row.shared == what]
        degrees = sum(row.degrees for row in rows)
        return (sum(row.degrees * row.deviation.value**2 for row in rows) / degrees) ** 0.5 if degrees else 0.0

    both = pooled("both")
    order = ("both", "data order", "initialisation", "nothing")
    return [(what, value, value / both) for what in order if both and (value := pooled(what))]
