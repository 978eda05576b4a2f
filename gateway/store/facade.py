"""The store as others hold it: its verbs in small rooms, each verb one transaction."""

from contextlib import AbstractContextManager
from pathlib import Path

from gateway.store.access.attempts import Attempts
from gateway.store.access.keys import ApiKeys
from gateway.store.access.sessions import LoginSessions
from gateway.store.access.users import Users
from gateway.store.actions.verbs import Actions
from gateway.store.agents import Agents
from gateway.store.alarms.business import LicensingFacts
from gateway.store.alarms.estate import EstateFacts
from gateway.store.alarms.facts import AlarmFacts
from gateway.store.alarms.machines import MachineFacts
from gateway.store.alarms.queue import AlarmDeliveries
from gateway.store.alarms.receivers import Receivers
from gateway.store.alarms.rules import AlarmRules
from gateway.store.alarms.verbs import Alarms
from gateway.store.alarms.windows import Maintenance
from gateway.store.alarms.working import AlarmWork
from gateway.store.audit import Audit
from gateway.store.billing.auditing import UsageChain
from gateway.store.billing.entering import UsageEntries
from gateway.store.billing.history import UsageHistory
from gateway.store.billing.live import UsageNow
from gateway.store.billing.statements import Statements
from gateway.store.bodies import CursorMoved
from gateway.store.changes import Changes
from gateway.store.codes import Codes
from gateway.store.commands import Commands
from gateway.store.copying import copy_in, copy_out
from gateway.store.directory import CURSORS, Directory, read_directory
from gateway.store.engine import Database
from gateway.store.enrollment import Enrollment
from gateway.store.errors import StoreDamaged, StoreLocked, StoreUnreachable
from gateway.store.events import Events
from gateway.store.following import Following
from gateway.store.gaps import Gaps
from gateway.store.incidents import Incidents
from gateway.store.licensing.catalogue import LicenceCatalogue
from gateway.store.licensing.licences import Licences
from gateway.store.licensing.measuring import LicenceUse
from gateway.store.licensing.servers import LicenceServers
from gateway.store.licensing.submissions import LicenceSubmissions
from gateway.store.looking import count_rows
from gateway.store.migrate import check_schema, migrate, versions
from gateway.store.onboarding.companies import Companies
from gateway.store.onboarding.consents import Consents
from gateway.store.onboarding.departures import Departures
from gateway.store.onboarding.intake import Intake
from gateway.store.onboarding.linting import Lint
from gateway.store.onboarding.mappings import Mappings
from gateway.store.onboarding.ownership import Ownership
from gateway.store.onboarding.places import Places
from gateway.store.onboarding.remapping import Remapping
from gateway.store.organizations import Organizations
from gateway.store.overrides import Overrides
from gateway.store.paths import Paths
from gateway.store.projection import Projection, projection
from gateway.store.restores.verbs import Restores
from gateway.store.restoring import Restoring
from gateway.store.sessions import Sessions
from gateway.store.simulated import Simulated
from gateway.store.tokens import Tokens
from gateway.store.transfers import Transfers
from gateway.store.usage import UsageReports
from gateway.store.views import Views


class Store:
    """A SQLite file or a PostgreSQL database that holds a provider's state. Safe to use from several threads."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.actions = Actions(db)
        self.agents = Agents(db)
        self.alarm_deliveries = AlarmDeliveries(db)
        self.alarm_estate = EstateFacts(db)
        self.alarm_facts = AlarmFacts(db)
        self.alarm_licensing = LicensingFacts(db)
        self.alarm_machines = MachineFacts(db)
        self.alarm_rules = AlarmRules(db)
        self.alarm_work = AlarmWork(db)
        self.alarms = Alarms(db)
        self.api_keys = ApiKeys(db)
        self.attempts = Attempts(db)
        self.audit = Audit(db)
        self.changes = Changes(db)
        self.codes = Codes(db)
        self.commands = Commands(db)
        self.companies = Companies(db)
        self.consents = Consents(db)
        self.enrollment = Enrollment(db)
        self.events = Events(db)
        self.following = Following(db)
        self.gaps = Gaps(db)
        self.incidents = Incidents(db)
        self.licence_catalogue = LicenceCatalogue(db)
        self.licence_servers = LicenceServers(db)
        self.licence_submissions = LicenceSubmissions(db)
        self.licence_use = LicenceUse(db)
        self.licences = Licences(db)
        self.maintenance = Maintenance(db)
        self.departures = Departures(db)
        self.intake = Intake(db)
        self.lint = Lint(db)
        self.mappings = Mappings(db)
        self.remapping = Remapping(db)
        self.organizations = Organizations(db)
        self.logins = LoginSessions(db)
        self.overrides = Overrides(db)
        self.paths = Paths(db)
        self.places = Places(db)
        self.receivers = Receivers(db)
        self.restores = Restores(db)
        self.restoring = Restoring(db)
        self.sessions = Sessions(db)
        self.simulated = Simulated(db)
        self.statements = Statements(db)
        self.tokens = Tokens(db)
        self.transfers = Transfers(db)
        self.usage = UsageReports(db)
        self.views = Views(db)
        self.users = Users(db)
        self.usage_chain = UsageChain(db)
        self.usage_entries = UsageEntries(db)
        self.ownership = Ownership(db)
        self.usage_history = UsageHistory(db)
        self.usage_now = UsageNow(db)

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return self._db.url

    def directory(self) -> Directory:
        """What an edge begins with, as of one moment."""
        return read_directory(self._db)

    def cursors(self) -> dict[str, CursorMoved]:
        """How far every journal is projected, by the journal's uid."""
        with self._db.read() as connection:
            found = [CursorMoved(**row) for row in connection.execute(CURSORS).mappings()]
        return {cursor.journal_uid: cursor for cursor in found}

    def projection(self) -> AbstractContextManager[Projection]:
        """One transaction of the projector's."""
        return projection(self._db)

    def check_schema(self) -> None:
        """Refuse a store that this code must not use.

        Raises:
            StoreMissing: there are no tables.
            StoreTooNew: the schema is newer and does not admit this version (FG-1004).
            StoreTooOld: the schema is older.
        """
        check_schema(self._db)

    def versions(self) -> tuple[int, int]:
        """The schema's version and the oldest that may use it."""
        with self._db.read() as connection:
            found = versions(connection)
        assert found is not None  # noqa: S101  # a store that was opened has tables
        return found

    def count_rows(self) -> dict[str, int]:
        """How many rows each table has."""
        return count_rows(self._db)

    def copy_to(self, path: Path) -> None:
        """Write all of it, as of one moment, to a new SQLite file; writers go on meanwhile.

        Raises:
            StoreError: it can't be read, or there is no room.
        """
        copy_out(self._db, path)

    def migrate(self) -> None:
        """Make the tables, or bring them up to this version.

        Raises:
            StoreTooNew: the schema is newer and does not admit this version (FG-1004).
        """
        migrate(self._db)

    def refresh_statistics(self) -> None:
        """Let the database know how much there is of what, which it plans its ways by; cheap where little has changed.

        Raises:
            StoreError: locked or unreachable.
        """
        self._db.refresh_statistics()

    def close(self) -> None:
        """Close every connection."""
        self._db.close()


def open_store(url: str, *, create: bool = False) -> Store:
    """Open the store at *url*.

    Args:
        url: `sqlite:///path` or `postgresql+psycopg://user@host/database`.
        create: make what is missing (a SQLite file, the tables) and migrate what is older.

    Raises:
        StoreError: one of its kinds says why the store cannot be used: missing, older (without *create*), newer,
            unreachable, locked, damaged, or not a store's URL.
    """
    db = Database(url, create=create)
    try:
        if create:
            migrate(db)
        else:
            check_schema(db)
    except (StoreDamaged, StoreLocked, StoreUnreachable) as error:  # the driver does not say of which store
        db.close()
        raise type(error)(f"{db.url}: {error}") from error
    except BaseException:
        db.close()
        raise
    return Store(db)


def store_from_copy(path: Path, url: str) -> Store:
    """Open a store at *url* that was made from the file at *path*, which `copy_to` wrote.

    Raises:
        Conflict: there is a store at *url*.
        StoreError: the file or the database can't be used.
    """
    db = Database(url, create=True)
    try:
        copy_in(path, db)
    except BaseException:
        db.close()
        raise
    return Store(db)
