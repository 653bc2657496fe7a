"""Is b better than a? Two samples of results, all at once or in order of arrival.

a is the baseline, b the candidate, lower is better; the effect is mean(b) − mean(a), so that an improvement is
negative. Three claims can be tested, each against its opposite:

    claim            supported when                        refuted when
    superiority      effect < 0 is shown at level α        lo ≥ 0: no effect in the interval is an improvement
    non-inferiority  effect < M is shown at level α        lo ≥ M: the loss is at least the margin
    equivalence      −M < effect < M is shown at level α   lo ≥ M or hi ≤ −M: the difference is at least the margin

lo and hi are the ends of the two-sided 95% interval whatever α is; what is neither supported nor refuted is
inconclusive, which does not mean that there is no effect. M > 0 has the unit of the values.

**Fixed design**, all data at once. Independent samples are compared by Welch's t-test, which lets the two deviations
differ (Welch 1947, "The generalization of 'Student's' problem when several different population variances are
involved"; degrees of freedom after Satterthwaite 1946), pairs by the paired t-test. p-values are one-sided; for
equivalence the larger of two (TOST: Schuirmann 1987, "A comparison of the two one-sided tests procedure and the power
approach"). It holds if the number of runs was not chosen by looking at their values.

**Sequential design**, rows in order of arrival: one looks after every pair and stops at the first decision. The
e-process of `sequential` (a t-mixture of unknown deviation; Wang & Ramdas 2024) decides. e ≥ 1/α supports the claim,
the confidence sequence refutes it, and p = 1/max e is valid at any time (Ville 1939; Ramdas, Ruf, Larsson & Koolen
2020, "Admissible anytime-valid sequential inference must rely on nonnegative martingales"; Shafer, Shen, Vereshchagin &
Vovk 2011, "Test martingales, Bayes factors and p-values", for 1/max e). Non-inferiority shifts the differences by the
margin. Equivalence takes the lesser of the e-values of its two halves, an e-value for "one of them fails" (the
intersection-union of Berger 1982, in e-values).

**What is exact.** Paired t-test, e-values and confidence sequences are exact for independent Gaussian pairs. Welch's
test is an approximation even for Gaussian samples, good from about five runs an arm. Independent samples in sequence
are paired by arrival, first with first: differences of independent Gaussians are Gaussian whatever the two deviations
are (the pairing of Scheffé 1943, "On solutions of the Behrens–Fisher problem"), so the sequential test is exact where
Welch's is not, at the price of degrees of freedom and of the rows of the longer table that find no partner. In the
fixed design the e-value of independent samples, for information, is the mean over random pairings, which does not
depend on the order of rows; a mean of e-values is an e-value. Without normality all of this is approximate, and
skewness is what matters (see `sequential`). `sign_e_value` is the remedy where it is doubted: exact if a and b could be
exchanged within each pair, blind to the size of differences.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special  # pyright: ignore[reportMissingTypeStubs]

from assay.evidence.sequential import confidence_sequence, e_value, moments, sign_e_value
from assay.spec.errors import UserError

Claim = Literal["superiority", "noninferiority", "equivalence"]
Design = Literal["fixed", "sequential"]
Verdict = Literal["supported", "refuted", "inconclusive"]
Floats = NDArray[np.float64]

#: Two-sided level of every interval.
INTERVAL = 0.05
_PAIRINGS = 200
_PAIRED_VALUES = 20_000_000  # at most, in all random pairings together
_AT_ONCE = 1_000_000
_MOST_SIGNS = 1000
_COPIES = 1e-12

_student_cdf = cast("Callable[[float, float], float]", special.stdtr)
_student_quantile = cast("Callable[[float, float], float]", special.stdtrit)


@dataclass(frozen=True, slots=True)
class Step:
    """The state of a sequential test after so many pairs."""

    pairs: int
    effect: float
    lo: float | None
    hi: float | None
    e_value: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two samples say about a claim; see the module for its rules."""

    verdict: Verdict
    effect: float
    """mean(b) − mean(a) of what was used, in the unit of the values; negative is better."""
    lo: float | None
    hi: float | None
    """Two-sided 95% interval of the effect: Student's (fixed), or a confidence sequence (sequential), whose ends are
    None while too few pairs bound nothing."""
    p_value: float
    """One-sided; 1/max e in sequence."""
    e_value: float
    """Evidence for the claim, when the test ended. Decides in sequence only."""
    n_used: int
    """Values of both samples (fixed, independent), or pairs (paired; in sequence, those up to the decision)."""
    method: str
    claim: Claim
    design: Design
    paired: bool
    alpha: float
    margin: float | None
    n_a: int
    n_b: int
    mean_a: float
    mean_b: float
    sd_a: float
    sd_b: float
    """Of the whole samples given."""
    e_max: float
    """The largest e-value on the way; the same as `e_value` in the fixed design."""
    sign_e_value: float | None = None
    """Evidence from signs of differences alone, valid for exchangeable arms; in sequence, up to 1,000 pairs."""
    steps: tuple[Step, ...] = ()
    values_a: tuple[float, ...] = field(default=(), repr=False)
    values_b: tuple[float, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()
    """What a reader should know of the data, a sentence each."""

    def facts(self) -> dict[str, Any]:
        """Plain data, as `assay evidence compare --json` prints them."""
        return {
            "verdict": self.verdict, "effect": self.effect, "lo": self.lo, "hi": self.hi, "p_value": self.p_value,
            "e_value": self.e_value, "n_used": self.n_used, "method": self.method, "test": self.claim,
            "design": self.design, "paired": self.paired, "alpha": self.alpha, "margin": self.margin,
            "n_a": self.n_a, "n_b": self.n_b, "mean_a": self.mean_a, "mean_b": self.mean_b, "sd_a": self.sd_a,
            "sd_b": self.sd_b, "e_max": self.e_max, "sign_e_value": self.sign_e_value, "notes": list(self.notes),
        }  # fmt: skip


def compare_samples(
    a: Sequence[float] | Floats,
    b: Sequence[float] | Floats,
    *,
    paired: bool = False,
    test: Claim = "superiority",
    margin: float | None = None,
    alpha: float = 0.05,
    design: Design = "fixed",
) -> Comparison:
    """Test a claim about the effect mean(b) − mean(a); lower values are better.

    Args:
        a, b: results of the baseline and of the candidate, shapes (n_a,) and (n_b,), in order of arrival if the
            design is sequential.
        paired: whether a[i] and b[i] belong together, as runs with the same seed do. Then n_a = n_b.
        test: the claim: `superiority` (effect < 0), `noninferiority` (effect < margin) or `equivalence`
            (|effect| < margin).
        margin: above zero, in the unit of the values; for the last two claims.
        alpha: level of the test, above 0 and below 0.5.
        design: `fixed` for all data at once, `sequential` for one pair after another.

    Raises:
        UserError: the question or the data make no sense: fewer than two values, a value that is not finite, values
            without any spread, unpaired lengths, a margin that is missing or of no use.
    """
    _check_question(test, margin, alpha)
    a_N, b_N = _checked(a, "a"), _checked(b, "b")
    if paired and len(a_N) != len(b_N):
        raise UserError(f"paired samples should be of one length, but a has {len(a_N)} values and b has {len(b_N)}")
    pairs = min(len(a_N), len(b_N))
    gains = a_N[:pairs] - b_N[:pairs]  # of b over a, by arrival
    if (paired or design == "sequential") and np.ptp(gains) <= _COPIES * max(np.abs(a_N).max(), np.abs(b_N).max()):
        raise UserError(
            f"all {pairs} differences between a and b are {gains[0]:.6g}: without any spread nothing can be said of "
            f"noise; do the runs ignore their seeds?"
        )
    tester = _sequential if design == "sequential" else _fixed_paired if paired else _fixed_independent
    return tester(a_N, b_N, gains, _Question(test, margin, alpha, paired))


@dataclass(frozen=True, slots=True)
class _Question:
    claim: Claim
    margin: float | None
    alpha: float
    paired: bool

    def shifted(self, gain: float) -> tuple[float, ...]:
        """What must be above zero for the claim to be true, if the gain (minus the effect) were known."""
        if self.margin is None:
            return (gain,)
        return (gain + self.margin,) if self.claim == "noninferiority" else (gain + self.margin, self.margin - gain)

    def e_value(self, n: int, gain: float, sd: float) -> float:
        return min(e_value(n, shifted, sd) for shifted in self.shifted(gain))

    def sign_e_value(self, gains: Floats) -> float | None:
        if len(gains) > _MOST_SIGNS:  # its exact sums of whole numbers become slow
            return None
        values = [[float(g) for g in gains + (self.margin or 0.0)]]
        if self.claim == "equivalence" and self.margin is not None:
            values.append([float(g) for g in self.margin - gains])
        return min(sign_e_value(each) for each in values)

    def p_value(self, gain: float, error: float, degrees: float) -> float:
        """One-sided, by Student's t; the larger of both sides for equivalence."""
        return max(float(_student_cdf(degrees, -shifted / error)) for shifted in self.shifted(gain))

    def refuted(self, lo: float | None, hi: float | None) -> bool:
        """Whether no effect in the interval fits the claim."""
        bound = self.margin or 0.0
        if lo is not None and lo >= bound:
            return True
        return self.claim == "equivalence" and hi is not None and hi <= -bound

    def verdict(self, shown: bool, lo: float | None, hi: float | None) -> Verdict:
        return "supported" if shown else "refuted" if self.refuted(lo, hi) else "inconclusive"

    def words(self) -> str:
        return {
            "superiority": "superiority",
            "noninferiority": f"non-inferiority at margin {self.margin:g}" if self.margin else "",
            "equivalence": f"equivalence at margin {self.margin:g}" if self.margin else "",
        }[self.claim]


def _check_question(test: str, margin: float | None, alpha: float) -> None:
    if test not in ("superiority", "noninferiority", "equivalence"):
        raise UserError(f"no test is called '{test}'; there are: superiority, noninferiority, equivalence")
    if not 0 < alpha < 0.5:
        raise UserError(f"alpha {alpha:g} should lie above 0 and below 0.5")
    if test == "superiority" and margin is not None:
        raise UserError("superiority has no margin; leave it out, or choose noninferiority or equivalence")
    if test != "superiority" and (margin is None or not 0 < margin < math.inf):
        given = "it is missing" if margin is None else f"not {margin:g}"
        raise UserError(
            f"{test} needs a margin above zero, in the unit of the values ({given}): the largest loss, or difference, "
            f"that does not matter"
        )


def _checked(values: Sequence[float] | Floats, name: str) -> Floats:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or len(found) < 2:
        raise UserError(f"{name}: at least two values are needed to see any noise")
    if not np.isfinite(found).all() or np.abs(found).max() > 1e100:
        raise UserError(f"{name}: every value should be a finite number")
    if np.ptp(found) <= _COPIES * np.abs(found).max():
        raise UserError(
            f"{name}: all {len(found)} values are {found[0]:.6g}: without any spread nothing can be said of noise; "
            f"do the runs ignore their seeds?"
        )
    return found


def _fixed_paired(a: Floats, b: Floats, gains: Floats, question: _Question) -> Comparison:
    n, gain, sd = moments([float(g) for g in gains])
    e = question.e_value(n, gain, sd)
    error = sd / math.sqrt(n)
    method = (
        f"paired t-test, one-sided, for {question.words()}; {n - 1} degrees of freedom; n_used counts pairs"
        f"{_tost(question)}"
    )
    return _fixed(a, b, question, gain, error, n - 1, e, n, method)


def _fixed_independent(a: Floats, b: Floats, gains: Floats, question: _Question) -> Comparison:
    del gains  # the order of rows means nothing here
    parts = [float(x.var(ddof=1)) / len(x) for x in (a, b)]
    variance = math.fsum(parts)
    shares = [part / variance for part in parts]
    degrees = 1.0 / sum(share**2 / (len(x) - 1) for share, x in zip(shares, (a, b), strict=True))
    gain = float(a.mean() - b.mean())
    e_values = [question.e_value(*each) for each in _random_pairings(a, b)]
    method = (
        f"Welch's t-test, one-sided, for {question.words()}; {degrees:.1f} degrees of freedom; n_used counts values of "
        f"both samples{_tost(question)}; e-value for information: mean over {len(e_values)} random pairings"
    )
    e = math.fsum(e_values) / len(e_values)
    return _fixed(a, b, question, gain, math.sqrt(variance), degrees, e, len(a) + len(b), method)


def _fixed(
    a: Floats, b: Floats, question: _Question, gain: float, error: float, degrees: float, e: float, used: int, how: str
) -> Comparison:
    p = question.p_value(gain, error, degrees)
    half = float(_student_quantile(degrees, 1 - INTERVAL / 2)) * error
    lo, hi = -gain - half, -gain + half
    verdict = question.verdict(p <= question.alpha, lo, hi)
    return Comparison(
        verdict, -gain, lo, hi, p, e, used, how, question.claim, "fixed", question.paired, question.alpha,
        question.margin, len(a), len(b), *_described(a, b), e_max=e, values_a=tuple(map(float, a)),
        values_b=tuple(map(float, b)),
    )  # fmt: skip


def _described(a: Floats, b: Floats) -> tuple[float, float, float, float]:
    return float(a.mean()), float(b.mean()), float(a.std(ddof=1)), float(b.std(ddof=1))


def _tost(question: _Question) -> str:
    return "; the larger p-value of two (TOST)" if question.claim == "equivalence" else ""


def _random_pairings(a: Floats, b: Floats) -> Iterator[tuple[int, float, float]]:
    """Number, mean and deviation of the gains when b's values meet a's at random, the longer sample thinned out.

    Random, so that it does not matter if a table is sorted; from one seed, so that the answer is always the same.
    """
    draw = np.random.default_rng(0)
    pairs = min(len(a), len(b))
    left = max(1, min(_PAIRINGS, _PAIRED_VALUES // pairs))
    while left:
        rows = min(left, max(1, _AT_ONCE // max(len(a), len(b))))
        left -= rows
        shuffled = [draw.permuted(np.tile(values, (rows, 1)), axis=1)[:, :pairs] for values in (a, b)]
        gains = shuffled[0] - shuffled[1]
        for gain, sd in zip(gains.mean(axis=1), gains.std(axis=1, ddof=1), strict=True):
            yield pairs, float(gain), float(sd)


def _sequential(a: Floats, b: Floats, gains: Floats, question: _Question) -> Comparison:
    steps: list[Step] = []
    verdict: Verdict = "inconclusive"
    for n, gain, sd in _running_moments(gains):
        e = question.e_value(n, gain, sd)
        less, more = confidence_sequence(n, gain, sd, INTERVAL)
        lo, hi = None if more is None else -more, None if less is None else -less
        steps.append(Step(n, -gain, lo, hi, e))
        verdict = question.verdict(e >= 1 / question.alpha, lo, hi)
        if verdict != "inconclusive":
            break
    last = steps[-1]
    most = max(step.e_value for step in steps)
    how = "pairs" if question.paired else "independent samples, paired by arrival"
    left = abs(len(a) - len(b))
    return Comparison(
        verdict, last.effect, last.lo, last.hi, min(1.0, 1.0 / most) if most > 0 else 1.0, last.e_value, last.pairs,
        f"sequential t-mixture e-process for {question.words()}; {how}; n_used counts pairs until the decision",
        question.claim, "sequential", question.paired, question.alpha, question.margin, len(a), len(b),
        *_described(a, b), e_max=most, sign_e_value=question.sign_e_value(gains[: last.pairs]), steps=tuple(steps),
        values_a=tuple(map(float, a)), values_b=tuple(map(float, b)),
        notes=(f"{left} values of the longer sample found no partner and are unused.",) if left else (),
    )  # fmt: skip


def _running_moments(gains: Floats) -> Iterator[tuple[int, float, float]]:
    """Number, mean and standard deviation after each pair (Welford 1962)."""
    mean = squares = 0.0
    for n, gain in enumerate(map(float, gains), 1):
        before = gain - mean
        mean += before / n
        squares += before * (gain - mean)
        yield n, mean, math.sqrt(max(squares, 0.0) / (n - 1)) if n > 1 else 0.0
