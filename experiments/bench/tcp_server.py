"""A server that answers each connection's first byte with how many it has answered: a program of its own.

    python tcp_server.py PORT BACKLOG

It imports only the standard library, so that it is back soon after it was killed. It prints its port once it
listens; port 0 picks a free one.
"""

import resource
import selectors
import socket
import sys

ANSWER_BYTES = 4


def raise_limit() -> int:
    """Let this process open as many files as the system lets it; return how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def listener(port: int, backlog: int) -> socket.socket:
    """Return a socket that listens on the loopback."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(backlog)
    sock.setblocking(False)
    return sock


def serve(listening: socket.socket) -> None:
    """Accept one connection after the other, and answer each once, until who has started the process ends."""
    selector, answered = selectors.DefaultSelector(), 0
    selector.register(listening, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            sock = key.fileobj
            if sock is sys.stdin:
                return
            assert isinstance(sock, socket.socket)
            if sock is listening:
                _accept(listening, selector)
            elif asked(sock):
                answered += 1
                sock.send(answered.to_bytes(ANSWER_BYTES, "big"))
            else:
                selector.unregister(sock)
                sock.close()


def _accept(listening: socket.socket, selector: selectors.BaseSelector) -> None:
    try:
        sock, _ = listening.accept()
    except (BlockingIOError, ConnectionAbortedError):
        return
    sock.setblocking(False)
    selector.register(sock, selectors.EVENT_READ)


def asked(sock: socket.socket) -> bool:
    """Whether a client has asked; else its connection has ended."""
    try:
        return bool(sock.recv(1))
    except ConnectionError:
        return False


if __name__ == "__main__":
    raise_limit()
    found = listener(int(sys.argv[1]), int(sys.argv[2]))
    print(found.getsockname()[1], flush=True)
    serve(found)
