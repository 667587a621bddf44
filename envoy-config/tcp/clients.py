"""Real clients send planted values over raw TCP through Envoy; what arrives is decoded by readers that are not ours.

`cargo xtask clients` runs this. Everything is sent twice by the same client: straight to the server here, and through Envoy. The two must
decode to the same, value by value, but for the planted values, which must not arrive.

    clients.py PORTS ENVOY    the servers' ports are written to the file PORTS; Envoy's, by the names of its listeners, are read from ENVOY
"""

import json
import logging
import logging.handlers
import pathlib
import socket
import struct
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "log-shipping"))

import graphyte
import hiredis
import msgpack
import redis
import statsd
from datadog.dogstatsd import DogStatsd
from fakeredis import TcpFakeServer
from fluent import sender as fluent
from pygelf import GelfTcpHandler

from planted import KEY_ID, LINE, MAIL, PASSWORD, PLANTED, TOKEN, compare

# No client here may wait so long for anything.
PATIENCE = 10


class Sink:
    """A server that takes what comes, to the end; of Fluentd's messages that ask for it, it confirms the chunk."""

    def __init__(self):
        self.arrived, self.lock = [], threading.Condition()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            taken, _ = self.server.accept()
            threading.Thread(target=self.take, args=[taken], daemon=True).start()

    def take(self, taken):
        data = b""
        with taken:
            while piece := taken.recv(65536):
                data += piece
                if b"\xa5chunk" in piece:
                    chunk = piece[piece.index(b"\xa5chunk") + 7 :][:4].decode()
                    taken.sendall(msgpack.packb({"ack": chunk, "note": MAIL}))
        with self.lock:
            self.arrived.append(data)
            self.lock.notify()

    def drain(self, count=1):
        """What came by the next connections that have ended."""
        with self.lock:
            if not self.lock.wait_for(lambda: len(self.arrived) >= count, PATIENCE):
                raise AssertionError(f"{len(self.arrived)} connections of {count} ended")
            arrived, self.arrived = self.arrived, []
        return b"".join(arrived)


class Play:
    def __init__(self, sink, envoy):
        self.sink, self.envoy, self.failed = sink, envoy, 0

    def report(self, name, run):
        try:
            run()
            print(f"ok {name}", flush=True)
        except Exception as error:  # noqa: BLE001: every failure is a line of the report
            self.failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)

    def case(self, name, listener, send, decode, same_length=False, connections=1):
        """Sends straight and through Envoy, and compares what both decode to."""

        def run():
            send(self.sink.port)
            was = self.sink.drain(connections)
            send(self.envoy[listener])
            now = self.sink.drain(connections)
            if same_length and len(was) != len(now):
                raise AssertionError(f"{len(was)} bytes became {len(now)}")
            compare(decode(was), decode(now))
            leaks_nothing(was, now)

        self.report(name, run)


def leaks_nothing(was, now):
    if not any(value.encode() in was for value in PLANTED):
        raise AssertionError("nothing was planted: this shows nothing")
    for index, value in enumerate(PLANTED):
        if value.encode() in now:
            raise AssertionError(f"planted value {index} arrived")


def raw(port, pieces):
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.002)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


def lines(data):
    return data.decode().splitlines()


def syslog(data):
    """RFC 6587, 3.4.1."""
    found = []
    while data:
        count, _, rest = data.partition(b" ")
        found.append(rest[: int(count)].decode())
        if len(rest) < int(count):
            raise AssertionError("a message is cut short")
        data = rest[int(count) :]
    return found


def unpacked(data):
    unpacker = msgpack.Unpacker(raw=False)
    unpacker.feed(data)
    return list(unpacker)


def logger(handler):
    log = logging.Logger("shop")
    log.addHandler(handler)
    return log


def one_way(play):
    def sys_log(port):
        handler = logging.handlers.SysLogHandler(("127.0.0.1", port), socktype=socket.SOCK_STREAM)
        for i in range(20):
            logger(handler).warning("%d %s password=%s", i, LINE, PASSWORD)
        handler.close()

    play.case("syslog, a NUL behind each message, logging.handlers", "lines", sys_log, lambda data: data.decode().split("\0"))
    play.case("the same, masked", "syslog", sys_log, lambda data: data.decode().split("\0"), same_length=True)

    counted = b"".join(b"%d %s" % (len(m), m) for m in (f"<34>1 - h shop - - - {i} {LINE} password={PASSWORD}".encode() for i in range(20)))
    play.case("syslog behind counts", "syslog", lambda port: raw(port, [counted]), syslog, same_length=True)
    pieces = [counted[i : i + 7] for i in range(0, len(counted), 7)]
    play.case("syslog behind counts, in small pieces", "syslog", lambda port: raw(port, pieces), syslog, same_length=True)

    def stats(port):
        client = statsd.TCPStatsClient("127.0.0.1", port, timeout=PATIENCE)
        for i in range(20):
            client.incr(f"logins.{TOKEN}.n{i}")
            client.timing("request", 320)
        client.close()

    play.case("statsd, statsd", "lines", stats, lines)

    def graphite(port):
        sender = graphyte.Sender("127.0.0.1", port=port, timeout=PATIENCE)
        for i in range(3):
            sender.send(f"shop.n{i}", i, timestamp=1_700_000_000 + i, tags={"user": MAIL, "token": TOKEN})

    # A connection for each metric.
    play.case("graphite, graphyte", "lines", graphite, lambda data: sorted(lines(data)), connections=3)

    def dogstatsd(port):
        """The client writes to a socket of the file system, as to an agent beside it; what comes there goes on to the port."""
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as agent:
            path = f"{folder}/agent"
            agent.bind(path)
            agent.listen()
            client = DogStatsd(socket_path=f"unixstream://{path}", disable_telemetry=True, disable_buffering=True, constant_tags=["app:shop"])
            for i in range(20):
                client.increment("logins", tags=[f"user:{MAIL}", f"n:{i}"])
                client.event(f"login {i}", LINE, tags=[f"key:{KEY_ID}"])
            client.close_socket()
            taken, _ = agent.accept()
            with taken, taken.makefile("rb") as file:
                sent = file.read()
        raw(port, [sent])

    def datagrams(data):
        found = []
        while data:
            (count,) = struct.unpack_from("<I", data)
            found.append(data[4 : 4 + count].decode())
            if len(data) < 4 + count:
                raise AssertionError("a datagram is cut short")
            data = data[4 + count :]
        return found

    play.case("DogStatsD, datadog", "dogstatsd", dogstatsd, datagrams, same_length=True)

    influx = [f"logins,user={MAIL} token=\"{TOKEN}\",n={i}i {1_700_000_000_000_000_000 + i}\n".encode() for i in range(20)]
    play.case("InfluxDB's line protocol", "lines", lambda port: raw(port, influx), lines)

    documents = [json.dumps({"log": LINE, "user": MAIL, "n": i, "password": PASSWORD}).encode() + b"\n" for i in range(20)]
    play.case("newline-delimited JSON", "json", lambda port: raw(port, documents), lambda data: [json.loads(line) for line in data.splitlines()])

    def gelf(port):
        handler = GelfTcpHandler(host="127.0.0.1", port=port, include_extra_fields=True)
        log = logger(handler)
        for i in range(20):
            log.warning("%d %s", i, LINE, extra={"owner": MAIL, "db_password": PASSWORD})
        handler.close()

    def gelf_messages(data):
        messages = [json.loads(message) for message in data.rstrip(b"\0").split(b"\0")]
        for message in messages:
            # The two runs differ there.
            for key in ["timestamp", "_lineno", "_created"]:
                message.pop(key, None)
        return messages

    play.case("GELF, pygelf", "json", gelf, gelf_messages)

    def forward(port):
        sender = fluent.FluentSender("app", port=port, nanosecond_precision=True, timeout=PATIENCE)
        for i in range(20):
            record = {"log": f"{i} {LINE}", "user": MAIL, "n": i, "password": PASSWORD}
            if not sender.emit_with_time("log", fluent.EventTime(1_700_000_000.5 + i), record):
                raise AssertionError(str(sender.last_error))
        sender.close()

    play.case("Fluentd forward, fluent-logger", "forward", forward, unpacked, same_length=True)

    def confirmed(port):
        """A client that waits for each confirmation before it goes on."""
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            connection.settimeout(PATIENCE)
            for i in range(10):
                chunk = f"c{i:03}"
                connection.sendall(msgpack.packb(["app.log", [[1_700_000_000 + i, {"log": LINE}]], {"chunk": chunk}]))
                unpacker = msgpack.Unpacker(raw=False)
                while not (answers := list(unpacker)):
                    unpacker.feed(connection.recv(4096))
                if answers[0]["ack"] != chunk:
                    raise AssertionError(f"{chunk} was not confirmed")
                if port != play.sink.port and answers[0]["note"] != "*" * len(MAIL):
                    raise AssertionError("the answer was not cleaned")

    play.case("Fluentd forward, confirmed", "forward", confirmed, unpacked, same_length=True)


VALUES = {"user:1": {"name": "jane", "mail": MAIL, "password": PASSWORD, "n": "7"}, "user:2": {"note": LINE, "key": KEY_ID}}


BINARY = bytes(range(256)) * 20


def fill(target):
    for name, value in VALUES.items():
        target.hset(name, mapping=value)
    target.set("line", LINE)
    target.rpush("list", *(f"{i} {LINE}" for i in range(50)))
    target.set("large", ("x" * 97 + LINE) * 3000)


def read(target):
    with target.pipeline(transaction=False) as pipeline:
        for name in VALUES:
            pipeline.hgetall(name)
        pipeline.get("line")
        pipeline.lrange("list", 0, -1)
        pipeline.get("large")
        pipeline.get("nothing")
        return pipeline.execute()


def ask(port, *commands):
    """Sends each command once the one before is answered; the answers as they came, and as hiredis reads them."""
    reader, data, answers = hiredis.Reader(encoding="utf-8"), b"", []
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        for command in commands:
            connection.sendall(command)
            while (answer := reader.gets()) is False:
                piece = connection.recv(65536)
                if not piece:
                    raise AssertionError("the connection was closed")
                data += piece
                reader.feed(piece)
            answers.append(answer)
    return data, answers


def packed(*words):
    words = [word.encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def two_ways(play, port):
    ports = {"straight": port, **play.envoy}

    def client(listener, **more):
        return redis.Redis(port=ports[listener], socket_timeout=PATIENCE, decode_responses=True, **more)

    straight = client("straight")

    def check(was, now):
        compare(was, now)
        leaks_nothing(json.dumps(was, ensure_ascii=False).encode(), json.dumps(now, ensure_ascii=False).encode())

    for protocol in [2, 3]:

        def stored():
            straight.flushall()
            fill(straight)
            was = read(straight)
            straight.flushall()
            fill(client("redis", protocol=protocol))
            check(was, read(straight))

        def answered():
            straight.flushall()
            fill(straight)
            check(read(straight), read(client("replies", protocol=protocol)))

        def binary():
            for listener in ["redis", "replies"]:
                target = redis.Redis(port=ports[listener], socket_timeout=PATIENCE, protocol=protocol)
                target.set("binary", BINARY)
                if target.get("binary") != BINARY:
                    raise AssertionError("binary data changed")

        def published():
            straight.flushall()
            subscriber = client("replies", protocol=protocol).pubsub()
            subscriber.subscribe("news")
            subscriber.get_message(timeout=PATIENCE)
            for i in range(5):
                straight.publish("news", f"{i} {LINE}")
                message = subscriber.get_message(ignore_subscribe_messages=True, timeout=PATIENCE)
                check([f"{i} {LINE}"], [message["data"]])

        def waited():
            straight.flushall()
            target = client("redis", protocol=protocol)
            threading.Timer(0.3, lambda: straight.rpush("jobs", LINE)).start()
            check([LINE], [target.blpop("jobs", timeout=PATIENCE)[1]])

        play.report(f"Redis, what is stored, RESP{protocol}, redis-py", stored)
        play.report(f"Redis, what is answered, RESP{protocol}, redis-py", answered)
        play.report(f"Redis, binary data, RESP{protocol}, redis-py", binary)
        play.report(f"Redis, published messages, RESP{protocol}, redis-py", published)
        play.report(f"Redis, an answer that is waited for, RESP{protocol}, redis-py", waited)

    def one_by_one():
        straight.flushall()
        fill(straight)
        commands = [packed("HGETALL", "user:1"), packed("PING", MAIL), packed("GET", "line"), packed("LRANGE", "list", "0", "-1"), packed("NONE", MAIL)]
        data, was = ask(port, *commands)
        other, now = ask(ports["replies"], *commands)
        if len(data) != len(other):
            raise AssertionError(f"{len(data)} bytes became {len(other)}")
        check([str(answer) for answer in was], [str(answer) for answer in now])

    play.report("Redis, question by question, hiredis", one_by_one)

    def refused():
        """The connection is closed, whoever sent it; others go on."""
        other = client("guarded")
        straight.flushall()
        straight.set("there", TOKEN)
        for command in [packed("SET", "here", TOKEN) + packed("SET", "more", "x"), packed("GET", "there")]:
            with socket.create_connection(("127.0.0.1", ports["guarded"]), PATIENCE) as connection:
                connection.sendall(packed("SET", "mail", MAIL))
                answer = connection.recv(4096)
                connection.sendall(command)
                if answer != b"+OK\r\n" or connection.recv(4096) != b"":
                    raise AssertionError("the connection was not closed")
            if not other.ping() or straight.exists("here", "more"):
                raise AssertionError("too much was closed, or too little")
            check([MAIL], [straight.get("mail")])

    play.report("Redis, a rule refuses, in both directions", refused)

    def login():
        """Who may come in comes in: the password is set and given through the listener that scans both ways."""
        through = client("redis")
        through.acl_setuser("jane", enabled=True, passwords=[f"+{PASSWORD}"], categories=["+@all"], keys=["*"])
        for protocol in [2, 3]:
            if not client("redis", username="jane", password=PASSWORD, protocol=protocol).ping():
                raise AssertionError("the login was changed")
        _, [right] = ask(ports["redis"], packed("AUTH", "jane", PASSWORD))
        _, [wrong] = ask(ports["redis"], packed("AUTH", "jane", PASSWORD + "x"))
        if right != "OK" or not isinstance(wrong, hiredis.ReplyError):
            raise AssertionError(f"{right!r} to the right password, {wrong!r} to a wrong one")

    play.report("Redis, a login passes, redis-py and hiredis", login)


def main():
    sink = Sink()
    server = TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    pathlib.Path(sys.argv[1]).write_text(json.dumps({"upstream": sink.port, "redis": port}))
    envoy = pathlib.Path(sys.argv[2])
    for _ in range(1200):
        if envoy.exists() and envoy.read_text().strip():
            break
        time.sleep(0.1)
    play = Play(sink, json.loads(envoy.read_text()))
    one_way(play)
    two_ways(play, port)
    return 1 if play.failed else 0


if __name__ == "__main__":
    sys.exit(main())
