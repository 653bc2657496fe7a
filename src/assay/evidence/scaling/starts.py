"""Where fits start: a grid of exponents, with the best coefficients for each.

Given α and β the loss is linear in E, A and B, so that a start needs no guess of them (Golub & Pereyra 1973, "The
Differentiation of Pseudo-Inverses and Nonlinear Least Squares Problems Whose Variables Separate").
"""

import numpy as np

from assay.evidence.scaling.huber import Design, Floats

GRID = tuple(float(value) for value in np.geomspace(0.03, 1.8, 12))
#: Coefficients that least squares would make negative start here instead, in units of the mean loss.
_LEAST = 1e-3


def grid(design: Design, weights: Floats) -> tuple[Floats, Floats]:
    """A start for each pair of exponents of the grid, for each resample.

    Args:
        weights: how often each run counts, shape (resamples, runs).

    Returns:
        Parameters, shape (resamples, pairs, 5), as `huber.minimise` takes them; and the squared relative error of
        each, shape (resamples, pairs).
    """
    loss = np.exp(design.z)
    thetas: list[Floats] = []
    errors: list[Floats] = []
    for alpha in GRID:
        for beta in GRID:
            # Columns divided by the loss: squared relative errors, close to those of the log.
            columns = np.stack([np.exp(-alpha * design.x), np.exp(-beta * design.y), np.ones(len(loss))]) / loss
            products = (columns[:, None] * columns[None]).reshape(9, -1)
            normal = (weights @ products.T).reshape(-1, 3, 3) + 1e-9 * np.eye(3)
            right = weights @ columns.T
            solved = np.maximum(np.linalg.solve(normal, right[..., None])[..., 0], _LEAST)
            error = np.einsum("ri,rij,rj->r", solved, normal, solved) - 2 * (solved * right).sum(1) + weights.sum(1)
            exponents = np.broadcast_to([alpha, beta], (len(solved), 2))
            thetas.append(np.concatenate([np.log(solved), exponents], axis=1))
            errors.append(error)
    return np.stack(thetas, axis=1), np.stack(errors, axis=1)
