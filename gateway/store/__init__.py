"""The store: what the gateway knows, as domain verbs over SQLite or PostgreSQL. Nobody else writes SQL.

    store = open_store("sqlite:////var/lib/fieldgate/store.sqlite", create=True)

Every verb is one transaction, blocks its thread, and raises StoreError (with an FG code) or returns. Call the verbs from a
worker thread in an async process. A verb that changes what edges must know publishes it in the same transaction; `ring` the
doorbell after it returned.

    store.organizations   add_provider provider add_company list_companies find add_location list_locations
                          set_firewall list_sites list_cloud_tenants
    store.companies       add get find list change          companies and resellers, with what is known of each
    store.mappings        map check unmap of_company reported find_reported find_mapped
    store.intake          write add_location          a company with all that a file says of it
    store.departures      begin get living_agents … erase_agent erase_company end
    store.places          change remove          locations
    store.remapping       move
    store.lint            unmapped_tenants lost_tenants cloned_agents …   what looks wrong
    store.consents        record withdraw get of_company agents_of
    store.tokens          add get list revoke reset
    store.enrollment      enroll(Applicant) -> Admitted | Refused
    store.agents          list get accept reject revoke record_certificate
    store.sessions        register_edge renew_lease end_lease list_edges claim flush_presence
    store.changes         after last_id announce        Change(id, body); the bodies are the classes of bodies.py
    store.directory()     Directory: what an edge begins with, and the change id to go on from
    store.cursors()       how far every journal is projected
    store.events          export newest_batch tail job_sessions quarantined
    store.usage           latest
    store.usage_now       cloud licences companies      what is used, by company
    store.statements      page of_month document review finish correct
    store.usage_chain     walk erase          whether reports are as they came
    store.usage_entries   enter               usage that a person enters: what could not be collected
    store.ownership       walk                whether what is known of whose each cloud tenant was is as it was said
    store.usage_history   reading             what was reported, for who makes a bill of it
    store.following       start read rows_behind     what other programs follow: lines of facts, batches, states
    store.gaps            list declare_lost
    store.paths           reports report find documents judged sightings
    store.incidents       list get members
    store.overrides       add end list
    store.codes           add get use
    store.commands        enqueue get list cancel; of edges: claim progress
    store.licence_catalogue  set_product set_contract replace products product contracts contract
    store.licences        ask pending deeds deed postpone refuse settle get list share
    store.licence_submissions  due licences_of add pending list get approve accept postpone refuse   what the authority is told
    store.licence_use     page of note            what is used of licences, by what their servers have listed
    store.licence_servers want unwant waiting pushed fail settle get of_licence
    store.transfers       note of_command swept
    store.restores        ask begin workloads get list fetched    restore points, and the log of what was restored
    store.alarms          get history acknowledge resolve list
    store.alarm_rules     all set                what operators changed of the templates
    store.alarm_facts     page jobs jobs_of      what the engine looks at; alarm_machines: places agents; alarm_estate: overdue …
    store.alarm_work      take release mark end seen holding apply tell_late      the engine's
    store.maintenance     add end list           times in which nobody is told
    store.receivers       add remove find all    who is told of alarms: webhooks, mail
    store.alarm_deliveries  claim note log prune
    store.actions         ask get take beat end cancel prune    what the gateway itself is to do
    store.api_keys        add find get list programs_of revoke note_use note_refusal
    store.users           add get named login known_as list set_password change disable
    store.logins          begin find refresh end spend          store.attempts     knows begin succeed unlock
    store.audit           note list
    store.views           page get                 lists, as REST shows them: of each view in VIEWS
    store.restoring       facts decisions apply hold settle
    store.copy_to(path)   all of it in one SQLite file; store_from_copy(path, url) makes a store of that

The projector's verbs live in one transaction object, because rows, marks and cursor must move together:

    with store.projection() as p:
        p.agent  p.ask  p.answered  p.publish(body)  p.note(fact)  p.savepoint()
        p.journals    cursor save
        p.streams     of open move lately_moved opened_since
        p.batches     find add fill
        p.parked      add find after remove waiting
        p.gaps        find of open count due deserted declared asked settle delete
        p.events      insert(rows of EVENT_COLUMNS)
        p.feed        prune
        p.inventory   apply
        p.usage       add             p.metering    take
        p.commands    finish expire
        p.quarantine  add
        p.rebuild     journaled missing rewind move_cursors
        p.paths       find get add rejudge assign is_waiting due documents one_sided add_sighting sighting_near …
        p.incidents   find get open join show confirm reopen close over suffers unsaid silence alarmed …
"""

from gateway.store.access.attempts import Counted
from gateway.store.access.keys import StoredKey
from gateway.store.access.sessions import NewTokens, RefreshOutcome
from gateway.store.access.users import StoredUser
from gateway.store.actions.verbs import Action, ActionState, Outcome
from gateway.store.agents import Agent
from gateway.store.alarms.business import AuthorityFacts, LicenceFacts
from gateway.store.alarms.estate import (
    EdgeFacts,
    GapFacts,
    IncidentFacts,
    LagFacts,
    TenantFacts,
    WorkloadFacts,
)
from gateway.store.alarms.facts import JobFacts
from gateway.store.alarms.life import Alarm, AlarmCondition, AlarmState, AlarmSubject, Happened, Severity
from gateway.store.alarms.machine import Machine
from gateway.store.alarms.machines import AgentFacts, LocationFacts
from gateway.store.alarms.receivers import (
    AlarmDelivery,
    AlarmDeliveryState,
    Attempt,
    DueDelivery,
    Receiver,
    ReceiverKind,
)
from gateway.store.alarms.rules import RuleChange, RuleValues, effective
from gateway.store.alarms.telling import record, template_uid
from gateway.store.alarms.verbs import AlarmPast
from gateway.store.alarms.windows import MaintenanceWindow
from gateway.store.alarms.working import EngineMark, Looked, NotTheEngine, Unseen
from gateway.store.audit import AuditEntry
from gateway.store.billing.auditing import Broken, Walked
from gateway.store.billing.chain import PayloadError, Reported
from gateway.store.billing.history import BilledAgent, History, Link, Owned
from gateway.store.billing.statements import NewStatement, Statement, StatementState
from gateway.store.billing.usage_values import (
    CloudUsage,
    CompanyUsage,
    LicenceUsage,
    ServerUsage,
    UsageCounter,
    UsageQuality,
)
from gateway.store.billing.workloads import (
    MACHINES,
    MAILBOXES,
    PROTECTED_MS,
    TENANT_FIGURES,
    WORKLOAD_TYPES,
    is_protected,
    tenant_figures,
    workloads_of,
)
from gateway.store.bodies import (
    AgentEntry,
    Body,
    ClaimEntry,
    CommandPending,
    CursorMoved,
    GatewaysChanged,
    Overrun,
    ReleasedMark,
    ResyncWanted,
    Revocation,
    TrustChanged,
)
from gateway.store.changes import Change
from gateway.store.codes import StoredCode
from gateway.store.command_rows import CommandState, StoredCommand
from gateway.store.commands import CommandView, Delivered, Delivery, Progress
from gateway.store.copying import examine
from gateway.store.directory import Directory
from gateway.store.doorbell import answer, listen, ring
from gateway.store.enqueuing import LONGEST_TTL_MS
from gateway.store.enrollment import Admitted, Applicant, EnrollOutcome, Refused
from gateway.store.errors import (
    Conflict,
    CursorUnreadable,
    NotFound,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreMissing,
    StoreTooNew,
    StoreTooOld,
    StoreUnreachable,
)
from gateway.store.events import JobSession, Quarantined, StoredEvent
from gateway.store.facade import Store, open_store, store_from_copy
from gateway.store.feed import Fact
from gateway.store.following import ITEMS, LINE_KINDS, Line
from gateway.store.gaps import Gap, GapState, GapView
from gateway.store.incidents import Incident, IncidentAgent, IncidentState, IncidentView
from gateway.store.licensing.catalogue import LicenceContractUse
from gateway.store.licensing.measuring import LicenceJudged, LicenceMeasure
from gateway.store.licensing.refusals import (
    ContractEnded,
    ContractExhausted,
    LicenceNotAssigned,
    LicenceNotShared,
    LicenceOfAnother,
    LicenceRevoked,
    ProductUnknown,
)
from gateway.store.licensing.servers import LicenceServerWaiting
from gateway.store.licensing.submissions import LicenceSubmission, SubmissionState
from gateway.store.licensing.values import (
    LicenceContract,
    LicenceDeed,
    LicenceDeedKind,
    LicenceDeedState,
    LicenceKind,
    LicenceProduct,
    LicenceServer,
    LicenceServerState,
    LicenceState,
    LicenceStatus,
    LicenceTerms,
    LicenceWanted,
    LicenceWorkload,
    LicensedCount,
    StoredLicence,
)
from gateway.store.looking import Found, file_of, look_at, passwords_in, versions_after_migrating
from gateway.store.onboarding.companies import Company, CompanyDetails, OrganizationStatus
from gateway.store.onboarding.consents import Consent, ConsentGiven
from gateway.store.onboarding.departures import KEPT, Departure
from gateway.store.onboarding.erasing import KEPT_OF_COMPANY
from gateway.store.onboarding.intake import CompanyIntake
from gateway.store.onboarding.linting import Suspect
from gateway.store.onboarding.mappings import ReportedTenant, TenantMapping
from gateway.store.onboarding.ownership import Held, MappingsWalked
from gateway.store.onboarding.refusals import (
    OrganizationDisabled,
    SiteSilent,
    TenantDisabled,
    TenantMapped,
    TenantNotReported,
    WrongKind,
)
from gateway.store.onboarding.remapping import Move
from gateway.store.organizations import COMPANY, PROVIDER, RESELLER, CloudTenant, Location, Organization, Site
from gateway.store.overrides import Override
from gateway.store.parking import ParkedBatch, Parking
from gateway.store.paths import Documents, Halves, Reporter, StoredReport, StoredSighting
from gateway.store.place import Place
from gateway.store.projected_commands import Finish
from gateway.store.projected_incidents import NewIncident
from gateway.store.projected_paths import Judged, NewReport, NewSighting
from gateway.store.projection import ProjectedAgent, Projection
from gateway.store.readmodel import READ_MODEL
from gateway.store.rebuilding import Missing
from gateway.store.restores.verbs import RestoreMode, RestoreSession
from gateway.store.rows import EVENT_COLUMNS
from gateway.store.schema import SCHEMA_VERSION
from gateway.store.sessions import Claim, ClaimOutcome, Edge, Presence
from gateway.store.standing import ConnectionStatus, Standing
from gateway.store.streams import StoredBatch, StoredStream
from gateway.store.tokens import StoredToken
from gateway.store.transfers import Transfer, TransferState
from gateway.store.usage import StoredUsage
from gateway.store.views import (
    EXACT,
    MOST_VALUES,
    VIEWS,
    Any_,
    Asked,
    Collation,
    Compare,
    Condition,
    Every,
    Kind,
    Operation,
    Order,
    Page,
    Property,
    QueryRefused,
    Scope,
    View,
    Views,
    time_text,
    without_restore_point,
)

__all__ = [
    "COMPANY", "EVENT_COLUMNS", "EXACT", "ITEMS", "KEPT", "KEPT_OF_COMPANY", "LINE_KINDS", "LONGEST_TTL_MS",
    "MACHINES", "MAILBOXES", "MOST_VALUES", "PROTECTED_MS", "PROVIDER", "READ_MODEL", "RESELLER",
    "SCHEMA_VERSION", "TENANT_FIGURES", "VIEWS", "WORKLOAD_TYPES", "Action", "ActionState", "Admitted",
    "Agent", "AgentEntry", "AgentFacts", "Alarm", "AlarmCondition", "AlarmDelivery", "AlarmDeliveryState",
    "AlarmPast", "AlarmState", "AlarmSubject", "Any_", "Applicant", "Asked", "Attempt", "AuditEntry",
    "AuthorityFacts", "BilledAgent", "Body", "Broken", "Change", "Claim", "ClaimEntry", "ClaimOutcome",
    "CloudTenant", "CloudUsage", "Collation", "CommandPending", "CommandState", "CommandView", "Company",
    "CompanyDetails", "CompanyIntake", "CompanyUsage", "Compare", "Condition", "Conflict", "ConnectionStatus",
    "Consent", "ConsentGiven", "ContractEnded", "ContractExhausted", "Counted", "CursorMoved",
    "CursorUnreadable", "Delivered", "Delivery", "Departure", "Directory", "Documents", "DueDelivery", "Edge",
    "EdgeFacts", "EngineMark", "EnrollOutcome", "Every", "Fact", "Finish", "Found", "Gap", "GapFacts",
    "GapState", "GapView", "GatewaysChanged", "Halves", "Happened", "Held", "History", "Incident",
    "IncidentAgent", "IncidentFacts", "IncidentState", "IncidentView", "JobFacts", "JobSession", "Judged",
    "Kind", "LagFacts", "LicenceContract", "LicenceContractUse", "LicenceDeed", "LicenceDeedKind",
    "LicenceDeedState", "LicenceFacts", "LicenceJudged", "LicenceKind", "LicenceMeasure",
    "LicenceNotAssigned", "LicenceNotShared", "LicenceOfAnother", "LicenceProduct", "LicenceRevoked",
    "LicenceServer", "LicenceServerState", "LicenceServerWaiting", "LicenceState", "LicenceStatus",
    "LicenceSubmission", "LicenceTerms", "LicenceUsage", "LicenceWanted", "LicenceWorkload", "LicensedCount",
    "Line", "Link", "Location", "LocationFacts", "Looked", "Machine", "MaintenanceWindow", "MappingsWalked",
    "Missing", "Move", "NewIncident", "NewReport", "NewSighting", "NewStatement", "NewTokens", "NotFound",
    "NotTheEngine", "Operation", "Order", "Organization", "OrganizationDisabled", "OrganizationStatus",
    "Outcome", "Override", "Overrun", "Owned", "Page", "ParkedBatch", "Parking", "PayloadError", "Place",
    "Presence", "ProductUnknown", "Progress", "ProjectedAgent", "Projection", "Property", "Quarantined",
    "QueryRefused", "Receiver", "ReceiverKind", "RefreshOutcome", "Refused", "ReleasedMark", "Reported",
    "ReportedTenant", "Reporter", "RestoreMode", "RestoreSession", "ResyncWanted", "Revocation", "RuleChange",
    "RuleValues", "Scope", "ServerUsage", "Severity", "Site", "SiteSilent", "Standing", "Statement",
    "StatementState", "Store", "StoreDamaged", "StoreError", "StoreFull", "StoreLocked", "StoreMissing",
    "StoreTooNew", "StoreTooOld", "StoreUnreachable", "StoredBatch", "StoredCode", "StoredCommand",
    "StoredEvent", "StoredKey", "StoredLicence", "StoredReport", "StoredSighting", "StoredStream",
    "StoredToken", "StoredUsage", "StoredUser", "SubmissionState", "Suspect", "TenantDisabled", "TenantFacts",
    "TenantMapped", "TenantMapping", "TenantNotReported", "Transfer", "TransferState", "TrustChanged",
    "Unseen", "UsageCounter", "UsageQuality", "View", "Views", "Walked", "Whose", "WorkloadFacts",
    "WrongKind", "answer", "effective", "examine", "file_of", "is_protected", "listen", "look_at",
    "open_store", "passwords_in", "record", "ring", "store_from_copy", "template_uid", "tenant_figures",
    "time_text", "versions_after_migrating", "without_restore_point", "workloads_of",
]  # fmt: skip
