"""assay: a pre-training research lab in which only verified gains count.

lab = assay.open("mylab")
lab.runs(), lab.proposals(), lab.generations()    # data frames
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.campaign.lab import Lab


def open(folder: "str | Path") -> "Lab":
    """Open a lab's folder.

    Raises:
        assay.spec.errors.UserError: no lab there, or something in it is broken.
    """
    from assay.campaign.lab import Lab

    return Lab(Path(folder))
