"""The description of the interface, made from the routes: OpenAPI 3.1 for programs, one page for people.

Litestar collects what routes say of themselves. What follows from the routes alone is added here (examples, whose permission each needs, how
filters are written), so that no route has to say it and none can forget it.
"""

from gateway.management.description.serving import PATH, described

__all__ = ["PATH", "described"]
