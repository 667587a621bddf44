// Records what OpenTelemetry's SDK for JavaScript posts as OTLP/HTTP in JSON, with placeholders where clients.py plants values.
//
// npm install; node record.mjs FOLDER

import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";

const folder = process.argv[2];
const LINE = "clone with {TOKEN} as {MAIL}, übermäßig 😀";

const server = createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const name = request.url.split("/").pop();
    console.log(request.method, request.url, request.headers["content-type"], request.headers["user-agent"]);
    writeFileSync(join(folder, `${name}.json`), Buffer.concat(pieces));
    response.writeHead(200, { "content-type": "application/json" });
    response.end("{}");
  });
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const url = (kind) => `http://127.0.0.1:${server.address().port}/v1/${kind}`;

const resource = resourceFromAttributes({ "service.name": "shop", owner: "{MAIL}" });
const attributes = {
  "http.request.header.x-token": "{TOKEN}",
  "db.password": "{PASSWORD}",
  size: 4111,
  ratio: 0.5,
  list: ["{MAIL}", "b"],
};

const traces = new NodeTracerProvider({
  resource,
  spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url: url("traces") }))],
});
const span = traces.getTracer("t").startSpan("GET /users/{MAIL}", { attributes });
span.addEvent("retry", { with: "{KEY_ID}" });
span.end();
await traces.forceFlush();

const logs = new LoggerProvider({
  resource,
  processors: [new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter({ url: url("logs") }) })],
});
const body = { password: "{PASSWORD}", note: LINE, list: [LINE, 7, null] };
logs.getLogger("l").emit({ severityNumber: SeverityNumber.WARN, severityText: "WARN", body, attributes });
await logs.forceFlush();

const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter({ url: url("metrics") }) });
const meters = new MeterProvider({ resource, readers: [reader] });
const meter = meters.getMeter("m");
meter.createCounter("requests", { unit: "1" }).add(3, { user: "{MAIL}", secret_key: "{KEY_ID}" });
meter.createHistogram("seconds").record(0.25, { user: "{MAIL}" });
await meters.forceFlush();
await meters.shutdown();
server.close();
