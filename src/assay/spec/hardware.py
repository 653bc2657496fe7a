"""What a run is computed on, and how its checkpoints are kept."""

from typing import Literal

from pydantic import Field, model_validator

from assay.spec.base import Frozen


class Hardware(Frozen):
    """The device and how it is used. Part of a trainer's identity: compared runs never cross it."""

    device: Literal["cpu", "cuda"] = Field(default="cpu", description="where tensors live")
    precision: Literal["fp32", "bf16"] = Field(
        default="fp32", description="bf16: matrix products in bfloat16, weights and optimiser in fp32"
    )
    compile: bool = Field(default=False, description="torch.compile: slow to start, faster after")
    processes: int = Field(default=1, ge=1, le=4096, description="processes that share one run, through torchrun")
    parallel: Literal["ddp", "fsdp"] = Field(
        default="ddp", description="ddp: every process holds the model; fsdp: each holds a part (FSDP2)"
    )
    pack: int = Field(
        default=0, ge=0, le=1024,
        description="most runs of one shape that train together in one process, their weights stacked; 1: each alone; "
        "0: as pays on the device, each alone on a CPU, 16 on a GPU",
    )  # fmt: skip

    @model_validator(mode="after")
    def _possible(self) -> "Hardware":
        if self.parallel == "fsdp" and self.processes == 1:
            raise ValueError(
                "'parallel' = 'fsdp' and 'processes' = 1 cannot go together: one process has nobody to share weights "
                "with; change one of the two"
            )
        if self.pack > 1 and (self.processes > 1 or self.compile):
            key, value = ("processes", self.processes) if self.processes > 1 else ("compile", "true")
            raise ValueError(
                f"'pack' = {self.pack} and '{key}' = {value} cannot go together: runs are packed in one process, and "
                f"as they are; change one of the two"
            )
        return self

    @property
    def most_packed(self) -> int:
        """Most runs in one process. On a CPU stacking gains little (`benchmarks/RESULTS.md`), on a GPU much."""
        if self.processes > 1 or self.compile:
            return 1
        return self.pack or (16 if self.device == "cuda" else 1)

    @property
    def packed(self) -> bool:
        """Whether runs train in packs, also one that finds no other to go with: pairs are all packed or all not."""
        return self.most_packed > 1

    def words(self) -> str:
        """What a trainer's identity says of these settings, besides the device; empty for the default."""
        # How many runs may be packed together decides nothing; that they are packed does.
        told = [f"{key}={value}" for key, value in self.identity().items() if key not in ("device", "pack")]
        return " ".join([*told, *(["packed"] if self.packed else [])])


class Checkpoints(Frozen):
    """How often a run is saved, and what is kept. Decides no number."""

    seconds: float = Field(default=30.0, gt=0, description="at most this long between checkpoints")
    keep: int = Field(default=2, ge=1, le=1000, description="newest ones that are kept while a run goes on")
    milestone_steps: int = Field(
        default=0, ge=0, description="checkpoints at multiples of this many steps are kept for good; 0: none"
    )
