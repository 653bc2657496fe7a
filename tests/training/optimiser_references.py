"""Optimisers restated from their papers, in numpy and double precision, one weight at a time.

Each is a function of the past gradients' effects kept in a dict: `reference(weight, gradient, state, t, ...)` gives the
weight after step t (from 1). They share no code, order of operations or stored quantity with what they check.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
State = dict[str, Any]


def decayed(weight: Array, update: Array, decay: float, cautious: bool) -> Array:
    """Chen et al. 2025: λ·1[u·x ≥ 0]·x; without caution λ·x (Loshchilov & Hutter 2019)."""
    return decay * np.where((update * weight >= 0) | (not cautious), weight, 0.0)


def adamw(
    weight: Array, gradient: Array, state: State, t: int, lr: float, betas: tuple[float, float], eps: float,
    decay: float, cautious: bool = False,
) -> Array:  # fmt: skip
    """Loshchilov & Hutter 2019, algorithm 2."""
    state["m"] = betas[0] * state.get("m", 0.0) + (1 - betas[0]) * gradient
    state["v"] = betas[1] * state.get("v", 0.0) + (1 - betas[1]) * gradient**2
    update = (state["m"] / (1 - betas[0] ** t)) / (np.sqrt(state["v"] / (1 - betas[1] ** t)) + eps)
    return weight - lr * (update + decayed(weight, update, decay, cautious))


def muon(
    weight: Array, gradient: Array, state: State, _t: int, lr: float, momentum: float, decay: float,
    cautious: bool = False,
) -> Array:  # fmt: skip
    """Jordan et al. 2024, with the quintic applied to singular values; momentum as PyTorch's `lerp` has it."""
    state["m"] = momentum * state.get("m", 0.0) + (1 - momentum) * gradient
    u, s, vh = np.linalg.svd((1 - momentum) * gradient + momentum * state["m"], full_matrices=False)
    s = s / np.linalg.norm(s)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    update = (u * s) @ vh
    scale = np.sqrt(max(1.0, weight.shape[0] / weight.shape[1]))
    return weight - lr * (scale * update + decayed(weight, update, decay, cautious))


def soap(
    weight: Array, gradient: Array, state: State, t: int, lr: float, betas: tuple[float, float], eps: float,
    decay: float, covariance_beta: float, every: int, cautious: bool = False,
) -> Array:  # fmt: skip
    """Vyas et al. 2024, algorithms 3 and 4, with the first moment in the weight's own coordinates.

    The first gradient makes covariances and bases only, and Adam's count of steps begins after it, as in the authors'
    code. Covariances get a ridge of our own before bases are made of them.
    """

    def regular(covariance: Array) -> Array:
        n = len(covariance)
        return covariance + np.diag(1e-3 * np.trace(covariance) / n * (n - np.arange(n)) / n)

    if t == 1:
        state["L"], state["R"] = ((1 - covariance_beta) * g @ g.T for g in (gradient, gradient.T))
        for name, covariance in (("left", "L"), ("right", "R")):
            state[name] = np.linalg.eigh(regular(state[covariance]))[1][:, ::-1]
        return weight
    t -= 1
    left, right = state["left"], state["right"]
    state["m"] = betas[0] * state.get("m", 0.0) + (1 - betas[0]) * gradient
    state["v"] = betas[1] * state.get("v", 0.0) + (1 - betas[1]) * (left.T @ gradient @ right) ** 2
    m, v = left.T @ state["m"] @ right / (1 - betas[0] ** t), state["v"] / (1 - betas[1] ** t)
    update = left @ (m / (np.sqrt(v) + eps)) @ right.T
    new = weight - lr * (update + decayed(weight, update, decay, cautious))
    state["L"] = covariance_beta * state["L"] + (1 - covariance_beta) * gradient @ gradient.T
    state["R"] = covariance_beta * state["R"] + (1 - covariance_beta) * gradient.T @ gradient
    if t % every == 0:
        for name, covariance in (("left", "L"), ("right", "R")):
            state[name] = np.linalg.qr(regular(state[covariance]) @ state[name])[0]
    return new


def schedule_free(
    weight: Array, gradient: Array, state: State, t: int, lr: float, betas: tuple[float, float], eps: float,
    decay: float, cautious: bool = False,
) -> Array:  # fmt: skip
    """Defazio et al. 2024, algorithm 1 with x, y and z apart; `weight` is y, `state["x"]` what evaluation wants."""
    x, z = state.get("x", weight), state.get("z", weight)
    state["v"] = betas[1] * state.get("v", 0.0) + (1 - betas[1]) * gradient**2
    update = gradient / (np.sqrt(state["v"] / (1 - betas[1] ** t)) + eps)
    z = z - lr * (update + decayed(weight, update, decay, cautious))
    state["largest"] = max(state.get("largest", 0.0), lr)
    state["sum"] = state.get("sum", 0.0) + state["largest"] ** 2
    share = state["largest"] ** 2 / state["sum"]
    state["x"], state["z"] = (1 - share) * x + share * z, z
    return (1 - betas[0]) * z + betas[0] * state["x"]
