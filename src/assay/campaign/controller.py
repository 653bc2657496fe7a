"""The controller: drives proposals, runs and verdicts of one session, and writes every step to the ledger first.

Each step is one transaction: a run's outcome, its metrics, the decisions that follow from it. A controller that
dies between two steps finds, after a restart, either the whole step or nothing of it; runs go on from their
checkpoints, and finished ones are read from their folders.
"""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from assay.campaign.alarm import OutOfTime, alarm
from assay.campaign.decide import RULES, Key, Need
from assay.campaign.history import Campaign
from assay.campaign.lab import CONFIG, Lab
from assay.campaign.lock import controlling
from assay.campaign.observe import registration, view_of
from assay.campaign.selections import SELECTED, in_a_line, select
from assay.campaign.spending import Purse, check_enough, check_limits, core_usd, remaining
from assay.campaign.vault import ASKED, SealedVault, Vault
from assay.campaign.watch import Pace, Selecting, Snapshot, Watcher
from assay.corpus.manifest import whole
from assay.corpus.repetition import check_left
from assay.researchers.admissible import admissible
from assay.researchers.create import check, create
from assay.researchers.exchange import Exchange
from assay.spec.budget import Budget
from assay.spec.errors import UserError
from assay.spec.external import tokens_of
from assay.spec.lab import LabConfig
from assay.spec.places import place
from assay.spec.proposal import Proposal
from assay.spec.protocols import Executor, OutOfMoney, ResearcherUnavailable
from assay.spec.recipe import SELECTING, Recipe, changed, in_words
from assay.spec.run import Outcome
from assay.spec.user import user_name
from assay.store.ledger import Entry, append

EMBEDDED = ("known", "tpe")
#: Researchers whose answers cost money: one that had nothing to propose is asked again only once there is news.
PAID = ("claude",)


class Ending(Exception):
    """Why a session ends."""


class Alarm(Ending):
    """A placebo passed: something may be wrong with how the lab measures or decides."""


class Controller:
    """One session of a campaign.

    Args:
        lab: an open lab; the caller holds no lock, `run` takes it.
        budget: how much more to spend; None goes on with what an interrupted session had left.
        watcher: shows what happens.
        command: how this session was started, for the lock and the ledger.
        executor: where runs happen; by default the one that `lab.toml` names.
        after_alarm: why a person goes on although a placebo has passed; '' where there was no alarm.

    Attributes:
        alarmed: whether the session ended with an alarm.
    """

    def __init__(
        self, lab: Lab, budget: Budget | None, watcher: Watcher, command: str = "assay run",
        executor: Executor | None = None, after_alarm: str = "", vault: Vault | None = None,
    ) -> None:  # fmt: skip
        self.lab = lab
        self.asked = budget
        self.watcher = watcher
        self.command = command
        self._executor = executor
        self.vault = vault or SealedVault(lab)
        self._after_alarm = after_alarm
        self.alarmed = False
        self.started = time.monotonic()
        self._finished: dict[str, Outcome] = {}
        self._closed = ""
        self._silent: set[str] = set()
        self._declined: dict[str, tuple[int, int]] = {}
        self._poor = ""
        self._interrupted = self._asking = False
        self._core_seconds = 0.0

    def run(self) -> str:
        """Go on until the budget is spent or nobody has anything to propose; returns why it ended.

        Raises:
            UserError: another controller, a broken lab, a budget too small, a researcher that cannot answer.
            KeyboardInterrupt: after pausing every run; the ledger says so.
        """
        with controlling(self.lab.folder, self.command):
            manifest = self.lab.check()
            campaign = self.lab.campaign()
            campaign.external = self.lab.external
            self._refuse_changes(campaign)
            self._check_alarm(campaign)
            self.usd_before = self.lab.store.usd_spent()
            budget = self.asked or remaining(campaign, self.usd_before)
            if budget is None:
                raise UserError("say how much may be spent, for example --budget 20m or --budget 40runs")
            check_limits(campaign, budget)
            if not campaign.decider.active:  # else less than a pair may be what is left to do
                check_enough(campaign, budget, self.lab.workers())
            self.manifest, self.campaign = manifest, campaign
            self.purse = Purse(budget)
            self._check_researchers()
            self.started = self._counted = time.monotonic()
            self._begin(budget)
            executor = self.executor = self._executor or self.lab.executor()
            ended, reason = False, "an error"
            handlers = self._hold_signals()
            try:
                self._check_start()
                self._resubmit()
                while True:
                    self._step()
            except Ending as end:
                self.alarmed = isinstance(end, Alarm)
                ended, reason = True, str(end)
                return reason
            except KeyboardInterrupt:
                reason = "it was interrupted"
                raise
            except UserError as error:
                reason = str(error)
                raise
            finally:
                executor.close()
                self._end(ended, reason)
                for number, handler in handlers.items():
                    signal.signal(number, handler)

    # A session's begin and end

    def _hold_signals(self) -> dict[int, Any]:
        """Let Ctrl-C and SIGTERM wait for the next safe point; returns the handlers from before.

        An exception in the middle of a transaction could leave the store locked. While a researcher is asked, which may
        take minutes, they act at once.
        """
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)}

    def _interrupt(self, *_: object) -> None:
        self._interrupted = True
        if self._asking:
            self._asking = False
            raise KeyboardInterrupt

    def _check_interrupted(self) -> None:
        if self._interrupted:
            raise KeyboardInterrupt

    def _refuse_changes(self, campaign: Campaign) -> None:
        """What decides comparability is fixed for a lab's life."""
        if campaign.session is None:
            return
        then, now = campaign.config, self.lab.config
        if then.evidence.fdr != now.evidence.fdr:
            raise UserError(
                f"{self.lab.folder / 'lab.toml'}: evidence.fdr has changed since the campaign began, but the error "
                f"budget is for a lab's whole life. Put it back to {then.evidence.fdr}, or make a new lab"
            )
        for key in ("corpus", "ladder", "start", "seed"):
            if getattr(then, key) != getattr(now, key):
                raise UserError(
                    f"{self.lab.folder / 'lab.toml'}: [{key}] has changed since the campaign began; results would no "
                    f"longer be comparable. Put it back, or make a new lab with `assay init`"
                )

    def _check_alarm(self, campaign: Campaign) -> None:
        """After an alarm only a person can let the campaign go on."""
        if campaign.alarm is not None and not self._after_alarm:
            raise UserError(
                f"placebo {campaign.alarm} passed, which should happen in one lab of twenty at most: look into it with "
                f'`assay report`, then go on with `assay run --after-alarm "what was wrong"`'
            )
        if campaign.alarm is None and self._after_alarm:
            raise UserError("there is no alarm to go on after; leave --after-alarm out")

    def _check_researchers(self) -> None:
        """What can be known of researchers before anything is spent."""
        settings = self.lab.config.researchers
        for name in settings.use:
            try:
                check(name)
            except ResearcherUnavailable as error:
                if not settings.claude.fallback:
                    raise UserError(f"researcher '{name}' cannot answer: {error}") from None

    def _record(self, exchange: Exchange) -> None:
        self.lab.store.put_exchange(exchange.author, exchange.cost_usd, exchange.model_dump(mode="json"))

    def _begin(self, budget: Budget) -> None:
        body = {
            "config": self.lab.config.model_dump(mode="json"),
            "trainer": self.lab.trainer(),
            "budget": budget.model_dump(mode="json"),
            "usd_before": self.usd_before,
            "command": self.command,
            "rules": RULES,
            "vault": self.lab.vault(),
            "text": whole(self.manifest).model_dump(mode="json"),
            "confinement": {"mechanism": self.lab.confinement.mechanism, "reason": self.lab.confinement.reason},
        }
        before = set(self.campaign.every_verdict)
        outstanding = [self.campaign.hash_of(need.key) for need in self.campaign.decider.outstanding]
        with self.lab.store.transaction() as connection:
            if self.campaign.alarm is not None:
                acknowledged = {
                    "number": self.campaign.alarm,
                    "reason": self._after_alarm,
                    "by": f"human:{user_name()}",
                }
                self._append(connection, "acknowledged", acknowledged)
            self._append(connection, "session", body)
            for number in sorted(set(self.campaign.every_verdict) - before):
                self._append_verdict(connection, number)
            status = "running" if self.campaign.decider.outstanding else "cancelled"  # of another trainer
            for digest in outstanding:
                self.lab.store.set_status(connection, digest, status)
        self._announce_verdicts(sorted(set(self.campaign.every_verdict) - before))

    def _end(self, ended: bool, reason: str) -> None:
        """Note why the session stops. One that has not come to its end is gone on with by the next."""
        with self.lab.store.transaction() as connection:
            if ended:
                append(connection, "end", {"reason": reason})
            else:
                append(connection, "note", {"text": f"the session stopped: {reason}"})
            for need in self.campaign.decider.outstanding:
                self.lab.store.set_status(connection, self.campaign.hash_of(need.key), "paused")
        self.watcher.say(f"Session {'ended' if ended else 'stopped'}: {reason}.")

    def _append(self, connection: Connection, kind: str, body: dict[str, Any]) -> None:
        """Write an entry and let the campaign read it, so that live and replayed history are one."""
        seq = append(connection, kind, body)
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.campaign.feed(Entry(seq=seq, time=now, kind=kind, body=body, hash_=""))

    # Steps

    def _resubmit(self) -> None:
        for need in self.campaign.decider.outstanding:
            self._submit(need)

    def _step(self) -> None:
        """Fill the queue, wait for the oldest outstanding run, take its outcome."""
        self._check_interrupted()
        self._read_inbox()
        self._ask_vault()
        self._fill()
        decider = self.campaign.decider
        if not decider.outstanding:
            raise Ending(self._closed or decider.stuck or self._poor or "no researcher has anything left to propose")
        need = decider.outstanding[0]
        outcome = self._wait(need)
        if outcome is not None:
            self._take(need, outcome)

    def _ask_vault(self) -> None:
        """Bring the tests that passed all else before the sealed set. A crash before the entry asks the same again."""
        for test in self.campaign.decider.pending_vault:
            self.watcher.tick(self._snapshot(f"asking the vault about #{test.number}"))
            scale = self.campaign.decider.scale_of("confirm")
            pairs = [
                (self.campaign.hash_of(Key(test.champion, scale, seed)),
                 self.campaign.hash_of(Key(test.candidate, scale, seed)))
                for seed in test.seeds["confirm"]
            ]  # fmt: skip
            answer = self.vault.ask(test.number, pairs)
            generations, before = len(self.campaign.generations), set(self.campaign.every_verdict)
            with self.lab.store.transaction() as connection:
                self._append(connection, ASKED, answer.model_dump(mode="json"))
                new = self._append_decisions(connection, before, generations)
            self._announce_decisions(new, generations)

    def _fill(self) -> None:
        """Register proposals and start runs for as long as the budget allows.

        Whether it does depends on what is known now alone, so that a restarted controller judges alike.
        """
        self._closed = ""
        while not self._closed:
            self._start_runs()
            if self._closed or not self._register_one():
                return

    def _start_runs(self) -> None:
        needs = self.campaign.decider.needs()
        for need in needs:
            if self._refusal(need.key):
                break
            self._select(self.campaign.recipes[need.key.recipe])
        allowed: list[Need] = []
        with self.lab.store.transaction() as connection:
            for need in needs:
                self._closed = self._refusal(need.key) or ""
                if self._closed:
                    break
                run = self.campaign.run_of(need.key)
                body = {
                    "run": run.hash, "recipe": need.key.recipe, "scale": need.key.scale, "seed": need.key.seed,
                    "half": need.half, "number": need.number,
                }  # fmt: skip
                self.lab.store.put_run(connection, run, "running")
                self._append(connection, "run", body)
                allowed.append(need)
        for need in allowed:
            self._submit(need)

    def _refusal(self, key: Key) -> str | None:
        return self.purse.refusal(self.campaign, key, time.monotonic() - self.started, self._usd())

    def _select(self, recipe: Recipe) -> bool:
        """Have the training text that a recipe selects, and what it cost in the ledger; whether that is news.

        It takes of the session's time as runs do.
        """
        selection = recipe.data.selection()
        if not selection or selection in self.campaign.selections:
            return False
        doing, pace = "selecting training text", Pace()

        def show(done: int, total: int | None, step: str) -> None:
            self.watcher.tick(self._snapshot(doing, pace.at(step, done, total) if total else None))

        show(0, None, "")
        with self._interruptible():
            selected = select(self.lab, recipe, show)
        self._core_seconds += selected.seconds
        with self.lab.store.transaction() as connection:
            self._append(connection, SELECTED, selected.model_dump(mode="json"))
        self.watcher.say(f"Selected training text: {in_a_line(selected)}.")
        return True

    def _check_start(self) -> None:
        """Raise `UserError` where too little of the text is left of what the start recipe selects."""
        start, ladder, vocab = self.lab.config.start, self.lab.config.ladder, self.manifest.vocab
        if self.campaign.decider.champion != start.hash or not start.data.selection():
            return
        self._select(start)
        known = self.campaign.selections[start.data.selection()]
        try:
            if known.cost is None:
                raise UserError(known.refusal)
            for scale in ladder:
                check_left(known.cost.tokens, tokens_of(start, scale, vocab, self.lab.external), scale.name)
        except UserError as error:
            raise UserError(f"{place(self.lab.folder / CONFIG, 'start.data')}: the start recipe: {error}") from None

    def _select_for(self, proposal: Proposal) -> bool:
        """The same for the candidate of a proposal, so that what cannot be trained on is never registered."""
        champion = self.campaign.recipes[self.campaign.decider.champion]
        if not any(key in SELECTING for key in proposal.change):
            return False
        view = view_of(self.campaign, self.manifest)
        return admissible(view, proposal) is None and self._select(changed(champion, proposal.change))

    def _submit(self, need: Need) -> None:
        run = self.campaign.run_of(need.key)
        known = self.campaign.selections.get(run.recipe.data.selection())
        if known is not None and known.refusal:  # a champion's, after an audit dropped a change of it
            self._finished[run.hash] = Outcome(status="failed", message=known.refusal)
            return
        stop = self.campaign.stop_step(need.key) if need.half else None
        self.executor.submit(self.lab.order(run, self.manifest.vocab, stop), self.lab.run_dir(run.hash))

    def _register_one(self) -> bool:
        """Register the next proposal if the loop has room for one; False if there is none to take."""
        decider = self.campaign.decider
        number = decider.next_number
        if not decider.vacancies:
            return False
        if decider.placebo_due:
            placebo = self.campaign.next_placebo()
            with self.lab.store.transaction() as connection:
                self.lab.store.put_recipe(connection, self.campaign.recipes[placebo.candidate])
                self._append(connection, "placebo", {"registered": placebo.model_dump(mode="json")})
            return True
        if decider.retests:
            old = decider.retests[0]
            proposal = self.campaign.registered[old.number].proposal
            self._select_for(proposal)
            with self.lab.store.transaction() as connection:
                refusal = self._take_proposal(connection, proposal, retest_of=old.number)
            self._announce_proposals(number, f"a retest of #{old.number}", refusal)
            return True
        if retuned := self.campaign.retuned_proposal():
            lost, proposal = retuned
            self._select_for(proposal)
            with self.lab.store.transaction() as connection:
                refusal = self._take_proposal(connection, proposal, retune_of=lost)
            self._announce_proposals(number, f"the better tuning that #{lost} lost to", refusal)
            return True
        for letter in self.lab.store.letters():
            if letter.kind == "propose":
                proposal = Proposal.model_validate_json(json.dumps(letter.body))
                self._select_for(proposal)
                with self.lab.store.transaction() as connection:
                    refusal = self._take_proposal(connection, proposal)
                    self.lab.store.answer(connection, letter.id, refusal or f"registered as {number}")
                self._announce_proposals(number, f"a proposal of {proposal.author}", refusal)
                return True
        return self._ask_researchers()

    def _take_proposal(
        self, connection: Connection, proposal: Proposal, retest_of: int | None = None, retune_of: int | None = None
    ) -> str | None:
        """Register a proposal, or put into the ledger why it is refused; returns that."""
        refusal = admissible(view_of(self.campaign, self.manifest), proposal)
        if refusal is None:
            self._register(connection, proposal, retest_of, retune_of)
        else:
            body = {
                "proposal": proposal.model_dump(mode="json"), "reason": refusal, "retest_of": retest_of,
                "retune_of": retune_of,
            }  # fmt: skip
            self._append(connection, "refused", body)
        return refusal

    def _ask_researchers(self) -> bool:
        decider = self.campaign.decider
        news = (decider.next_number, len(self.campaign.verdicts))
        for name in self.lab.config.researchers.use:
            if self._declined.get(name) == news:
                continue
            proposals, number = self._propose(name, decider.vacancies), decider.next_number
            while sum(map(self._select_for, proposals)) and name not in PAID:
                # News that may make some of them void: none of these shall keep a good one waiting.
                proposals = self._propose(name, decider.vacancies)
            # One transaction: a controller that died between two of them would ask again, and be told others.
            with self.lab.store.transaction() as connection:
                for proposal in proposals:
                    if decider.vacancies and admissible(view_of(self.campaign, self.manifest), proposal) is None:
                        self._register(connection, proposal)
            self._announce_proposals(number)
            if decider.next_number > number:
                return True
            if name in PAID:
                self._declined[name] = news
        return False

    def _propose(self, name: str, n: int) -> list[Proposal]:
        if name in self._silent:
            return [p for other in self._stand_ins() for p in self._ask(other, n)][:n]
        self.watcher.tick(self._snapshot(f"asking {name} for proposals"))
        try:
            return self._ask(name, n)
        except ResearcherUnavailable as error:
            if isinstance(error, OutOfMoney) and self._research_config() != self.lab.config:
                self._poor = f"what is left of {self.purse.budget.usd:.2f} USD does not cover a request to {name}"
                return []
            if not self.lab.config.researchers.claude.fallback:
                raise UserError(f"researcher '{name}' cannot answer: {error}") from None
            self._silent.add(name)
            with self.lab.store.transaction() as connection:
                self._append(connection, "note", {"text": f"{name} is unavailable: {error}; going on without it"})
            self.watcher.say(f"{name} is unavailable ({error}); going on with {', '.join(self._stand_ins())}.")
            return self._propose(name, n)

    def _ask(self, name: str, n: int) -> list[Proposal]:
        researcher = create(name, self._research_config(), self._record, self.lab.store.usd_spent())
        view = self._view()
        with self._interruptible():
            return researcher.propose(view, n)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """What may take minutes: signals act at once in it, and it ends when the session's time does."""
        seconds = self.purse.budget.seconds
        try:
            self._asking = True
            self._check_interrupted()
            with alarm(None if seconds is None else self.started + seconds - time.monotonic()):
                yield
        except OutOfTime:
            raise Ending(f"the budget of {seconds:.0f} s is spent") from None
        finally:
            self._asking = False

    def _research_config(self) -> LabConfig:
        """The lab's settings, with no more money for a model than the session has left."""
        config, budget = self.lab.config, self.purse.budget
        most = config.researchers.claude.budget_usd
        if budget.usd is not None:
            most = min(most, self.lab.store.usd_spent() + max(0.0, budget.usd - self._usd()))
        claude = config.researchers.claude.model_copy(update={"budget_usd": most})
        return config.model_copy(update={"researchers": config.researchers.model_copy(update={"claude": claude})})

    def _usd(self) -> float:
        """Money that this session has spent so far."""
        worked = max(self._core_seconds, self.campaign.core_seconds_in_session)
        return self.lab.store.usd_spent() - self.usd_before + core_usd(self.campaign, worked)

    def _stand_ins(self) -> list[str]:
        return [name for name in EMBEDDED if name not in self.lab.config.researchers.use]

    def _view(self) -> Any:
        return view_of(self.campaign, self.manifest, ", ".join(self._budget_words()))

    def _budget_words(self) -> list[str]:
        budget, campaign = self.purse.budget, self.campaign
        words: list[str] = []
        if budget.runs is not None:
            words.append(f"{budget.runs - len(campaign.runs_in_session)} of {budget.runs} runs")
        if budget.flops is not None:
            words.append(f"{budget.flops - campaign.flops_in_session:.2e} of {budget.flops:.2e} FLOPs")
        if budget.seconds is not None:
            left = max(0.0, budget.seconds - (time.monotonic() - self.started))
            words.append(f"{left / 60:.0f} of {budget.seconds / 60:.0f} minutes")
        if budget.usd is not None:
            words.append(f"{budget.usd:.2f} USD in all")
        return words

    def _register(
        self, connection: Connection, proposal: Proposal, retest_of: int | None = None, retune_of: int | None = None
    ) -> None:
        registered, candidate = registration(self.campaign, proposal, retest_of, retune_of)
        self.lab.store.put_recipe(connection, candidate)
        generations, before = len(self.campaign.generations), set(self.campaign.every_verdict)
        self._append(connection, "proposal", {"registered": registered.model_dump(mode="json")})
        self._append_decisions(connection, before, generations)  # where its first runs are known already

    def _announce_proposals(self, first: int, what: str = "", refusal: str | None = None) -> None:
        """Say what was registered from number `first` on, and what was refused."""
        for number in range(first, self.campaign.decider.next_number):
            registered = self.campaign.registered[number]
            proposal = registered.proposal
            self.watcher.say(
                f"#{number} proposed by {proposal.author}: {in_words(proposal.change)} "
                f"(needs e >= {1 / registered.level:.0f})"
            )
        self._announce_verdicts([n for n in self.campaign.verdicts if n >= first])
        if refusal is not None:
            self.watcher.say(f"Refused {what}: {refusal}.")

    def _read_inbox(self) -> None:
        """Cancellations take effect at once; proposals wait for their turn."""
        for letter in self.lab.store.letters():
            if letter.kind == "cancel":
                number = int(letter.body["number"])
                registered = self.campaign.registered.get(number)
                if registered is None or number in self.campaign.verdicts:
                    with self.lab.store.transaction() as connection:
                        self.lab.store.answer(connection, letter.id, f"proposal {number} is not under test")
                    continue
                before = list(self.campaign.decider.outstanding)
                with self.lab.store.transaction() as connection:
                    self._append(
                        connection, "cancel", {"number": number, "reason": f"cancelled by {letter.body['by']}"}
                    )
                    self._append_verdict(connection, number)
                    self.lab.store.answer(connection, letter.id, f"proposal {number} is cancelled")
                    for need in before:
                        if need not in self.campaign.decider.outstanding:
                            digest = self.campaign.hash_of(need.key)
                            self.executor.cancel(digest)
                            self.lab.store.set_status(connection, digest, "cancelled")

    def _append_verdict(self, connection: Connection, number: int) -> None:
        append(connection, "verdict", self.campaign.every_verdict[number].model_dump(mode="json"))

    def _wait(self, need: Need) -> Outcome | None:
        """The outcome of a run, or None when something else needs attention first."""
        digest = self.campaign.hash_of(need.key)
        letters_at = time.monotonic() + 1.0
        while digest not in self._finished:
            self._check_interrupted()
            for finished, outcome in self.executor.poll(0.1):
                self._finished[finished] = outcome
            snapshot = self._snapshot("training")
            self.watcher.tick(snapshot)
            now, budget = time.monotonic(), self.purse.budget
            self._core_seconds += (now - self._counted) * len(snapshot.progress)
            self._counted = now
            if budget.seconds is not None and now - self.started >= budget.seconds:
                raise Ending(f"the budget of {budget.seconds:.0f} s is spent")
            if budget.usd is not None and self._usd() >= budget.usd:
                raise Ending(f"the budget of {budget.usd:.2f} USD is spent")
            if now > letters_at:
                letters_at = now + 1.0
                if any(letter.kind == "cancel" for letter in self.lab.store.letters()):
                    return None
        return self._finished.pop(digest)

    def _take(self, need: Need, outcome: Outcome) -> None:
        digest, store = self.campaign.hash_of(need.key), self.lab.store
        generations, before = len(self.campaign.generations), set(self.campaign.every_verdict)
        with store.transaction() as connection:
            store.put_outcome(connection, digest, outcome)
            if outcome.status != "paused":
                store.put_metrics(connection, digest, read_metrics(self.lab.run_dir(digest)))
            self._append(connection, "result", {"run": digest, "outcome": outcome.model_dump(mode="json")})
            new = self._append_decisions(connection, before, generations)
        self._announce(need, outcome)
        self._announce_decisions(new, generations)

    def _append_decisions(self, connection: Connection, before: set[int], generations: int) -> list[int]:
        """Write what followed from the entry before: verdicts, promotions, an alarm; returns the verdicts' numbers."""
        new = [number for number in self.campaign.every_verdict if number not in before]
        for number in new:
            self._append_verdict(connection, number)
            if number == self.campaign.alarm:
                self._append(connection, "alarm", {"number": number})
        for generation in self.campaign.generations[generations:]:
            append(connection, "promotion", generation.model_dump(mode="json"))
        return new

    def _announce_decisions(self, verdicts: list[int], generations: int) -> None:
        """Say what was decided; ends the session if a placebo passed."""
        self._announce_verdicts(verdicts)
        for generation in self.campaign.generations[generations:]:
            certificate = generation.certificate
            assert certificate is not None
            self.watcher.say(
                f"Generation {generation.number}: proposal #{certificate.registered.number} promoted, "
                f"{certificate.effect_percent:+.2f}% bits per byte saved at '{self.campaign.config.ladder[1].name}'."
            )
        if self.campaign.alarm is not None:
            raise Alarm(f"ALARM: placebo {self.campaign.alarm} passed, although it changes nothing but random numbers")

    def _announce(self, need: Need, outcome: Outcome) -> None:
        if need.number in self.campaign.placebos and need.number not in self.campaign.placebo_verdicts:
            return  # nobody shall know of it before its verdict
        scale = self.campaign.config.ladder[need.key.scale].name
        registered = self.campaign.registration_of(need.number)
        arm = {registered.champion: "champion", registered.candidate: f"#{need.number}"}.get(
            need.key.recipe, "champion retuned"
        )
        what = {"paused": "half-way", "failed": "FAILED", "diverged": "DIVERGED"}.get(outcome.status, "")
        score = f"{outcome.score:.4f} bits per byte" if outcome.score is not None else what
        self.watcher.say(f"run {self.campaign.hash_of(need.key)} {arm} {scale} seed {need.key.seed}: {score}")

    def _announce_verdicts(self, numbers: list[int]) -> None:
        for number in numbers:
            verdict = self.campaign.every_verdict[number]
            name = f"Placebo {number}" if number in self.campaign.placebos else f"#{number}"
            self.watcher.say(
                f"{name} {verdict.decision.upper()}: e = {verdict.e_value:.3g} (needed {verdict.threshold:.3g}); "
                f"{'; '.join(verdict.reasons)}"
            )

    def _snapshot(self, doing: str, selecting: Selecting | None = None) -> Snapshot:
        seconds, budget, campaign = time.monotonic() - self.started, self.purse.budget, self.campaign
        spent = (
            (seconds, budget.seconds),
            (len(campaign.runs_in_session), budget.runs),
            (campaign.flops_in_session, budget.flops),
        )
        # Of nothing that was left, all is spent: its last runs were paid for by the session before.
        shares = [amount / limit if limit else 1.0 for amount, limit in spent if limit is not None]
        left = None if budget.seconds is None else max(0.0, budget.seconds - seconds)
        if shares and left is None and max(shares) > 0:
            left = seconds * (1 - max(shares)) / max(shares)
        return Snapshot(campaign, self.executor.progress(), seconds, max(shares, default=None), left, doing, selecting)


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Points of a run's `metrics.jsonl`, one a step; nothing if the trainer wrote none."""
    path = folder / "metrics.jsonl"
    if not path.exists():
        return []
    points: dict[int, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            point = json.loads(line)
            points[int(point["step"])] = point
        except (ValueError, KeyError, TypeError):
            continue  # a last line cut short by a kill
    return [points[step] for step in sorted(points)]
