"""A consumer as docs/integrating.md has it: mirrors inventory and job sessions into a SQLite file of its own. It imports nothing of ours."""

import json
import sqlite3
import subprocess
import sys

TABLES = (
    "place (one PRIMARY KEY, cursor)",
    "items (agent_uid, list, row)",
    "sessions (agent_uid, session_uid, row, PRIMARY KEY (agent_uid, session_uid))",
    "events (id, agent_uid, epoch, sequence)",  # without a key: what came twice would be in it twice
)
LISTS = ("servers", "repositories", "workloads", "jobs", "cloud_tenants")


def mirror(path: str, command: list[str]) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    for table in TABLES:
        db.execute(f"CREATE TABLE IF NOT EXISTS {table}")
    stored = db.execute("SELECT cursor FROM place").fetchone()
    feed = subprocess.Popen(command + (["--cursor", stored[0]] if stored else []), stdout=subprocess.PIPE)
    for line in feed.stdout or ():
        fact = json.loads(line)
        body = fact["body"]
        db.execute("BEGIN")
        if fact["kind"] == "reset":
            for table in ("items", "sessions", "events"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608  # a name of ours
        elif fact["kind"] == "agent" and body.get("state") == "gone":
            for table in ("items", "sessions", "events"):
                db.execute(f"DELETE FROM {table} WHERE agent_uid = ?", (body["agent_uid"],))  # noqa: S608  # a name of ours
        elif fact["kind"] == "inventory":
            db.execute("DELETE FROM items WHERE agent_uid = ?", (body["agent_uid"],))
            rows = [(body["agent_uid"], name, json.dumps(row)) for name in LISTS for row in body[name]]
            db.executemany("INSERT INTO items VALUES (?, ?, ?)", rows)
        elif fact["kind"] == "job-session":
            row = (body["agent_uid"], body["session_uid"], json.dumps(body))
            db.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)", row)
        elif fact["kind"] == "job-event":
            event = (fact["id"], body["agent_uid"], body["epoch"], body["sequence"])
            db.execute("INSERT INTO events VALUES (?, ?, ?, ?)", event)
        db.execute("INSERT OR REPLACE INTO place VALUES (1, ?)", (fact["cursor"],))
        db.execute("COMMIT")


if __name__ == "__main__":
    mirror(sys.argv[1], sys.argv[2:])
