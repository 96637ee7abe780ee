"""Addresses of Ray clusters, and whether somebody answers there."""

import ipaddress
import re
import socket

ANSWER_S = 5.0  # how long a cluster may take to say that it is there


def host_and_port(address: str) -> tuple[str, int]:
    """Return the two parts of a cluster's address; raises ValueError."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 1 << 16:
        raise ValueError(f'the address of a Ray cluster must be "auto" or HOST:PORT: {address!r}')
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, as seen from itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def answers(cluster: str) -> bool:
    """Whether somebody accepts connections at a cluster's address, where its head does."""
    try:
        socket.create_connection(host_and_port(cluster), ANSWER_S).close()
        return True
    except OSError:
        return False
