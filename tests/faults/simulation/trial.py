"""One trial: a plan in, a verdict and its counts out; and the search for the shortest plan that still fails."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from tests.faults.simulation.boundary import Drawn, FaultPlan
from tests.faults.simulation.checker import extra_copies, judge
from tests.faults.simulation.evidence import gather
from tests.faults.simulation.plan import Plan
from tests.faults.simulation.treatment import Action
from tests.faults.simulation.world import World


@dataclass(slots=True)
class Counts:
    """What happened in one world or in many."""

    worlds: int = 0
    messages: int = 0
    requests: int = 0
    crossings: int = 0
    boundary_faults: int = 0
    strikes: int = 0
    events_lost: int = 0
    events_doubled: int = 0
    provider_faults: int = 0
    answered: int = 0
    escalated: int = 0
    with_human: int = 0
    failed: int = 0
    void_turns: int = 0
    takeovers: int = 0
    resends: int = 0
    allowed_copies: int = 0
    needs_human: int = 0

    def add(self, other: "Counts") -> None:
        """Adds another's counts to these."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    @property
    def faults(self) -> int:
        """All faults together."""
        return (
            self.boundary_faults
            + self.strikes
            + self.events_lost
            + self.events_doubled
            + self.provider_faults
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """The verdict on one plan; `plan` has the drawn faults written out, so that it can be made smaller."""

    plan: Plan
    problems: list[str]
    counts: Counts
    history: list[str]


def attempt(plan: Plan, *, history: bool = False, faults: FaultPlan | None = None) -> Trial:
    """Runs a plan and judges what it left behind; a world that cannot end is a problem as well.

    `faults` stand at boundaries instead of the plan's own.
    """
    world = World(plan, faults)
    try:
        world.run()
        problems = judge(gather(world))
    except Exception as error:  # noqa: BLE001 - whatever broke the world is the finding
        problems = [f"world broke: {type(error).__name__}: {error}"]
    if isinstance(world.faults, Drawn):
        plan = replace(plan, scripted=dict(world.faults.drawn))
    lines = world.io.lines() if history else []
    return Trial(plan, problems, _counts(world, plan), lines)


def shortest(trial: Trial, most_tries: int = 300) -> Trial:
    """Takes away what the failure does not need: messages, blows, takeovers, faults, one after the other."""
    best, tries = trial, 0
    progress = True
    while progress and tries < most_tries:
        progress = False
        for smaller in _smaller(best.plan):
            tries += 1
            found = attempt(smaller)
            if found.problems:
                best, progress = found, True
                break
            if tries >= most_tries:
                break
    return attempt(best.plan, history=True)


def _smaller(plan: Plan) -> Iterator[Plan]:
    if plan.scripted:
        yield replace(plan, scripted={})
    for name in ("strikes", "desks", "says"):
        items = getattr(plan, name)
        if len(items) > 1:
            half = len(items) // 2
            yield replace(plan, **{name: items[:half]})
            yield replace(plan, **{name: items[half:]})
        for index in range(len(items)):
            yield replace(plan, **{name: items[:index] + items[index + 1 :]})
    for crossing in plan.scripted or ():
        yield replace(
            plan, scripted={c: f for c, f in (plan.scripted or {}).items() if c != crossing}
        )
    if plan.replicas > 1:
        yield replace(plan, replicas=1)
    if plan.harshness:
        yield replace(plan, harshness=0.0)


def _counts(world: World, plan: Plan) -> Counts:
    outcomes = [row.outcome for row in world.agent.inbound.values()]
    intents = world.intents.rows.values()
    treated = [far.treated for far in world.far.values()]
    return Counts(
        worlds=1,
        messages=len(world.customers.said),
        requests=world.customers.requests,
        crossings=sum(world.io.requests.values()),
        boundary_faults=len(plan.scripted or ()),
        strikes=len(plan.strikes),
        events_lost=world.broker.lost,
        events_doubled=world.broker.doubled,
        provider_faults=sum(
            count for of in treated for action, count in of.items() if action is not Action.TAKE
        ),
        answered=outcomes.count("answered"),
        escalated=outcomes.count("escalated"),
        with_human=outcomes.count("with_human"),
        failed=outcomes.count("failed"),
        void_turns=sum(turn.state == "void" for turn in world.agent.turns.values()),
        takeovers=len(world.held),
        resends=sum(row.resends for row in intents),
        allowed_copies=len(extra_copies(gather(world))),
        needs_human=sum(row.state.value == "NEEDS_HUMAN" for row in intents),
    )
