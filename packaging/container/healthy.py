"""Whether the processes behind these ports of this machine are ready; exits with 1 when one is not, and says why.

An image without a shell's tools asks with it: ``python healthy.py 9180 9181``.
"""

import http.client
import sys

LIMIT_S = 4.0


def problem(port: int) -> str:
    """What keeps the process behind a monitor's port from being ready; empty when it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        said = answer.read(1000).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return f"{port}: {error}"
    finally:
        connection.close()
    return "" if answer.status == http.client.OK else f"{port}: {said}"


if __name__ == "__main__":
    problems = [found for found in (problem(int(port)) for port in sys.argv[1:]) if found]
    sys.exit("; ".join(problems) or 0)
