"""The facts of the machine itself: what an agent reports when nothing else on it is known to it yet."""

import os
import platform
import sys

from agent.facts import Facts
from protocol import AgentType, Row, Server, ServerKind


class Host:
    """A source (`agent.facts.Source`) that knows one server, and no jobs."""

    def __init__(self, uid: str, agent_type: AgentType = AgentType.CLIENT) -> None:
        self._uid = uid
        self.agent_type = agent_type

    @property
    def host_name(self) -> str:
        """The server's own name."""
        return platform.node() or "unnamed"

    def advance(self, _until_ms: int, _limit: int = 0) -> list[Row]:
        """Nothing happens on a machine without jobs."""
        return []

    def skip(self, events: int) -> None:
        """Nothing to pass over."""

    def inventory(self) -> Facts:
        """One server."""
        row = Server(
            uid=self._uid, name=self.host_name[:255], kind=ServerKind.BACKUP_SERVER,
            os=os_name()[:255], cores=os.cpu_count() or 0,
            memory_bytes=memory_bytes(),
        ).to_row()  # fmt: skip
        return Facts(servers=(row,))

    def changes(self) -> Facts:
        """A machine's hardware does not change while it runs."""
        return Facts()


def os_name() -> str:
    """The operating system as its makers call it."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def memory_bytes() -> int:
    """Installed memory; 0 where the system does not say."""
    if sys.platform == "win32":
        import ctypes  # the module exists everywhere, windll only there

        kib = ctypes.c_ulonglong()
        known = ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kib))
        return kib.value * 1024 if known else 0
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0
