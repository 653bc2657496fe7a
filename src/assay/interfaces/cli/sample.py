"""`assay sample`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, Words, find_run, print_json
from assay.spec.errors import UserError

USAGE = "expected: assay sample [LAB] RUN TEXT"


def sample(
    *words: Words,
    tokens: Annotated[int, Parameter(help="At most so many; the model may end its text earlier.")] = 200,
    temperature: Annotated[float, Parameter(help="1: as the model has learned; less: likelier; 0: likeliest.")] = 0.8,
    top_k: Annotated[int, Parameter(help="Draw from so many of the likeliest tokens only; 0: from all.")] = 0,
    seed: Annotated[int, Parameter(help="The same seed gives the same text; with --count, the first of them.")] = 0,
    count: Annotated[int, Parameter(help="Texts, each with a seed of its own.")] = 1,
    json: Json = False,
) -> None:
    """Let a run go on from a text: assay sample [LAB] RUN TEXT, with a run's folder or the beginning of its hash.

    The newest checkpoint speaks, also of a run that is under way. The model sees its own context, so that in a longer
    text the beginning is forgotten.

    Examples:

        assay sample mylab 3f9c "def main("
        assay sample mylab/runs/3f9c51d20a6b7e84 "Once" --temperature 0.5 --count 3
    """
    if len(words) not in (2, 3) or (len(words) == 2 and (Path(words[0]) / "lab.toml").is_file()):
        raise UserError(f"{'too much' if len(words) > 3 else 'not enough'} given; {USAGE}")
    for name, value, least in (("tokens", tokens, 1), ("top-k", top_k, 0), ("count", count, 1), ("seed", seed, 0)):
        if value < least:
            raise UserError(f"--{name} {value}: give a whole number of {least} or more")
    if not 0 <= temperature < float("inf"):
        raise UserError(f"--temperature {temperature}: give a number of 0 or more")
    if seed + count > 2**63:
        raise UserError(f"--seed {seed}: give a smaller number")
    *lab, run, text = words
    folder = find_run(run, Path(lab[0]) if lab else None)

    from assay.corpus.tokenizers.kinds import load_tokenizer
    from assay.evaluation.generate import generate, stream_text
    from assay.training.environment import prepare
    from assay.training.restore import load_model

    prepare()
    trained = load_model(folder)
    tokenizer = load_tokenizer(Path(trained.order.corpus_dir))
    prompt = [tokenizer.end_of_text, *tokenizer.encode(text).tolist()]
    context = trained.order.run.recipe.data.context

    def pieces(seed: int) -> Iterator[str]:
        return stream_text(generate(trained.model, prompt, context, tokens, temperature, seed, top_k), tokenizer)

    if json:
        facts: dict[str, Any] = {"run": trained.order.run_hash, "weights": trained.weights, "prompt": text}
        facts["samples"] = [{"seed": each, "text": "".join(pieces(each))} for each in range(seed, seed + count)]
        print_json(facts)
        return
    for number in range(count):
        if count > 1:
            print(f"--- seed {seed + number}")
        print(text, end="", flush=True)
        for piece in pieces(seed + number):
            print(piece, end="", flush=True)
        print()
