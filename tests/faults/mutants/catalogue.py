"""Every planted bug, in the order of a message's way."""

from tests.faults.mutants.catalogue_intake import INTAKE
from tests.faults.mutants.catalogue_ledgers import LEDGERS
from tests.faults.mutants.catalogue_loop import LOOP
from tests.faults.mutants.catalogue_providers import PROVIDERS
from tests.faults.mutants.catalogue_sending import SENDING
from tests.faults.mutants.catalogue_takeover import TAKEOVER
from tests.faults.mutants.catalogue_turns import TURNS
from tests.faults.mutants.catalogue_web import WEB
from tests.faults.mutants.catalogue_worlds import WORLDS
from tests.faults.mutants.catalogue_worlds_database import WORLDS_DATABASE
from tests.faults.mutants.catalogue_worlds_sending import WORLDS_SENDING
from tests.faults.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *INTAKE, *WEB, *LEDGERS, *TURNS, *LOOP, *TAKEOVER, *SENDING, *PROVIDERS,
    *WORLDS, *WORLDS_SENDING, *WORLDS_DATABASE,
)  # fmt: skip
