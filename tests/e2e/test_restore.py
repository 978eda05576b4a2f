"""A backup that is taken under load is all that is left: a gateway is made of it, and its agents come back to it.

Their gaps are filled from their outboxes, or shown until an operator declares them; whoever was revoked after the backup stays out.
"""

import contextlib
import shutil
from pathlib import Path
from uuid import UUID

import attrs

from gateway.journal import JournalReader, Record
from gateway.store import GapState
from tests.e2e.stage import Stage, stage_in, text_of, uid_of, until
from tests.helpers.provider import TestProvider


def sequences(stage: Stage, state: Path) -> list[int]:
    """The sequence numbers of that agent's events that are in the store, which is all one epoch."""
    found = stage.stored(state)
    assert len({epoch for epoch, _ in found}) <= 1
    return sorted(sequence for _, sequence in found)


def journaled(stage: Stage, state: Path) -> int:
    """How many batches of that agent the edge has in its journal."""
    chunk = JournalReader(stage.provider.data / "journals" / "edge").read(None, 1 << 30)
    key = UUID(uid_of(state)).bytes
    return sum(Record.decode(body).agent_uid == key for body in chunk.records)


def test_a_gateway_is_made_of_a_backup_and_nobody_comes_in_who_was_shut_out(tmp_path: Path) -> None:
    """Backup under load, the machine is lost, restore, reconnect: filled or declared, and revoked."""
    elsewhere, backup = tmp_path / "elsewhere.log", tmp_path / "backup.tar"
    with stage_in(tmp_path, heartbeat_s="1", revocation_log=f'"{elsewhere}"') as stage:
        edge, projector = stage.edge(), stage.projector()
        steady, late, rogue = stage.enrolled(), stage.enrolled(), stage.enrolled()
        running = stage.run_agent(steady, rate=60)
        revoked = stage.run_agent(rogue, rate=60)
        until(
            lambda: len(stage.stored(steady)) > 120 and len(stage.stored(rogue)) > 120,
            lambda: text_of(running),
        )

        made = stage.fieldgate("backup", "create", str(backup))
        assert made.code == 0, made.text
        before = max(sequences(stage, steady))

        # What the steady one releases from now on it deletes: no copy is left of that.
        until(lambda: max(sequences(stage, steady)) > before + 120)
        said = stage.fieldgate("agent", "revoke", uid_of(rogue), "--why", "stolen")
        assert said.code == 0, said.text
        assert revoked.popen.wait(30) == 3
        # What comes now is acknowledged as durable and not released: the outboxes keep it.
        projector.kill()
        beginning = stage.run_agent(late, rate=60)
        until(lambda: journaled(stage, late) > 2, lambda: text_of(beginning))
        edge.kill()
        shutil.rmtree(stage.provider.data)

        restored = TestProvider(
            data=tmp_path / "restored", remote_port=stage.provider.remote_port,
            co_located_port=stage.provider.co_located_port, monitor_port=stage.provider.monitor_port,
            management_port=stage.provider.management_port,
        )  # fmt: skip
        assert stage.run("gateway", "backup", "verify", str(backup)).code == 0
        said = stage.run("gateway", "backup", "restore", str(backup), str(restored.data))
        assert said.code == 0, said.text
        assert "1 × agent revoked" in said.text
        again = attrs.evolve(stage, provider=restored)
        with contextlib.ExitStack() as stack:
            stack.callback(restored.stop)
            again.edge()
            projector = again.projector()

            def gaps() -> list[int]:
                with contextlib.closing(again.store()) as store:
                    return [view.gap.gap_id for view in store.gaps.list([GapState.OPEN])]

            until(gaps, lambda: text_of(projector))
            until(lambda: len(again.stored(late)) > 120, lambda: text_of(beginning))
            assert again.fieldgate("gap", "declare-lost", str(gaps()[0])).code == 0
            until(lambda: max(sequences(again, steady)) > before + 240, lambda: text_of(running))

            # The late one has lost nothing, the steady one what nobody holds any more, and nobody has anything twice.
            numbers = sequences(again, late)
            assert len(set(numbers)) == len(numbers)
            with contextlib.closing(again.store()) as store:
                [view] = store.gaps.list([GapState.LOST])
                agents = {agent.uid: agent for agent in store.agents.list(now_ms=0)}
            assert view.gap.agent_uid == uid_of(steady)
            assert (agents[uid_of(steady)].lost_gaps, agents[uid_of(late)].lost_gaps) == (1, 0)
            held = sequences(again, steady)
            assert len(set(held)) == len(held)
            assert not set(held) & set(range(view.gap.from_sequence, view.gap.to_sequence))
            assert view.gap.from_sequence > 120
            assert running.running
            assert beginning.running

            # The rogue one shows its certificate, and the token that it came by.
            refused = again.run_agent(rogue)
            assert refused.popen.wait(30) == 3
            assert "FG-3004" in text_of(refused)
