"""FLOPs that an optimiser's update of one (out, in) matrix costs beyond element-wise work."""


def elementwise(_shape: tuple[int, int]) -> float:
    """Adam-like updates multiply no matrices."""
    return 0.0


def newton_schulz(shape: tuple[int, int], iterations: int = 5) -> float:
    """Muon's orthogonalisation: per iteration A = XXᵀ, A², and (bA + cA²)X with the short side m, long side n.

    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
    """
    m, n = min(shape), max(shape)
    return float(iterations * (2 * m * m * n + 2 * m**3 + 2 * m * m * n))
