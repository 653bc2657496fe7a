"""The embedded strategies: what they propose, and that they learn."""

import math
import random
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from assay.researchers.acting import ACTS_ONLY_WITH, acting
from assay.researchers.history import kind_of, levels, predict
from assay.researchers.known import KNOWN, Known
from assay.researchers.moves import change_of, fields, mixture_of, position, shares
from assay.researchers.random_search import RandomSearch
from assay.researchers.tpe import Tpe
from assay.spec.lab import DEFAULT_SEARCH
from assay.spec.proposal import Prediction
from assay.spec.protocols import Researcher, View
from assay.spec.recipe import Recipe, changed, difference
from assay.spec.scale import Scale
from assay.spec.search import Range
from tests.researchers.views import DOMAINS, LADDER, after, config, promoted, proposal, trial, view


def test_controller_does_not_pay_for_heavy_imports() -> None:
    code = (
        "import sys, assay.researchers.create, assay.researchers.human; from assay.spec.registry import load, names\n"
        "for name in names('researcher'): load('researcher', name)\n"
        "print([m for m in ('optuna', 'anthropic', 'httpx2', 'torch', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- strategy:known


def test_known_rows_are_complete_and_distinct() -> None:
    assert len({row.hypothesis for row in KNOWN}) == len(KNOWN)
    for row in KNOWN:
        effect, low, high = row.predicted
        assert Prediction(effect=effect, low=low, high=high)
        assert row.citations
        for source in row.citations:
            assert any(str(year) in source for year in range(2015, 2027))


def test_known_goes_through_its_rows_in_order() -> None:
    now, seen = view(), []
    while found := Known().propose(now, 1):
        seen.append(found[0].hypothesis)
        now = after(now, trial(now, found[0], 0.0, "inconclusive"))
    order = [row.hypothesis for row in KNOWN]
    assert seen == [each for each in order if each in seen]
    assert len(seen) >= 18
    assert [each.hypothesis for each in Known().propose(view(), 5)] == seen[:5]


def test_known_skips_what_the_champion_has_and_what_may_not_change() -> None:
    start = Recipe.model_validate({"optimiser": {"name": "muon"}, "model": {"mlp": "swiglu"}})
    space = {"optimiser.name": ("adamw", "muon"), "model.mlp": ("gelu", "relu2", "swiglu"), "model.position": ("rope",)}
    found = Known().propose(view(config(start=start, search=space)), 50)
    assert [each.change for each in found] == [{"model.position": "rope"}, {"model.mlp": "relu2"}]


def test_known_retries_on_a_new_champion_after_what_was_never_tried() -> None:
    now = view(
        config(search={"model.position": ("learned", "rope"), "model.qk_norm": (False, True), "data.batch": (6, 12)})
    )
    batch, rope = Known().propose(now, 2)
    now = after(now, trial(now, rope, -0.5, "refuted"))
    now = promoted(now, batch, 3.0)
    assert [each.change for each in Known().propose(now, 9)] == [{"model.qk_norm": True}, {"model.position": "rope"}]


def test_known_follows_a_slope_on_new_champions() -> None:
    now = view(config(search={"optimiser.lr": Range(low=1e-4, high=5e-3, log=True)}))
    rates = []
    for _ in range(4):
        first = Known().propose(now, 1)[0]
        rates.append(first.change["optimiser.lr"])
        now = promoted(now, first, 1.0)
    assert rates[:2] == [2e-3, 1e-3]  # up, then the row that was not tried yet


# --- moves


def test_a_position_leads_back_to_its_recipe() -> None:
    now = view()
    for seed in range(30):
        for each in RandomSearch().propose(now.model_copy(update={"seed": seed}), 3):
            recipe = changed(now.champion, each.change)
            back = changed(now.champion, change_of(now, position(recipe, now)))
            moved = difference(recipe, back)
            moved = {k: v for k, v in moved.items() if not k.endswith("mixture")}  # written out where absent
            assert acting(changed(recipe, {k: new for k, (_, new) in moved.items()})) == acting(recipe)
            if recipe.data.mixture is not None:
                assert mixture_of(back, now) == pytest.approx(mixture_of(recipe, now), abs=1e-3)


def test_moves_are_small_and_readable() -> None:
    for strategy in (RandomSearch(), Tpe()):
        for each in strategy.propose(view(), 12):
            assert 1 <= len(each.change) <= 3
            for value in each.change.values():
                if isinstance(value, float):
                    assert float(f"{value:.3g}") == value
                if isinstance(value, dict):
                    assert set(value) == set(DOMAINS)
                    assert sum(value.values()) == pytest.approx(1, abs=1e-9)


#: Tokens of domains that a run reads more than once, so that limits on repetition act.
FEW = {name: count // 10 for name, count in DOMAINS.items()}


def test_random_moves_cover_the_space() -> None:
    # Of a recipe in which every field acts, and whose heads divide every width of the ladder.
    start = {
        "optimiser": {"name": "soap"}, "schedule": {"name": "wsd"},
        "model": {"head_dim": 16, "position": "rope", "window": 16, "tied_embeddings": False},
        "data": {
            "mixture_rule": "temperature", "quality_model": "0" * 16,
            "closing": {"share": 0.2, "mixture": {"code": 1.0}},
        },
    }  # fmt: skip
    now = view(config(start=Recipe.model_validate(start), ladder=LADDER[1:]), domain_tokens=FEW)
    touched = {
        ".".join(key.split(".")[:2])
        for seed in range(120)
        for each in RandomSearch().propose(now.model_copy(update={"seed": seed}), 4)
        for key in each.change
    }
    assert touched == {".".join(key.split(".")[:2]) for key in fields(now)}


@pytest.mark.parametrize("strategy", [RandomSearch(), Tpe()], ids=["random", "tpe"])
def test_every_field_is_proposed_with_what_makes_it_act(strategy: Researcher) -> None:
    """From the default recipe, in which many fields do not act."""
    # Widths where muP makes a difference, and whose heads divide in two.
    ladder = (Scale(name="a", width=128, depth=2, flops=5e11), Scale(name="b", width=128, depth=4, flops=2e12))
    start = Recipe.model_validate({"data": {"quality_model": "0" * 16}})
    now = view(config(ladder=ladder, start=start), domain_tokens=FEW)
    for key in DEFAULT_SEARCH:
        space = [key, *(condition.key for condition in ACTS_ONLY_WITH.get(key, ()))]
        if key in ("data.opening.share", "data.closing.share"):
            space.append(key.replace("share", "mixture"))
        search = {"search": {each: DEFAULT_SEARCH[each] for each in space if each in DEFAULT_SEARCH}}
        only = now.model_copy(update={"config": now.config.model_copy(update=search)})
        some = (strategy.propose(only.model_copy(update={"seed": seed}), 1) for seed in range(30))
        assert any(key in each.change for found in some for each in found), key


@pytest.mark.parametrize("strategy", [RandomSearch(), Tpe()], ids=["random", "tpe"])
def test_fields_that_a_lab_opens_itself(strategy: Researcher) -> None:
    """A classifier, which the default space cannot know, and limits on repetition by domain."""
    spaces = (
        {"data.quality_model": ("0" * 16,), "data.quality_share": (0.5, 1.0)},
        {"data.epoch_limits": Range(low=0.1, high=4.0), "data.mixture_rule": ("size", "unimax")},
    )
    for space in spaces:
        now = view(config(search=space), domain_tokens=FEW)
        found = [each for seed in range(30) for each in strategy.propose(now.model_copy(update={"seed": seed}), 1)]
        assert any(set(each.change) == set(space) for each in found)
        for each in found:
            limits = each.change.get("data.epoch_limits") or {}
            assert set(limits) <= set(DOMAINS)
            assert all(0.1 <= limit <= 4 for limit in limits.values())


def test_a_table_of_constants_does_not_crowd_out_the_rest() -> None:
    """Fifteen fields of three groups of parameters are drawn as three."""
    now = view()
    seeds = (now.model_copy(update={"seed": seed}) for seed in range(60))
    proposals = [each for seeded in seeds for each in RandomSearch().propose(seeded, 4)]
    tables = sum(any(key.count(".") == 2 and key.startswith("optimiser.") for key in p.change) for p in proposals)
    topics = len({key if key.count(".") < 2 else key.rpartition(".")[0] for key in fields(now)})
    assert tables / len(proposals) < 2 * 3 * 2 / topics  # 3 of them, two keys a proposal; others often fail to act


@pytest.mark.parametrize("strategy", [RandomSearch(), Tpe()], ids=["random", "tpe"])
def test_a_rule_replaces_weights_by_hand_and_the_other_way_round(strategy: Researcher) -> None:
    keys = ("data.mixture", "data.mixture_rule")
    by_hand = Recipe.model_validate({"data": {"mixture": {"code": 0.5, "docs": 0.25, "tests": 0.25}}})
    by_rule = Recipe.model_validate({"data": {"mixture_rule": "unimax"}})
    for start, key in ((by_hand, "data.mixture_rule"), (by_rule, "data.mixture")):
        now = view(config(start=start, search={each: DEFAULT_SEARCH[each] for each in keys}))
        found = [each for seed in range(30) for each in strategy.propose(now.model_copy(update={"seed": seed}), 1)]
        both = [each.change for each in found if set(each.change) == set(keys)]
        assert any(change[key] not in (None, "size") for change in both)
        for change in both:
            assert (change["data.mixture"] is None) == (change["data.mixture_rule"] != "size")


def test_known_rules_and_weights_replace_each_other() -> None:
    keys = ("data.mixture", "data.mixture_rule")
    search = {each: DEFAULT_SEARCH[each] for each in keys}
    by_hand = Recipe.model_validate({"data": {"mixture": {"code": 0.5, "docs": 0.25, "tests": 0.25}}})
    by_rule = Recipe.model_validate({"data": {"mixture_rule": "temperature"}})
    [ruled, *_] = [
        p.change for p in Known().propose(view(config(start=by_hand, search=search)), 9) if len(p.change) > 1
    ]
    assert ruled["data.mixture_rule"] in ("temperature", "unimax")
    assert ruled["data.mixture"] is None
    [scored, *_] = [p.change for p in Known().propose(view(config(start=by_rule, search=search)), 9)]
    assert scored["data.mixture_rule"] == "size"
    assert set(scored["data.mixture"]) == set(DOMAINS)


def test_logarithmic_ranges_are_drawn_evenly_by_logarithm() -> None:
    now = view(config(search={"optimiser.lr": Range(low=1e-4, high=1e-2, log=True)}))
    rates = [each.change["optimiser.lr"] for each in RandomSearch().propose(now, 500)]
    below = sum(rate < 1e-3 for rate in rates) / len(rates)
    assert len(rates) > 300  # three digits: some values come twice
    assert abs(below - 0.5) < 0.1


def test_whole_numbers_stay_whole() -> None:
    now = view(config(search={"data.batch": Range(low=2, high=40, log=True)}))
    for strategy in (RandomSearch(), Tpe(), Known()):
        for each in strategy.propose(now, 5):
            assert isinstance(each.change["data.batch"], int)


@pytest.mark.parametrize("weights", [{"a": 1.0, "b": 1.0, "c": 1.0}, {"a": 1e-9, "b": 5.0}, {"a": 0.0, "b": 1e-300}])
def test_shares_add_up_to_one(weights: dict[str, float]) -> None:
    parts, total = shares(weights), sum(weights.values())
    assert math.isclose(sum(parts.values()), 1)
    for domain, part in parts.items():
        assert abs(part - weights[domain] / total) < 1e-3


def test_kinds() -> None:
    assert kind_of({"optimiser.lr": 1, "optimiser.beta2": 1}) == "optimiser"
    assert kind_of({"model.width_ratio": 1}) == "shape"
    assert kind_of({"model.norm": 1}) == "architecture"
    assert kind_of({"data.mixture": 1}) == "mixture"
    assert kind_of({"data.batch": 1}) == "data"
    assert kind_of({"data.batch": 1, "optimiser.lr": 1}) == "mixed"


# --- predictions


def test_predictions_come_to_match_what_was_measured() -> None:
    now, rng = view(), random.Random(1)
    before = predict(now, "strategy:x", "optimiser")
    assert before.high - before.low > 5
    effects = [rng.gauss(1.0, 0.5) for _ in range(200)]
    for number, effect in enumerate(effects):
        now = after(
            now, trial(now, proposal({"optimiser.lr": 1e-3 + 1e-5 * (number + 1)}, "strategy:x"), effect, "refuted")
        )
    learnt = predict(now, "strategy:x", "optimiser")
    tenths = statistics.quantiles(effects, n=10)
    assert learnt.effect == pytest.approx(statistics.median(effects), abs=0.15)
    assert (learnt.low, learnt.high) == pytest.approx((tenths[0], tenths[-1]), abs=0.25)
    # Others' proposals, and other kinds, say nothing about one's own.
    assert predict(now, "strategy:y", "optimiser") == before
    assert predict(now, "strategy:x", "data") == before


def test_levels_add_up_over_generations() -> None:
    now = promoted(view(), proposal({"optimiser.name": "muon"}), 2.0)
    now = promoted(now, proposal({"model.position": "rope"}), 1.5)
    assert levels(now) == pytest.approx({0: 0.0, 1: 2.0, 2: 3.5})


# --- learning

Objective = Callable[[Recipe], float | None]


def campaign(strategy: Researcher, objective: Objective, space: dict[str, Any], rounds: int, seed: int) -> View:
    """Proposals one at a time, each measured without noise in per cent; no promotions. None diverges."""
    now = view(config(search=space))
    for number in range(rounds):
        now = now.model_copy(update={"seed": 1000 * seed + number})
        for each in strategy.propose(now, 1):
            now = after(now, trial(now, each, objective(changed(now.champion, each.change)), "refuted"))
    return now


def late_effects(now: View, objective: Objective) -> list[float]:
    values = [objective(each.recipe) for each in now.trials[len(now.trials) // 2 :]]
    return [-10.0 if value is None else value for value in values]


def test_tpe_finds_better_changes_than_chance() -> None:
    space = {
        "optimiser.lr": Range(low=1e-4, high=2e-2, log=True),
        "data.batch": (2, 4, 6, 12, 24),
        "model.mlp": ("gelu", "relu2", "swiglu"),
        "data.mixture": Range(low=0.0, high=1.0),
    }

    def objective(recipe: Recipe) -> float:
        rate = -2 * math.log10(recipe.optimiser.lr / 4e-3) ** 2
        batch = -abs([2, 4, 6, 12, 24].index(recipe.data.batch) - 1)
        mixture = recipe.data.mixture or {"code": 0.5, "docs": 0.17, "tests": 0.33}
        return rate + batch + {"gelu": 0, "relu2": 1, "swiglu": -1}[recipe.model.mlp] - 4 * abs(mixture["docs"] - 0.5)

    wins = 0
    for seed in range(5):
        learnt = late_effects(campaign(Tpe(), objective, space, 40, seed), objective)
        chance = late_effects(campaign(RandomSearch(), objective, space, 40, seed), objective)
        wins += statistics.mean(learnt) > statistics.mean(chance)
    assert wins >= 4


def test_tpe_keeps_away_from_where_training_diverges() -> None:
    space = {"optimiser.lr": Range(low=1e-4, high=1e-1, log=True)}

    def objective(recipe: Recipe) -> float | None:
        return None if recipe.optimiser.lr > 3e-3 else 0.0  # half of the range, on its logarithmic scale

    learnt = [
        each for seed in range(3) for each in late_effects(campaign(Tpe(), objective, space, 30, seed), objective)
    ]
    assert sum(effect < -1 for effect in learnt) / len(learnt) < 0.3


def test_tpe_learns_from_everyone() -> None:
    space = {"optimiser.lr": Range(low=1e-4, high=1e-1, log=True)}
    now = view(config(search=space))
    for number in range(40):
        rate = float(f"{10 ** (-4 + 3 * number / 39):.3g}")
        if rate == now.champion.optimiser.lr:
            continue
        effect = -5 * abs(math.log10(rate / 3e-2))
        now = after(now, trial(now, proposal({"optimiser.lr": rate}, "human:ada"), effect, "refuted"))
    rates = [
        each.change["optimiser.lr"]
        for seed in range(20)
        for each in Tpe().propose(now.model_copy(update={"seed": seed}), 1)
    ]
    assert 1e-2 < statistics.median(rates) < 9e-2


def test_tpe_copes_with_a_start_outside_the_space() -> None:
    start = Recipe.model_validate({"optimiser": {"lr": 0.5}, "data": {"mixture": {"code": 1.0}}})
    space = {"optimiser.lr": Range(low=1e-4, high=1e-2, log=True), "data.mixture": Range(low=0.1, high=0.8)}
    for strategy in (Tpe(), RandomSearch()):
        found = strategy.propose(view(config(start=start, search=space)), 4)
        assert len(found) == 4
