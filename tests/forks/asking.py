"""Run a script in forks of `forking_python.py`: `python asking.py SOCKET PROCESSES LOGS SCRIPT [WORD...]`."""

import json
import os
import socket
import sys


def main() -> int:
    """Hand over arguments, environments and output, and return the exit code of the forks.

    The first process says here what it says; each other has a file in the folder LOGS.
    """
    count, logs = int(sys.argv[2]), sys.argv[3]
    files = [open(f"{logs}/workerlog.{rank}", "wb") for rank in range(1, count)]  # noqa: PTH123, SIM115
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.connect(sys.argv[1])
        environments = [{**os.environ, **own} for own in variables_of_processes(count)]
        asked = {"words": sys.argv[4:], "folder": os.getcwd(), "environments": environments}  # noqa: PTH109
        message = json.dumps(asked).encode()
        socket.send_fds(server, [b"%16d" % len(message)], [1, 2, *(file.fileno() for file in files)])
        server.sendall(message)
        return int(server.recv(16) or b"1")


def variables_of_processes(count: int) -> list[dict[str, str]]:
    """Return what Paddle's launcher sets for each process of this machine; nothing for a single one."""
    if count == 1:
        return [{}]
    places = [f"127.0.0.1:{port}" for port in free_ports(count + 1)]
    return [
        {
            "PADDLE_MASTER": places[-1],
            "PADDLE_GLOBAL_SIZE": str(count),
            "PADDLE_LOCAL_SIZE": str(count),
            "PADDLE_GLOBAL_RANK": str(rank),
            "PADDLE_LOCAL_RANK": str(rank),
            "PADDLE_NNODES": "1",
            "PADDLE_CURRENT_ENDPOINT": places[rank],
            "PADDLE_TRAINER_ID": str(rank),
            "PADDLE_TRAINERS_NUM": str(count),
            "PADDLE_RANK_IN_NODE": str(rank),
            "PADDLE_TRAINER_ENDPOINTS": ",".join(places[:-1]),
            "FLAGS_selected_cpus": str(rank),
        }
        for rank in range(count)
    ]


def free_ports(count: int) -> list[int]:
    """Return TCP ports that nothing listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


if __name__ == "__main__":
    sys.exit(main())
