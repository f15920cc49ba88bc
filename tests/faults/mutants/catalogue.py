"""Every planted bug, in the order of a message's way."""

from tests.faults.mutants.catalogue_edge import EDGE
from tests.faults.mutants.catalogue_intake import INTAKE
from tests.faults.mutants.catalogue_ledgers import LEDGERS
from tests.faults.mutants.catalogue_loop import LOOP
from tests.faults.mutants.catalogue_mail import MAIL
from tests.faults.mutants.catalogue_mailboxes import MAILBOXES
from tests.faults.mutants.catalogue_providers import PROVIDERS
from tests.faults.mutants.catalogue_sending import SENDING
from tests.faults.mutants.catalogue_takeover import TAKEOVER
from tests.faults.mutants.catalogue_turns import TURNS
from tests.faults.mutants.catalogue_web import WEB
from tests.faults.mutants.catalogue_whatsapp import WHATSAPP
from tests.faults.mutants.catalogue_worlds import WORLDS
from tests.faults.mutants.catalogue_worlds_database import WORLDS_DATABASE
from tests.faults.mutants.catalogue_worlds_sending import WORLDS_SENDING
from tests.faults.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *INTAKE, *WEB, *EDGE, *MAIL, *MAILBOXES, *LEDGERS, *TURNS, *LOOP, *TAKEOVER, *SENDING, *PROVIDERS, *WHATSAPP, *WORLDS,
    *WORLDS_SENDING, *WORLDS_DATABASE,
)  # fmt: skip
