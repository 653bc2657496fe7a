"""Two samples: against scipy's tests, against definitions written out again, and by simulation."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from assay.evidence.sample_tables import compare_tables
from assay.evidence.samples import Comparison, compare_samples
from assay.evidence.sequential import sign_e_value
from assay.spec.errors import UserError

from .reference import reference
from .simulate import Floats, at_least, at_most, e_values_RN, gaussian_RN, running_moments

SAMPLE = st.lists(st.floats(-10, 10, width=32), min_size=2, max_size=12)
CLAIMS = ("superiority", "noninferiority", "equivalence")


def noise(seed: int, n: int, mean: float = 3.28, sd: float = 0.002) -> Floats:
    return mean + sd * np.random.default_rng(seed).standard_normal(n)


def compared(a: Floats, b: Floats, **question: Any) -> Comparison:
    return compare_samples(a, b, **question)


# ---------------------------------------------------------------------------------------------------- fixed design


@given(SAMPLE, SAMPLE)
def test_welch_is_scipys(a: list[float], b: list[float]) -> None:
    assume(np.ptp(a) > 1e-3 and np.ptp(b) > 1e-3)
    found = compare_samples(a, b)
    expected = stats.ttest_ind(b, a, equal_var=False, alternative="less")
    interval = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    assert (found.lo, found.hi) == pytest.approx(tuple(interval), rel=1e-6, abs=1e-9)
    assert found.effect == pytest.approx(np.mean(b) - np.mean(a), abs=1e-9)
    assert found.n_used == len(a) + len(b)


@given(st.lists(st.tuples(st.floats(-10, 10, width=32), st.floats(-10, 10, width=32)), min_size=2, max_size=12))
def test_the_paired_test_is_scipys(pairs: list[tuple[float, float]]) -> None:
    a, b = (list(values) for values in zip(*pairs, strict=True))
    assume(min(np.ptp(a), np.ptp(b), np.ptp(np.subtract(a, b))) > 1e-3)
    found = compare_samples(a, b, paired=True)
    both = stats.ttest_rel(b, a)
    assert found.p_value == pytest.approx(stats.ttest_rel(b, a, alternative="less").pvalue, rel=1e-6, abs=1e-12)
    assert (found.lo, found.hi) == pytest.approx(tuple(both.confidence_interval(0.95)), rel=1e-6, abs=1e-9)
    assert found.n_used == len(pairs)


@pytest.mark.parametrize("paired", [False, True])
def test_a_margin_shifts_the_baseline(paired: bool) -> None:
    """Non-inferiority is superiority over a baseline that is worse by the margin; TOST is two of them."""
    a, b, margin = noise(1, 9), noise(2, 9, 3.281), 0.003
    test = stats.ttest_rel if paired else lambda x, y, **how: stats.ttest_ind(x, y, equal_var=False, **how)
    less = test(b, a + margin, alternative="less").pvalue
    more = test(b, a - margin, alternative="greater").pvalue
    found = compared(a, b, paired=paired, test="noninferiority", margin=margin)
    assert found.p_value == pytest.approx(less)
    both = compared(a, b, paired=paired, test="equivalence", margin=margin)
    assert both.p_value == pytest.approx(max(less, more))
    assert (found.lo, found.hi, found.effect) == (both.lo, both.hi, both.effect)
    assert found.e_value == pytest.approx(compared(a + margin, b, paired=paired).e_value)
    assert both.e_value <= found.e_value


SHIFTS = {
    # effect in units of the margin 0.01, far beyond the noise: the verdict on each claim
    -3.0: ("supported", "supported", "refuted"),
    -0.5: ("supported", "supported", "supported"),
    0.5: ("refuted", "supported", "supported"),
    3.0: ("refuted", "refuted", "refuted"),
}


@pytest.mark.parametrize("design", ["fixed", "sequential"])
@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("effect", SHIFTS)
def test_each_claim_has_its_verdict_where_the_effect_is_clear(effect: float, paired: bool, design: str) -> None:
    a, b = noise(3, 40, sd=1e-4), noise(4, 40, sd=2e-4) + 0.01 * effect
    verdicts = [
        compared(
            a, b, paired=paired, design=design, test=claim, margin=None if claim == "superiority" else 0.01
        ).verdict
        for claim in CLAIMS
    ]
    assert tuple(verdicts) == SHIFTS[effect]


@pytest.mark.parametrize("design", ["fixed", "sequential"])
@pytest.mark.parametrize("claim", CLAIMS)
def test_noise_alone_decides_nothing(claim: str, design: str) -> None:
    margin = None if claim == "superiority" else 0.0005
    found = compared(noise(8, 6), noise(9, 6), design=design, test=claim, margin=margin)
    assert found.verdict == "inconclusive"


@given(st.integers(0, 10**6), st.floats(-3, 3), st.sampled_from(CLAIMS), st.sampled_from([0.01, 0.05, 0.2]),
       st.sampled_from(["fixed", "sequential"]))  # fmt: skip
def test_verdict_and_interval_agree(seed: int, effect: float, claim: str, alpha: float, design: str) -> None:
    a, b = noise(seed, 8, 0, 1), noise(seed + 1, 8, effect, 2)
    margin = None if claim == "superiority" else 1.0
    found = compared(a, b, test=claim, margin=margin, alpha=alpha, design=design)
    bound = margin or 0.0
    outside = found.lo is not None and found.lo >= bound
    if claim == "equivalence":
        outside = outside or (found.hi is not None and found.hi <= -bound)
    assert (found.verdict == "supported") == (found.p_value <= alpha)
    assert (found.verdict == "refuted") == outside
    if design == "sequential":
        assert found.p_value == pytest.approx(min(1, 1 / found.e_max))


def test_the_order_of_rows_means_nothing_in_a_fixed_design() -> None:
    """Sorted samples paired row by row would look nearly free of noise, and e would be enormous."""
    a, b = noise(5, 30), noise(6, 30)
    shuffled, ordered = compared(a, b), compared(np.sort(a), np.sort(b))
    assert ordered.p_value == pytest.approx(shuffled.p_value)
    assert abs(math.log(ordered.e_value / shuffled.e_value)) < 0.3
    assert max(e_values_RN(np.sort(a)[None] - np.sort(b)[None])[0, -1],
               e_values_RN(np.sort(b)[None] - np.sort(a)[None])[0, -1]) > 100 * ordered.e_value  # fmt: skip


# ----------------------------------------------------------------------------------------------- sequential design


@pytest.mark.parametrize("paired", [False, True])
def test_the_sequential_design_stops_where_the_e_process_crosses(paired: bool) -> None:
    a, b = noise(11, 20, 0, 1), noise(17, 20 if paired else 26, -1.2, 1.5)
    e_N = e_values_RN((a - b[:20])[None])[0]
    crossing = int(np.argmax(e_N >= 20)) + 1
    assert 2 < crossing < 20
    found = compared(a, b, paired=paired, design="sequential")
    assert found.verdict == "supported"
    assert found.n_used == crossing == len(found.steps)
    assert [step.e_value for step in found.steps] == pytest.approx(e_N[:crossing].tolist())
    assert found.p_value == pytest.approx(1 / e_N[crossing - 1])
    assert found.effect == pytest.approx(np.mean(b[:crossing] - a[:crossing]))
    assert found.sign_e_value == pytest.approx(sign_e_value((a - b[:20])[:crossing].tolist()))
    assert ("paired by arrival" in found.method) != paired
    assert bool(found.notes) != paired


def test_p_is_the_inverse_of_the_largest_e_value_not_of_the_last() -> None:
    draw = np.random.default_rng(1)
    gains = np.concatenate([draw.normal(1, 1, 6), draw.normal(-0.3, 1, 12)])
    e_N = e_values_RN(gains[None])[0]
    assert e_N.max() > 1.5 * e_N[-1]
    assert e_N.max() < 20
    found = compared(np.zeros(18) + draw.normal(0, 1e-3, 18), -gains, paired=True, design="sequential")
    assert found.verdict == "inconclusive"
    assert found.p_value == pytest.approx(1 / e_N.max(), rel=0.05)
    assert found.e_value == pytest.approx(e_N[-1], rel=0.05)


def test_intervals_have_no_ends_before_four_pairs() -> None:
    found = compared(noise(1, 3), noise(2, 3), design="sequential")
    assert (found.lo, found.hi) == (None, None)
    assert json.loads(json.dumps(found.facts(), allow_nan=False))["lo"] is None


# ------------------------------------------------------------------------------------------------------ simulation

REPETITIONS = 2500
PAIRS = 24


def outcomes(effect: float, sd_b: float, **question: Any) -> list[Comparison]:
    draw = np.random.default_rng(7)
    a_RN, b_RN = draw.standard_normal((2, REPETITIONS, PAIRS))
    return [
        compared(a, b, design="sequential", **question) for a, b in zip(a_RN, effect + sd_b * b_RN, strict=True)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "margin", "effect"),
    [
        ("superiority", None, 0.0),
        ("noninferiority", 0.8, 0.8),
        ("equivalence", 3.0, 3.0),
        ("equivalence", 3.0, -3.0),
    ],
)
def test_false_support_and_coverage_with_unequal_variances(claim: str, margin: float | None, effect: float) -> None:
    """On the edge of each claim, with a deviation twice as large in one arm, looking after every pair."""
    found = outcomes(effect, 2.0, test=claim, margin=margin)
    false = sum(each.verdict == "supported" for each in found)
    missed = sum(
        each.lo is not None and each.hi is not None and not each.lo <= effect <= each.hi for each in found
    )  # fmt: skip
    assert at_most(false, REPETITIONS, 0.05)
    assert at_most(missed, REPETITIONS, 0.05)


def test_a_broken_sequential_test_is_caught() -> None:
    """Welch's test after every pair, which is what people do, fails the same check."""
    draw = np.random.default_rng(7)
    a_RN, b_RN = draw.standard_normal((2, REPETITIONS, PAIRS))
    b_RN = 2.0 * b_RN
    crossed = np.zeros(REPETITIONS, dtype=bool)
    for n in range(3, PAIRS + 1):
        crossed |= stats.ttest_ind(b_RN[:, :n], a_RN[:, :n], axis=1, equal_var=False, alternative="less").pvalue <= 0.05
    assert not at_most(int(crossed.sum()), REPETITIONS, 0.05)


def test_forgetting_that_the_deviation_is_unknown_is_caught() -> None:
    """The same mixture with the deviation seen so far taken for the true one fails the same check."""
    n_N, mean_RN, sd_RN = running_moments(gaussian_RN(3, REPETITIONS, PAIRS))
    z_RN = np.clip(mean_RN[:, 1:] * np.sqrt(n_N[1:]) / sd_RN[:, 1:], -30, 30)
    a_N = 1 + 3 * n_N[1:]
    with np.errstate(over="ignore"):
        e_RN = 2 / np.sqrt(a_N) * np.exp(z_RN**2 / 2 * (1 - 1 / a_N)) * stats.norm.cdf(z_RN * np.sqrt(1 - 1 / a_N))
    assert not at_most(int((e_RN >= 20).any(axis=1).sum()), REPETITIONS, 0.05)


def test_power_is_there() -> None:
    found = outcomes(-2.0, 1.0)
    supported = [each for each in found if each.verdict == "supported"]
    assert at_least(len(supported), REPETITIONS, 0.95)
    assert np.mean([each.n_used for each in supported]) < 14


def test_the_e_value_of_independent_samples_is_one_on_average() -> None:
    """The mean over random pairings is an e-value, also with unequal sizes and deviations."""
    draw = np.random.default_rng(11)
    values = np.array([
        compared(draw.standard_normal(6), 2 * draw.standard_normal(9)).e_value for _ in range(400)
    ])  # fmt: skip
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert values.mean() < 1 + 4 * error
    assert values.mean() > 0.3


# ------------------------------------------------------------------------------------------------------- real logs


def speedrun(identifier: str, **question: Any) -> tuple[Comparison, dict[str, Any]]:
    folder = reference("speedrun_logs")
    pairs = json.loads((folder / "ab_pairs.json").read_text())["pairs"]
    pair = next(each for each in pairs if each["id"] == identifier)
    where = {
        arm: (
            f"record_dir={pair['record_dir']}",
            f"group={pair[f'{arm}_group']}",
            f"sched_steps={pair[f'{arm}_sched_steps']}",
        )
        for arm in ("baseline", "candidate")
    }
    runs = folder / "runs.csv"
    return compare_tables(
        runs, runs, value="val_loss", where_a=where["baseline"], where_b=where["candidate"], **question
    ), pair  # fmt: skip


def test_the_prefix_pair_is_supported() -> None:
    found, pair = speedrun("prefix_token_prediction")
    assert found.verdict == "supported"
    assert found.effect == pytest.approx(-pair["mean_diff"], abs=1e-5)
    assert (found.lo, found.hi) == pytest.approx((-pair["ci95_high"], -pair["ci95_low"]), abs=1e-5)
    assert 2 * found.p_value == pytest.approx(pair["p_two_sided"], abs=1e-5)


def test_the_fp8_pair_is_no_better_but_not_worse_by_the_margin() -> None:
    found, pair = speedrun("fp8_down_projection")
    assert found.verdict == "inconclusive"
    assert (found.lo, found.hi) == pytest.approx((-pair["ci95_high"], -pair["ci95_low"]), abs=1e-5)
    assert speedrun("fp8_down_projection", test="noninferiority", margin=0.003)[0].verdict == "supported"


# ----------------------------------------------------------------------------------------------------------- tables


def table(path: Path, rows: list[tuple[object, ...]], header: str = "seed,value") -> Path:
    path.write_text(header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


def test_pairs_are_joined_by_seed_and_the_rest_is_named(tmp_path: Path) -> None:
    a = table(tmp_path / "a.csv", [(3, 3.0), (1, 1.0), (2, 2.5), (9, 7.0)])
    b = table(tmp_path / "b.csv", [("1.0", 1.1), (2, 2.4), (3, 3.3), (8, 5.0), (7, 5.1)])
    found = compare_tables(a, b, paired=True)
    assert found.p_value == pytest.approx(stats.ttest_rel([1.1, 2.4, 3.3], [1, 2.5, 3], alternative="less").pvalue)
    assert found.n_used == 3
    assert any("1 seeds of" in note and "(9)" in note for note in found.notes)
    assert any("2 seeds of" in note and "(8, 7)" in note for note in found.notes)


def test_a_pair_arrives_with_the_later_of_its_rows(tmp_path: Path) -> None:
    draw = np.random.default_rng(0).normal(3, 0.1, (2, 5)).round(4)
    a = table(tmp_path / "a.csv", [(seed, draw[0, seed]) for seed in (4, 0, 1, 2, 3)])
    b = table(tmp_path / "b.csv", [(seed, draw[1, seed]) for seed in (0, 1, 2, 3, 4)])
    found = compare_tables(a, b, paired=True, design="sequential", alpha=1e-6)
    gains = (draw[1] - draw[0])[[0, 1, 2, 4, 3]]  # 3 and 4 are complete with the last rows, 4 first in a
    effects = [float(np.mean(gains[:n])) for n in range(1, 6)]
    assert [step.effect for step in found.steps] == pytest.approx(effects)


def test_without_seeds_pairs_go_by_rows(tmp_path: Path) -> None:
    a = table(tmp_path / "a.csv", [(1.0,), (2.0,), (3.5,)], "value")
    b = table(tmp_path / "b.csv", [(1.1, 0), (2.3, 1), (3.4, 2)], "value,seed")
    found = compare_tables(a, b, paired=True)
    assert found.p_value == pytest.approx(stats.ttest_rel([1.1, 2.3, 3.4], [1, 2, 3.5], alternative="less").pvalue)
    assert any("order of rows" in note for note in found.notes)


GOOD = [(0, 3.281), (1, 3.279), (2, 3.283)]
MANY = [(i, round(3.28 + 0.001 * math.sin(9 * i), 5)) for i in range(9)]
LATER = [(i, round(3.27 + 0.001 * math.cos(7 * i), 5)) for i in range(9)]
PAIRED: dict[str, Any] = {"paired": True}
BAD: list[tuple[list[tuple[object, ...]], list[tuple[object, ...]], dict[str, Any], str]] = [
    ([(0, 3.281)], GOOD, {}, "one row; at least 2 are needed"),
    ([(0, 3.281), (1, "nan")], GOOD, {}, "nan in column 'value'"),
    ([(0, 3.281), (1, "")], GOOD, {}, "the entry is empty"),
    (GOOD, GOOD, {}, "hold the same values"),
    (MANY, MANY[::-1], {}, "hold the same values"),
    ([(0, 3.28), (1, 3.28), (2, 3.28)], GOOD, {}, "all 3 entries of 'value' are 3.28"),
    (GOOD, [(0, 3.28), (1, 3.28), (2, 3.28)], {}, "all 3 entries of 'value' are 3.28"),
    (GOOD, [(s, v + 0.25) for s, v in GOOD], PAIRED, "all 3 differences between a and b are -0.25"),
    ([(s, 100 * v) for s, v in GOOD], GOOD, {}, "bring both to the same unit"),
    ([*GOOD, (3, 328.1)], GOOD, {}, "these are other units, or a run that diverged"),
    ([*GOOD, (3, 0.03281)], GOOD, {}, "these are other units, or a run that diverged"),
    ([*GOOD, GOOD[1]], [(0, 3.1), (1, 3.2)], {}, "line 5: the run with seed 1 and value 3.279 stands on line 3"),
    ([*GOOD, (1, 3.29)], [(0, 3.1), (1, 3.2)], PAIRED, "seed 1 stands on lines 3 and 5; pairs need each seed once"),
    ([(s, v) for s, (_, v) in enumerate(GOOD + GOOD)], [(0, 3.1), (1, 3.2)], {}, "come again; delete the copies"),
    (GOOD, [(7, 3.1), (8, 3.2)], PAIRED, "share no seed"),
    (GOOD, [(0, 3.1), (8, 3.2)], PAIRED, "share one seed"),
    (sorted(MANY, key=lambda row: row[1]), LATER, {"design": "sequential"}, "sorted by value"),
    (GOOD, LATER, {"test": "noninferiority"}, "noninferiority needs a margin above zero"),
    (GOOD, LATER, {"test": "equivalence", "margin": -1.0}, "equivalence needs a margin above zero"),
    (GOOD, LATER, {"margin": 1.0}, "superiority has no margin"),
    (GOOD, LATER, {"alpha": 5.0}, "alpha 5 should lie above 0 and below 0.5"),
    (GOOD, LATER, {"value": "loss"}, "there is no column 'loss'"),
    (GOOD, LATER, {"where_a": ["seed"]}, "write column=value"),
    (GOOD, LATER, {"where_a": ["arm=a"]}, "there is no column 'arm'"),
    (GOOD, LATER, {"where_b": ["seed=3"]}, "one row; at least 2 are needed"),
    (GOOD, [(0, 1e300), (1, -1e300)], {}, "every value should be a finite number"),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b", "question", "expected"), BAD)
def test_bad_tables_and_questions_get_one_sentence(
    tmp_path: Path, a: list[tuple[object, ...]], b: list[tuple[object, ...]], question: dict[str, Any], expected: str
) -> None:
    with pytest.raises(UserError) as caught:
        compare_tables(table(tmp_path / "a.csv", a), table(tmp_path / "b.csv", b), **question)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_paired_rows_need_tables_of_one_length(tmp_path: Path) -> None:
    a = table(tmp_path / "a.csv", [(1.0,), (2.0,), (3.5,)], "value")
    b = table(tmp_path / "b.csv", [(1.1,), (2.3,)], "value")
    with pytest.raises(UserError, match=r"3 rows and .* 2; pairs need a column 'seed'"):
        compare_tables(a, b, paired=True)


@pytest.mark.parametrize("values", [[3.2741, 3.2755, 3.2741, 3.2748], [-1.0, 60.0, 0.01, -0.2], [3.1, 0.05, 2.0, 4.4]])
def test_ties_signs_and_wide_noise_are_no_reason_to_refuse(tmp_path: Path, values: list[float]) -> None:
    a = table(tmp_path / "a.csv", [(v,) for v in values], "value")
    b = table(tmp_path / "b.csv", [(v + 0.01 * i,) for i, v in enumerate(values)], "value")
    assert compare_tables(a, b).verdict == "inconclusive"
