"""How often text may be read again."""

from collections.abc import Mapping

from assay.spec.errors import UserError

# Up to four epochs, repeated text is almost as good as new text: Muennighoff et al. 2023, "Scaling
# Data-Constrained Language Models", section 5.
MOST_EPOCHS = 4


def check_left(left: Mapping[str, int], tokens_needed: int, scale: str) -> None:
    """Raise `UserError` when a run would read the text that its recipe selects more than four times.

    Args:
        left: training tokens of each domain that are selected.
        scale: name of the run's scale.
    """
    available = sum(left.values())
    if tokens_needed > MOST_EPOCHS * available:
        raise UserError(
            f"what the recipe selects is too little for scale '{scale}', which trains on {tokens_needed:,} tokens: "
            f"that is {tokens_needed / available:.1f} times the {available:,} training tokens that are left, and more "
            f"than {MOST_EPOCHS} times is too much repetition; select less strictly (data.filters, data.filter_limit, "
            f"data.dedup, data.quality_share), or add text"
        )
