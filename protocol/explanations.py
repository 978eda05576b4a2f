"""Every code in words: the table behind the documentation and `fieldgate explain`."""

from typing import Final

from protocol.codes import Code
from protocol.explain_access import ACCESS
from protocol.explain_alarms import ALARMS
from protocol.explain_billing import BILLING
from protocol.explain_commands import COMMANDS
from protocol.explain_data import DATA
from protocol.explain_feeding import FEEDING
from protocol.explain_licensing import LICENSING
from protocol.explain_lists import LISTS
from protocol.explain_onboarding import ONBOARDING
from protocol.explain_operating import OPERATING
from protocol.explain_rest import REST
from protocol.explain_restore import RESTORE
from protocol.explain_session import SESSION
from protocol.explain_setup import SETUP
from protocol.explain_trust import TRUST
from protocol.explanation import Explanation

CODES: Final[dict[Code, Explanation]] = dict(
    sorted(
        {
            **ACCESS,
            **ALARMS,
            **BILLING,
            **SETUP,
            **OPERATING,
            **SESSION,
            **TRUST,
            **DATA,
            **FEEDING,
            **COMMANDS,
            **REST,
            **LISTS,
            **ONBOARDING,
            **RESTORE,
            **LICENSING,
        }.items()
    )
)
