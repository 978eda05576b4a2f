"""The office's work by the clock, as a thread of the management process."""

import threading
from collections.abc import Callable
from typing import Final

import structlog

from gateway.config import Config
from gateway.licensing.making import open_office, open_submitter, policy_of
from gateway.licensing.measuring import Measurer
from gateway.licensing.refusals import AuthorityRefused, AuthorityUnreachable, SignerMissing
from gateway.store import Store, StoreError

__all__ = ["run_office"]

POLL_S: Final = 1.0
# While the store is away, or there is nothing to sign with.
IDLE_S: Final = 5.0
# What a remote authority offers is taken over so often.
SYNC_MS: Final = 3600 * 1000
# One that was not there is asked again after this: three times in vain are an alarm.
RETRY_MS: Final = 60 * 1000

log = structlog.get_logger()


def run_office(
    store: Store,
    config: Config,
    ring: Callable[[], None],
    stop: threading.Event,
    *,
    now_ms: Callable[[], int],
) -> None:
    """Do what is due until *stop* is set. Any number of processes may: whatever two of them do at once is done once.

    Args:
        ring: tells the edges that there are changes to read.
        now_ms: wall time, milliseconds since the epoch.
    """
    office = open_office(store, config, ring=ring)
    submitter = open_submitter(store, config)
    measurer = Measurer(store, policy_of(config))
    had, sync_at_ms = "", 0
    while not stop.is_set():
        wait_s, has = POLL_S, ""
        try:
            if now_ms() >= sync_at_ms:
                sync_at_ms = now_ms() + RETRY_MS
                if config.licensing.url:
                    office.sync(by="licensing", now_ms=now_ms())
                else:
                    store.licence_catalogue.heard(office.authority.name, now_ms=now_ms())
                sync_at_ms = now_ms() + SYNC_MS
            for submission in submitter.work(now_ms()):
                log.info(
                    "usage submitted", month=submission.month, number=submission.number, state=submission.state.value,
                    code=submission.code, message=submission.message,
                )  # fmt: skip
            for each in measurer.work(now_ms()):
                log.info(
                    "licence measured", licence=each.measure.licence.terms.uid, status=each.verdict.status.value,
                    percent=each.verdict.percent, why=each.verdict.says,
                )  # fmt: skip
            for server in office.work(now_ms()):
                log.info(
                    "licence settled", agent=server.agent_uid, licence=server.licence_uid, state=server.state.value,
                    code=server.code, message=server.message,
                )  # fmt: skip
        except SignerMissing as error:
            wait_s, has = IDLE_S, str(error)
            if has != had:
                log.error("licences wait for a signer", code=str(error.code), why=has)
        except (AuthorityRefused, AuthorityUnreachable) as error:
            log.warning("licensing authority not asked", code=str(error.code), why=str(error))
        except StoreError as error:
            wait_s = IDLE_S
            log.warning("licences wait for the store", code=str(error.code), why=str(error))
        except Exception:
            # Whatever it is, licences that nobody brings any more are worse than a line like this now and then.
            wait_s = IDLE_S
            log.exception("the licence office stumbled")
        had = has
        stop.wait(wait_s)
