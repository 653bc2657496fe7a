"""What a test will cost, before it is run."""

import math

from assay.evidence.sequential import critical_effect, futility_effect, probability_below


def expected_pairs(effect_in_sd: float, threshold: float, cap: int) -> float:
    """Expected number of pairs until the test reaches its threshold, is futile, or arrives at its cap.

    Σ_{n<cap} P(the test still runs after n pairs), where the probability is bounded by the least over m ≤ n of
    P(the standardised mean of m pairs lies between futility and threshold). That is from above: by half a pair where
    the effect is clear or absent, by up to three of twenty where it is doubtful. If no data can reach the threshold
    within the cap, the answer is 0: the test is futile at once.

    Args:
        effect_in_sd: true effect in units of the deviation of one paired difference.
        threshold: 1/level.
        cap: most pairs.
    """
    if critical_effect(cap, threshold) == math.inf:
        return 0.0
    running, total = 1.0, 2.0
    for n in range(2, cap):
        below = probability_below(n, effect_in_sd, critical_effect(n, threshold))
        stopped = probability_below(n, effect_in_sd, futility_effect(n, threshold, cap))
        running = min(running, max(below - stopped, 0.0))
        total += running
    return total
