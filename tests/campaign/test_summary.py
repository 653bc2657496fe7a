"""Totals, calibration and effects by domain, worked out by hand."""

from typing import Any

import pytest

from assay.campaign.summary import calibration, domain_effects, smallest_effects, totals
from assay.spec.lab import EvidenceSettings


def generation(number: int, **values: Any) -> dict[str, Any]:
    row = {
        "number": number,
        "proposal": number,
        "effect_percent": 10.0,
        "low_percent": 5.0,
        "high_percent": 20.0,
        "multiplier": 2.0,
        "multiplier_low": 1.5,
        "multiplier_high": 3.0,
        "preliminary": False,
        "size_from": "remeasured",
        "dropped": None,
        **values,
    }
    row |= {"size_percent": row["effect_percent"], "size_low": row["low_percent"], "size_high": row["high_percent"]}
    return row | values  # fmt: skip


START = {"number": 0, "proposal": None}


def test_no_generation_no_gain() -> None:
    assert totals([START]) == {"generations": 0}


def test_ten_per_cent_twice_is_nineteen() -> None:
    found = totals([START, generation(1), generation(2)])
    assert found["gain_percent"] == pytest.approx(19.0)
    assert (found["low_percent"], found["high_percent"]) == pytest.approx((9.75, 36.0))
    assert (found["multiplier"], found["multiplier_low"], found["multiplier_high"]) == pytest.approx((4.0, 2.25, 9.0))
    assert found["confidence"] == pytest.approx(0.9)


def test_sizes_that_nothing_selected_come_first_and_dropped_changes_count_for_nothing() -> None:
    found = totals([START, generation(1, size_percent=5.0), generation(2, size_percent=2.0)])
    assert found["gain_percent"] == pytest.approx(100 * (1 - 0.95 * 0.98))
    assert found["selected_percent"] == pytest.approx(19.0)
    audit = {"number": 3, "proposal": None, "dropped": 2}
    after = totals([START, generation(1, size_percent=5.0), generation(2, size_percent=2.0), audit])
    assert (after["generations"], after["gain_percent"]) == (1, pytest.approx(5.0))


def test_one_open_end_opens_the_total() -> None:
    found = totals([START, generation(1), generation(2, low_percent=None, size_low=None, multiplier_high=None)])
    assert found["low_percent"] is None
    assert found["high_percent"] == pytest.approx(36.0)
    assert found["multiplier_high"] is None
    assert found["multiplier_low"] == pytest.approx(2.25)


def test_generations_beyond_the_range_are_named_and_left_out_of_the_multiplier() -> None:
    beyond = {"multiplier": None, "multiplier_low": None, "multiplier_high": None}
    found = totals([START, generation(1), generation(2, **beyond)])
    assert (found["multiplier"], found["beyond"]) == (2.0, [2])
    assert totals([START, generation(1, **beyond)])["multiplier"] is None


def test_many_generations_have_no_joint_interval() -> None:
    assert totals([START, *(generation(n) for n in range(1, 11))])["confidence"] == pytest.approx(0.5)
    found = totals([START, *(generation(n) for n in range(1, 12))])
    assert (found["confidence"], found["low_percent"], found["multiplier_low"]) == (None, None, None)


def claim(number: int, author: str, decision: str, effect: float | None) -> dict[str, Any]:
    return {
        "number": number, "author": author, "decision": decision, "effect_percent": effect, "predicted_percent": 1.0,
        "predicted_low": 0.0, "predicted_high": 2.0,
    }  # fmt: skip


def test_calibration_counts_only_what_was_measured() -> None:
    found = calibration(
        [
            claim(1, "human:ada", "supported", 1.5),
            claim(2, "human:ada", "refuted", None),
            claim(3, "human:ada", "inconclusive", -1.5),
            claim(4, "human:ben", "under test", None),
        ]
    )
    ada, ben = found
    assert (ada["proposals"], ada["supported"], ada["refuted"], ada["inconclusive"]) == (3, 1, 1, 1)
    assert (ada["measured"], ada["covered"]) == (2, 1)
    assert (ada["mean_error"], ada["mean_absolute_error"]) == pytest.approx((-1.0, 1.5))
    assert (ben["measured"], ben["mean_error"]) == (0, None)


def test_effects_by_domain_are_paired_and_leave_out_diverged_pairs() -> None:
    runs = {
        "a": {"domains": {"code": 2.0, "prose": 4.0}},
        "b": {"domains": {"code": 1.0, "prose": 4.0}},
        "c": {"domains": {"code": 2.0, "prose": 6.0}},
        "d": {"domains": {"code": 2.0, "prose": 5.0}},
        "e": {"domains": {}},
    }
    pairs = [
        {"champion": "a", "candidate": "b", "difference": 0.5},
        {"champion": "c", "candidate": "d", "difference": 0.5},
        {"champion": "a", "candidate": "e", "difference": None},
    ]
    assert domain_effects(pairs, runs) == pytest.approx({"code": 25.0, "prose": 10.0})


def test_later_tests_see_only_larger_effects_and_promotions_earn_some_back() -> None:
    settings = EvidenceSettings()
    assert smallest_effects(None, settings, 1, 0)["first_test"] is None
    found = smallest_effects(0.4, settings, 30, 0)
    assert 0 < found["first_test"] < found["next_test"]
    assert smallest_effects(0.4, settings, 30, 3)["next_test"] < found["next_test"]
    assert smallest_effects(0.8, settings, 30, 0)["first_test"] == pytest.approx(2 * found["first_test"])
