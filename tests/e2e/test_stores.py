"""The whole way on PostgreSQL: the same commands, the same fleet, the same verification."""

from pathlib import Path

from tests.helpers.postgres import PostgresServer, postgres_server
from tests.helpers.provider import provider_in

__all__ = ["postgres_server"]


def test_a_fleet_reports_into_postgresql_and_nothing_is_lost(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    """Edge and projector with a PostgreSQL store: every released event is in it exactly once."""
    store = f'"{postgres_server.url(postgres_server.new_database())}"'
    with provider_in(tmp_path / "provider", store=store) as provider:
        provider.serve()
        done = provider.try_command(
            "simulate", "--count", "12", "--duration", "5", "--verify", "--seed", "3", module="agent"
        )

        assert done.returncode == 0, done.stdout + done.stderr
        assert "exactly once" in done.stdout
        assert {agent["standing"] for agent in provider.json("agent", "list")} == {"verified"}
