"""Ready-made ladders for `assay init --ladder`."""

from assay.spec.lab import DEFAULT_LADDER
from assay.spec.scale import Scale

#: `cpu`: for real work on a few cores. `tiny`: seconds a run, to try commands out; its numbers mean little.
LADDERS: dict[str, tuple[Scale, ...]] = {
    "cpu": DEFAULT_LADDER,
    "tiny": (
        Scale(name="tiny-1", width=32, depth=1, flops=2e9),
        Scale(name="tiny-2", width=32, depth=2, flops=6e9),
        Scale(name="tiny-3", width=64, depth=2, flops=2e10),
    ),
}
