"""Real clients send logs, traces and metrics with planted values through Envoy; what arrives is decoded by readers that are not ours.

`cargo xtask clients` runs this. Every payload is sent twice by the same client: straight to the sinks here, and through Envoy. The two
must decode to the same, value by value, but for the planted values, which must not arrive.

    clients.py PORTS ENVOY    the sinks' ports are written to the file PORTS; Envoy's port is read from the file ENVOY once it is there
"""

import gzip
import json
import logging
import pathlib
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
import zlib
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import brotli
import grpc
import logging_loki
import msgpack
import snappy
import zstandard
from botocore.config import Config as AwsConfig
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.v2.api.logs_api import LogsApi
from datadog_api_client.v2.model.content_encoding import ContentEncoding
from datadog_api_client.v2.model.http_log import HTTPLog
from datadog_api_client.v2.model.http_log_item import HTTPLogItem
from elasticsearch import Elasticsearch, helpers
from fluent import sender as fluent
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.exporter.prometheus_remote_write import PrometheusRemoteWriteMetricsExporter
from opentelemetry.exporter.prometheus_remote_write.gen.remote_pb2 import WriteRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from pygelf import GelfHttpHandler
from splunk_hec_handler import SplunkHecHandler

from planted import KEY_ID, LINE, MAIL, PASSWORD, PLANTED, TOKEN, compare

PACK = {"gzip": gzip.compress, "zstd": zstandard.compress, "br": brotli.compress}


def unsnap(block):
    """Snappy's block format, read here: python-snappy and the module stand on the same crate."""
    at, length, shift, out = 0, 0, 0, bytearray()
    while True:
        length |= (block[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if block[at - 1] < 128:
            break
    while at < len(block):
        tag, at = block[at], at + 1
        if tag & 3 == 0:
            size, more = tag >> 2, max(0, (tag >> 2) - 59)
            if more:
                size, at = int.from_bytes(block[at : at + more], "little"), at + more
            out += block[at : at + size + 1]
            at += size + 1
            continue
        if tag & 3 == 1:
            size, back, at = (tag >> 2 & 7) + 4, tag >> 5 << 8 | block[at], at + 1
        else:
            width = 2 if tag & 3 == 2 else 4
            size, back, at = (tag >> 2) + 1, int.from_bytes(block[at : at + width], "little"), at + width
        for _ in range(size):
            out.append(out[-back])
    if len(out) != length:
        raise AssertionError(f"a block of {length} bytes holds {len(out)}")
    return bytes(out)


UNPACK = {
    "identity": bytes,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "zstd": zstandard.decompress,
    "br": brotli.decompress,
    "snappy": unsnap,
}


def loki_push_request():
    """Loki's PushRequest, as its pkg/push/push.proto has it: no package on PyPI writes it."""
    file = descriptor_pb2.FileDescriptorProto(name="push.proto", package="logproto", syntax="proto3", dependency=[timestamp_pb2.DESCRIPTOR.name])
    kinds = {
        "PushRequest": [("streams", 1, "StreamAdapter", True)],
        "StreamAdapter": [("labels", 1, None, False), ("entries", 2, "EntryAdapter", True), ("hash", 3, "uint64", False)],
        "EntryAdapter": [("timestamp", 1, "Timestamp", False), ("line", 2, None, False), ("structuredMetadata", 3, "LabelPairAdapter", True)],
        "LabelPairAdapter": [("name", 1, None, False), ("value", 2, None, False)],
    }
    for name, fields in kinds.items():
        message = file.message_type.add(name=name)
        for field, number, kind, many in fields:
            field = message.field.add(name=field, number=number, label=3 if many else 1)
            if kind in (None, "uint64"):
                field.type = field.TYPE_STRING if kind is None else field.TYPE_UINT64
            else:
                field.type = field.TYPE_MESSAGE
                field.type_name = ".google.protobuf.Timestamp" if kind == "Timestamp" else f".logproto.{kind}"
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("logproto.PushRequest"))

OTLP = {
    "logs": ExportLogsServiceRequest,
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


class Sink:
    """Everything that arrived, by HTTP and by gRPC, in order."""

    def __init__(self):
        self.arrived = []
        self.lock = threading.Lock()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                if self.headers.get("transfer-encoding", "").lower() == "chunked":
                    body = b""
                    while size := int(self.rfile.readline().split(b";")[0], 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    while self.rfile.readline().strip():
                        pass
                else:
                    body = self.rfile.read(int(self.headers.get("content-length", 0)))
                for coding in reversed(self.headers.get("content-encoding", "identity").split(",")):
                    body = UNPACK[coding.strip()](body)
                if "/loki/" in self.path and "protobuf" in self.headers["content-type"]:
                    body = unsnap(body)
                sink.take(self.path, dict(self.headers.items()), body)
                answer = b"{}"
                if self.path.startswith("/_bulk"):
                    answer = json.dumps({"took": 1, "errors": False, "items": [{"index": {"status": 201}}] * (body.count(b"\n") // 2)}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("x-elastic-product", "Elasticsearch")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_PUT = do_POST

            def log_message(self, *_):
                pass

        class Any(grpc.GenericRpcHandler):
            def service(self, call):
                def take(request, context):
                    sink.take(call.method, dict(context.invocation_metadata()), request)
                    return b""

                return grpc.unary_unary_rpc_method_handler(take)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.grpc = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Any()])
        self.ports = {"http": self.http.server_address[1], "grpc": self.grpc.add_insecure_port("127.0.0.1:0")}
        self.grpc.start()

    def take(self, path, headers, body):
        with self.lock:
            self.arrived.append((path, {k.lower(): v for k, v in headers.items()}, body))

    def drain(self):
        with self.lock:
            arrived, self.arrived = self.arrived, []
        return arrived


class Play:
    def __init__(self, sink, envoy):
        self.sink, self.envoy, self.failed = sink, envoy, 0

    def case(self, name, send, decode, same_length=False):
        """Sends straight and through Envoy, and compares what both decode to."""
        try:
            found = []
            for port in [self.sink.ports, {"http": self.envoy, "grpc": self.envoy}]:
                send(port)
                arrived = self.sink.drain()
                if not arrived:
                    raise AssertionError("nothing arrived")
                found.append(arrived)
            straight, cleaned = found
            if len(straight) != len(cleaned):
                raise AssertionError(f"{len(straight)} requests became {len(cleaned)}")
            planted = 0
            for (path, _, was), (other, _, now) in zip(straight, cleaned):
                if path != other:
                    raise AssertionError(f"{path} became {other}")
                if same_length and len(was) != len(now):
                    raise AssertionError(f"{len(was)} bytes became {len(now)}")
                compare(decode(path, was), decode(path, now))
                for value in PLANTED:
                    planted += value.encode() in was
                    if value.encode() in now:
                        raise AssertionError(f"planted value {PLANTED.index(value)} arrived")
            if not planted:
                raise AssertionError("nothing was planted: this shows nothing")
            print(f"ok {name}", flush=True)
        except Exception as error:  # noqa: BLE001: every failure is a line of the report
            self.failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)


    def refusal(self, name, send, most=0):
        """What is sent must be refused, or cut off where so many bytes came out; nothing planted may arrive."""
        code = send({"http": self.envoy})
        arrived = self.sink.drain()
        leaks = [v for v in PLANTED for _, _, body in arrived if v.encode() in body]
        size = sum(len(body) for _, _, body in arrived)
        good = not leaks and (code >= 400 or 0 < size <= most)
        self.failed += not good
        seen = [(headers.get("content-encoding"), len(body)) for _, headers, body in arrived]
        how = f"refused with {code}" if code >= 400 else f"cut off after {size} bytes"
        print(f"ok {name}: {how}" if good else f"FAILED {name}: {code}, {seen}, {len(leaks)} leaks", flush=True)


RECORDED = pathlib.Path(__file__).parents[2] / "testdata" / "otlp-json"


def otlp(kinds):
    """Hands the same records to an exporter as often as it is called: with one clock, one trace, one id."""
    resource = Resource.create({"service.name": "shop", "owner": MAIL})
    attributes = {"http.request.header.x-token": TOKEN, "db.password": PASSWORD, "size": 4111, "ratio": 0.5, "list": [MAIL, "b"]}
    spans, records = [], []

    class Keep:
        def __init__(self, kept):
            self.kept = kept

        def export(self, batch, *_, **__):
            self.kept.extend(batch)

        def shutdown(self):
            pass

        def force_flush(self, *_):
            return True

    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(SimpleSpanProcessor(Keep(spans)))
    with tracing.get_tracer("t").start_as_current_span(f"GET /users/{MAIL}", attributes=attributes) as span:
        span.add_event("retry", {"with": KEY_ID})
        logging = LoggerProvider(resource=resource)
        logging.add_log_record_processor(SimpleLogRecordProcessor(Keep(records)))
        for body in [LINE, {"password": PASSWORD, "note": LINE}, [LINE, 7, None], "x" * 700 + " " + TOKEN]:
            record = LogRecord(timestamp=time.time_ns(), severity_number=SeverityNumber.WARN, severity_text="WARN", body=body, attributes=attributes)
            logging.get_logger("l").emit(record)
    reader = InMemoryMetricReader()
    meter = MeterProvider(metric_readers=[reader], resource=resource).get_meter("m")
    meter.create_counter("requests", unit="1").add(3, {"user": MAIL, "secret_key": KEY_ID})
    meter.create_histogram("seconds").record(0.25, {"user": MAIL})
    data = reader.get_metrics_data()
    return [(kinds["logs"], records), (kinds["traces"], spans), (kinds["metrics"], data)]


def otlp_message(path, body):
    kind = next(kind for name, kind in OTLP.items() if name.rstrip("s") in path.lower())
    message = kind()
    message.ParseFromString(body)
    return message


def post(port, path, body, content_type, **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{port['http']}{path}", data=body, method="POST")
    request.add_header("content-type", content_type)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    with urllib.request.urlopen(request, timeout=20) as answer:
        answer.read()


def lines(_, body):
    return [json.loads(line) for line in body.splitlines()]


def unpacked(_, body):
    unpacker = msgpack.Unpacker(raw=False)
    unpacker.feed(body)
    return list(unpacker)


def forwarded():
    """What fluent-logger sends to a collector's port, in messages of its own and all at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        logger = fluent.FluentSender("app", port=server.getsockname()[1], nanosecond_precision=True)
        for i in range(10):
            logger.emit_with_time("log", fluent.EventTime(1_700_000_000.5 + i), {"log": f"{i} {LINE}", "user": MAIL, "n": i})
        taken, _ = server.accept()
        logger.close()
        with taken, taken.makefile("rb") as file:
            return file.read()


def main():
    sink = Sink()
    pathlib.Path(sys.argv[1]).write_text(json.dumps(sink.ports))
    envoy = pathlib.Path(sys.argv[2])
    for _ in range(1200):
        if envoy.exists() and envoy.read_text().strip():
            break
        time.sleep(0.1)
    play = Play(sink, int(envoy.read_text()))

    grpc_kinds = {"logs": GrpcLogs, "traces": GrpcSpans, "metrics": GrpcMetrics}
    http_kinds = {"logs": HttpLogs, "traces": HttpSpans, "metrics": HttpMetrics}
    names = ["logs", "traces", "metrics"]
    for packing in [grpc.Compression.NoCompression, grpc.Compression.Gzip]:
        for name, (kind, batch) in zip(names, otlp(grpc_kinds)):
            def send(port, kind=kind, batch=batch):
                exporter = kind(endpoint=f"127.0.0.1:{port['grpc']}", insecure=True, timeout=20, compression=packing)
                exporter.export(batch)
                exporter.shutdown()

            play.case(f"OTLP/gRPC {name}, {packing.name}, OpenTelemetry SDK", send, otlp_message, same_length=True)
    for packing in [Compression.NoCompression, Compression.Gzip]:
        for name, (kind, batch) in zip(names, otlp(http_kinds)):
            def send(port, kind=kind, batch=batch, name=name):
                exporter = kind(endpoint=f"http://127.0.0.1:{port['http']}/v1/{name}", compression=packing, timeout=20)
                exporter.export(batch)
                exporter.shutdown()

            play.case(f"OTLP/HTTP {name}, {packing.value}, OpenTelemetry SDK", send, otlp_message, same_length=True)

    for name in names:
        # What the SDK for JavaScript posts, recorded: that for Python writes no JSON.
        body = (RECORDED / f"{name}.json").read_text()
        for placeholder, value in {"TOKEN": TOKEN, "KEY_ID": KEY_ID, "MAIL": MAIL, "PASSWORD": PASSWORD}.items():
            body = body.replace("{" + placeholder + "}", value)
        play.case(
            f"OTLP/HTTP {name}, JSON, OpenTelemetry SDK",
            lambda port, name=name, body=body: post(port, f"/v1/{name}", body.encode(), "application/json"),
            lambda _, body: json.loads(body),
        )

    def bulk(port):
        with Elasticsearch(f"http://127.0.0.1:{port['http']}", api_key="bm9uZTpub25l", request_timeout=20) as client:
            documents = [{"_index": "logs", "_id": str(i), "message": f"{i} {LINE}", "n": i, "user": {"email": MAIL}} for i in range(40)]
            helpers.bulk(client, documents)

    play.case("Elasticsearch _bulk, elasticsearch", bulk, lines)

    def loki(port):
        values = [[str(1_700_000_000_000_000_000 + i), f"{i} {LINE}"] for i in range(20)]
        body = {"streams": [{"stream": {"app": "shop", "user": MAIL}, "values": values}]}
        post(port, "/loki/api/v1/push", json.dumps(body).encode(), "application/json")

    play.case("Loki push, JSON", loki, lambda _, body: json.loads(body))

    def logged(handler, *messages, **more):
        log = logging.Logger("shop")
        log.addHandler(handler)
        for message in messages:
            log.warning(message, **more)
        handler.close()

    def loki_handler(port):
        handler = logging_loki.LokiHandler(url=f"http://127.0.0.1:{port['http']}/loki/api/v1/push", tags={"app": "shop"}, version="1")
        logged(handler, LINE, f"password={PASSWORD}", extra={"tags": {"user": MAIL}})

    def without_times(_, body):
        streams = json.loads(body)["streams"]
        for stream in streams:
            stream["values"] = [line for _, line in stream["values"]]
        return streams

    play.case("Loki push, JSON, python-logging-loki", loki_handler, without_times)

    def packed_push(port, coding):
        values = [[str(1_700_000_000_000_000_000 + i), f"{i} {LINE}"] for i in range(200)]
        body = json.dumps({"streams": [{"stream": {"app": "shop"}, "values": values}]}).encode()
        post(port, "/loki/api/v1/push", PACK[coding](body), "application/json", content_encoding=coding)

    for coding in PACK:
        play.case(f"Loki push, JSON, {coding}", lambda port, c=coding: packed_push(port, c), lambda _, body: json.loads(body))

    def refused(port, coding, body):
        try:
            post(port, "/loki/api/v1/push", body, "application/json", content_encoding=coding)
        except urllib.error.HTTPError as error:
            return error.code
        return 200

    line = json.dumps({"m": LINE}).encode()
    play.refusal("a coding that nothing here reads", lambda port: refused(port, "compress", line))
    play.refusal("codings one upon the other", lambda port: refused(port, "gzip, zstd", zstandard.compress(gzip.compress(line))))
    for coding in PACK:
        bomb = PACK[coding](LINE.encode() + bytes(64 << 20))
        most = 100 * len(bomb) + 65536
        play.refusal(f"a bomb of {coding}", lambda port, c=coding, bomb=bomb: refused(port, c, bomb), most)

    def splunk(port):
        events = [{"time": 1700000000.5 + i, "event": {"m": LINE, "n": i}, "fields": {"user": MAIL}} for i in range(10)]
        body = "".join(json.dumps(event) for event in events).encode()
        post(port, "/services/collector/event", body, "application/json", Authorization="Splunk 00000000-0000-0000-0000-000000000000")

    def events(_, body):
        decoder, text, at, found = json.JSONDecoder(), body.decode(), 0, []
        while at < len(text):
            value, at = decoder.raw_decode(text, at)
            found.append(value)
        return found

    play.case("Splunk HEC, events", splunk, events)

    def splunk_handler(port):
        handler = SplunkHecHandler("127.0.0.1", "00000000-0000-0000-0000-000000000000", port=port["http"], proto="http", ssl_verify=False)
        logged(handler, LINE, {"m": LINE, "user": MAIL, "db_password": PASSWORD})

    def timeless(path, body):
        found = events(path, body)
        for event in found:
            event.pop("time")
        return found

    play.case("Splunk HEC, events, splunk-hec-handler", splunk_handler, timeless)

    def raw(port):
        body = "".join(f"{i} {LINE}\n" for i in range(10)).encode()
        post(port, "/services/collector/raw", body, "text/plain", Authorization="Splunk 00000000-0000-0000-0000-000000000000")

    play.case("Splunk HEC, raw", raw, lambda _, body: body.decode().splitlines())

    def packed(port):
        body = b"".join(msgpack.packb([1_700_000_000 + i, {"log": LINE, "user": MAIL, "n": i}]) for i in range(10))
        post(port, "/app.log", body, "application/msgpack")

    play.case("Fluent Bit's HTTP output, MessagePack", packed, unpacked, same_length=True)

    def fluentd(port):
        body = json.dumps([{"date": 1_700_000_000.5 + i, "log": LINE, "user": MAIL} for i in range(10)]).encode()
        post(port, "/app.log", body, "application/json")

    play.case("Fluentd's HTTP input and Fluent Bit's HTTP output, JSON", fluentd, lambda _, body: json.loads(body))

    # What fluent-logger writes to a socket. The forward protocol is raw TCP, which this proxy does not read: HTTP carries it here.
    messages = forwarded()
    play.case("Fluentd's forward messages over HTTP, fluent-logger", lambda port: post(port, "/forward", messages, "application/msgpack"), unpacked, same_length=True)

    def vector(port, coding):
        body = b"".join(json.dumps({"timestamp": "2026-01-01T00:00:00Z", "message": f"{i} {LINE}", "user": MAIL}).encode() + b"\n" for i in range(50))
        post(port, "/vector", PACK[coding](body), "application/x-ndjson", content_encoding=coding)

    for coding in ["gzip", "zstd"]:
        play.case(f"Vector's HTTP sink, newline-delimited JSON, {coding}", lambda port, c=coding: vector(port, c), lines)

    reader = InMemoryMetricReader()
    meter = MeterProvider(metric_readers=[reader], resource=Resource.create({"owner": MAIL})).get_meter("m")
    for i in range(20):
        meter.create_counter("requests").add(i, {"user": MAIL, "path": f"/clone/{TOKEN}/{i}", "password": PASSWORD})
    series = reader.get_metrics_data()

    def remote_write(port):
        exporter = PrometheusRemoteWriteMetricsExporter(endpoint=f"http://127.0.0.1:{port['http']}/api/v1/write")
        if exporter.export(series).value:
            raise AssertionError("the exporter says that it failed")

    def write_request(_, body):
        message = WriteRequest()
        message.ParseFromString(body)
        return message

    play.case("Prometheus remote-write, snappy, OpenTelemetry SDK", remote_write, write_request, same_length=True)

    push = loki_push_request()

    def loki_push(port):
        request = push()
        stream = request.streams.add(labels=f'{{app="shop", user="{MAIL}"}}')
        for i in range(200):
            entry = stream.entries.add(line=f"{i} {LINE}")
            entry.timestamp.seconds = 1_700_000_000 + i
            entry.structuredMetadata.add(name="password", value=PASSWORD)
        post(port, "/loki/api/v1/push", snappy.compress(request.SerializeToString()), "application/x-protobuf")

    def pushed(_, body):
        message = push()
        message.ParseFromString(body)
        return message

    play.case("Loki push, protobuf and snappy", loki_push, pushed, same_length=True)

    def datadog(port, coding):
        configuration = Configuration(host=f"http://127.0.0.1:{port['http']}", api_key={"apiKeyAuth": "none"}, enable_retry=False)
        items = [HTTPLogItem(ddsource="shop", ddtags=f"env:test,user:{MAIL}", hostname="h", message=f"{i} {LINE}", service="pay") for i in range(10)]
        with ApiClient(configuration) as client:
            LogsApi(client).submit_log(content_encoding=coding, body=HTTPLog(items))

    for coding in [ContentEncoding.IDENTITY, ContentEncoding.GZIP, ContentEncoding.DEFLATE]:
        play.case(f"Datadog logs intake, {coding.value}, datadog-api-client", lambda port, c=coding: datadog(port, c), lambda _, body: json.loads(body))

    def cloudwatch(port):
        client = boto3.client(
            "logs",
            endpoint_url=f"http://127.0.0.1:{port['http']}",
            region_name="eu-central-1",
            aws_access_key_id="none",
            aws_secret_access_key="none",
            config=AwsConfig(retries={"total_max_attempts": 1}),
        )
        events = [{"timestamp": 1_700_000_000_000 + i, "message": f"{i} {LINE}"} for i in range(10)]
        client.put_log_events(logGroupName="shop", logStreamName="s", logEvents=events)

    play.case("CloudWatch PutLogEvents, boto3", cloudwatch, lambda _, body: json.loads(body))

    # The handler does not wait for an answer and closes its connection under the proxy's hands: it makes the message, and post sends it.
    record = logging.makeLogRecord({"name": "shop", "msg": LINE, "levelno": logging.WARNING, "levelname": "WARNING", "owner": MAIL})

    handler = GelfHttpHandler(host="127.0.0.1", port=1, compress=False, include_extra_fields=True)
    message = handler.convert_record_to_gelf(record)

    def gelf(port):
        post(port, "/gelf", message, "application/json")

    play.case("GELF over HTTP, message by pygelf", gelf, lambda _, body: json.loads(body))
    return 1 if play.failed else 0


if __name__ == "__main__":
    sys.exit(main())
