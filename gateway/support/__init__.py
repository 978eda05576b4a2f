"""A support bundle: what somebody has to know who is asked for help, and nothing that is no business of theirs.

write_bundle(target, gather(…), secrets=…)
"""

from gateway.support.bundle import BundleWithheldError, write_bundle
from gateway.support.logs import reduced_lines
from gateway.support.scrub import scrubbed
from gateway.support.secrets import secrets_of

__all__ = ["BundleWithheldError", "reduced_lines", "scrubbed", "secrets_of", "write_bundle"]
