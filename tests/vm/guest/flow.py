"""A UDP flow whose every datagram must come back. Says so of every 25; sends so many, or until SIGTERM, waits for what is still on
its way, and says how many it sent and how many never came.

usage: flow.py ADDRESS [SECONDS [COUNT]]    SECONDS: between two datagrams; 0.005 unless told
       flow.py ADDRESS echo                 the far end
"""
import select
import signal
import socket
import sys
import time

PORT = 7007
SOCKETS = 16     # flows, each with a port of its own
PATIENCE = 5     # seconds that the last ones may take
SO_RCVBUFFORCE = 33
ROOM = 4 << 20   # bytes of what nobody has read yet: a slow machine's programs may stand still, and that is not what is tested


def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
    return s


def echo(address):
    s = udp()
    s.bind((address, PORT))
    while True:
        data, peer = s.recvfrom(2048)
        s.sendto(data, peer)


def send(address, interval, count):
    socks = [udp() for _ in range(SOCKETS)]
    for s in socks:
        s.connect((address, PORT))
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    missing, sent, answered, end, due = set(), 0, 0, None, time.monotonic()
    while end is None or (missing and time.monotonic() < end):
        now = time.monotonic()
        if (stopped or sent == count) and end is None:
            end = now + PATIENCE
        if end is None and now >= due:
            missing.add(sent)
            socks[sent % SOCKETS].send(b"%d" % sent)
            sent, due = sent + 1, now + interval
        for ready in select.select(socks, [], [], max(0, (end or due) - time.monotonic()))[0]:
            missing.discard(int(ready.recv(2048)))
            answered += 1
            if answered % 25 == 0:
                print("answered %d" % answered, flush=True)
    print("sent %d lost %d" % (sent, len(missing)))


if __name__ == "__main__":
    if sys.argv[2:] == ["echo"]:
        echo(sys.argv[1])
    else:
        send(sys.argv[1], float(sys.argv[2]) if sys.argv[2:] else 0.005, int(sys.argv[3]) if sys.argv[3:] else None)
