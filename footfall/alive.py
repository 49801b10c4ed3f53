"""`python -m footfall.alive WHERE`: for health checks of containers. Loads nothing but Python's own modules.

WHERE: an address that must answer 200 (`http://127.0.0.1:8080/health`), or the path of a socket that must
take a connection. Exit code 0 or 1, with one line where it is 1.
"""

import http.client
import socket
import sys
import urllib.request

#: Seconds in which it must answer.
SECONDS = 5


def main() -> int:
    """One look."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m footfall.alive http://HOST:PORT/PATH | /PATH/OF/A/SOCKET\n")
        return 2
    where = sys.argv[1]
    try:
        if where.startswith("/"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(SECONDS)
                probe.connect(where)
            return 0
        # A proxy that the environment names cannot reach this machine.
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(where, timeout=SECONDS) as answer:
            if answer.status == 200:
                return 0
            said = f"answered {answer.status}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        said = str(error)
    sys.stderr.write(f"{where}: {said}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
