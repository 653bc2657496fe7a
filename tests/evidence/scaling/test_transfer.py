"""Compute multipliers from two tables, against recipes whose multiplier is known."""

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from assay.evidence.scaling.curves import Curve, read_curve
from assay.evidence.scaling.power import fit_power, power_log_flops, power_loss
from assay.evidence.scaling.transfer import compare_curves
from assay.spec.errors import UserError

FLOPS = 1e18 * 4.0 ** np.arange(6)


def made(times: object = 1.0, noise: float = 0.0, repeats: int = 1, seed: int = 0, scales: int = 6) -> Curve:
    flops = FLOPS[:scales]
    law = 1.7 + 1.4 * (np.asarray(times) * flops / 1e18) ** -0.16
    scatter = noise * np.random.default_rng(seed).standard_normal((scales, repeats))
    return Curve.of(np.repeat(flops, repeats), (law[:, None] * (1 + scatter)).ravel())


@pytest.mark.parametrize("repeats", [1, 3, 6])
def test_a_gain_that_holds_is_measured(repeats: int) -> None:
    found = compare_curves(made(noise=0.0005, repeats=repeats), made(1.4, 0.0005, repeats, seed=1))
    assert found.pooled is not None
    assert found.pooled.headline
    assert found.pooled.value == pytest.approx(1.4, rel=0.03)
    assert found.pooled.lo is not None
    assert found.pooled.hi is not None
    assert 1.35 < found.pooled.lo < 1.41
    assert 1.39 < found.pooled.hi < 1.45
    assert found.transfer == "holds"
    assert found.per_scale[-1].value is None, "nothing is read off beyond the base's best loss"


@pytest.mark.parametrize(("change", "expected"), [(1.5, "grows"), (0.7, "fades")])
@pytest.mark.parametrize("repeats", [1, 3])
def test_gains_that_change_with_compute(change: float, expected: str, repeats: int) -> None:
    gains = (1.2 if change > 1 else 2.0) * change ** np.log10(FLOPS / FLOPS[0])
    found = compare_curves(made(noise=0.0005, repeats=repeats), made(gains, 0.0005, repeats, seed=2))
    assert found.transfer == expected
    assert found.slope is not None
    assert found.slope.value == pytest.approx(change, rel=0.1)


def test_much_noise_leaves_the_transfer_open() -> None:
    found = compare_curves(made(noise=0.02, repeats=3), made(1.3, 0.02, 3, seed=1))
    assert found.transfer == "cannot be told"


def test_no_gain_cannot_hold() -> None:
    found = compare_curves(made(noise=0.0005, repeats=4), made(1.0, 0.0005, 4, seed=1))
    assert found.transfer == "cannot be told"


def test_fewer_than_three_scales_are_no_headline() -> None:
    found = compare_curves(made(noise=1e-3, repeats=3, scales=3), made(1.3, 1e-3, 3, seed=1, scales=3))
    assert found.pooled is not None
    assert found.pooled.scales == 2
    assert not found.pooled.headline
    assert found.transfer == "cannot be told"
    assert "at least 3" in found.reason


def test_single_runs_at_three_scales_have_no_interval() -> None:
    found = compare_curves(made(scales=3), made(1.3, scales=3))
    assert found.per_scale[0].value == pytest.approx(1.3, rel=0.03)
    assert found.per_scale[0].lo is None
    assert "no repeats" in found.method


def test_units_of_compute_and_order_of_rows_do_not_matter() -> None:
    base, new = made(noise=1e-3, repeats=3), made(1.3, 1e-3, 3, seed=1)
    found = compare_curves(base, new)
    turned = [
        Curve.of(np.repeat(curve.flops, 3)[::-1] / 1e15, np.concatenate([p.losses for p in curve.points])[::-1])
        for curve in (base, new)
    ]
    again = compare_curves(*turned)
    for a, b in zip(found.per_scale, again.per_scale, strict=True):
        assert (a.value is None) == (b.value is None)
        assert a.value is None or b.value == pytest.approx(a.value, rel=1e-9)
    assert again.transfer == found.transfer


def test_seeds_that_both_share_cancel() -> None:
    rng = np.random.default_rng(0)
    shared = 0.01 * rng.standard_normal((6, 3))
    curves = []
    for times in (1.0, 1.3):
        law = 1.7 + 1.4 * (times * FLOPS / 1e18) ** -0.16
        loss = law[:, None] * (1 + shared + 2e-4 * rng.standard_normal((6, 3)))
        curves.append((np.repeat(FLOPS, 3), loss.ravel()))
    paired = compare_curves(*[Curve.of(*curve, seeds=[1, 2, 3] * 6) for curve in curves])
    strangers = compare_curves(*[Curve.of(*curve) for curve in curves])

    def width(at: object) -> float:
        lo, hi = at.lo or 0.05, at.hi or 20.0  # type: ignore[attr-defined]
        return math.log(hi / lo)

    assert width(paired.per_scale[2]) < 0.5 * width(strangers.per_scale[2])


def test_power_laws_are_recovered_and_inverted() -> None:
    laws = np.array([[1.7, 1.4, 0.16], [0.0, 3.0, 0.08], [2.5, 0.6, 0.5]])
    centre = float(np.exp(np.log(FLOPS).mean()))
    losses = power_loss(laws, centre, FLOPS)
    found = fit_power(FLOPS, losses)
    assert found == pytest.approx(laws, rel=1e-3, abs=2e-3)
    assert power_log_flops(laws, centre, losses) == pytest.approx(np.broadcast_to(np.log(FLOPS), (3, 6)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("loss\n2.0\n1.9\n", "compute is missing"),
        ("flops,loss\n1e18,3.0\n", "one row"),
        ("flops,loss\n1e18,3.0\n4e18,nan\n", "line 3"),
        ("flops,loss\n1e18,3.0\n4e18,3.0\n", "constant"),
        ("flops,loss\n1e18,2.0\n4e18,2.5\n16e18,2.7\n", "rises with compute"),
        ("flops,loss\n1e18,3.0\n4e18,2.5\n4e18,2.5\n", "lines 3 and 4 are the same run"),
        ("flops,loss,seed\n1e18,3.0,1\n4e18,2.5,1\n4e18,2.6,1\n", "seed 1 is there twice"),
        ("flops,loss\n1e18,3.0\n4,2.5\n", "mixed units"),
        ("params,tokens,flops,loss\n1e8,1e9,6e17,3.0\n2e8,2e9,2.4e18,2.8\n4e8,4,9.6e18,2.5\n", "mixed units"),
    ],
)
def test_bad_tables(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text(text)
    with pytest.raises(UserError, match=said):
        read_curve(tmp_path / "curve.csv")


def test_copies_and_other_units_are_refused() -> None:
    base = made()
    with pytest.raises(UserError, match="same curve"):
        compare_curves(base, Curve.of(FLOPS, base.means))
    with pytest.raises(UserError, match="different units"):
        compare_curves(base, Curve.of(FLOPS / 1e15, made(1.3).means))
    with pytest.raises(UserError, match="do not overlap"):
        compare_curves(base, Curve.of(FLOPS, made(1.3).means / 3))
    moved = compare_curves(base, Curve.of(FLOPS / 1.5, base.means))
    assert "copy" in moved.warnings[0]


def benchmark() -> ModuleType:
    path = Path(__file__).parents[3] / "benchmarks" / "scaling.py"
    spec = importlib.util.spec_from_file_location("benchmark_scaling", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["benchmark_scaling"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_intervals_cover_the_truth() -> None:
    for name, shares in benchmark().coverage(0, 200, resamples=100).items():
        assert shares["pooled_high"] >= 0.93, name
        assert shares["pooled"] >= 0.90, name
        assert shares["per_scale"] >= 0.90, name


@pytest.mark.slow
def test_the_same_check_catches_intervals_without_student_s_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.evidence.scaling.transfer.student_stretch", lambda *_: 0.5)
    assert min(shares["per_scale"] for shares in benchmark().coverage(0, 60).values()) < 0.85


def test_equal_recipes_have_a_pooled_interval_about_one() -> None:
    rng = np.random.default_rng(3)
    curves = [
        Curve.of(np.repeat(FLOPS, 3), np.repeat(made().means, 3) * (1 + 0.002 * rng.standard_normal(3 * len(FLOPS))))
        for _ in range(2)
    ]
    found = compare_curves(curves[0], curves[1])
    assert found.pooled is not None
    assert found.pooled.lo is not None
    assert found.pooled.hi is not None
    assert found.pooled.lo < 1 < found.pooled.hi
    assert found.transfer == "cannot be told"
    assert found.pooled.scales == sum(at.pooled for at in found.per_scale) < len(FLOPS)


def test_one_noisy_rise_is_a_warning() -> None:
    base = made().means
    base[2] = base[1] * 1.001
    found = compare_curves(Curve.of(FLOPS, base, name="old.csv"), made(1.3))
    assert any("the loss of old.csv rises" in warning for warning in found.warnings)


def test_a_base_of_one_compute_is_refused() -> None:
    with pytest.raises(UserError, match="same compute"):
        compare_curves(Curve.of([1e18] * 3, [3.0, 3.1, 3.2]), made())


def test_losses_in_mixed_units_are_refused() -> None:
    with pytest.raises(UserError, match="losses jump"):
        Curve.of(FLOPS, made().means * [100, 100, 1, 1, 1, 1])


def test_repeats_may_tie_by_rounding_but_copied_seeds_are_found() -> None:
    rng = np.random.default_rng(5)
    flops, losses = np.repeat(FLOPS, 3), np.repeat(made().means, 3) * (1 + 0.002 * rng.standard_normal(18))
    assert len(set(zip(flops.tolist(), losses.round(2).tolist(), strict=True))) < 18
    assert len(Curve.of(flops, losses.round(2)).points) == 6
    with pytest.raises(UserError, match="the same run"):
        Curve.of(np.append(flops, flops[-1]), np.append(losses, losses[-1]))
    with pytest.raises(UserError, match="seeds 0 and 1 have the same losses"):
        Curve.of(np.tile(FLOPS, 2), np.tile(made(noise=0.002).means, 2), np.repeat([0, 1], 6))
