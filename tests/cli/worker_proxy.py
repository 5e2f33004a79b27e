#!/usr/bin/env python3
"""A TCP proxy that cuts: worker_proxy.py PORT_FILE TARGET_PORT. Writes its own port into the file.
SIGUSR1: all connections are reset at once. SIGUSR2: for two seconds nothing passes and nobody gets in, then all
connections are reset."""
import os
import select
import signal
import socket
import struct
import sys
import time

pairs = {}  # socket: its other side
frozen_until = 0.0
todo = []


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def cut():
    for s in list(pairs):
        reset(s)
    pairs.clear()


def drop(s):
    other = pairs.pop(s, None)
    s.close()
    if other is not None:
        pairs.pop(other, None)
        other.close()


def accept(listener, target):
    s, _ = listener.accept()
    try:
        other = socket.create_connection(("127.0.0.1", target), timeout=2)
    except OSError:
        reset(s)
        return
    for a, b in ((s, other), (other, s)):
        a.settimeout(5)
        pairs[a] = b


def pass_on(s):
    other = pairs.get(s)
    if other is None:
        return
    try:
        data = s.recv(65536)
        if data:
            other.sendall(data)
        else:
            drop(s)
    except OSError:
        drop(s)


def main():
    global frozen_until
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    wake, signalled = os.pipe()
    os.set_blocking(signalled, False)
    signal.set_wakeup_fd(signalled)
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda n, frame: todo.append(n))
    with open(sys.argv[1] + ".new", "w") as f:
        f.write(str(listener.getsockname()[1]))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    while True:
        frozen = time.monotonic() < frozen_until
        ready = select.select([wake] + ([] if frozen else [listener, *pairs]), [], [], 0.1)[0]
        if wake in ready:
            os.read(wake, 64)
        while todo:
            if todo.pop() == signal.SIGUSR1:
                cut()
            else:
                frozen_until = time.monotonic() + 2
        if frozen and time.monotonic() >= frozen_until:
            cut()
            continue
        for s in ready:
            if s is listener:
                accept(listener, int(sys.argv[2]))
            elif s != wake:
                pass_on(s)


main()
