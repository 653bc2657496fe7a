import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from assay.corpus.tokenizers.bpe import train_bpe
from assay.corpus.tokenizers.kinds import load_tokenizer
from assay.evaluation.__main__ import main
from assay.evaluation.score import score_run, span_losses
from assay.evaluation.spans import read_span_losses, read_spans
from assay.spec.errors import UserError
from assay.spec.scale import shape_at
from assay.training.main import train
from assay.training.model import GPT
from assay.training.restore import load_model
from tests.training.tiny import TINY, recipe, save_weights, text, write_corpus, write_order


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    run_json = write_order(tmp_path_factory.mktemp("run"), corpus)
    train(run_json)
    return run_json.parent


def by_hand(model: GPT, tokens: list[int], context: int) -> float:
    """-ln p of every token after the first, one token at a time, from the inputs of its own chunk only."""
    nats = 0.0
    for position in range(1, len(tokens)):
        start = (position - 1) // context * context
        with torch.no_grad():
            logits = model(torch.tensor([tokens[start:position]]))[0, -1].double()
        nats -= (logits[tokens[position]] - logits.logsumexp(0)).item()
    return nats


def test_scores_are_what_a_loop_over_single_tokens_finds(trained: Path, corpus: Path) -> None:
    scores = score_run(trained)
    model = load_model(trained).model
    spans = read_spans(corpus)
    for domain in ("docs", "code"):
        texts = [span.text for span in spans if span.domain == domain]
        size = sum(len(t.encode()) for t in texts)
        nats = sum(by_hand(model, [256, *t.encode()], context=16) for t in texts)
        assert scores.bytes[domain] == size
        assert scores.bits_per_byte[domain] == pytest.approx(nats / (math.log(2) * size), rel=1e-5)
    assert json.loads((trained / "scores.json").read_text()) == scores.model_dump()
    assert score_run(trained).bits_per_byte == scores.bits_per_byte


def test_losses_of_single_spans_add_up_to_the_score(trained: Path, corpus: Path, tmp_path: Path) -> None:
    scores = score_run(trained)
    nats, spans = read_span_losses(trained), read_spans(corpus)
    assert nats is not None
    assert len(nats) == len(spans)
    for domain, value in scores.bits_per_byte.items():
        mine = math.fsum(loss for loss, span in zip(nats, spans, strict=True) if span.domain == domain)
        assert mine / (math.log(2) * scores.bytes[domain]) == pytest.approx(value, rel=1e-12)
    assert read_span_losses(tmp_path) is None
    (tmp_path / "spans.safetensors").write_bytes(b"no tensors")
    with pytest.raises(UserError, match=r"spans\.safetensors is damaged"):
        read_span_losses(tmp_path)


@pytest.mark.parametrize("lengths", [[1, 2, 17], [33, 16, 15, 64, 2], [1]])
def test_zero_logits_cost_exactly_log_vocabulary_a_token(lengths: list[int]) -> None:
    chosen = recipe()
    model = GPT(shape_at(chosen, TINY, 257), chosen.model)
    torch.nn.init.zeros_(model.embedding.weight)  # tied: also the head
    streams = [np.arange(length) % 257 for length in lengths]
    expected = [(length - 1) * math.log(257) for length in lengths]
    assert span_losses(model, streams, context=16) == pytest.approx(expected, rel=1e-6)


def test_spans_do_not_depend_on_each_other(trained: Path) -> None:
    model = load_model(trained).model
    rng = np.random.default_rng(0)
    streams = [rng.integers(0, 257, length) for length in (5, 200, 3000, 16, 17)]
    together = span_losses(model, streams, context=16)
    assert together == pytest.approx([span_losses(model, [s], context=16)[0] for s in streams], rel=1e-5)
    assert together[::-1] == pytest.approx(span_losses(model, streams[::-1], context=16), rel=1e-5)


def test_bpe_counts_bytes_not_tokens(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    (corpus / "tokenizer.json").write_text(train_bpe([text(i, 200).encode() for i in range(20)], 320))
    manifest = json.loads((corpus / "manifest.json").read_text()) | {"tokenizer": "bpe:320", "vocab": 320}
    tokenizer = json.loads((corpus / "tokenizer.json").read_text())
    vocab = len(tokenizer["model"]["vocab"])
    end = next(added["id"] for added in tokenizer["added_tokens"])
    (corpus / "manifest.json").write_text(json.dumps(manifest | {"vocab": vocab, "end_of_text": end}))
    run_json = write_order(tmp_path / "run", corpus)
    order = json.loads(run_json.read_text()) | {"vocab": vocab}
    run_json.write_text(json.dumps(order))
    chosen = recipe()
    model = GPT(shape_at(chosen, TINY, vocab), chosen.model)
    torch.nn.init.zeros_(model.embedding.weight)
    save_weights(tmp_path / "run", dict(model.state_dict()))
    scores = score_run(tmp_path / "run")
    encode = load_tokenizer(corpus).encode
    for domain, value in scores.bits_per_byte.items():
        texts = [span.text for span in read_spans(corpus) if span.domain == domain]
        tokens, size = sum(len(encode(t)) for t in texts), sum(len(t.encode()) for t in texts)
        assert tokens < size
        assert value == pytest.approx(math.log2(vocab) * tokens / size, rel=1e-6)


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    run_json = write_order(tmp_path / "run", corpus)
    with pytest.raises(UserError, match="no complete checkpoint"):
        score_run(run_json.parent)
    other = GPT(shape_at(recipe({"model.mlp_ratio": 2.0}), TINY, 257), recipe({"model.mlp_ratio": 2.0}).model)
    save_weights(run_json.parent, dict(other.state_dict()))
    with pytest.raises(UserError, match=r"'layers\.0\.mlp\.down\.weight' is \(16, 32\), but .* \(16, 64\)"):
        score_run(run_json.parent)
    train(write_order(tmp_path / "good", corpus, stop_at_step=1))
    (corpus / "spans.jsonl").write_text('{"domain": "docs", "text": "fine"}\n{"domain": 3\n')
    with pytest.raises(UserError, match=r"spans\.jsonl, line 2"):
        score_run(tmp_path / "good")
    assert not (tmp_path / "good" / "scores.json").exists()


def test_the_command_works_alone(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "assay.evaluation", str(trained), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["bits_per_byte"] == score_run(trained).bits_per_byte
    assert main([str(trained)]) == 0
    assert capsys.readouterr().out.startswith("docs ")
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'run.json'}: no such file")
