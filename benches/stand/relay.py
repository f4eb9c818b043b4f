"""A relay between a client and a registry: counts the bytes of each direction, and can put a distance between them."""

import queue
import socket
import threading
import time

CHUNK = 256 * 1024


class Relay:
    """Listens on a free port of the loopback and connects to `target`, another port of it. `delay` is what each direction
    takes in seconds, half a round trip. It delays bytes and narrows nothing: a connection may have any number of bytes
    on their way. Opening a connection takes a round trip more, as with a far one."""

    def __init__(self, target, delay=0.0):
        self.target, self.delay = target, delay
        self.up = self.down = 0
        self.connections = 0
        self._counting = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self):
        """Counts from zero."""
        with self._counting:
            self.up = self.down = self.connections = 0

    def close(self):
        """Takes no more connections."""
        # A thread that waits in accept keeps the socket alive; shutting it down wakes the thread.
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._counting:
                self.connections += 1
            # TCP shakes hands for a whole round trip before the first byte leaves.
            self._carry(client, server, "up", 2 * self.delay)
            self._carry(server, client, "down", 0.0)

    def _carry(self, source, sink, direction, handshake):
        if not self.delay:
            threading.Thread(target=self._copy, args=(source, sink, direction), daemon=True).start()
            return
        # What is on its way lies in memory, so there is a bound: 64 MiB, far more than the loopback needs at 100 ms.
        way = queue.Queue(maxsize=256)
        threading.Thread(target=self._depart, args=(source, way, direction, handshake), daemon=True).start()
        threading.Thread(target=self._arrive, args=(way, sink), daemon=True).start()

    def _count(self, direction, length):
        with self._counting:
            setattr(self, direction, getattr(self, direction) + length)

    def _copy(self, source, sink, direction):
        while data := _receive(source):
            self._count(direction, len(data))
            if not _send(sink, data):
                break
        _finish(sink)

    def _depart(self, source, way, direction, handshake):
        opened = time.monotonic()
        while data := _receive(source):
            self._count(direction, len(data))
            way.put((max(time.monotonic(), opened + handshake) + self.delay, data))
        way.put((time.monotonic() + self.delay, b""))

    def _arrive(self, way, sink):
        open_ = True
        while True:
            due, data = way.get()
            if not data:
                break
            time.sleep(max(due - time.monotonic(), 0))
            open_ = open_ and _send(sink, data)
        _finish(sink)


def _receive(end):
    try:
        return end.recv(CHUNK)
    except OSError:
        return b""


def _send(end, data):
    try:
        end.sendall(data)
        return True
    except OSError:
        return False


def _finish(end):
    try:
        end.shutdown(socket.SHUT_WR)
    except OSError:
        pass
