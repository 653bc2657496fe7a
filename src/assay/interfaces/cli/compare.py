"""`assay compare`."""

import sys
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, Words, interval, print_json, split_words
from assay.spec.errors import UserError


def compare(
    *words: Words,
    scale: Annotated[str | None, Parameter(help="A scale of the ladder; the smallest if left out.")] = None,
    pairs: Annotated[int, Parameter(help="Most pairs to train.")] = 20,
    match: Annotated[
        Literal["flops", "tokens", "time", "all"], Parameter(help="What both have the same of; all: side by side.")
    ] = "flops",
    json: Json = False,
) -> None:
    """Is NEW better than OLD? assay compare [LAB] OLD NEW, each a recipe's TOML file, hash or name.

    Trains both with the same seeds, pair after pair, until the answer stands at the 5% level or the pairs are used up;
    then it says how many it would take. The answer stands alone: it promotes nothing.

    At a scale both get the same compute. With --match tokens or time NEW trains for as many tokens, or for as long, as
    OLD does there; equal time rests on measured step times, which are noisy where other programs run. --match all asks
    all three side by side, each at its own 5%.

    Examples:

        assay compare mylab old.toml new.toml
        assay compare mylab start champion --scale medium --pairs 8
        assay compare mylab start champion --match all --json
    """
    from assay.campaign.comparison import compare as run_comparison
    from assay.campaign.matching import MATCHES
    from assay.interfaces.cli.progress import corpus_progress, pair_progress

    lab, (old_name, new_name) = split_words(words, ("OLD", "NEW"), "compare")
    if pairs < 2:
        raise UserError(f"--pairs {pairs}: at least 2 are needed to see any noise")
    old, new = lab.recipe(old_name), lab.recipe(new_name)
    names = [rung.name for rung in lab.config.ladder]
    if scale is not None and scale not in names:
        raise UserError(f"no scale is called '{scale}'; the ladder has: {', '.join(names)}")
    rung = names.index(scale) if scale else 0
    lab.check()
    with corpus_progress(quiet=json) as progress:
        for recipe, name in ((old, old_name), (new, new_name)):
            lab.check_recipe(recipe, lab.config.ladder[rung], name, progress)
    executor = lab.executor()
    rows: list[dict[str, Any]] = []
    try:
        for matched in MATCHES if match == "all" else (match,):
            with pair_progress(pairs, quiet=json or not sys.stderr.isatty()) as tick:
                rows.append(run_comparison(lab, old, new, rung, pairs, executor, tick, matched))
    finally:
        executor.close()
    if json:
        print_json({"old": old.hash, "new": new.hash, "matched": rows} if match == "all" else rows[0])
    elif match == "all":
        _show_all(rows)
    else:
        _show(rows[0])


WORDS = {
    "better": "Yes: NEW is better.", "worse": "No: NEW is worse.",
    "no worthwhile difference": "No: any gain is smaller than the least effect worth having (evidence.min_effect).",
    "undecided": "Not decided.",
}  # fmt: skip
NAMES = {"flops": "compute", "tokens": "tokens", "time": "time"}


def _show_all(rows: list[dict[str, Any]]) -> None:
    """One line for each way of being fair."""
    print(f"NEW against OLD at '{rows[0]['scale']}', bits per byte saved; each line is a question of its own.")
    print(f"  {'equal':8}  {'effect':>9}  {'95% interval':20}  {'e':>8}  pairs  {'NEW / OLD tokens, time':22}  answer")
    for row in rows:
        evidence, old, new = row["evidence"], row["arms"]["old"], row["arms"]["new"]
        effect = evidence["effect_percent"]
        time = f"{new['seconds'] / old['seconds']:.2f}" if new["seconds"] and old["seconds"] else "?"
        ratios = f"{new['tokens'] / old['tokens']:.2f}, {time}"
        print(
            f"  {NAMES[row['match']]:8}  {'diverged' if effect is None else f'{effect:+.3f}%':>9}  "
            f"{interval(evidence['low_percent'], evidence['high_percent']):20}  {evidence['e_value']:>8.3g}  "
            f"{row['pairs']:5}  {ratios:22}  {row['answer']}"
        )
    print("  Equal time rests on step times measured here; they vary with what else the machine does.")


def _show(facts: dict[str, Any]) -> None:
    evidence = facts["evidence"]
    print(WORDS[facts["answer"]])
    if facts["match"] != "flops":
        old, new = facts["arms"]["old"], facts["arms"]["new"]
        print(f"  matched  equal {NAMES[facts['match']]}: NEW trains {new['steps']:,} steps, {new['tokens']:,} tokens, "
              f"{new['flops']:.3g} FLOPs; OLD {old['steps']:,}, {old['tokens']:,}, {old['flops']:.3g}")  # fmt: skip
    if evidence["effect_percent"] is None:
        print(f"  NEW diverged (run {evidence['pairs'][-1]['candidate']}).")
        return
    spread = interval(evidence["low_percent"], evidence["high_percent"])
    print(f"  effect   {evidence['effect_percent']:+.3f}% of bits per byte saved at '{facts['scale']}' over "
          f"{facts['pairs']} pairs; 95% interval {spread}")  # fmt: skip
    print(f"  e-value  {evidence['e_value']:.3g} for better (20 needed)")
    if facts["answer"] == "undecided":
        more = facts["pairs_it_would_take"]
        print(f"  An answer would take about {more} pairs in all if the effect is as measured." if more
              else "  An answer would take more than 400 pairs if the effect is as measured.")  # fmt: skip
    for pair in evidence["pairs"]:
        print(f"  pair {pair['seed'] + 1}: {pair['champion']} against {pair['candidate']}: {pair['difference']:+.5f}")
