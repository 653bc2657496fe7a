"""strategy:tpe: local moves drawn by a tree-structured Parzen estimator over all past trials."""

from collections.abc import Sequence
from typing import Any

from assay.researchers.history import describe, diverged, levels, measured
from assay.researchers.moves import Dimension, Interval, fields, position, search
from assay.spec.proposal import Proposal
from assay.spec.protocols import View

STARTUP_TRIALS = 8  # drawn evenly until this many results are known
PENALTY = 1.0  # per cent below the worst measured effect: where a diverged candidate is placed


class Tpe:
    """Optuna's TPE sampler (Bergstra et al. 2011), in memory, rebuilt from the view on every call.

    Every trial with a result teaches it, whoever proposed it. A trial's value is its measured effect plus what
    its champion had already gained over generation 0, in per cent. Each draw changes one to three fields of the
    champion, so that what is learnt from it can be said. Trials under test count as bad until they are measured
    (the "constant liar" of Ginsbourger et al. 2010), which spreads proposals made at the same time.
    """

    name = "strategy:tpe"

    def propose(self, view: View, n: int) -> list[Proposal]:
        import optuna  # a second to import: only when asked

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=view.seed, n_startup_trials=STARTUP_TRIALS, constant_liar=True)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        space = {dimension.name: _distribution(dimension) for group in fields(view).values() for dimension in group}
        known = 0
        for params, value in _observations(view):
            state = optuna.trial.TrialState.RUNNING if value is None else optuna.trial.TrialState.COMPLETE
            known += value is not None
            study.add_trial(
                optuna.trial.create_trial(
                    params=params, distributions={name: space[name] for name in params}, value=value, state=state
                )
            )

        def draw(dimensions: Sequence[Dimension]) -> dict[str, Any]:
            return study.ask({dimension.name: space[dimension.name] for dimension in dimensions}).params

        return search(
            view,
            n,
            self.name,
            draw,
            lambda change: (
                f"A tree-structured Parzen estimator over {known} measured recipes draws this move near the "
                f"better ones: {describe(view, change)}."
            ),
            ("Bergstra et al. 2011, Algorithms for Hyper-Parameter Optimization",),
        )


def _observations(view: View) -> list[tuple[dict[str, Any], float | None]]:
    """Position and value (None: under test) of generation 0 and of every trial that says something."""
    level = levels(view)
    values = [measured(trial.verdict) for trial in view.trials]
    worst = min((value for value in values if value is not None), default=0.0)
    result: list[tuple[dict[str, Any], float | None]] = [(position(view.config.start, view), 0.0)]
    for trial, effect in zip(view.trials, values, strict=True):
        if effect is None and diverged(trial.verdict):
            effect = min(worst, 0.0) - PENALTY
        if effect is not None:
            result.append((position(trial.recipe, view), level.get(trial.registered.generation, 0.0) + effect))
        elif trial.verdict is None:
            result.append((position(trial.recipe, view), None))
    return result


def _distribution(dimension: Dimension) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Interval):
        if dimension.whole:
            return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
        return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
    last = len(dimension.values) - 1
    return IntDistribution(0, last) if dimension.ordered else CategoricalDistribution(tuple(range(last + 1)))
