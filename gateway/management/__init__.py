"""The management plane over HTTPS: REST v3 with its description, in a process of its own.

run_management(lambda: config)      # until SIGTERM
make_app(Services(…))               # the same application for another server, as tests do
"""

from gateway.management.app import BASE, application, make_app
from gateway.management.process import run_management
from gateway.management.services import Services

__all__ = ["BASE", "Services", "application", "make_app", "run_management"]
