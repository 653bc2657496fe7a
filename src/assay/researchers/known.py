"""strategy:known: the changes that the literature knows to matter for small language models, in a fixed order.

Each row of `KNOWN` is one change, with the effect that its sources lead one to expect at equal compute. The
order and the predictions come from those sources, not from results of this lab. To add a change, add a row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from assay.researchers.acting import resolved
from assay.researchers.admissible import admissible, domains, is_new
from assay.researchers.moves import by_rule_or_hand, readable, shares
from assay.spec.proposal import Kind, Prediction, Proposal
from assay.spec.protocols import View
from assay.spec.recipe import Change, flatten
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
        allowed, value = view.config.search.get(key), resolved(view.champion)[key]
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
        "Domains as even as four epochs of the small ones allow give each its due without wearing any out.",
        "mixture",
        {"data.mixture_rule": to("unimax")},
        (0.2, -1.5, 2.0),
        (
            "Chung et al. 2023, UniMax: Fairer and more Effective Language Sampling for Large-Scale Multilingual "
            "Pretraining",
            "Muennighoff et al. 2023, Scaling Data-Constrained Language Models",
        ),
    ),
    Row(
        "Near duplicates spend compute on text that was read already, and are learned by heart.",
        "dedup",
        {"data.dedup": to("minhash")},
        (0.1, -0.8, 1.5),
        ("Lee et al. 2022, Deduplicating Training Data Makes Language Models Better",),
    ),
    Row(
        "Rules on repetition and on words drop documents that teach little, such as menus, lists and debris.",
        "filter",
        {"data.filters": to("gopher")},
        (0.1, -1.0, 1.5),
        ("Rae et al. 2021, Scaling Language Models: Methods, Analysis & Insights from Training Gopher (appendix A)",),
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
        "Embeddings of the token added to the values of every other layer give the model a memory that costs no matrix "
        "products.",
        "architecture",
        {"model.value_embeddings": to(True)},
        (0.7, -0.5, 2.5),
        (
            "Zhou et al. 2024, Value Residual Learning",
            "Jordan et al. 2024, modded-nanogpt: Speedrunning the NanoGPT baseline",
        ),
    ),
    Row(
        "Writing nothing to the residual stream at first lets every layer start as the identity.",
        "architecture",
        {"model.init": to("zero_residual")},
        (0.3, -0.7, 1.3),
        (
            "Zhang et al. 2019, Fixup Initialization: Residual Learning Without Normalization",
            "Jordan et al. 2024, modded-nanogpt: Speedrunning the NanoGPT baseline",
        ),
    ),
    Row(
        "Gradients of embeddings are sparse and do not shrink with the width: they bear a higher learning rate than "
        "matrices.",
        "optimiser",
        {"optimiser.embedding.lr_ratio": step(3.0)},
        (0.3, -1.2, 1.8),
        ("Everett et al. 2024, Scaling Exponents Across Parameterizations and Optimizers",),
    ),
    Row(
        "Annealing on the domains as they are scored, while the learning rate falls, spends the most telling steps "
        "where they count.",
        "mixture",
        {"data.closing.share": nearest(0.2), "data.closing.mixture": as_scored},
        (0.3, -0.8, 1.6),
        (
            "Hu et al. 2024, MiniCPM: Unveiling the Potential of Small Language Models",
            "Blakeney et al. 2024, Does your data spark joy? Performance gains from domain upsampling at the end of "
            "training",
        ),
    ),
    Row(
        "The critical batch size grows during training: small batches first learn more from the same tokens.",
        "data",
        {"data.batch_warmup": nearest(0.2)},
        (0.3, -0.8, 1.4),
        (
            "McCandlish et al. 2018, An Empirical Model of Large-Batch Training",
            "Merrill et al. 2025, Critical Batch Size Revisited",
        ),
    ),
    Row(
        "The mean of the last weights is nearer to the minimum than the last ones.",
        "schedule",
        {"schedule.average": nearest(0.1)},
        (0.2, -0.4, 0.8),
        (
            "Kaddour 2022, Stop Wasting My Time! Saving Days of Training with Latest Weight Averaging",
            "Izmailov et al. 2018, Averaging Weights Leads to Wider Optima and Better Generalization",
        ),
    ),
    Row(
        "The first layer's values, mixed into later ones, keep what the token was within reach of attention.",
        "architecture",
        {"model.value_residual": to(True)},
        (0.3, -0.5, 1.3),
        ("Zhou et al. 2024, Value Residual Learning",),
    ),
    Row(
        "Layers that see the embedding again need not carry it through the residual stream.",
        "architecture",
        {"model.x0_residual": to(True)},
        (0.2, -0.6, 1.2),
        ("Jordan et al. 2024, modded-nanogpt: Speedrunning the NanoGPT baseline",),
    ),
    Row(
        "Attention within documents alone is not distracted by the text that happened to come before.",
        "data",
        {"data.document_mask": to(True)},
        (0.1, -0.8, 1.2),
        ("Zhao et al. 2024, Analysing The Impact of Sequence Composition on Language Model Pre-Training",),
    ),
    Row(
        "Whole documents, packed with few truncations, teach what depends on their beginning.",
        "data",
        {"data.packing": to("best_fit")},
        (0.0, -1.2, 1.0),
        ("Ding et al. 2024, Fewer Truncations Improve Language Modeling",),
    ),
    Row(
        "A final decay as 1 − √ spends more of it at low learning rates than a straight line.",
        "schedule",
        {"schedule.name": to("sqrt"), "schedule.final": to(0.0)},
        (0.1, -0.8, 1.0),
        ("Hägele et al. 2024, Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations",),
    ),
    Row(
        "Decay that spares the weights which their update grows does not work against the loss.",
        "optimiser",
        {"optimiser.cautious_decay": to(True)},
        (0.1, -0.4, 0.6),
        ("Chen et al. 2025, Cautious Weight Decay",),
    ),
    Row(
        "Adam in the eigenbases of Shampoo's preconditioner makes more of each step, though its rotations cost much at "
        "small batches.",
        "optimiser",
        {"optimiser.name": to("soap")},
        (0.0, -5.0, 4.0),
        ("Vyas et al. 2024, SOAP: Improving and Stabilizing Shampoo using Adam",),
    ),
    Row(
        "Averaging in place of a decaying learning rate does as well as a schedule that knows the end.",
        "optimiser",
        {"optimiser.name": to("schedule_free"), "schedule.name": to("constant"), "schedule.average": to(0.0)},
        (-0.3, -3.0, 2.0),
        ("Defazio et al. 2024, The Road Less Scheduled",),
    ),
    Row(
        "Norms before and after each block keep the residual stream from growing with depth.",
        "architecture",
        {"model.norm_place": to("sandwich")},
        (0.0, -1.0, 0.8),
        ("Gemma Team 2024, Gemma 2: Improving Open Language Models at a Practical Size",),
    ),
    Row(
        "Norms on the output of each block alone leave the stream as it is and steady training.",
        "architecture",
        {"model.norm_place": to("output"), "model.qk_norm": to(True)},
        (-0.1, -1.3, 0.8),
        ("OLMo Team 2025, 2 OLMo 2 Furious",),
    ),
    Row(
        "Bounded logits keep single tokens from ruling the gradient.",
        "architecture",
        {"model.logit_softcap": nearest(15.0)},
        (0.1, -0.6, 0.8),
        ("Gemma Team 2024, Gemma 2: Improving Open Language Models at a Practical Size",),
    ),
    Row(
        "A small penalty on the softmax's normaliser keeps logits from drifting, at no cost to the loss.",
        "optimiser",
        {"optimiser.z_loss": nearest(1e-4)},
        (0.0, -0.4, 0.4),
        ("Chowdhery et al. 2022, PaLM: Scaling Language Modeling with Pathways (section 5)",),
    ),
    Row(
        "Experts add parameters that each token uses a part of, which pays where compute and not data is short.",
        "architecture",
        {"model.experts": nearest(4), "model.experts_per_token": nearest(2)},
        (0.0, -3.0, 2.5),
        (
            "Fedus et al. 2022, Switch Transformers: Scaling to Trillion Parameter Models",
            "Wang et al. 2024, Auxiliary-Loss-Free Load Balancing Strategy for Mixture-of-Experts",
        ),
    ),
    Row(
        "Most of attention is local: layers with a sliding window save compute and lose little.",
        "architecture",
        {"model.window": nearest(32)},
        (-0.1, -1.0, 0.6),
        (
            "Beltagy et al. 2020, Longformer: The Long-Document Transformer",
            "Gemma Team 2024, Gemma 2: Improving Open Language Models at a Practical Size",
        ),
    ),
    Row(
        "Some layers without rotary positions attend by content alone.",
        "architecture",
        {"model.nope_every": nearest(4)},
        (0.0, -0.6, 0.5),
        (
            "Kazemnejad et al. 2023, The Impact of Positional Encoding on Length Generalization in Transformers",
            "Yang et al. 2025, Rope to Nope and Back Again: A New Hybrid Attention Strategy",
        ),
    ),
    Row(
        "A temperature draws small domains more often than their size, and none as often as even weights would.",
        "mixture",
        {"data.mixture_rule": to("temperature")},
        (0.1, -1.2, 1.5),
        ("Conneau et al. 2020, Unsupervised Cross-lingual Representation Learning at Scale (section 3.1)",),
    ),
    Row(
        "Domains whose loss still falls fast have most to teach: drawing them more often follows the learning.",
        "mixture",
        {"data.reweight": nearest(1.0)},
        (0.0, -1.2, 1.0),
        ("Jiang et al. 2024, Adaptive Data Optimization: Dynamic Sample Selection with Scaling Laws",),
    ),
    Row(
        "Constants that follow the width keep a recipe that was tuned small near its best when it is larger.",
        "shape",
        {"transfer": to("mup")},
        (0.0, -2.0, 2.0),
        ("Yang et al. 2022, Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer",),
    ),
    Row(
        "FineWeb's rules on short lines, repeated lines and missing full stops raise the quality of web text further.",
        "filter",
        {"data.filters": to("fineweb")},
        (0.0, -1.0, 1.0),
        ("Penedo et al. 2024, The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale",),
    ),
    Row(
        "Long passages that stand in many documents are learned by heart; dropping all but one frees compute.",
        "dedup",
        {"data.dedup": to("substring")},
        (0.0, -1.0, 1.0),
        ("Lee et al. 2022, Deduplicating Training Data Makes Language Models Better (ExactSubstr)",),
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
        found: list[Proposal] = []
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
            if admissible(view, proposal) is None and is_new(view, proposal, found):
                found.append(proposal)
        return found


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
    whole = by_rule_or_hand(change, old)
    return {key: value for key, value in whole.items() if value != old[key]} if first in change else {}
