"""`python -m rest_source.demo` serves the demo API until Ctrl-C or SIGTERM."""

import argparse
import signal
import sys
from threading import Event

from rest_source.demo import ENVIRONMENT, DemoApi, LoopbackServer


def main() -> int:
    """Serve, and print the variables that the demo's `defs.yaml` files need."""
    parser = argparse.ArgumentParser(prog="python -m rest_source.demo", description="Serve the demo API.")
    parser.add_argument("--port", type=int, default=8571, help="port on 127.0.0.1; 0 takes a free one (%(default)s)")
    port = parser.parse_args().port
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        server = LoopbackServer(DemoApi(), port, record=False)
    except OSError as error:
        print(f"Cannot listen on 127.0.0.1:{port}: {error.strerror}. Try --port 0.", file=sys.stderr)
        return 1
    with server:
        print(f"The demo API is at {server.url} (Ctrl-C stops it). In the shell that runs Dagster:", end="\n\n")
        print("export", *(f"{name}={value}" for name, value in ENVIRONMENT(server.url).items()), flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
