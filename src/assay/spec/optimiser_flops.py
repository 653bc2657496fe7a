"""FLOPs that an optimiser's update of one (out, in) matrix costs beyond element-wise work, on average a step."""

from assay.spec.recipe import Optimiser


def elementwise(_shape: tuple[int, int], _settings: Optimiser) -> float:
    """Adam-like updates multiply no matrices."""
    return 0.0


def newton_schulz(shape: tuple[int, int], _settings: Optimiser, iterations: int = 5) -> float:
    """Muon's orthogonalisation: per iteration A = XXᵀ, A², and (bA + cA²)X with the short side m, long side n.

    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
    """
    m, n = min(shape), max(shape)
    return float(iterations * (2 * m * m * n + 2 * m**3 + 2 * m * m * n))


def eigenbases(shape: tuple[int, int], settings: Optimiser) -> float:
    """SOAP's rotations of the (m, n) gradient there and back, two covariances, and every `soap_every` steps new bases.

    A rotation costs 2m²n + 2mn². New bases take a product and a QR decomposition of each covariance, and two rotations
    that carry the first moment over. A QR by Householder reflections with its Q formed costs 8n³/3 (Golub & Van Loan,
    "Matrix Computations", 4th edition, sections 5.2.2 and 5.1.6). The one eigendecomposition at the start is left out.

    Source: Vyas et al. 2024, "SOAP: Improving and Stabilizing Shampoo using Adam", algorithms 3 and 4.
    """
    m, n = shape
    rotation = 2 * m * m * n + 2 * m * n * n
    bases = (2 + 8 / 3) * (m**3 + n**3) + 2 * rotation
    return 3.0 * rotation + bases / settings.soap_every
