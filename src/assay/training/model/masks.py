"""Who may attend to whom: boolean masks (True: may), or block masks on a GPU (`kernels/flex.py`)."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask

from assay.training.kernels.flex import block_mask, blocks_serve


class Masks(NamedTuple):
    """Masks (T, T) or (B, 1, T, T) of layers that see everything and of those with a window; None: merely causal."""

    full: Tensor | BlockMask | None = None
    window: Tensor | BlockMask | None = None


CAUSAL = Masks()


def causal(length: int, window: int, device: torch.device) -> Tensor:
    """(T, T): no later token, and with a window only the last `window` tokens, itself included."""
    places = torch.arange(length, device=device)
    back_TT = places[:, None] - places[None, :]
    return (back_TT >= 0) & (back_TT < window) if window else back_TT >= 0


def masks(tokens_BT: Tensor, documents_BT: Tensor | None, window: int) -> Masks:
    """Masks for a batch; with `documents_BT`, tokens of different documents do not see each other.

    Positions are not counted anew in each document: RoPE needs relative ones only.
    """
    length, device = tokens_BT.shape[1], tokens_BT.device
    window = window if window < length else 0
    if blocks_serve(device) and (window or documents_BT is not None):
        full = None if documents_BT is None else block_mask(length, 0, documents_BT, device)
        return Masks(full, block_mask(length, window, documents_BT, device) if window else full)
    windowed = causal(length, window, device) if window else None
    if documents_BT is None:
        return CAUSAL if windowed is None else Masks(None, windowed)
    same_B1TT = (documents_BT[:, :, None] == documents_BT[:, None, :])[:, None]
    full = same_B1TT & causal(length, 0, device)
    return Masks(full, full if windowed is None else same_B1TT & windowed)
