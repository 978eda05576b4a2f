"""The service control manager of Windows, by ctypes. Nothing of this can run, or be tested, anywhere else."""

import sys

from agent.exits import UNUSABLE, CommandError
from agent.service_windows import Manager

__all__ = ["ELSEWHERE", "windows_manager"]

ELSEWHERE = (
    "there are Windows services on Windows only; on Linux use packaging/systemd/fieldgate-agent.service"
)

if sys.platform == "win32":
    import ctypes
    from collections.abc import Callable
    from ctypes import wintypes

    from agent.service_windows import Report

    _OWN_PROCESS = 0x10

    class _ServiceStatus(ctypes.Structure):
        _fields_ = (
            ("dwServiceType", wintypes.DWORD),
            ("dwCurrentState", wintypes.DWORD),
            ("dwControlsAccepted", wintypes.DWORD),
            ("dwWin32ExitCode", wintypes.DWORD),
            ("dwServiceSpecificExitCode", wintypes.DWORD),
            ("dwCheckPoint", wintypes.DWORD),
            ("dwWaitHint", wintypes.DWORD),
        )

    _Main = ctypes.WINFUNCTYPE(None, wintypes.DWORD, ctypes.POINTER(wintypes.LPWSTR))
    _Handler = ctypes.WINFUNCTYPE(
        wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p
    )

    class _TableEntry(ctypes.Structure):
        _fields_ = (("lpServiceName", wintypes.LPWSTR), ("lpServiceProc", _Main))

    class _Advapi:
        """`agent.service_windows.Manager`."""

        def __init__(self) -> None:
            advapi = ctypes.WinDLL("advapi32", use_last_error=True)
            self._start = advapi.StartServiceCtrlDispatcherW
            self._start.argtypes = (ctypes.POINTER(_TableEntry),)
            self._start.restype = wintypes.BOOL
            self._register = advapi.RegisterServiceCtrlHandlerExW
            self._register.argtypes = (wintypes.LPCWSTR, _Handler, ctypes.c_void_p)
            self._register.restype = ctypes.c_void_p
            self._set = advapi.SetServiceStatus
            self._set.argtypes = (ctypes.c_void_p, ctypes.POINTER(_ServiceStatus))
            self._set.restype = wintypes.BOOL
            self._handle: int | None = None
            self._kept: list[object] = []  # what Windows calls must not be collected

        def dispatch(self, name: str, begin: Callable[[], None]) -> None:
            main = _Main(lambda _count, _arguments: begin())
            table = (_TableEntry * 2)(_TableEntry(name, main), _TableEntry(None, _Main()))
            self._kept += [main, table]
            if not self._start(table):
                raise ctypes.WinError(ctypes.get_last_error())

        def listen(self, name: str, control: Callable[[int], int]) -> None:
            handler = _Handler(lambda asked, _type, _data, _context: control(asked))
            self._kept.append(handler)
            self._handle = self._register(name, handler, None)
            if not self._handle:
                raise ctypes.WinError(ctypes.get_last_error())

        def report(self, report: Report) -> None:
            status = _ServiceStatus(
                _OWN_PROCESS, int(report.state), report.accepts, report.exit_code, report.specific_code,
                report.checkpoint, report.hint_ms,
            )  # fmt: skip
            if not self._set(self._handle, ctypes.byref(status)):
                raise ctypes.WinError(ctypes.get_last_error())

    def windows_manager() -> Manager:
        """The manager of this machine."""
        return _Advapi()

else:

    def windows_manager() -> Manager:
        """There is none here.

        Raises:
            CommandError: always.
        """
        raise CommandError(ELSEWHERE, UNUSABLE)
