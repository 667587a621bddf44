"""Real clients of WebSocket speak with a real server through Envoy, with planted values in their messages.

`cargo xtask clients websocket` runs this. Every conversation is held twice: straight, and through Envoy. Each message is answered before the
next one is sent, so that a message that is held anywhere ends in a time limit. What the other side decoded must be the same in both, byte by
byte, but for the planted values, which must not arrive; JSON must still be JSON.

    clients.py PORTS ENVOY    the server's port is written to the file PORTS; Envoy's port is read from the file ENVOY once it is there
"""

import asyncio
import json
import pathlib
import socket
import sys
import threading
import time

import aiohttp
import h2.config
import h2.connection
import h2.events
import websockets.sync.client
import websockets.sync.server
import wsproto
import wsproto.events
from wsproto.connection import Connection, ConnectionType

# In parts, so that no token stands whole in the repository. They are made up.
TOKEN = "ghp_" + "Ky9Pf34qY6Nb3wWD25RQ4F5ZR3qa7y3gm1IL"
MAIL = "jane.doe@" + "initech-mail.com"
CARD = "41111111" + "11111111"
PLANTED = [TOKEN, MAIL, CARD]

# Seconds that one answer may take.
LIMIT = 10

TEXTS = [
    "hello",
    f"clone with {TOKEN} as {MAIL}, übermäßig 😀",
    # Ends where a finding could go on.
    "write to " + MAIL[:12],
    f"4111 and {TOKEN}",
    json.dumps({"user": {"email": MAIL}, "token": TOKEN, "n": [1, 2.5, None], "card": int(CARD), "text": "ü😀"}),
    json.dumps({"note": f"to {MAIL}"}).replace("@", "\\u0040"),
    "42" + json.dumps(["message", {"card": int(CARD), "token": TOKEN}]),
    json.dumps({"id": "1", "type": "subscribe", "payload": {"query": "subscription { a }", "variables": {"token": TOKEN}}}),
    "",
    "[info] " + TOKEN,
]
BINARIES = [b"", b"\xff\0" + TOKEN.encode() + b"\xc3", bytes(range(256)), b"\x82\xa1k\xd9\x28" + TOKEN.encode()]
# Lengths of one, two and eight bytes.
LONG = [f"{'-' * size} {TOKEN} {'=' * size} {MAIL} ." for size in (10, 50, 20_000, 300_000)]


def server(log):
    """Writes down what arrives. Answers each message with itself on /echo, and with one of its own on /push."""

    def talk(connection):
        path = connection.request.path
        log.append(("extensions", [type(e).__name__ for e in connection.protocol.extensions]))
        try:
            for turn, message in enumerate(connection):
                log.append(("message", message))
                if path == "/push":
                    answer = (TEXTS + BINARIES + LONG)[turn]
                    if turn % 2 and len(answer) > 2:
                        # In fragments, cut within the planted value as well.
                        third = len(answer) // 3
                        connection.send([answer[:third], answer[third : 2 * third], answer[2 * third :]])
                    else:
                        connection.send(answer)
                else:
                    connection.send(message)
        except websockets.ConnectionClosed:
            pass
        log.append(("closed", connection.protocol.close_code, connection.protocol.close_reason))

    running = websockets.sync.server.serve(talk, "127.0.0.1", 0, max_size=None, ping_interval=None)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    return running.socket.getsockname()[1]


def conversation(port, path, messages, compression="deflate"):
    """By `websockets`: sends each message (a list: in fragments) and waits for its answer."""
    got = []
    with websockets.sync.client.connect(
        f"ws://127.0.0.1:{port}{path}", compression=compression, max_size=None, open_timeout=LIMIT, close_timeout=LIMIT, ping_interval=None
    ) as connection:
        got.append(("extensions", [type(e).__name__ for e in connection.protocol.extensions]))
        for message in messages:
            if isinstance(message, list):
                connection.send(iter(message), text=True)
            else:
                connection.send(message)
            got.append(("message", connection.recv(timeout=LIMIT)))
        connection.close(1000, "that is all")
    got.append(("closed", connection.protocol.close_code, connection.protocol.close_reason))
    return got


def pings(port):
    """Pings alone, between messages, and with what a rule would find: a pong must bring back what was sent."""
    with websockets.sync.client.connect(f"ws://127.0.0.1:{port}/echo", open_timeout=LIMIT, ping_interval=None) as connection:
        answers = []
        for payload in (b"", b"1234", TOKEN.encode(), bytes(125)):
            answers.append(connection.ping(payload).wait(timeout=LIMIT))
            connection.send(f"between {TOKEN}")
            answers.append(connection.recv(timeout=LIMIT))
        return [("pings", answers[::2])] + [("message", answer) for answer in answers[1::2]]


def by_aiohttp(port, path, messages):
    """The same by `aiohttp`, which masks, fragments and compresses by itself."""

    async def talk():
        got = []
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            async with session.ws_connect(f"http://127.0.0.1:{port}{path}", compress=15, max_msg_size=0) as connection:
                got.append(("extensions", ["PerMessageDeflate"] if connection.compress else []))
                for message in messages:
                    await (connection.send_bytes if isinstance(message, bytes) else connection.send_str)(message)
                    answer = await asyncio.wait_for(connection.receive(), LIMIT)
                    got.append(("message", answer.data))
                await connection.close(code=1000, message=b"that is all")
        return got

    return asyncio.run(talk())


def by_wsproto(port, path, messages):
    """Frames by `wsproto`, a byte at a time on the wire, with frames of control between fragments."""
    wire = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    protocol = wsproto.WSConnection(ConnectionType.CLIENT)
    wire.sendall(protocol.send(wsproto.events.Request(host="a.test", target=path)))
    got, pieces, pongs = [], [], 0
    while not any(isinstance(event, wsproto.events.AcceptConnection) for event in protocol.events()):
        protocol.receive_data(wire.recv(65536))
    for message in messages:
        middle = len(message) // 2
        out = protocol.send(wsproto.events.Message(message[:middle], message_finished=False))
        out += protocol.send(wsproto.events.Ping(TOKEN.encode()))
        out += protocol.send(wsproto.events.Message(message[middle:]))
        for at in range(len(out) if len(out) < 600 else 0):
            wire.sendall(out[at : at + 1])
        if len(out) >= 600:
            wire.sendall(out)
        done = False
        while not done:
            protocol.receive_data(wire.recv(65536))
            for event in protocol.events():
                if isinstance(event, wsproto.events.Pong):
                    pongs += bytes(event.payload) == TOKEN.encode()
                elif isinstance(event, wsproto.events.Message):
                    pieces.append(event.data)
                    done = event.message_finished
        got.append(("message", pieces[0][:0].join(pieces)))
        pieces.clear()
    got.append(("pongs", pongs))
    wire.sendall(protocol.send(wsproto.events.CloseConnection(1000, "that is all")))
    wire.close()
    return got


def by_http2(port, path, messages):
    """An extended CONNECT by `h2` (RFC 8441), frames by `wsproto`."""
    wire = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
    http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    http.initiate_connection()
    wire.sendall(http.data_to_send())
    frames, got, pieces = Connection(ConnectionType.CLIENT), [], []

    def events():
        found = http.receive_data(wire.recv(65536))
        wire.sendall(http.data_to_send())
        return found

    while not any(isinstance(event, h2.events.RemoteSettingsChanged) for event in events()):
        pass
    stream = http.get_next_available_stream_id()
    http.send_headers(
        stream,
        [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "a.test"),
            ("sec-websocket-version", "13"),
            # Not of HTTP/2, but the server behind Envoy speaks HTTP/1.1 and wants one; Envoy makes none.
            ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
            ("sec-websocket-extensions", "permessage-deflate"),
        ],
    )
    wire.sendall(http.data_to_send())
    status = None
    while status is None:
        for event in events():
            if isinstance(event, h2.events.ResponseReceived):
                headers = dict(event.headers)
                status = headers.get(b":status", headers.get(":status"))
                got.append(("extensions", [value for name, value in event.headers if b"extensions" in bytes(name)]))
    if bytes(status) != b"200":
        raise AssertionError(f"the answer is {status}")
    for message in messages:
        out = frames.send(wsproto.events.Message(message))
        while out:
            room = min(http.local_flow_control_window(stream), http.max_outbound_frame_size)
            if room <= 0:
                events()
                continue
            http.send_data(stream, out[:room])
            out = out[room:]
            wire.sendall(http.data_to_send())
        done = False
        while not done:
            for event in events():
                if isinstance(event, h2.events.DataReceived):
                    http.acknowledge_received_data(event.flow_controlled_length, stream)
                    frames.receive_data(event.data)
            wire.sendall(http.data_to_send())
            for event in frames.events():
                if isinstance(event, wsproto.events.Message):
                    pieces.append(event.data)
                    done = event.message_finished
        got.append(("message", pieces[0][:0].join(pieces)))
        pieces.clear()
    wire.close()
    return got


def spans(text):
    """Which bytes belong to planted values."""
    planted = [False] * len(text)
    for value in PLANTED:
        for form in {value, value.replace("@", "\\u0040")}:
            form = form.encode()
            at = text.find(form)
            while at >= 0:
                planted[at : at + len(form)] = [True] * len(form)
                at = text.find(form, at + 1)
    return planted


def shape(value):
    """JSON without its scalars: keys, and of which type everything is."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def compare(was, now):
    """Two messages: alike but for planted values, of one kind and one length, and JSON if it was."""
    if type(was) is not type(now):
        raise AssertionError(f"{was!r} became {now!r}")
    old = was if isinstance(was, bytes) else was.encode()
    new = now if isinstance(now, bytes) else now.encode()
    if len(old) != len(new):
        raise AssertionError(f"{len(old)} bytes became {len(new)}: {now!r}")
    planted = spans(old)
    for at, (a, b, inside) in enumerate(zip(old, new, planted)):
        if a != b and not inside:
            raise AssertionError(f"byte {at} of {now!r} changed")
    for value in PLANTED:
        if value.encode() in new or value.replace("@", "\\u0040").encode() in new:
            raise AssertionError(f"{now!r} holds a planted value")
    if isinstance(was, str) and was.lstrip("0123456789").startswith(("{", "[")):
        try:
            before = json.loads(was.lstrip("0123456789"))
        except ValueError:
            return
        after = json.loads(now.lstrip("0123456789"))
        if shape(before) != shape(after):
            raise AssertionError(f"{now!r} is other JSON")


class Play:
    def __init__(self, log, straight, envoy):
        self.log, self.straight, self.envoy, self.failed = log, straight, envoy, 0

    def held(self, port, talk):
        self.log.clear()
        started = time.monotonic()
        got = talk(port)
        # The server writes down the end when it has seen it.
        while not any(entry[0] == "closed" for entry in self.log) and time.monotonic() < started + 60:
            time.sleep(0.01)
        return got, list(self.log)

    def case(self, name, talk, check=None):
        try:
            here, there = self.held(self.straight, talk)
            through, beyond = self.held(self.envoy, talk)
            for was, now in ((here, through), (there, beyond)):
                if [entry[0] for entry in was] != [entry[0] for entry in now]:
                    raise AssertionError(f"{[e[0] for e in was]} became {[e[0] for e in now]}")
                for a, b in zip(was, now):
                    if a[0] == "message":
                        compare(a[1], b[1])
                    elif a[0] == "extensions":
                        if b[1]:
                            raise AssertionError(f"extensions were agreed on: {b[1]}")
                    elif a != b:
                        raise AssertionError(f"{a} became {b}")
            if check:
                check(here, through)
            print(f"ok {name}", flush=True)
        except Exception as error:
            self.failed += 1
            print(f"FAILED {name}: {type(error).__name__} {error}".replace("\n", " "), flush=True)


def offered(here, _):
    """Without a proxy between them, the same client and server would compress."""
    if not here[0][1]:
        raise AssertionError("no extension was agreed on without the proxy: the case shows nothing")


def main():
    ports, envoy = map(pathlib.Path, sys.argv[1:3])
    log = []
    straight = server(log)
    ports.write_text(json.dumps({"upstream": straight}))
    deadline = time.monotonic() + 200
    while not (envoy.exists() and envoy.read_text()):
        if time.monotonic() > deadline:
            sys.exit("no Envoy")
        time.sleep(0.05)
    play = Play(log, straight, int(envoy.read_text()))
    everything = TEXTS + BINARIES + LONG

    play.case("messages by websockets, compression offered", lambda port: conversation(port, "/echo", everything), offered)
    play.case("messages by websockets, none offered", lambda port: conversation(port, "/echo", everything, None))
    play.case("messages of the server, compression offered", lambda port: conversation(port, "/push", ["on"] * len(everything)), offered)
    text = TEXTS[1].encode()
    fragments = [[text[:cut], text[cut:]] for cut in range(len(text))]
    fragments += [[text[at : at + 1] for at in range(len(text))]]
    play.case("fragments, cut in the value and in characters", lambda port: conversation(port, "/echo", fragments))
    play.case("pings and pongs", pings)
    play.case("many small messages", lambda port: conversation(port, "/echo", [f"{n} {MAIL}" for n in range(1000)]))
    play.case("messages by aiohttp, compression offered", lambda port: by_aiohttp(port, "/echo", everything), offered)
    play.case("messages of the server to aiohttp", lambda port: by_aiohttp(port, "/push", ["on"] * len(everything)))
    filled = [message for message in everything if len(message) > 1]
    play.case("frames by wsproto, byte by byte, pings between fragments", lambda port: by_wsproto(port, "/echo", filled))

    # No server here speaks HTTP/2: what went straight is what another client sent.
    def either(port):
        if port == straight:
            return [("extensions", [])] + [e for e in conversation(port, "/echo", filled, None) if e[0] == "message"]
        return by_http2(port, "/echo", filled)

    try:
        here, _ = play.held(straight, either)
        log.clear()
        through = either(play.envoy)
        arrived = [entry[1] for entry in log if entry[0] == "message"]
        if through[0] != ("extensions", []):
            raise AssertionError(f"extensions were agreed on: {through[0]}")
        for was, now, there in zip(filled, [entry[1] for entry in through[1:]], arrived, strict=True):
            compare(was, now)
            compare(was, there)
        assert len(here) == len(through)
        print("ok messages over HTTP/2, extended CONNECT by h2", flush=True)
    except Exception as error:
        play.failed += 1
        print(f"FAILED messages over HTTP/2: {type(error).__name__} {error}".replace("\n", " "), flush=True)
    return 1 if play.failed else 0


if __name__ == "__main__":
    sys.exit(main())
