"""strategy:known: the changes that the literature knows to matter for small language models, in a fixed order.

Each row of `KNOWN` is one change, with the effect that its sources lead one to expect at equal compute. The
order and the predictions come from those sources, not from results of this lab. To add a change, add a row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from assay.researchers.admissible import admissible, domains
from assay.researchers.moves import readable, shares
from assay.spec.proposal import Kind, Prediction, Proposal
from assay.spec.protocols import View
from assay.spec.recipe import Change, changed, flatten
from assay.spec.search import Range

Pick = Callable[[View, str], Any]
"""The new value of a key, or None when there is none."""


def to(value: Any) -> Pick:
    """This very value."""
    return lambda _view, _key: value


def nearest(value: float) -> Pick:
    """The allowed value that is nearest."""

    def pick(view: View, key: str) -> Any:
        allowed = view.config.search.get(key)
        if isinstance(allowed, Range):
            return max(allowed.low, min(allowed.high, value))
        numbers = [v for v in allowed or () if isinstance(v, int | float) and not isinstance(v, bool)]
        return min(numbers, key=lambda v: abs(v - value), default=None)

    return pick


def step(factor: float) -> Pick:
    """The champion's value times a factor, or the next allowed value in that direction."""

    def pick(view: View, key: str) -> Any:
        allowed, value = view.config.search.get(key), flatten(view.champion.model_dump(mode="json"))[key]
        if isinstance(allowed, Range):
            return readable(value * factor, allowed.low, allowed.high, isinstance(value, int))
        numbers = [v for v in allowed or () if isinstance(v, int | float) and not isinstance(v, bool)]
        if factor > 1:
            return min((v for v in numbers if v > value), default=None)
        return max((v for v in numbers if v < value), default=None)

    return pick


def as_scored(view: View, _key: str) -> Any:
    """Domains in the proportions in which the deciding score weighs them."""
    weights = view.config.corpus.score_weights
    return shares({domain: weights.get(domain, 0.0) for domain in domains(view)}) if len(domains(view)) > 1 else None


@dataclass(frozen=True)
class Row:
    """A change known from the literature.

    The first key of `change` is the change itself: where the champion has its value already, the row is
    skipped. The others go with it as far as the search space has them. `predicted` is (effect, low, high) in
    per cent of bits per byte at equal compute, an 80% interval.
    """

    hypothesis: str
    kind: Kind
    change: dict[str, Pick]
    predicted: tuple[float, float, float]
    citations: tuple[str, ...]


KNOWN = (
    Row(
        "Orthogonalised momentum (Muon) for hidden matrices makes better use of each step than AdamW.",
        "optimiser",
        {"optimiser.name": to("muon")},
        (2.5, -0.5, 6.0),
        (
            "Jordan et al. 2024, Muon: An optimizer for hidden layers in neural networks",
            "Liu et al. 2025, Muon is Scalable for LLM Training",
        ),
    ),
    Row(
        "The critical batch size is small early in training: at a small budget, smaller batches and more steps "
        "learn more from the same tokens.",
        "data",
        {"data.batch": step(0.5)},
        (1.5, -1.5, 5.0),
        (
            "McCandlish et al. 2018, An Empirical Model of Large-Batch Training",
            "Zhang et al. 2024, How Does Critical Batch Size Scale in Pre-training?",
        ),
    ),
    Row(
        "Small models train stably at learning rates well above common defaults, and short runs profit.",
        "optimiser",
        {"optimiser.lr": step(2.0)},
        (1.0, -1.5, 4.0),
        (
            "Wortsman et al. 2023, Small-scale proxies for large-scale Transformer training instabilities",
            "Yang et al. 2022, Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer",
        ),
    ),
    Row(
        "Rotary position embeddings give attention relative positions without having to learn them.",
        "architecture",
        {"model.position": to("rope")},
        (1.0, -0.3, 3.0),
        ("Su et al. 2021, RoFormer: Enhanced Transformer with Rotary Position Embedding",),
    ),
    Row(
        "Linear decay to zero is close to the optimal schedule of a run whose length is known.",
        "schedule",
        {"schedule.name": to("linear"), "schedule.final": to(0.0)},
        (0.5, -0.5, 1.5),
        (
            "Defazio et al. 2023, Optimal Linear Decay Learning Rate Schedules and Further Refinements",
            "Bergsma et al. 2025, Straight to Zero: Why Linearly Decaying the Learning Rate to Zero Works Best",
        ),
    ),
    Row(
        "Squared ReLU gives sparser and sharper MLP features than GELU at the same cost.",
        "architecture",
        {"model.mlp": to("relu2")},
        (0.5, -0.7, 1.8),
        ("So et al. 2021, Primer: Searching for Efficient Transformers for Language Modeling",),
    ),
    Row(
        "A gated MLP (SwiGLU), with the hidden width cut to two thirds to cost the same, beats GELU.",
        "architecture",
        {"model.mlp": to("swiglu"), "model.mlp_ratio": nearest(8 / 3)},
        (0.4, -1.0, 1.8),
        ("Shazeer 2020, GLU Variants Improve Transformer",),
    ),
    Row(
        "Normalised queries and keys keep attention logits bounded, which steadies training at high learning rates.",
        "architecture",
        {"model.qk_norm": to(True)},
        (0.3, -0.8, 1.5),
        (
            "Henry et al. 2020, Query-Key Normalization for Transformers",
            "Dehghani et al. 2023, Scaling Vision Transformers to 22 Billion Parameters",
        ),
    ),
    Row(
        "Training on domains in the proportions in which they are scored spends tokens where they count.",
        "mixture",
        {"data.mixture": as_scored},
        (0.5, -1.5, 2.5),
        ("Xie et al. 2023, DoReMi: Optimizing Data Mixtures Speeds Up Language Model Pretraining",),
    ),
    Row(
        "Separate input and output embeddings cost few parameters at a small vocabulary and free both from a "
        "compromise.",
        "architecture",
        {"model.tied_embeddings": to(False)},
        (0.2, -1.0, 1.5),
        ("Chung et al. 2021, Rethinking Embedding Coupling in Pre-trained Language Models",),
    ),
    Row(
        "A constant learning rate with a short final decay (WSD) stays at the peak for longer than a cosine.",
        "schedule",
        {"schedule.name": to("wsd"), "schedule.final": to(0.0)},
        (0.2, -0.8, 1.2),
        (
            "Hu et al. 2024, MiniCPM: Unveiling the Potential of Small Language Models",
            "Hägele et al. 2024, Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations",
        ),
    ),
    Row(
        "RMSNorm leaves out LayerNorm's centring, which contributes little.",
        "architecture",
        {"model.norm": to("rmsnorm")},
        (0.0, -0.5, 0.5),
        ("Zhang & Sennrich 2019, Root Mean Square Layer Normalization",),
    ),
    Row(
        "A shorter memory of squared gradients follows their change in a short run.",
        "optimiser",
        {"optimiser.beta2": nearest(0.95)},
        (0.2, -0.8, 1.0),
        ("Brown et al. 2020, Language Models are Few-Shot Learners (appendix B)",),
    ),
    Row(
        "With small batches, second moments should average over as many tokens as with large ones: a longer memory.",
        "optimiser",
        {"optimiser.beta2": step(1.01)},
        (0.0, -0.8, 0.8),
        ("Marek et al. 2025, Small Batch Size Training for Language Models: When Vanilla SGD Works",),
    ),
    Row(
        "Muon's learning rate has an optimum of its own, and short runs profit from a higher one.",
        "optimiser",
        {"optimiser.muon_lr": step(1.5)},
        (0.2, -1.5, 2.0),
        ("Jordan et al. 2024, Muon: An optimizer for hidden layers in neural networks",),
    ),
    Row(
        "Longer contexts lower the loss of later tokens, if the budget allows enough of them.",
        "data",
        {"data.context": step(2.0)},
        (0.0, -3.0, 3.0),
        ("Dai et al. 2019, Transformer-XL: Attentive Language Models Beyond a Fixed-Length Context",),
    ),
    Row(
        "Weight decay acts through the learning rate's equilibrium, which a short run hardly reaches: less of it "
        "costs nothing and leaves faster early progress.",
        "optimiser",
        {"optimiser.weight_decay": step(0.5)},
        (0.0, -0.5, 0.5),
        ("D'Angelo et al. 2024, Why Do We Need Weight Decay in Modern Deep Learning?",),
    ),
    Row(
        "At a fixed budget a smaller model that sees more tokens can be nearer to the compute-optimal size.",
        "shape",
        {"model.depth_ratio": step(0.5)},
        (0.0, -3.5, 3.5),
        ("Hoffmann et al. 2022, Training Compute-Optimal Large Language Models",),
    ),
    Row(
        "Deeper models use parameters better than wider ones, up to a depth that grows with width.",
        "shape",
        {"model.depth_ratio": step(1.5)},
        (-0.5, -3.5, 2.0),
        ("Levine et al. 2020, Limits to Depth Efficiencies of Self-Attention",),
    ),
    Row(
        "Query heads that share keys and values lose little and leave compute for more steps.",
        "shape",
        {"model.query_heads_per_kv": step(2.0)},
        (0.0, -0.8, 0.6),
        ("Ainslie et al. 2023, GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints",),
    ),
    Row(
        "More, narrower heads attend to more things at once at the same cost.",
        "shape",
        {"model.head_dim": step(0.5)},
        (-0.1, -1.0, 0.8),
        ("Vaswani et al. 2017, Attention Is All You Need (table 3, rows A)",),
    ),
    Row(
        "Warm-up beyond what stability needs wastes steps at a low learning rate.",
        "schedule",
        {"schedule.warmup": step(0.5)},
        (0.0, -0.6, 0.6),
        ("Kosson et al. 2024, Analyzing & Reducing the Need for Learning Rate Warmup in GPT Training",),
    ),
    Row(
        "The other side of the learning-rate sweep: a lower rate, in case the default is past the optimum.",
        "optimiser",
        {"optimiser.lr": step(0.5)},
        (-1.0, -4.0, 1.5),
        ("Yang et al. 2022, Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer",),
    ),
)


class Known:
    """Rows of `KNOWN` in order; on a new champion, rows that were never tried come before those that were."""

    name = "strategy:known"

    def propose(self, view: View, n: int) -> list[Proposal]:
        own = [t.registered.proposal for t in view.trials if t.registered.proposal.author == self.name]
        tried = {proposal.hypothesis for proposal in own}
        found: dict[str, Proposal] = {}
        for row in sorted(KNOWN, key=lambda row: row.hypothesis in tried):
            if len(found) == n:
                break
            change = _change(row, view)
            if not change:
                continue
            effect, low, high = row.predicted
            proposal = Proposal(
                hypothesis=row.hypothesis,
                kind=row.kind,
                change=change,
                predicted=Prediction(effect=effect, low=low, high=high),
                author=self.name,
                citations=row.citations,
            )
            if admissible(view, proposal) is None:
                found.setdefault(changed(view.champion, change).hash, proposal)
        return list(found.values())


def _change(row: Row, view: View) -> Change:
    """The row's change to this champion; empty where it has it already, or the space lacks it."""
    old = flatten(view.champion.model_dump(mode="json"))
    first = next(iter(row.change))
    change: Change = {}
    for key, pick in row.change.items():
        allowed = view.config.search.get(key)
        if allowed is None:
            continue
        value = pick(view, key)
        permitted = isinstance(allowed, Range) or value in allowed
        if value is not None and permitted and value != old[key]:
            change[key] = value
    return change if first in change else {}
