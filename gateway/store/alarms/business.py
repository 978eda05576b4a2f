"""What the engine looks at of licences: how much is used, until when they last, where they are, and whether their authority answers."""

import attrs
import sqlalchemy as sa

from gateway.store.alarms.estate import PROVIDER
from gateway.store.alarms.life import AlarmSubject
from gateway.store.engine import Database
from gateway.store.licensing.schema import (
    licence_authorities,
    licence_deeds,
    licence_servers,
    licence_submissions,
    licences,
)
from gateway.store.licensing.submissions import SubmissionState
from gateway.store.licensing.values import LicenceDeedState, LicenceState


@attrs.frozen(kw_only=True)
class LicenceFacts:
    """A licence that counts."""

    licence_uid: str
    product: str
    organization_uid: str
    points: int
    used_points: int
    grace_ends_ms: int | None
    """Until when it is put up with that more is used than there is; None: that is not so."""
    expires_ms: int | None
    """None: never."""
    support_ms: int | None
    """When its support ends."""
    shared: bool
    """It may be on several servers."""
    servers: int
    """On how many it is, by their agents' word."""

    scope = "licences"

    @property
    def subject(self) -> AlarmSubject:
        """What an alarm says it is about."""
        return AlarmSubject(
            kind="licence", uid=self.licence_uid, name=self.product, organization_uid=self.organization_uid
        )


@attrs.frozen(kw_only=True)
class AuthorityFacts:
    """What waits for the licensing authority."""

    organization_uid: str
    """The provider's."""
    attempts: int
    """How often what was tried most was tried in vain: a deed, the usage of a month, or to hear what is offered; 0: nothing waits."""

    scope = "authority"

    @property
    def subject(self) -> AlarmSubject:
        """What an alarm says it is about."""
        return AlarmSubject(
            kind="licensing-authority",
            uid="authority",
            name="licensing authority",
            organization_uid=self.organization_uid,
        )


@attrs.frozen
class LicensingFacts:
    """The verbs: `store.alarm_licensing`."""

    _db: Database

    def licences(self) -> list[LicenceFacts]:
        """Those that count, of which there is one for a server or so."""
        on = (
            sa.select(licence_servers.c.installed_uid, sa.func.count().label("servers"))
            .group_by(licence_servers.c.installed_uid)
            .subquery()
        )
        query = (
            sa.select(
                licences, sa.func.coalesce(on.c.servers, 0).label("servers"), PROVIDER.label("provider")
            )
            .outerjoin(on, on.c.installed_uid == licences.c.uid)
            .where(licences.c.state == LicenceState.ACTIVE.value)
        )
        with self._db.read() as connection:
            return [
                LicenceFacts(
                    licence_uid=row.uid, product=row.product, organization_uid=row.organization_uid or row.provider or "",
                    points=row.points, used_points=row.used_points or 0, grace_ends_ms=row.grace_ends_ms,
                    expires_ms=row.expires_ms, support_ms=row.support_ms, shared=row.shared, servers=row.servers,
                )
                for row in connection.execute(query)
            ]  # fmt: skip

    def authority(self) -> AuthorityFacts:
        """What waits for it."""
        query = sa.select(sa.func.max(licence_deeds.c.attempts), PROVIDER).where(
            licence_deeds.c.state == LicenceDeedState.PENDING.value
        )
        others = (
            sa.select(sa.func.max(licence_submissions.c.attempts)).where(
                licence_submissions.c.state == SubmissionState.PENDING.value
            ),
            sa.select(sa.func.max(licence_authorities.c.attempts)),
        )
        with self._db.read() as connection:
            row = connection.execute(query).one()
            attempts = [row[0], *(connection.scalar(other) for other in others)]
        return AuthorityFacts(organization_uid=row[1] or "", attempts=max(each or 0 for each in attempts))
