"""`assay log`."""

from typing import Annotated, Any

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, LabArgument, find_lab, print_json
from assay.spec.recipe import in_words


def log(
    lab: LabArgument = None,
    *,
    last: Annotated[int, Parameter(name=("--last", "-n"), help="How many entries; 0 for all.")] = 40,
    json: Json = False,
) -> None:
    """Show the ledger's newest entries: proposals, runs, verdicts, promotions, sessions.

    Examples:

        assay log mylab
        assay log mylab --last 0 --json
    """
    from assay.campaign.hidden import visible
    from assay.spec.errors import UserError
    from assay.store.store import Store

    if last < 0:
        raise UserError(f"--last {last}: give how many entries to show, or 0 for all")
    entries = visible(Store.at(find_lab(lab)).ledger())[-last if last else 0 :]
    if json:
        facts = [entry.model_dump(mode="json") for entry in entries]
        print_json([{"hash": fact.pop("hash_"), **fact} for fact in facts])
        return
    for entry in entries:
        print(f"{entry.seq:5}  {entry.time[:19]}  {line(entry.kind, entry.body)}")


def line(kind: str, body: dict[str, Any]) -> str:
    """One entry in words."""
    match kind:
        case "proposal":
            r = body["registered"]
            return f"#{r['number']} proposed by {r['proposal']['author']}: {in_words(r['proposal']['change'])}"
        case "placebo":
            return f"placebo {body['registered']['number']} slipped in by the lab"
        case "alarm":
            return f"ALARM: placebo {body['number']} passed"
        case "acknowledged":
            return f"alarm of placebo {body['number']} answered by {body['by']}: {body['reason']}"
        case "vault":
            said = "confirms it" if body["passed"] else "does not confirm it"
            advisory = f" (advisory: {body['note']})" if body["advisory"] else ""
            return f"#{body['number']}: the sealed set {said}{advisory}; question {body['query']} to it"
        case "rotation":
            return f"part {body['part'] + 1} of the sealed set is in use from here on"
        case "audit":
            return _audit(body)
        case "calibration":
            return f"calibrated on {len(body['calibration']['runs'])} runs of recipe {body['calibration']['recipe']}"
        case "run":
            half = " (half-way)" if body["half"] else ""
            return f"run {body['run']} started for #{body['number']}{half}"
        case "result":
            outcome = body["outcome"]
            score = f"{outcome['score']:.4f} bits per byte" if outcome["score"] is not None else outcome["status"]
            own = outcome.get("self_reported", [])
            told = f" ({', '.join(own)} by the trainer's own account)" if own else ""
            return f"run {body['run']}: {score}{told}"
        case "verdict":
            return (
                f"#{body['number']} {body['decision'].upper()}, e = {body['e_value']:.3g}: {'; '.join(body['reasons'])}"
            )
        case "promotion":
            certificate = body.get("certificate")
            sealed = f" (sealed set: {certificate['vault']})" if certificate else ""
            return f"generation {body['number']}: recipe {body['recipe']} is the champion{sealed}"
        case "refused":
            return f"refused a proposal of {body['proposal']['author']}: {body['reason']}"
        case "selection":
            cost = body["cost"]
            if cost is None:
                return f"no run can train on {body['selection']}: {body['refusal']}"
            return (
                f"selected {body['selection']}: {cost['removed']['documents']:,} documents "
                f"({cost['removed']['tokens']:,} tokens) less, {cost['cpu_seconds']:.1f} s of one core"
            )
        case "cancel":
            return f"#{body['number']}: {body['reason']}"
        case "session":
            budget = ", ".join(f"{value:g} {key}" for key, value in body["budget"].items() if value is not None)
            return f"session begun with {body['command']}, budget {budget}, trainer {body['trainer']}"
        case "end":
            return f"session ended: {body['reason']}"
        case "comparison":
            return f"compared {body['old']} with {body['new']} at '{body['scale']}': {body['answer']}"
        case "corpus":
            return f"the lab trains on corpus {body['corpus']}, made of edition {body['edition']}"
        case "lab":
            return f"lab made with corpus {body['corpus']}, start recipe {body['start']}"
        case _:
            return str(body.get("text", body))


def _audit(body: dict[str, Any]) -> str:
    """A step of an audit in words."""
    match body["step"]:
        case "begin":
            plan = body["plan"]
            asked = sum(question["without"] is not None for question in plan["questions"])
            return f"audit {plan['audit']}, round {plan['round']} at {plan['scale']}: {asked} questions"
        case "result":
            outcome = body["outcome"]
            score = f"{outcome['score']:.4f} bits per byte" if outcome["score"] is not None else outcome["status"]
            return f"audit run {body['run']}: {score}"
        case _:
            verdict = body["verdict"]
            said = ", ".join(f"generation {a['generation']} {a['answer']}" for a in verdict["answers"])
            dropped = f"; dropped: generation {verdict['dropped']}" if verdict["dropped"] is not None else ""
            return f"audit {verdict['audit']}, round {verdict['round']}: {said}{dropped}"
