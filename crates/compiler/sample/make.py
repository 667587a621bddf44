"""Writes sample.log: log text of the usual kinds without anything secret, for the byte statistics of the compiler.

usage: python3 make.py > sample.log        (deterministic)
"""
import json
import random

R = random.Random(7)
WORDS = """account action active address agent alert allocation api application archive async attempt auth balance batch
block body broker bucket buffer build bundle bytes cache call cancel catalog certificate chain change channel check chunk
class client clock close cluster code collection column command commit compact complete config connect connection consumer
container content context controller cookie copy core count create cursor customer daemon data database debug decode default
delete deploy detail device digest directory disk dispatch document domain driver dropped duration email encode endpoint
engine entry environment error event exception execute exit expired export failed feature fetch field file filter finish
flow flush folder format found frame function gateway generation global group handler hash header health heap host identity
image import index info initial input insert instance invalid invoice item iterator job join journal kernel keyboard keyword
label latency layer leader lease length level library limit link list listener load local lock login logger loop machine
manager map master memory merge message metadata method metric migration model module monitor mount network node notify null
object offset online open operation option order origin output owner package page parent parse partition passed passenger
password path payload payment peer pending percent permission phone pipeline platform plugin policy pool port position post
prefix primary priority process processor producer profile project property protocol provider proxy publish query queue
quota range rate read ready reason receive record recover redirect refresh region register reject release reload remote
remove replica report request reserve reset resolve resource response restart result resume retry revision role rollback
root route router rule running sample scan schedule schema scope script search secondary secret section segment select
server service session setting shard share shutdown signal size snapshot socket source stack start state static status
storage store stream string success suspend sync system table target task template tenant terminal thread threshold
throughput ticket timeout timer timestamp token topic total trace track traffic transaction transfer transport trigger type
unit unknown update upgrade upload upstream usage user valid value verify version view volume wait warning watch weight
window worker write zone""".split()
HOSTS = ["web-1", "api-7c9d", "db-primary", "cache-02", "edge-eu-west-1", "node-14"]
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
          "curl/8.9.1", "Go-http-client/1.1", "kube-probe/1.31", "okhttp/4.12.0"]


def some(n):
    return " ".join(R.choices(WORDS, k=n))


def digits(n):
    return "".join(R.choices("0123456789", k=n))


def hexed(n):
    return "".join(R.choices("0123456789abcdef", k=n))


def time():
    return f"2026-{R.randint(1, 12):02}-{R.randint(1, 28):02}T{R.randint(0, 23):02}:{R.randint(0, 59):02}:{R.randint(0, 59):02}.{digits(3)}Z"


def uuid():
    return "-".join(hexed(n) for n in (8, 4, 4, 4, 12))


def path():
    return "/" + "/".join(R.choices(WORDS, k=R.randint(1, 4))) + R.choice(["", f"/{digits(5)}", f"?page={R.randint(1, 90)}&sort=asc"])


def access():
    return (f'10.{R.randint(0, 255)}.{R.randint(0, 255)}.{R.randint(1, 254)} - - [{R.randint(1, 28):02}/Nov/2026:10:{digits(2)}:{digits(2)} +0000] '
            f'"{R.choice(["GET", "POST", "PUT", "DELETE"])} {path()} HTTP/1.1" {R.choice([200, 200, 204, 304, 404, 500])} {digits(R.randint(2, 6))} '
            f'"https://www.example.com{path()}" "{R.choice(AGENTS)}"')


def app():
    return json.dumps({"ts": time(), "level": R.choice(["INFO", "DEBUG", "WARN", "ERROR"]), "logger": "com.example." + ".".join(R.choices(WORDS, k=2)),
                       "msg": some(R.randint(4, 14)), "request_id": uuid(), "duration_ms": R.randint(0, 4000), "user": {"id": R.randint(1, 99999)},
                       "path": path()}, separators=(",", ":"))


def logfmt():
    return f'time={time()} level=info host={R.choice(HOSTS)} msg="{some(6)}" status={R.choice([200, 500])} bytes={digits(5)} took={R.random():.3f}ms'


def syslog():
    return f'Nov {R.randint(1, 28):2} 10:{digits(2)}:{digits(2)} {R.choice(HOSTS)} {R.choice(["sshd", "kernel", "systemd", "cron"])}[{digits(4)}]: {some(R.randint(5, 12))}'


def trace():
    lines = [f"{time()} ERROR [main-{R.randint(1, 30)}] {some(6)}", f"java.lang.IllegalStateException: {some(5)}"]
    for _ in range(R.randint(3, 9)):
        a, b, c = R.choices(WORDS, k=3)
        lines.append(f"\tat com.example.{a}.{b.title()}{c.title()}.{c}({b.title()}{c.title()}.java:{R.randint(1, 900)})")
    return "\n".join(lines)


def spans():
    return json.dumps({"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": R.choice(WORDS)}}]},
                       "scopeSpans": [{"spans": [{"traceId": hexed(32), "spanId": hexed(16), "name": "GET " + path(), "kind": 2,
                       "startTimeUnixNano": "17" + digits(17), "attributes": [{"key": "http.target", "value": {"stringValue": path()}}]}]}]}]},
                      separators=(",", ":"))


def body():
    return json.dumps({"id": R.randint(1, 10**7), "items": [{"sku": f"SKU-{digits(6)}", "name": some(3), "price": round(R.random() * 300, 2),
                       "qty": R.randint(1, 9)} for _ in range(R.randint(1, 4))], "createdAt": time(), "tags": R.choices(WORDS, k=3)})


size = 0
while size < 96 << 10:
    line = R.choice([access, app, logfmt, syslog, trace, spans, body])()
    print(line)
    size += len(line) + 1
