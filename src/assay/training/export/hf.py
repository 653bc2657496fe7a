"""Hugging Face: a folder that `transformers` loads by `from_pretrained`, without code of its own.

Logits are equal (to rounding) where one of the families below computes what the recipe says; where none does, the
export says which options stand in the way rather than writing a model that computes something else.
"""

import json
from pathlib import Path

import safetensors.torch

from assay.corpus.manifest import open_corpus
from assay.spec.errors import UserError
from assay.spec.recipe import Model, in_words
from assay.spec.scale import shape_at
from assay.training.export import Exported
from assay.training.export.family import Family
from assay.training.export.gpt2 import GPT2
from assay.training.export.llama import APERTUS, ARCEE, LLAMA, NEMOTRON, QWEN3, SMOLLM3
from assay.training.export.tokenizer import tokenizer_files
from assay.training.files import clear_when_full, replace_file
from assay.training.restore import load_model

FAMILIES = (GPT2, LLAMA, QWEN3, SMOLLM3, ARCEE, APERTUS, NEMOTRON)


def family_of(model: Model) -> Family:
    """The first family that computes what the options say.

    Raises:
        UserError: none does; names the options that the nearest one lacks.
    """
    nearest = min(FAMILIES, key=lambda family: len(family.lacks(model)))
    lacking = nearest.lacks(model)
    if not lacking:
        return nearest
    options = in_words({f"model.{field}": getattr(model, field) for field in lacking})
    others = ", ".join(family.name for family in FAMILIES if family is not nearest)
    raise UserError(
        f"this recipe has no equivalent in Hugging Face's {nearest.name}, which comes nearest (others: {others}), "
        f"because of {options}; the run's own checkpoint/ holds its weights as safetensors"
    )


def write(run: Path, out: Path) -> Exported:
    """Write the newest checkpoint of a run's folder into `out`. Files of an earlier export there are replaced.

    Raises:
        UserError: no complete checkpoint, no equivalent, or the disk is full.
    """
    order, model, _ = load_model(run)
    settings, corpus = order.run.recipe.model, Path(order.corpus_dir)
    family = family_of(settings)
    shape = shape_at(order.run.recipe, order.run.scale, order.vocab)
    end = open_corpus(corpus, withdrawn=True).end_of_text
    config = family.config(shape, settings) | {
        "bos_token_id": end, "eos_token_id": end, "pad_token_id": None, "dtype": "float32"
    }  # fmt: skip
    weights = family.weights(dict(model.state_dict()), shape, settings)
    whole = {name: weight.contiguous().clone() for name, weight in weights.items()}
    files = {
        "config.json": json.dumps(config, indent=1).encode(),
        **tokenizer_files(corpus, shape.context),
        "model.safetensors": safetensors.torch.save(whole, {"format": "pt"}),
    }
    with clear_when_full(out):
        out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        replace_file(out / name, data)
    return Exported(family.name, out, tuple(files))
