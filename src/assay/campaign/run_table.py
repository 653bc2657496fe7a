"""A lab's finished runs as a plain table, as `assay law`, `assay evidence` and other people's tools read it."""

from typing import Any

from assay.campaign.lab import Lab
from assay.spec.scale import shape_at


def run_table(lab: Lab, recipe: str | None = None, scale: str | None = None) -> list[dict[str, Any]]:
    """One row a finished run, without those of placebos under test.

    Args:
        recipe: hash of a recipe; all if None.
        scale: name of a scale; all if None.

    Returns:
        Rows with `run`, `recipe`, `generation` (of whose champion it is, or None), `scale`, `seed`, `init`, `data`,
        `params`, `tokens`, `flops`, `loss` and `value` (both the deciding score in bits per byte, lower is better), and
        the score on each domain. In order of scale, recipe and seed.
    """
    campaign = lab.campaign()
    hidden, vocab = campaign.hidden_recipes(), campaign.vocab
    generations = {generation.recipe: generation.number for generation in reversed(campaign.generations)}
    found: list[dict[str, Any]] = []
    for row in lab.store.run_rows():
        if row["status"] != "finished" or row["recipe"] in hidden:
            continue
        if recipe not in (None, row["recipe"]) or scale not in (None, row["scale"]):
            continue
        run = lab.store.run(row["hash"])
        assert run is not None, row["hash"]
        shape = shape_at(run.recipe, run.scale, vocab)
        found.append(
            {
                "run": row["hash"],
                "recipe": row["recipe"],
                "generation": generations.get(row["recipe"]),
                "scale": row["scale"],
                "seed": run.seed.init,
                "init": run.seed.init,
                "data": run.seed.data,
                "params": shape.parameters,
                "tokens": shape.tokens,
                "flops": row["flops"],
                "loss": row["score"],
                "value": row["score"],
                **row["domains"],
            }
        )
    return sorted(found, key=lambda each: (each["flops"], each["recipe"], each["init"], each["data"]))
