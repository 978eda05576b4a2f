"""The command line: `fieldgate`."""

import sys
from collections.abc import Sequence

from cyclopts import App

from gateway.cli.errors import guarded, open_outputs

__all__ = ["app", "main"]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("fieldgate")
    except PackageNotFoundError:
        return "not installed: run from its source folder"


app = App(
    name="fieldgate",
    version=_version,
    help="""\
The gateway that customers' backup servers connect to, and everything to run it.

First steps: `fieldgate demo` shows it at work. `fieldgate init` makes a provider of your own, `fieldgate serve` runs
it, `fieldgate token create` lets agents in.

Exit codes: 0 done, 1 failed, 2 can't run (usage, settings, data folder, port), 3 no such thing or wrong state,
4 a check came out negative.
""",
)

# Where each command is, and what the list of commands says of it. A command's module is imported when it is run: all of them
# together take more than a second.
COMMANDS = {
    "init": (
        "provider:init",
        "Make a provider: data folder, store, certificate authority and the gateway's certificate.",
    ),
    "serve": (
        "run:serve",
        "Run edge, projector and management on this machine, supervised. SIGTERM or Ctrl-C drains the agents and stops all.",
    ),
    "edge": ("run:edge", "Run one edge: the TLS tier that agents connect to. SIGTERM drains it."),
    "projector": (
        "projecting:projector_app",
        "Run the projector: journals into the store. One for a data folder. `rebuild` makes the tables anew.",
    ),
    "management": (
        "run:management",
        "Run the management process: REST over TLS on port 1280. Agents need nothing of it.",
    ),
    "reload": (
        "reload:reload",
        "Have every process read its settings and certificates again; says what changed. No session ends.",
    ),
    "demo": (
        "demo:demo",
        "Run a provider with a fleet of simulated backup servers, and show what they report as it arrives.",
    ),
    "status": (
        "status:status",
        "Show where a gateway stands: edges, agents by state, journals and how far the projector is behind.",
    ),
    "doctor": (
        "doctor:doctor",
        "Check a data folder and what it needs: settings, store, certificates, disk, ports, processes, clock. Exits with 4 when a check fails.",
    ),
    "backup": (
        "backup:backup_app",
        "Backups: made while the gateway runs, verified, and restored into an empty folder.",
    ),
    "upgrade": (
        "upgrade:upgrade_app",
        "What this version would make of a data folder, and whether it may.",
    ),
    "support-bundle": (
        "support:support_bundle",
        "Write what somebody has to know who is asked for help: no secret in it, and nothing of tenants but counts and uids.",
    ),
    "explain": (
        "explain:explain",
        "Say what a code means and what to do about it; without a code, list them all.",
    ),
    "company": ("applying:company_app", "Companies: the provider's customers."),
    "reseller": ("companies:reseller_app", "Resellers: who has companies of its own."),
    "tenant": ("mapping:tenant_app", "Cloud tenants of the sites, and which company's each is."),
    "location": ("places:location_app", "Locations: the places of a company."),
    "site": ("tenants:site_app", "Sites: the provider's own cloud-connect servers."),
    "apply": (
        "applying:apply",
        "Bring resellers, companies, locations, mapped tenants and tokens to what a file says; what it does not name stays. A second time changes nothing.",
    ),
    "remap": (
        "remapping:remap",
        "Move agents and cloud tenants from one company to another: shown first, and done with --yes. Sessions go on, history stays.",
    ),
    "lint": (
        "linting:lint_command",
        "Look for what is wrong in how customers were taken on, with the command that mends each. Exits with 4 when there is something.",
    ),
    "consent": (
        "consents:consent_app",
        "Tenants' consent to be managed: recorded with a token, and taken back.",
    ),
    "token": ("tenants:token_app", "Enrollment tokens: one string that lets agents in."),
    "agent": ("agents:agent_app", "Agents: list, show, accept, reject, revoke."),
    "alarm": ("alarms:alarm_app", "Alarms: what is wrong, who looks after it, and that it is over."),
    "morning": (
        "morning:morning",
        "Show what to look at: jobs that did not end well, machines without a restore point, quotas and licences near their end.",
    ),
    "webhook": ("webhooks:webhook_app", "Webhooks: who is told of alarms, and what came of it."),
    "mail": ("mailing:mail_app", "Mail about alarms: who gets it, what came of it, and whether any arrives."),
    "inspection": (
        "inspection:inspection_app",
        "Paths that carry no session: incidents, who broke them, the ticket for whoever has to act.",
    ),
    "endpoints": (
        "endpoints:endpoints",
        "Print what tenants' agents dial, a line each, for firewalls' external lists; with ports in JSON.",
    ),
    "command": (
        "command:command_app",
        "Commands to agents: send one now or for when it returns, watch it, take it back.",
    ),
    "restore": (
        "restoring:restore_app",
        "Restore points of protected workloads: look into them, and get files out of them.",
    ),
    "licence": (
        "licences:licence_app",
        "Licences: made, given to companies, brought to their servers, changed, ended.",
    ),
    "product": ("licence_catalogue:product_app", "Products that licences are made of."),
    "contract": ("licence_catalogue:contract_app", "Contracts that licences count towards."),
    "gap": ("agents:gap_app", "Gaps: records that are missing between two that arrived."),
    "usage": (
        "usage:usage_app",
        "Usage: what is used now, months' statements, and whether all is as it was reported.",
    ),
    "events": ("events:events_app", "Job events: follow them, or export them."),
    "apikey": ("access:apikey_app", "API keys: what opens the REST interface to a program."),
    "user": ("users:user_app", "Users: people who log in to the REST interface, their roles and passwords."),
    "ca": ("ca:ca_app", "Certificates: show, rotate, revoke, export."),
}
for name, (place, says) in COMMANDS.items():
    app.command(f"gateway.cli.{place}", name=name, help=says)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    open_outputs()
    tokens = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: app(tokens, exit_on_error=False, result_action="return_value"))
