"""The TLS tier that agents connect to: authenticates, journals, acknowledges, and never runs a report."""

from gateway.edge.server import Edge, serve_edge

__all__ = ["Edge", "serve_edge"]
