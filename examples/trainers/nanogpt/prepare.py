"""`python prepare.py CORPUS FOLDER`: lay an assay corpus out as nanoGPT reads data: train.bin, val.bin, meta.pkl.

nanoGPT draws windows from anywhere in train.bin, so domains are read in proportion to their tokens. It looks at val.bin
for its own log only; assay's held-out text is not in it.
"""

import json
import pickle
import shutil
import sys
from pathlib import Path

VAL_BYTES = 1 << 16  # of the training text; nanoGPT needs a val.bin, and its losses there decide nothing


def main(corpus: str, folder: str) -> None:
    manifest = json.loads(Path(corpus, "manifest.json").read_text())
    out = Path(folder)
    with (out / "train.bin").open("wb") as train:
        for domain in manifest["domains"].values():
            for shard in domain["train"]["shards"]:
                with Path(corpus, shard).open("rb") as tokens:  # 16 bits a token, as nanoGPT has them
                    shutil.copyfileobj(tokens, train)
    with (out / "train.bin").open("rb") as train:
        (out / "val.bin").write_bytes(train.read(VAL_BYTES))
    (out / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": manifest["vocab"]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
