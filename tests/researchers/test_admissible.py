"""What may be proposed."""

from typing import Any

import pytest

from assay.researchers.acting import acting, effective
from assay.researchers.admissible import admissible
from assay.spec.data_cost import Amounts, DataCost, Selected
from assay.spec.external import External, ExternalTrainer
from assay.spec.lab import Limits
from assay.spec.proposal import Prediction, Proposal
from assay.spec.recipe import Recipe, changed
from assay.spec.scale import Scale, shape_at
from assay.spec.search import Range
from tests.researchers.views import DOMAINS, after, config, promoted, proposal, trial, view


@pytest.mark.parametrize(
    "change",
    [
        {"optimiser.name": "muon"},
        {"optimiser.name": "muon", "optimiser.muon_lr": 0.03},
        {"schedule.name": "wsd", "schedule.decay": 0.4},
        {"data.mixture": {"code": 0.2, "docs": 0.3, "tests": 0.5}},
        {"model.head_dim": 16, "model.query_heads_per_kv": 2},
    ],
)
def test_sound_changes_are_admissible(change: dict[str, Any]) -> None:
    assert admissible(view(), proposal(change)) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"base_width": 128}, "may not change"),
        ({"model.colour": "red"}, "may not change"),
        ({"optimiser.lr": 0.5}, "outside"),
        ({"optimiser.lr": float("nan")}, "should be a number"),
        ({"optimiser.lr": "fast"}, "should be a number"),
        ({"schedule.name": "triangle"}, "not one of"),
        ({"data.mixture": {"code": 0.5, "poems": 0.5}}, "'poems'"),
        ({"data.mixture": {"code": 1.5, "docs": 0.5}}, None),  # shares of 0.75 and 0.25
        ({"data.epoch_limits": {"code": 2.0}}, "'data.epoch_limits' may not change"),
        ({"data.mixture": {"code": 0.0}}, "zero"),
        ({"data.mixture": 0.5}, "data.mixture"),
        ({"model.query_heads_per_kv": 2}, "cannot be built at scale 'medium'"),  # three heads at width 96
        ({"data.batch": 12}, "changes nothing"),
        ({"data.batch": 12, "optimiser.lr": 0.001}, "changes nothing"),
        ({"optimiser.muon_lr": 0.03}, "optimiser.name is 'muon'"),
        ({"schedule.decay": 0.4}, "schedule.name is 'wsd' or 'sqrt'"),
        ({"optimiser.soap_every": 5}, "optimiser.name is 'soap'"),
        ({"optimiser.name": "soap", "schedule.average": 0.3}, "not one of"),
        ({"optimiser.name": "schedule_free", "schedule.average": 0.1}, "optimiser.name = 'schedule_free'"),
        ({"schedule.name": "constant", "schedule.final": 0.0, "optimiser.lr": 0.001}, None),
        ({"model.full_every": 4}, "model.window is above 0"),
        ({"model.window": 64}, "trains as the champion does"),  # the context
        ({"model.window": 16}, None),
        ({"model.experts_per_token": 4}, "model.experts is above 0"),
        ({"model.experts": 4, "model.experts_per_token": 4}, None),
        ({"model.experts": 2, "model.experts_per_token": 4}, "more experts than there are"),
        ({"model.rope_base": 1000.0}, "model.position is 'rope'"),
        ({"optimiser.head.lr_ratio": 2.0}, "model.tied_embeddings is False"),
        ({"optimiser.head.lr_ratio": 2.0, "model.tied_embeddings": False}, None),
        ({"optimiser.embedding.beta2": 0.99}, "trains as the champion does"),  # as the optimiser's own
        ({"optimiser.embedding.beta2": 0.95}, None),
        ({"optimiser.weight_decay": 0.0, "optimiser.cautious_decay": True}, None),
        ({"data.dedup_similarity": 0.7}, "data.dedup is 'minhash'"),
        ({"data.filter_limit": 0.1}, "data.filters is 'gopher'"),
        ({"data.temperature": 2.0}, "data.mixture_rule is 'temperature'"),
        ({"data.closing.share": 0.2}, "trains as the champion does"),
        ({"data.closing.mixture": {"code": 1.0}}, "data.closing.share is above 0"),
        ({"data.closing.share": 0.2, "data.closing.mixture": {"code": 1.0}}, None),
        ({"data.closing.share": 0.2, "data.closing.mixture": {"poems": 1.0}}, "'data.closing.mixture' names 'poems'"),
        ({"transfer": "mup"}, "changes nothing at scale 'small'"),
    ],
)
def test_unsound_changes_are_refused_with_the_reason(change: dict[str, Any], reason: str | None) -> None:
    refusal = admissible(view(), proposal(change))
    if reason is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert reason in refusal


def test_limits_of_domains_may_be_searched_within_a_range() -> None:
    now = view(config(search={"data.epoch_limits": Range(low=0.5, high=4.0), "data.mixture_rule": ("size", "unimax")}))
    even = {"data.mixture_rule": "unimax"}
    assert admissible(now, proposal(even | {"data.epoch_limits": {"docs": 0.5}})) is None
    for limits, reason in (
        ({"docs": 0.25}, "'data.epoch_limits.docs' = 0.25 is outside [0.5, 4.0]"),
        ({"poems": 1.0}, "'data.epoch_limits' names 'poems'"),
    ):
        assert reason in str(admissible(now, proposal(even | {"data.epoch_limits": limits})))
    assert "domains differ in epochs" in str(admissible(now, proposal({"data.epoch_limits": {"docs": 0.5}})))


def test_a_mixture_s_limits_hold_for_shares() -> None:
    now = view(config(search={"data.mixture": Range(low=0.1, high=0.6)}))
    assert admissible(now, proposal({"data.mixture": {"code": 4, "docs": 3, "tests": 3}})) is None
    refusal = admissible(now, proposal({"data.mixture": {"code": 7, "docs": 2, "tests": 1}}))
    assert "'data.mixture.code' = 0.7 is outside [0.1, 0.6]" in str(refusal)


def test_too_little_text_selected_is_refused() -> None:
    """The largest run reads what is left more than four times."""
    now, change = view(), {"data.filters": "gopher"}
    candidate = changed(now.champion, change)
    tokens = max(shape_at(candidate, scale, now.vocab).tokens for scale in now.config.ladder)

    def left(count: int) -> str | None:
        cost = DataCost(
            view="v", content="c", cpu_seconds=1.0, removed=Amounts(), left=Amounts(tokens=count),
            tokens={"code": count - 1, "docs": 1},
        )  # fmt: skip
        known = Selected(selection=candidate.data.selection(), cost=cost)
        return admissible(now.model_copy(update={"selections": {known.selection: known}}), proposal(change))

    assert left(-(-tokens // 4)) is None
    assert "what the recipe selects is too little for scale 'large'" in str(left(tokens // 4 - 1))


@pytest.mark.parametrize("key", ["data.mixture", "data.closing.share", "data.reweight"])
def test_where_there_is_one_domain_nothing_can_be_mixed(key: str) -> None:
    change = {"data.mixture": {"code": 1.0}} if key == "data.mixture" else {key: 0.5 if key == "data.reweight" else 0.2}
    refusal = admissible(view(domain_tokens={"code": 1000}), proposal(change))
    assert refusal == f"'{key}' says how domains are mixed, but the corpus has only one"


@pytest.mark.parametrize(
    "change",
    [
        {"schedule.name": "wsd"},
        {"optimiser.soap_lr": 1e-2},
        {"optimiser.vectors.eps": 1e-8},
        {"model.window": 4096, "model.full_every": 7},
        {"model.window": 8, "model.full_every": 1},
        {"data.opening.share": 0.5, "data.opening.mixture": None},
        {"data.closing.mixture": {"code": 1.0}},
        {"optimiser.weight_decay": 0.1, "optimiser.head.decay_ratio": 0.5},
    ],
)
def test_what_acts_agrees_exactly_where_training_is_alike(change: dict[str, Any]) -> None:
    alike = change.keys() != {"schedule.name"}
    assert (acting(changed(Recipe(), change)) == acting(Recipe())) is alike
    assert bool(effective(Recipe(), changed(Recipe(), change), change)) is not alike


def test_a_placebo_may_change_what_does_not_act() -> None:
    placebo = Proposal(
        hypothesis="Nothing happens.",
        kind="placebo",
        change={"optimiser.muon_lr": 0.03},
        predicted=Prediction(effect=0.0, low=-0.1, high=0.1),
        author="strategy:placebo",
    )
    assert admissible(view(), placebo) is None


def test_limits_hold_at_every_scale() -> None:
    # At the largest scale: 4 layers x 12 x 128 squared, the embedding and the positions: 0.83 million parameters.
    deeper = proposal({"model.depth_ratio": 2.0})
    assert admissible(view(config(limits=Limits(parameters=2_000_000))), deeper) is None
    refusal = admissible(view(config(limits=Limits(parameters=1_000_000))), deeper)
    assert refusal is not None
    assert "'large'" in refusal
    assert "[limits]" in refusal
    refusal = admissible(view(config(limits=Limits(memory_mb=50.0))), proposal({"data.batch": 24}))
    assert refusal is not None
    assert "MB" in refusal


def test_parameters_depend_on_the_vocabulary() -> None:
    limited, untied = config(limits=Limits(parameters=1_000_000)), proposal({"model.tied_embeddings": False})
    assert admissible(view(limited), untied) is None
    assert admissible(view(limited, vocab=4097), untied) is not None


def test_the_same_recipe_is_tested_once_against_each_champion() -> None:
    rope = proposal({"model.position": "rope"})
    now = view()
    for past in (
        after(now, trial(now, rope)),
        after(now, trial(now, rope, -1.0, "refuted")),
        # Another author, the same recipe in other words.
        after(now, trial(now, proposal({"model.position": "rope", "data.batch": 12}, "strategy:x"), 0.0, "refuted")),
    ):
        refusal = admissible(past, rope)
        assert refusal is not None
        assert "proposal 1 already" in refusal
        assert admissible(promoted(past, proposal({"optimiser.name": "muon"}), 2.0), rope) is None


def test_a_range_may_be_any_key_of_a_recipe() -> None:
    now = view(config(search={"model.rope_base": Range(low=10.0, high=1e6, log=True)}))
    refusal = admissible(now, proposal({"model.rope_base": 500.0}))
    assert refusal is not None
    assert "model.position is 'rope'" in refusal


def test_a_change_that_rounding_undoes_is_refused() -> None:
    shallow = (Scale(name="one", width=64, depth=1, flops=1e11), Scale(name="two", width=64, depth=4, flops=4e11))
    refusal = admissible(view(config(ladder=shallow)), proposal({"model.depth_ratio": 0.5}))
    assert refusal is not None
    assert "changes nothing at scale 'one'" in refusal
    assert admissible(view(), proposal({"model.depth_ratio": 0.5})) is None


def test_a_change_that_leaves_another_trainer_no_step_is_refused() -> None:
    fields = {
        "name": "own",
        "command": ["x", "{seed}"],
        "metrics": {"format": "csv"},
        "flops_per_token": "data.batch ** 9",
    }
    external = External(trainer=ExternalTrainer.parse(fields, "trainer.toml"), folder="/")
    dear = view(external=external)
    assert admissible(dear, proposal({"data.batch": 6})) is None
    assert "less than the" in (admissible(dear, proposal({"data.batch": 24})) or "")


def test_the_same_mixture_in_other_words_is_refused() -> None:
    even = proposal({"data.mixture": {"code": 0.334, "docs": 0.333, "tests": 0.333}})
    unimax, temperature = ({"data.mixture_rule": name} for name in ("unimax", "temperature"))
    tried = after(view(), trial(view(), even, -0.1, "refuted"))
    assert admissible(view(), proposal(unimax)) is None
    assert "proposal 1 already tests this recipe" in (admissible(tried, proposal(unimax)) or "")
    assert admissible(tried, proposal(temperature)) is None
    assert "the mixture is the same" in (admissible(view(), proposal({"data.mixture": by_size()})) or "")


def by_size() -> dict[str, float]:
    total = sum(DOMAINS.values())
    return {name: round(count / total, 3) for name, count in DOMAINS.items()}


def test_limits_that_no_run_reaches_are_refused() -> None:
    start = Recipe.model_validate({"data": {"mixture_rule": "unimax"}})
    here = view(config(start=start))
    assert "the mixture is the same" in (admissible(here, proposal({"data.epoch_limit": 8.0})) or "")
    few = here.model_copy(update={"domain_tokens": {name: count // 20 for name, count in DOMAINS.items()}})
    assert admissible(few, proposal({"data.epoch_limit": 1.0})) is None
