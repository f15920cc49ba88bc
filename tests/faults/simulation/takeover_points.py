"""A person takes over at every await point of a turn: nothing of the AI starts once the takeover has returned."""

from dataclasses import replace

from services.agent.domain.turn import CustomerId, Side
from tests.faults.simulation import people
from tests.faults.simulation.boundary import Act, Crossing, Fault, Phase
from tests.faults.simulation.checker import Held, judge
from tests.faults.simulation.crash_points import Point, plan_for
from tests.faults.simulation.evidence import gather
from tests.faults.simulation.outside import customer_of
from tests.faults.simulation.plan import Way
from tests.faults.simulation.world import World

# Longer than the lease, so that the frozen process is overtaken before it wakes, and short enough that a send which
# it was about to make is still within its deadline.
FROZEN_SECONDS = 5.0
PERSON_NUMBER = 1


class TakeOverAt:
    """Starts a takeover when a crossing comes; `frozen` also stops the process that is there, until much later."""

    def __init__(self, crossing: Crossing, *, frozen: bool) -> None:
        self._crossing = crossing
        self._frozen = frozen
        self.world: World | None = None
        self.started = False

    def fault(self, process: str, name: str, occurrence: int, phase: Phase) -> Fault | None:
        """Returns a stop for the process at the crossing, if it is to be frozen."""
        if self.started or self.world is None or process == "world":
            return None
        if Crossing(name, occurrence, phase) != self._crossing:
            return None
        self.started = True
        loop = self.world.loop
        loop.create_task(self._take_over(self.world), context=loop.world.copy())
        return Fault(Act.STOP, FROZEN_SECONDS) if self._frozen else None

    async def _take_over(self, world: World) -> None:
        side = Side.VERIFIED if world.plan.says[0].way is not Way.FORM else Side.CLAIMED
        customer = CustomerId(customer_of(PERSON_NUMBER))
        world.waiting_people += 1
        taken = await people.take_over(world, customer, side)
        world.waiting_people -= 1
        if taken is not None:  # Somebody had written already.
            world.held.append(Held(f"{customer}/{side}", taken.epoch, world.loop.time()))


def take_over_at(point: Point, *, frozen: bool) -> list[str]:
    """Runs one message's way with a takeover at one crossing; returns what is wrong."""
    faults = TakeOverAt(point.crossing, frozen=frozen)
    plan = replace(plan_for(point.way, replicas=2), span=FROZEN_SECONDS + 4.0)
    world = World(plan, faults)
    faults.world = world
    world.run()
    if not faults.started:
        return ["the crossing never came"]
    return judge(gather(world))
