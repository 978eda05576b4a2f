"""What a failed accept() means: the end of the listening socket, a machine that lacks something for a while, or one connection's trouble."""

import errno

import structlog
import trio

from gateway.edge.metrics import Metrics

__all__ = ["survive"]

log = structlog.get_logger()

# The listening socket itself is beyond repair; everything else is about one connection, or passes.
_FATAL = {errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EFAULT}
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PAUSE_S = 0.1  # as trio.serve_listeners does


async def survive(trouble: int, metrics: Metrics) -> None:
    """Go on after an accept() that failed with the errno *trouble*; after a pause, if the machine lacks something.

    Raises:
        OSError: the listening socket is broken.
    """
    if trouble in _FATAL:
        raise OSError(trouble, "the listening socket is broken")
    name = errno.errorcode.get(trouble, str(trouble))
    metrics.accept_errors.labels(error=name).inc()
    if trouble in _EXHAUSTED:
        log.warning("out of resources for new connections", error=name)
        await trio.sleep(_PAUSE_S)
