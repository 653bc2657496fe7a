"""Copies of tensors that a background thread can write while training goes on."""

import itertools
import json
from collections.abc import Mapping

import torch
from torch import Tensor

_NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
_ALIGNMENT = 8  # bytes; safetensors' own


class Snapshot:
    """Named tensors in one block of memory that is laid out as a safetensors file, so that writing copies nothing.

    The block is kept and filled again by every `take`. The first use of it waits for the system to hand out its pages:
    that of `touch`, or the first `take`.

    Format: https://github.com/huggingface/safetensors#format: length of the header, header in JSON, data.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._layout = _layout(tensors)
        # Wide types first, so that each tensor begins at a multiple of its type's size.
        ordered = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))
        ends = list(itertools.accumulate(tensor.numel() * tensor.element_size() for _, tensor in ordered))
        places = list(zip([0, *ends], ends, strict=False))
        header = {
            name: {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": place}
            for (name, tensor), place in zip(ordered, places, strict=True)
        }
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % _ALIGNMENT)
        self._header = len(text).to_bytes(8, "little") + text
        self._pinned = any(tensor.is_cuda for tensor in tensors.values())
        self._data = torch.empty(ends[-1] if ends else 0, dtype=torch.uint8, pin_memory=self._pinned)
        self._views = {
            name: self._data[begin:end].view(tensor.dtype).view(tensor.shape)
            for (name, tensor), (begin, end) in zip(ordered, places, strict=True)
        }

    def touch(self) -> None:
        """Have the system hand out the block's pages now."""
        self._data.zero_()

    def fits(self, tensors: Mapping[str, Tensor]) -> bool:
        """Whether `take` can copy these: the same names, shapes and types."""
        return _layout(tensors) == self._layout

    @torch.no_grad()
    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy the tensors as they are now."""
        for name, view in self._views.items():
            view.copy_(tensors[name], non_blocking=self._pinned)
        if self._pinned:
            torch.cuda.synchronize()

    def parts(self) -> tuple[memoryview, ...]:
        """The file's bytes, in order."""
        return memoryview(self._header), self._data.numpy().data


def _layout(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.dtype, torch.Size]]:
    return {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
