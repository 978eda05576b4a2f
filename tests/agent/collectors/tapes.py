"""A program for the `exec` collector: a tape library with thirty sessions, told seven at a time."""

import json
import os

since = int(os.environ["FIELDGATE_SINCE"] or 0)
told = range(since, min(since + 7, 30))
event = {
    "kind": "job-finished",
    "job_uid": "weekly",
    "workload_uid": "",
    "status": "success",
    "processed_bytes": 10**9,
}
print(
    json.dumps(
        {
            "version": 1,
            "repositories": [{"uid": "lib", "server_uid": "", "name": "Library", "capacity_bytes": 10**12}],
            "jobs": [{"uid": "weekly", "server_uid": "", "name": "Weekly", "repository_uid": "lib"}],
            "events": [event | {"time_ms": 1_790_000_000_000 + n, "session_uid": f"s{n}"} for n in told],
            "cursor": str(told.stop),
            "more": told.stop < 30,
            "usage": [
                {
                    "subject_kind": "repository",
                    "subject_uid": "lib",
                    "name": "Library",
                    "metric": "storage-bytes",
                    "value": 5,
                }
            ],
        }
    )
)
