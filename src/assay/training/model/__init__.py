"""The model: a GPT, one subject a file. Start with `gpt.py`, which reads top to bottom.

Shapes are written as suffixes: B sequences, T tokens, C width of the residual stream, H query heads, K key/value
heads, D width of a head, F hidden width of the MLP, V vocabulary.
"""

from assay.training.model.gpt import GPT
from assay.training.model.matrices import HiddenMatrix

__all__ = ["GPT", "HiddenMatrix"]
