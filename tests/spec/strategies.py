"""Random recipes and lab configurations, anywhere in what a person may write."""

from typing import Any

from hypothesis import strategies as st

from assay.spec.lab import LabConfig
from assay.spec.recipe import Recipe

positive = st.floats(1e-6, 1e3)
fraction = st.floats(0.0, 1.0, exclude_max=True)
name = st.from_regex(r"[a-z][a-z0-9_-]{0,12}", fullmatch=True)
text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
mixtures = st.dictionaries(name, st.floats(0.0, 1e6), min_size=1, max_size=6).filter(lambda w: sum(w.values()) > 1e-3)


def table(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A table in which any key may be left out."""
    return st.fixed_dictionaries({}, optional=fields)


recipe_tables = table(
    model=table(
        width_ratio=positive,
        depth_ratio=positive,
        head_dim=st.integers(1, 256),
        query_heads_per_kv=st.integers(1, 8),
        position=st.sampled_from(["learned", "rope"]),
        rope_base=st.floats(2.0, 1e6),
        norm=st.sampled_from(["layernorm", "rmsnorm"]),
        qk_norm=st.booleans(),
        mlp=st.sampled_from(["gelu", "relu2", "swiglu"]),
        mlp_ratio=positive,
        bias=st.booleans(),
        tied_embeddings=st.booleans(),
    ),
    optimiser=table(
        name=st.sampled_from(["adamw", "muon"]),
        lr=positive,
        beta1=fraction,
        beta2=fraction,
        eps=st.floats(1e-12, 1e-3),
        weight_decay=st.floats(0.0, 10.0),
        grad_clip=st.floats(0.0, 10.0),
        muon_lr=positive,
        muon_momentum=fraction,
    ),
    schedule=table(
        name=st.sampled_from(["cosine", "linear", "wsd"]),
        warmup=fraction,
        decay=st.floats(0.01, 1.0),
        final=st.floats(0.0, 1.0),
    ),
    data=table(mixture=mixtures, context=st.integers(1, 4096), batch=st.integers(1, 512)),
)


def _possible(data: dict[str, Any]) -> bool:
    model = data.get("model", {})
    return model.get("position") != "rope" or model.get("head_dim", 32) % 2 == 0


recipe_tables = recipe_tables.filter(_possible)
recipes = recipe_tables.map(lambda data: Recipe.parse(data, "a recipe"))


@st.composite
def _ladders(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = draw(st.lists(text, min_size=2, max_size=4, unique=True))
    flops = sorted(draw(st.lists(st.floats(1e6, 1e15), min_size=len(names), max_size=len(names), unique=True)))
    sizes = st.integers(1, 4096)
    return [
        {"name": n, "width": draw(sizes), "depth": draw(sizes), "flops": f} for n, f in zip(names, flops, strict=True)
    ]


_searches = st.fixed_dictionaries(
    {"optimiser.name": st.just(["adamw", "muon"])},
    optional={
        "optimiser.lr": st.just({"low": 1e-4, "high": 1e-2, "log": True}),
        "model.qk_norm": st.just([False, True]),
        "data.batch": st.lists(st.integers(1, 64), min_size=1, max_size=4) | st.just({"low": 2, "high": 40}),
        "data.mixture": st.just({"low": 0.0, "high": 1.0}),
    },
)

configs = st.fixed_dictionaries(
    {
        "name": text,
        "corpus": st.fixed_dictionaries({"id": name, "score_weights": mixtures}),
    },
    optional={
        "seed": st.integers(0, 2**31 - 1),
        "start": recipe_tables,
        "ladder": _ladders(),
        "search": _searches,
        "limits": table(parameters=st.integers(1, 10**9), memory_mb=positive, step_ms=positive),
        "evidence": table(fdr=st.floats(0.001, 0.5), pairs=st.integers(3, 200), min_effect=positive),
        "researchers": table(use=st.lists(st.sampled_from(["known", "tpe", "random", "claude"]), min_size=1)),
        "execution": table(workers=st.integers(0, 8), command=st.lists(text, max_size=3)),
        "costs": table(usd_per_core_hour=st.floats(0.0, 100.0)),
    },
).map(lambda data: LabConfig.parse(data, "lab.toml"))
