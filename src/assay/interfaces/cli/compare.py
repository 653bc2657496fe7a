"""`assay compare`."""

import sys
from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, Words, interval, print_json, split_words
from assay.spec.errors import UserError


def compare(
    *words: Words,
    scale: Annotated[str | None, Parameter(help="A scale of the ladder; the smallest if left out.")] = None,
    pairs: Annotated[int, Parameter(help="Most pairs to train.")] = 20,
    json: Json = False,
) -> None:
    """Is NEW better than OLD? assay compare [LAB] OLD NEW, each a recipe's TOML file, hash, champion, start or gen2.

    Trains both with the same seeds, pair after pair, until the answer stands at the 5% level or the pairs are used up;
    then it says how many it would take. The answer stands alone: it promotes nothing.

    Examples:

        assay compare mylab old.toml new.toml
        assay compare mylab start champion --scale medium --pairs 8
    """
    from assay.campaign.comparison import compare as run_comparison
    from assay.interfaces.cli.progress import pair_progress
    from assay.spec.registry import load

    lab, (old_name, new_name) = split_words(words, ("OLD", "NEW"), "compare")
    if pairs < 2:
        raise UserError(f"--pairs {pairs}: at least 2 are needed to see any noise")
    old, new = lab.recipe(old_name), lab.recipe(new_name)
    names = [rung.name for rung in lab.config.ladder]
    if scale is not None and scale not in names:
        raise UserError(f"no scale is called '{scale}'; the ladder has: {', '.join(names)}")
    rung = names.index(scale) if scale else 0
    lab.check()
    for recipe, name in ((old, old_name), (new, new_name)):
        lab.check_recipe(recipe, lab.config.ladder[rung], name)
    executor = load("executor", lab.config.execution.executor)(
        workers=lab.workers(), weights=lab.config.corpus.score_weights
    )
    try:
        with pair_progress(pairs, quiet=json or not sys.stderr.isatty()) as tick:
            facts = run_comparison(lab, old, new, rung, pairs, executor, tick)
    finally:
        executor.close()
    if json:
        print_json(facts)
        return
    evidence = facts["evidence"]
    words_of = {
        "better": "Yes: NEW is better.", "worse": "No: NEW is worse.",
        "no worthwhile difference": "No: any gain is smaller than the least effect worth having (evidence.min_effect).",
        "undecided": "Not decided.",
    }  # fmt: skip
    print(words_of[facts["answer"]])
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
