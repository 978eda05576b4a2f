"""The machine that an alarm is on."""

import attrs

from gateway.store.alarms.life import AlarmSubject


@attrs.frozen(kw_only=True)
class Machine:
    """An agent, as far as every template needs it."""

    agent_uid: str
    organization_uid: str
    location_uid: str | None
    host_name: str

    def subject(self, kind: str, uid: str, name: str) -> AlarmSubject:
        """Something on it, as what an alarm is about."""
        return AlarmSubject(
            kind=kind, uid=uid, name=name, organization_uid=self.organization_uid, location_uid=self.location_uid,
            agent_uid=self.agent_uid, computer_name=self.host_name,
        )  # fmt: skip
