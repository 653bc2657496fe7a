"""Writes docs/examples/, the small tables that docs/evidence.md works on, and its pictures in docs/images/evidence/.

`python docs/generate_examples.py`. All tables are drawn from known truths with a fixed seed, so that a reader can see
whether a method finds them; results.tsv is made up.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
EXAMPLES = HERE / "examples"
IMAGES = HERE / "images" / "evidence"

LOG = """commit\tval_bpb\tmemory_gb\tstatus\tdescription
baseline\t0.997900\t44.0\tkeep\tbaseline
bea057b\t0.986000\t43.9\tkeep\thalve the batch
187e419\t0.986600\t43.9\tdiscard\tadd 5% warm-up
e05a87d\t0.000000\t0.0\tcrash\tdouble the batch
4e6697f\t0.985800\t43.9\tkeep\tlonger warm-down
1c22d01\t0.985300\t43.9\tkeep\tembedding learning rate 0.8
77aa0f3\t0.985510\t43.9\tdiscard\tembedding learning rate 0.9
9d1f2be\t0.985190\t43.9\tkeep\trotary base 200,000
"""
PICTURES = {
    "compare": "evidence compare a.csv b.csv --paired",
    "audit-log": "audit-log results.tsv --sigma 1.1e-4",
    "law": "law fit runs.csv",
    "multiplier": "law multiplier base.csv new.csv",
    "mixture": "mixture fit mixtures.csv --target web_loss --save {folder}/model.json",
}


def loss(params: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """The planted law: E 1.8, A 480, alpha 0.35, B 2,100, beta 0.37."""
    return 1.8 + 480 * params**-0.35 + 2100 * tokens**-0.37


def write(name: str, header: str, rows: list[str]) -> None:
    (EXAMPLES / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def tables() -> None:
    rng = np.random.default_rng(2027)
    EXAMPLES.mkdir(exist_ok=True)
    (EXAMPLES / "results.tsv").write_text(LOG, encoding="utf-8")

    seeds = 3.28 + 0.0014 * rng.standard_normal(6)
    candidate = seeds - 0.0021 + 0.0006 * rng.standard_normal(6)
    write("a.csv", "seed,value", [f"{i},{v:.4f}" for i, v in enumerate(seeds)])
    write("b.csv", "seed,value", [f"{i},{v:.4f}" for i, v in enumerate(candidate)])

    rows = []
    for budget in 10.0 ** np.array([18.0, 18.5, 19.0, 19.5, 20.0, 20.5]):
        for ratio in (4, 10, 20, 40, 100, 250):
            params = np.sqrt(budget / 6 / ratio)
            tokens = budget / 6 / params
            value = loss(params, tokens) * np.exp(0.003 * rng.standard_normal())
            rows.append(f"{params:.0f},{tokens:.0f},{value:.4f}")
    write("runs.csv", "params,tokens,loss", rows)

    def curve(gain: float) -> list[str]:
        return [
            f"{flops:.3g},{seed},{1.9 + 60 * (flops * gain) ** -0.095 + 0.004 * rng.standard_normal():.4f}"
            for flops in (1e17, 3e17, 1e18, 3e18, 1e19)
            for seed in range(3)
        ]

    write("base.csv", "flops,seed,loss", curve(1.0))
    write("new.csv", "flops,seed,loss", curve(1.35))

    quality = rng.standard_normal(12)
    for name, base, noise in (("small.csv", 3.9, 0.02), ("large.csv", 3.1, 0.006)):
        write(
            name, "recipe,loss",
            [
                f"recipe-{i},{base - 0.03 * q + noise * rng.standard_normal():.4f}"
                for i, q in enumerate(quality)
                for _ in range(2)
            ],
        )  # fmt: skip

    def domain_losses(weights: np.ndarray) -> tuple[float, float]:
        web, code, books = np.sqrt(weights)
        return 3.9 - 0.7 * web - 0.35 * books, 3.6 - 1.6 * code - 0.2 * web

    rows = []
    for run in range(24):
        weights = np.round(rng.dirichlet([1.5, 1.5, 1.5]), 3)
        weights[2] = round(1 - weights[0] - weights[1], 3)
        web_loss, code_loss = np.array(domain_losses(weights)) + 0.01 * rng.standard_normal(2)
        rows.append(f"{run + 1},{weights[0]},{weights[1]},{weights[2]},{web_loss:.4f},{code_loss:.4f}")
    write("mixtures.csv", "run,web,code,books,web_loss,code_loss", rows)
    write("new-mixtures.csv", "web,code,books", ["0.5,0.3,0.2", "0.9,0.05,0.05"])
    write("tokens.csv", "domain,tokens", ["web,7e9", "code,2e9", "books,1e9"])
    write("effects.csv", "name,effect,se", ["a,2.1,0.5", "b,0.1,0.5", "c,-0.3,0.6", "d,1.2,0.5", "e,0.2,0.4"])

    first, order = 0.010 * rng.standard_normal(8), 0.004 * rng.standard_normal(8)
    rows = [
        f"{i},{j % 8},{3.87 + first[i] + order[j % 8] + 0.006 * rng.standard_normal():.4f}"
        for i in range(8)
        for j in range(i, i + 3)
    ]
    write("noise.csv", "init,data,value", rows)


def pictures() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    assay = Path(sys.executable).parent / "assay"
    for name, words in PICTURES.items():
        command = [str(assay), *words.format(folder=EXAMPLES).split(), "--svg", str(IMAGES / f"{name}.svg")]
        subprocess.run(command, cwd=EXAMPLES, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    (EXAMPLES / "model.json").unlink()


if __name__ == "__main__":
    tables()
    pictures()
