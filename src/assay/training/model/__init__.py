"""The model: a GPT, one subject a file. Start with `gpt.py`, which reads top to bottom.

Shapes are written as suffixes: B sequences, T tokens, C width of the residual stream, H query heads, K key/value
heads, D width of a head, F hidden width of the MLP, V vocabulary, E experts.

To add an option of the architecture, for example a gate on what attention gives out (Qiu et al. 2025, "Gated Attention
for Large Language Models", G1):

1. A field of `spec.recipe.Model`, whose default means "as before", so that hashes of old recipes stay:

       attention_gate: bool = Field(default=False, description="a sigmoid of the input gates each head's output")

2. A module in the file of its subject here, or in one of its own, with its source:

       class OutputGate(nn.Module):
           '''y · sigmoid(W x), element by element: Qiu et al. 2025, equation 5.'''

           def __init__(self, width: int) -> None:
               super().__init__()
               self.map = nn.Linear(width, width, bias=False)

           def forward(self, y_BTC: Tensor, x_BTC: Tensor) -> Tensor:
               return y_BTC * self.map(x_BTC).sigmoid()

   which is `None` where it is off, as `Attention.value_embedding` is. Matrices are named by `matrices()` of the
   module that holds them, so that Muon and SOAP find them; gains and scalars have one dimension; tables that are
   looked up are called `embedding`. Which layers have it, if not all, is a function in `spec/layers.py`.

3. What it costs, in `spec/scale.py`: its maps in `_layer`, or its numbers in `count_parameters`.
4. A line in `OPTIONS` (`tests/training/test_model_options.py`) and in `ARCHITECTURES` (`test_model.py`): the suites
   check parameters and FLOPs against PyTorch's counters, that it learns, and that nothing looks ahead. Add a test
   against its published formula.
5. What it cannot be combined with: an entry of `spec/combinations.py`. What an export knows nothing of: a sentence in
   `training/export`.
"""

from assay.training.model.gpt import GPT
from assay.training.model.matrices import HiddenMatrix

__all__ = ["GPT", "HiddenMatrix"]
