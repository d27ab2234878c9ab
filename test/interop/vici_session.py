"""Speaks VICI as scripts and exporters in Python do, by the protocol's description alone; prints what came of it as JSON.

Usage: vici_session.py SOCKET CONNECTION CHILD
"""

import json
import socket
import struct
import sys
import time
from collections import OrderedDict

REQUEST, RESPONSE, UNKNOWN, REGISTER, UNREGISTER, CONFIRM, EVENT_UNKNOWN, EVENT = range(8)
SECTION, SECTION_END, KEY_VALUE, LIST, ITEM, LIST_END = range(1, 7)


def name_of(text):
    octets = text.encode()
    return struct.pack("!B", len(octets)) + octets


def value_of(value):
    octets = value if isinstance(value, bytes) else str(value).encode()
    return struct.pack("!H", len(octets)) + octets


def encode(message):
    out = b""
    for name, value in message.items():
        if isinstance(value, dict):
            out += struct.pack("!B", SECTION) + name_of(name) + encode(value) + struct.pack("!B", SECTION_END)
        elif isinstance(value, (list, tuple)):
            out += struct.pack("!B", LIST) + name_of(name)
            out += b"".join(struct.pack("!B", ITEM) + value_of(item) for item in value)
            out += struct.pack("!B", LIST_END)
        else:
            out += struct.pack("!B", KEY_VALUE) + name_of(name) + value_of(value)
    return out


def decode(octets):
    at = 0

    def take(count):
        nonlocal at
        if at + count > len(octets):
            raise ValueError("a message that ends too soon")
        at += count
        return octets[at - count : at]

    def text():
        return take(take(1)[0]).decode()

    def value():
        return take(struct.unpack("!H", take(2))[0])

    def section(inner):
        found = OrderedDict()
        while at < len(octets):
            kind = take(1)[0]
            if kind == SECTION_END:
                if not inner:
                    raise ValueError("an end without a beginning")
                return found
            name = text()
            if kind == SECTION:
                found[name] = section(True)
            elif kind == KEY_VALUE:
                found[name] = value()
            elif kind == LIST:
                items = []
                while take(1)[0] == ITEM:
                    items.append(value())
                found[name] = items
            else:
                raise ValueError("an element of kind %d" % kind)
        if inner:
            raise ValueError("a section without an end")
        return found

    return section(False)


class Refused(Exception):
    pass


class Session:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)

    def send(self, octets):
        self.socket.sendall(octets)

    def receive(self):
        length = struct.unpack("!I", self.read(4))[0]
        octets = self.read(length)
        kind = octets[0]
        if kind == EVENT:
            end = 2 + octets[1]
            return kind, octets[2:end].decode(), decode(octets[end:])
        return kind, None, decode(octets[1:])

    def read(self, count):
        octets = b""
        while len(octets) < count:
            more = self.socket.recv(count - len(octets))
            if not more:
                raise EOFError
            octets += more
        return octets

    @staticmethod
    def packet(kind, name, message=None):
        octets = struct.pack("!B", kind) + name_of(name) + encode(message or {})
        return struct.pack("!I", len(octets)) + octets

    def request(self, command, message=None):
        self.send(self.packet(REQUEST, command, message))
        kind, _, answer = self.receive()
        return self.judge(command, kind, answer)

    @staticmethod
    def judge(command, kind, answer):
        if kind == UNKNOWN:
            raise Refused("unknown command " + command)
        if kind != RESPONSE:
            raise ValueError("packet of kind %d" % kind)
        if answer.get("success", b"yes") != b"yes":
            raise Refused(answer.get("errmsg", b"").decode())
        return answer

    def register(self, event, on=True):
        self.send(self.packet(REGISTER if on else UNREGISTER, event))
        while True:
            kind, _, _ = self.receive()
            # Events that were on their way come first.
            if kind != EVENT:
                return kind

    def stream(self, command, event, message=None):
        """As list-sas and initiate go: what comes of `event` before the answer, and the answer."""
        assert self.register(event) == CONFIRM
        self.send(self.packet(REQUEST, command, message))
        events = []
        while True:
            kind, name, body = self.receive()
            if kind != EVENT:
                break
            assert name == event
            events.append(body)
        assert self.register(event, False) == CONFIRM
        return events, self.judge(command, kind, body)


def plain(value):
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def told(section):
    """The names in a section and those within, without its daemon's own tasks and reasons, and the numbers of SAs."""
    names = []
    for name, value in section.items():
        if name.startswith(("tasks", "failure")):
            continue
        names.append(name.rstrip("0123456789"))
        if isinstance(value, dict):
            names.append(told(value))
    return names


def refused(act):
    try:
        act()
        return None
    except Refused as refusal:
        return str(refusal)


def closes(path, octets):
    """Whether a packet that is none ends its own connection."""
    broken = Session(path)
    broken.socket.settimeout(10)
    broken.send(octets)
    try:
        broken.receive()
        return False
    except (EOFError, ConnectionResetError):
        return True
    except TimeoutError:
        return False


def main(path, connection, child):
    seen = OrderedDict()
    session = Session(path)
    watcher = Session(path)
    for event in ("ike-updown", "child-updown", "ike-rekey", "child-rekey"):
        assert watcher.register(event) == CONFIRM

    seen["version"] = sorted(session.request("version"))
    seen["conns"] = plain(session.request("get-conns"))
    seen["pools"] = plain(session.request("get-pools"))
    seen["authorities"] = plain(session.request("get-authorities"))
    seen["shared"] = plain(session.request("get-shared"))
    conns, _ = session.stream("list-conns", "list-conn")
    seen["connection"] = sorted(name for one in conns for name in one)

    log, answer = session.stream("initiate", "control-log", {"child": child, "timeout": 10000, "loglevel": 1})
    seen["initiate"] = {"success": plain(answer.get("success")), "groups": sorted({plain(x["group"]) for x in log})}
    seen["established"] = any(b"IKE_SA %s[" % connection.encode() in x["msg"] for x in log)

    sas, _ = session.stream("list-sas", "list-sa", {"ike": connection})
    [sa] = [one[connection] for one in sas]
    seen["sa"] = [name for name in sa]
    seen["state"] = plain(sa["state"])
    [installed] = sa["child-sas"].values()
    seen["child"] = [name for name in installed]
    seen["counters"] = sorted(session.request("get-counters")["counters"])
    seen["policies"] = len(session.stream("list-policies", "list-policy", {"drop": "yes", "pass": "yes", "trap": "yes"})[0])

    up = [watcher.receive() for _ in range(2)]
    seen["up"] = [(name, plain(body.get("up")), plain(body[connection]["state"])) for _, name, body in up]

    seen["what came up"] = [told(body) for _, _, body in up]
    seen["rekeys"] = []
    for target in ({"child": child}, {"ike": connection}):
        assert session.request("rekey", target)["matches"] == b"1"
        _, name, body = watcher.receive()
        seen["rekeys"].append([name, told(body)])

    # One octet after the other, and several at once.
    for octet in Session.packet(REQUEST, "version"):
        session.send(bytes([octet]))
    kind, _, body = session.receive()
    seen["slowly"] = [kind, sorted(body)]
    session.send(b"".join(Session.packet(REQUEST, name) for name in ("version", "get-conns", "nosuch", "stats")))
    seen["together"] = [session.receive()[0] for _ in range(4)]

    seen["unknown command"] = refused(lambda: session.request("no-such-command"))
    seen["unknown event"] = session.register("no-such-event")
    seen["not registered"] = session.register("log", False)
    seen["unknown child"] = refused(lambda: session.request("initiate", {"child": "nosuch"}))
    seen["nothing named"] = [refused(lambda: session.request(name)) for name in ("terminate", "rekey")]

    wait_for_one(session)
    log, answer = session.stream("terminate", "control-log", {"ike": connection, "timeout": 10000, "loglevel": 1})
    seen["terminate"] = plain(answer)
    down = [watcher.receive() for _ in range(2)]
    seen["down"] = [(name, plain(body[connection]["state"]), told(body)) for _, name, body in down]

    seen["broken"] = {
        "too long": closes(path, struct.pack("!I", 512 * 1024 + 1) + b"x"),
        "no type": closes(path, struct.pack("!IB", 1, 99)),
        "no name": closes(path, struct.pack("!IBB", 2, REQUEST, 200)),
        "open section": closes(path, struct.pack("!I", 14) + Session.packet(REQUEST, "version")[4:] + b"\x01\x03abc"),
    }
    seen["afterwards"] = sorted(Session(path).request("version"))
    print(json.dumps(seen))


def wait_for_one(session):
    """A replaced IKE SA stays for a moment; who ends it in that moment is told that it could not be ended."""
    for _ in range(600):
        if len(session.stream("list-sas", "list-sa", {})[0]) == 1:
            return
        time.sleep(0.05)
    raise AssertionError("the replaced IKE SA does not go")


if __name__ == "__main__":
    main(*sys.argv[1:])
