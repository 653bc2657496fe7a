"""Exports against Hugging Face's own implementations: equal logits, equal token ids."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.corpus.tokenizers.base import END_OF_TEXT
from assay.corpus.tokenizers.bpe import train_bpe
from assay.corpus.tokenizers.bytes import Bytes
from assay.corpus.tokenizers.hf import HuggingFace
from assay.spec.errors import UserError
from assay.spec.recipe import Model
from assay.training.export.hf import FAMILIES, family_of, write
from assay.training.export.tokenizer import byte_tokenizer
from assay.training.restore import load_model
from tests.training.exported import run_of
from tests.training.tiny import text, write_corpus

transformers = pytest.importorskip(
    "transformers", reason="transformers is not installed; `pip install -c constraints.txt -e .[dev]` brings it"
)

LLAMA = {"model.position": "rope", "model.norm": "rmsnorm", "model.mlp": "swiglu"}
ROPE = {"model.position": "rope", "model.mlp": "relu2"}
MUP = {"transfer": "mup", "base_width": 16, "base_depth": 2}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "defaults": ("GPT-2", {}),
    "biases": ("GPT-2", {"model.bias": True}),
    "relu2, untied, no positions": (
        "GPT-2", {"model.mlp": "relu2", "model.tied_embeddings": False, "model.position": "none"}
    ),
    "gpt2 with mup": ("GPT-2", {"model.bias": True, **MUP}),
    "llama": ("Llama", LLAMA),
    "grouped, untied, another base": (
        "Llama",
        {**LLAMA, "model.query_heads_per_kv": 2, "model.tied_embeddings": False, "model.rope_base": 500.0},
    ),
    "biases, no gains, mup": ("Llama", {**LLAMA, "model.bias": True, "model.norm": "rmsnorm_plain", **MUP}),
    "qk_norm and windows": ("Qwen3", {**LLAMA, "model.qk_norm": True, "model.window": 5, "model.full_every": 3}),
    "windows": ("SmolLM3", {**LLAMA, "model.window": 5}),
    "some layers without positions": ("SmolLM3", {**LLAMA, "model.nope_every": 2, "model.query_heads_per_kv": 4}),
    "relu2 with RMSNorm": ("Arcee", {**ROPE, "model.norm": "rmsnorm", "model.query_heads_per_kv": 2, **MUP}),
    "relu2 with qk_norm": ("Apertus", {**ROPE, "model.norm": "rmsnorm_plain", "model.qk_norm": True}),
    "relu2 with LayerNorm": ("Nemotron", {**ROPE, "model.bias": True, "model.rope_base": 500.0, **MUP}),
    "GELU with LayerNorm": ("Nemotron", {**ROPE, "model.mlp": "gelu", "model.tied_embeddings": False}),
    "no positions": ("SmolLM3", {**LLAMA, "model.position": "none", "model.bias": True}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_logits_are_hugging_faces(case: str, corpus: Path, tmp_path: Path) -> None:
    family, change = CASES[case]
    run = run_of(tmp_path / "run", corpus, change)
    assert write(run, tmp_path / "out").family == family
    theirs, report = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "out", dtype=torch.float32, output_loading_info=True
    )
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), report
    ours = load_model(run).model
    tokens = torch.randint(257, (3, 16), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, got = theirs.eval()(tokens).logits, ours(tokens)
    assert got.abs().max() > 0.5, "nothing to compare"
    assert (got - expected).abs().max() < 1e-5
    assert sum(p.numel() for p in ours.parameters()) <= sum(p.numel() for p in theirs.parameters())


def test_the_tanh_approximation_is_another_function(corpus: Path, tmp_path: Path) -> None:
    """Otherwise the equality above would not tell exact GELU from GPT-2's own."""
    run = run_of(tmp_path / "run", corpus, {})
    write(run, tmp_path / "out")
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    (tmp_path / "out" / "config.json").write_text(json.dumps(config | {"activation_function": "gelu_new"}))
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32)
    tokens = torch.arange(16)[None]
    with torch.no_grad():
        assert (theirs(tokens).logits - load_model(run).model(tokens)).abs().max() > 1e-5


@pytest.fixture(scope="module")
def byte_tokens(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("bytes")
    write(run_of(folder / "run", write_corpus(folder / "corpus"), {}), folder / "out")
    return transformers.AutoTokenizer.from_pretrained(folder / "out")


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_byte_tokenizer_gives_the_bytes_of_any_text_and_the_text_back(byte_tokens: Any, words: str) -> None:
    ids = byte_tokens(words, add_special_tokens=False)["input_ids"]
    assert ids == Bytes().encode(words).tolist() == list(words.encode())
    assert byte_tokens.decode([*ids, 256], skip_special_tokens=True) == words


def test_end_of_text_is_one_id_that_no_text_spells(byte_tokens: Any) -> None:
    assert byte_tokens.eos_token_id == byte_tokens.bos_token_id == 256
    assert byte_tokens(END_OF_TEXT)["input_ids"] == list(END_OF_TEXT.encode())
    assert byte_tokens.decode([104, 105, 256]) == "hi" + END_OF_TEXT
    assert len(byte_tokens) == len(byte_tokenizer()["model"]["vocab"]) == 257


def test_a_bpe_corpus_exports_its_own_tokenizer(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    serialised = train_bpe([text(i, 200).encode() for i in range(5)], 300)
    (corpus / "tokenizer.json").write_text(serialised)
    manifest = json.loads((corpus / "manifest.json").read_text())
    own = HuggingFace(serialised)
    manifest |= {"tokenizer": "bpe:300", "vocab": own.vocab, "end_of_text": own.end_of_text}
    (corpus / "manifest.json").write_text(json.dumps(manifest))
    write(run_of(tmp_path / "run", corpus, LLAMA, vocab=own.vocab), tmp_path / "out")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    for words in (text(9, 50), "", "  two  spaces\n\tand tabs", "naïve 日本 🙂", f"a{END_OF_TEXT}b"):
        ids = theirs(words, add_special_tokens=False)["input_ids"]
        assert np.array_equal(ids, own.encode(words))
        assert theirs.decode(ids) == words
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["eos_token_id"] == theirs.eos_token_id == own.end_of_text


def test_generation_is_greedy_decoding_of_our_logits(corpus: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", corpus, {**LLAMA, "model.qk_norm": True, "model.window": 5})
    write(run, tmp_path / "out")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32)
    ours, tokens = load_model(run).model, torch.arange(5)[None]
    got = theirs.generate(tokens, max_new_tokens=10, do_sample=False, pad_token_id=256)
    with torch.no_grad():
        while tokens.shape[1] < got.shape[1]:
            tokens = torch.cat((tokens, ours(tokens)[:, -1:].argmax(-1)), 1)
    assert torch.equal(got, tokens)


ONE_MORE = {
    "norm_place": "sandwich", "value_embeddings": True, "value_residual": True, "x0_residual": True,
    "logit_softcap": 30.0, "experts": 4,
}  # fmt: skip


@pytest.mark.parametrize("field", ONE_MORE)
@pytest.mark.parametrize("base", [{}, LLAMA])
def test_options_without_equivalent_are_named(field: str, base: dict[str, Any]) -> None:
    options = {key.removeprefix("model."): value for key, value in base.items()}
    with pytest.raises(UserError) as caught:
        family_of(Model.model_validate(options | {field: ONE_MORE[field]}))
    message = str(caught.value)
    assert f"because of model.{field} = " in message
    assert ("Llama, which" if base else "GPT-2, which") in message
    assert "\n" not in message


def test_every_option_is_either_exported_or_refused() -> None:
    """Every field of the architecture is one that shapes say, that a family writes, or that some family refuses."""
    sizes = {"width_ratio", "depth_ratio", "head_dim", "mlp_ratio", "tied_embeddings", "rope_base", "full_every"}
    initial = {"init", "init_ratio"}
    only_with_experts = {"experts_per_token", "shared_expert", "expert_bias_rate"}
    refused = {need.field for family in FAMILIES for need in family.needs}
    assert set(Model.model_fields) == sizes | initial | only_with_experts | refused
