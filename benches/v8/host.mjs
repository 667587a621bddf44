// The module in V8: as much of a proxy-wasm host as a response body needs, around the very bytes that wasmtime runs and a proxy loads.
// A chunk is copied into the guest and what comes back is copied out, as in a proxy; header maps are real but hold little.
// Not here: failures, trailers, limits, anything that a measurement does not need. That is host-test's.
//
// node host.mjs MODULE HAYSTACK CHUNK: speaks the protocol of bench-runner (benches/src/bin/bench-runner/main.rs).

import { readFileSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";

const OK = 0;
const NOT_FOUND = 1;
const BAD_ARGUMENT = 2;
const REQUEST_HEADERS = 0;
const RESPONSE_HEADERS = 2;
const RESPONSE_BODY = 1;
const PLUGIN_CONFIGURATION = 7;
const PAUSE = 1;
const ROOT = 1;

const [path, haystackPath, chunkText] = process.argv.slice(2);
const haystack = readFileSync(haystackPath);
const chunk = Number(chunkText);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
// All defaults; the wasmtime lane says the same.
const configuration = encoder.encode('{"mode":"enforce"}');

const say = (value) => writeSync(1, JSON.stringify(value) + "\n");
const die = (why) => {
  writeSync(2, `host.mjs: ${why}\n`);
  process.exit(2);
};

let exports;
let memory;
let view;
// The body that the guest sees, and whether the next chunk is added to it.
let body = new Uint8Array(0);
let buffering = false;
// What leaves is copied here, as into a socket's buffer.
const maps = { [REQUEST_HEADERS]: [], [RESPONSE_HEADERS]: [] };
const metrics = [];

function guest() {
  // Memory that has grown has another buffer.
  if (view === undefined || view.buffer !== memory.buffer) view = new Uint8Array(memory.buffer);
  return view;
}

const words = () => new DataView(memory.buffer);
const text = (pointer, size) => decoder.decode(guest().subarray(pointer, pointer + size));

function give(bytes, pointerTo, sizeTo) {
  let pointer = 0;
  if (bytes.length > 0) {
    pointer = exports.proxy_on_memory_allocate(bytes.length);
    if (pointer === 0) return die("the guest has no memory");
    guest().set(bytes, pointer);
  }
  const to = words();
  to.setUint32(pointerTo, pointer, true);
  to.setUint32(sizeTo, bytes.length, true);
  return OK;
}

function pairs(map) {
  const all = map.flat().map((part) => encoder.encode(part));
  const size = 4 + all.length * 4 + all.reduce((sum, part) => sum + part.length + 1, 0);
  const out = new Uint8Array(size);
  const to = new DataView(out.buffer);
  to.setUint32(0, map.length, true);
  let at = 4 + all.length * 4;
  all.forEach((part, number) => {
    to.setUint32(4 + number * 4, part.length, true);
    out.set(part, at);
    at += part.length + 1;
  });
  return out;
}

// The buffer of the body, where it is not what has just come: appending costs what is appended, as in a proxy.
let room = new Uint8Array(1 << 20);

// Makes room for so many bytes, with those of the body at its beginning.
function hold(length) {
  if (room.length < length) {
    const larger = new Uint8Array(Math.max(length, 2 * room.length));
    larger.set(body, 0);
    room = larger;
  } else if (body.buffer !== room.buffer) room.set(body, 0);
}

function append(bytes) {
  const made = body.length + bytes.length;
  hold(made);
  room.set(bytes, body.length);
  body = room.subarray(0, made);
}

const env = {
  proxy_log: (level, pointer, size) => {
    if (level >= 4) writeSync(2, `the module: ${text(pointer, size)}\n`);
    return OK;
  },
  proxy_get_buffer_bytes: (kind, start, length, pointerTo, sizeTo) => {
    const from = kind === RESPONSE_BODY ? body : kind === PLUGIN_CONFIGURATION ? configuration : undefined;
    if (from === undefined) return NOT_FOUND;
    return give(from.subarray(start, Math.min(from.length, start + length)), pointerTo, sizeTo);
  },
  proxy_set_buffer_bytes: (kind, start, length, pointer, size) => {
    if (kind !== RESPONSE_BODY) return NOT_FOUND;
    const bytes = guest().subarray(pointer, pointer + size);
    if (start >= body.length) append(bytes);
    else if (start === 0) {
      const rest = Math.min(length, body.length);
      const made = bytes.length + body.length - rest;
      hold(Math.max(made, body.length));
      room.copyWithin(bytes.length, rest, body.length);
      room.set(bytes, 0);
      body = room.subarray(0, made);
    } else return BAD_ARGUMENT;
    return OK;
  },
  proxy_get_header_map_pairs: (kind, pointerTo, sizeTo) =>
    maps[kind] === undefined ? BAD_ARGUMENT : give(pairs(maps[kind]), pointerTo, sizeTo),
  proxy_replace_header_map_value: (kind, name, nameSize, value, valueSize) => {
    const key = text(name, nameSize);
    maps[kind] = maps[kind].filter(([other]) => other !== key);
    maps[kind].push([key, text(value, valueSize)]);
    return OK;
  },
  proxy_add_header_map_value: (kind, name, nameSize, value, valueSize) => {
    maps[kind].push([text(name, nameSize), text(value, valueSize)]);
    return OK;
  },
  proxy_remove_header_map_value: (kind, name, nameSize) => {
    const key = text(name, nameSize);
    maps[kind] = maps[kind].filter(([other]) => other !== key);
    return OK;
  },
  proxy_set_property: () => OK,
  proxy_close_stream: () => die("the module closed a stream"),
  proxy_send_local_response: () => die("the module refused the body"),
  proxy_define_metric: (_type, name, size, idTo) => {
    metrics.push({ name: text(name, size), value: 0 });
    words().setUint32(idTo, metrics.length - 1, true);
    return OK;
  },
  proxy_increment_metric: (id, by) => {
    metrics[id].value += Number(by);
    return OK;
  },
};

const findings = () =>
  metrics.filter(({ name }) => name.startsWith("blackbar.rule.")).reduce((sum, { value }) => sum + value, 0);

// A callback that the module does not export goes on, as in a proxy.
const callback = (name, ...values) => exports[name]?.(...values) ?? 0;

let stream = ROOT;
let written = 0;

function data(bytes, end) {
  if (buffering) append(bytes);
  else body = bytes;
  const action = exports.proxy_on_response_body(stream, body.length, end ? 1 : 0);
  buffering = action === PAUSE;
  if (buffering && end) die("the module holds the end of a body");
  if (!buffering) {
    written += body.length;
  }
}

function pass() {
  const before = findings();
  stream += 1;
  written = 0;
  buffering = false;
  maps[REQUEST_HEADERS] = [[":method", "GET"], [":scheme", "http"], [":authority", "blackbar"], [":path", "/"]];
  maps[RESPONSE_HEADERS] = [[":status", "200"], ["content-type", "text/plain"]];
  callback("proxy_on_context_create", stream, ROOT);
  callback("proxy_on_request_headers", stream, maps[REQUEST_HEADERS].length, 1);
  callback("proxy_on_response_headers", stream, maps[RESPONSE_HEADERS].length, 0);
  for (let at = 0; at < haystack.length; at += chunk) data(haystack.subarray(at, at + chunk), false);
  data(haystack.subarray(0, 0), true);
  callback("proxy_on_done", stream);
  callback("proxy_on_delete", stream);
  return { findings: findings() - before, bytes_out: written };
}

const bytes = readFileSync(path);
let started = process.hrtime.bigint();
const compiled = new WebAssembly.Module(bytes);
const compileMs = Number(process.hrtime.bigint() - started) / 1e6;
for (const { module, name } of WebAssembly.Module.imports(compiled)) {
  if (module !== "env" || !(name in env)) die(`the module imports ${module}.${name}, which this host does not have`);
}

function start() {
  const instance = new WebAssembly.Instance(compiled, { env });
  exports = instance.exports;
  memory = exports.memory;
  exports._initialize?.();
  callback("proxy_on_context_create", ROOT, 0);
  if (exports.proxy_on_vm_start(ROOT, 0) === 0) die("the module did not start");
  if (exports.proxy_on_configure(ROOT, configuration.length) === 0) die("the module refused its configuration");
}

// Starting and configuring, several times: the first is as slow as V8's own warming up. The last one is measured with.
const loads = [];
for (let run = 0; run < 6; run++) {
  metrics.length = 0;
  started = process.hrtime.bigint();
  start();
  loads.push(Number(process.hrtime.bigint() - started));
}

say({ version: `V8 ${process.versions.v8} (Node ${process.versions.node})`, compile_ms: compileMs, load_ns: loads.slice(1) });
for await (const line of createInterface({ input: process.stdin })) {
  const passes = Number(line);
  if (!(passes >= 1)) die("a line is not a number of passes");
  let seen;
  started = process.hrtime.bigint();
  for (let number = 0; number < passes; number++) {
    const now = pass();
    if (seen !== undefined && (seen.findings !== now.findings || seen.bytes_out !== now.bytes_out)) {
      die("two passes over the same haystack differ");
    }
    seen = now;
  }
  say({ ns: Number(process.hrtime.bigint() - started), ...seen });
}
