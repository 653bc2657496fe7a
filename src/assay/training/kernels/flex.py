"""FlexAttention on GPUs: attention with a window or within documents, at a cost that follows what is attended to.

A block mask says which blocks of 128 × 128 scores are computed at all (Dong et al. 2024, "Flex Attention", section 3).
On other devices, and where kernels are asked to be plain, masks are boolean tensors for PyTorch's own attention.
"""

import functools
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from assay.training.kernels import asked_plain


def blocks_serve(device: torch.device) -> bool:
    """Whether masks on this device are to be block masks."""
    return device.type == "cuda" and not asked_plain()


def block_mask(length: int, window: int, documents_BT: Tensor | None, device: torch.device) -> BlockMask:
    """Who may attend to whom: nobody to later tokens, with a window only to the last `window` tokens, itself included,
    and with `documents_BT` only to tokens of the same document.
    """

    def may(b: Tensor, _head: Tensor, q: Tensor, k: Tensor) -> Tensor:
        back = q - k
        allowed = (back >= 0) & (back < window) if window else back >= 0
        return allowed if documents_BT is None else allowed & (documents_BT[b, q] == documents_BT[b, k])

    rows = None if documents_BT is None else len(documents_BT)
    return create_block_mask(may, rows, None, length, length, device=device)


def attend_blocks(q_BHTD: Tensor, k_BKTD: Tensor, v_BKTD: Tensor, mask: BlockMask) -> Tensor:
    """Softmax attention (B, H, T, D) under a block mask, in one precision: autocast's, where that is on."""
    device = q_BHTD.device.type
    kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else q_BHTD.dtype
    q, k, v = (x.to(kind) for x in (q_BHTD, k_BKTD, v_BKTD))
    grouped = q.shape[1] != k.shape[1]
    compiles = q.is_cuda and not torch.compiler.is_compiling()  # uncompiled it would compute every score
    return (_compiled() if compiles else flex_attention)(q, k, v, block_mask=mask, enable_gqa=grouped)


@functools.cache
def _compiled() -> Any:
    return torch.compile(flex_attention)
