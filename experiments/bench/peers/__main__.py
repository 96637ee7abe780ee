"""`python -m meterstorm.experiments.bench.peers PROGRAM CLIENTS`: simulate what standard input asks for."""

import importlib
import sys


def main(program: str, clients: int) -> None:
    """Answer each line "seconds seed" with a line "cpu_s events grants denials"."""
    simulate = importlib.import_module(f"{__package__}.{program}").simulate
    for line in sys.stdin:
        seconds, seed = line.split()
        print(*simulate(clients, float(seconds), int(seed)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
