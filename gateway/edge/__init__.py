"""The TLS tier that agents connect to: authenticates, journals, acknowledges, and never runs a report."""

from gateway.edge.process import Hangups, serve_edge
from gateway.edge.server import Edge

__all__ = ["Edge", "Hangups", "serve_edge"]
