//! Guests put together from WAT: a prelude, and one snippet per callback.
//!
//! In a snippet `$ctx` is the context id and `$n`, `$end` the further parameters. `$report` logs the status that a hostcall
//! answered as one hex digit, so a test reads statuses from the log.

use blackbar_host_test::{
    Chunking, Exchange, Headers, Host, HostBuilder, LogLine, Module, Outcome, Step, Transaction,
};

const PRELUDE: &str = r#"
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_status" (func $buffer_status (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_header_map_pairs" (func $set_pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $set_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove_header (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $local (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick_period (param i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
  (import "env" "proxy_record_metric" (func $record (param i32 i64) (result i32)))
  (import "env" "proxy_get_metric" (func $get_metric (param i32 i32) (result i32)))
  (import "env" "proxy_done" (func $done (result i32)))
  (import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call"
    (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 160)
  (global $heap (mut i32) (i32.const 1048576))
  (global $state (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func $alloc (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (if (i32.gt_u (i32.add (global.get $heap) (local.get $size)) (i32.const 10485760))
      (then (global.set $heap (i32.const 1048576))))
    (local.set $at (global.get $heap))
    (global.set $heap (i32.add (global.get $heap) (local.get $size)))
    (local.get $at))
  ;; Logs a status as one hex digit.
  (func $report (param $status i32)
    (i32.store8 (i32.const 8) (i32.add (local.get $status)
      (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $status) (i32.const 10)))))
    (drop (call $log (i32.const 2) (i32.const 8) (i32.const 1))))
  ;; Logs what the return slots point to; slots are at 0 and 4.
  (func $tell (drop (call $log (i32.const 2) (i32.load (i32.const 0)) (i32.load (i32.const 4)))))
  (func $clear (i64.store (i32.const 0) (i64.const 0)))
  ;; Reads a whole buffer and logs it.
  (func $show (param $kind i32)
    (call $clear)
    (drop (call $get_buffer (local.get $kind) (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 4)))
    (call $tell))
"#;

/// Request or response body, in `$get_buffer` and its like.
pub(crate) const REQUEST: &str = "(i32.const 0)";
pub(crate) const RESPONSE: &str = "(i32.const 1)";

#[derive(Default)]
pub(crate) struct Guest {
    data: String,
    next: usize,
    callbacks: String,
}

impl Guest {
    pub(crate) fn new() -> Self {
        Guest {
            next: 64,
            ..Guest::default()
        }
    }

    /// Puts bytes into the guest; gives pointer and length as WAT.
    pub(crate) fn bytes(&mut self, bytes: impl AsRef<[u8]>) -> String {
        let bytes = bytes.as_ref();
        let escaped: String = bytes.iter().map(|b| format!("\\{b:02x}")).collect();
        let at = self.next;
        self.data
            .push_str(&format!("  (data (i32.const {at}) \"{escaped}\")\n"));
        self.next += bytes.len().max(1);
        assert!(self.next < 1 << 20);
        format!("(i32.const {at}) (i32.const {})", bytes.len())
    }

    /// Adds `proxy_on_<name>`. The snippet leaves the action, if the callback has one.
    pub(crate) fn on(mut self, name: &str, snippet: impl AsRef<str>) -> Self {
        let signature = match name {
            "context_create" => "(param $ctx i32) (param $n i32)",
            "vm_start" | "configure" => "(param $ctx i32) (param $n i32) (result i32)",
            "request_headers" | "response_headers" | "request_body" | "response_body"
            | "downstream_data" | "upstream_data" => {
                "(param $ctx i32) (param $n i32) (param $end i32) (result i32)"
            }
            "request_trailers" | "response_trailers" => {
                "(param $ctx i32) (param $n i32) (result i32)"
            }
            "tick" | "log" | "delete" => "(param $ctx i32)",
            "done" | "new_connection" => "(param $ctx i32) (result i32)",
            other => panic!("no callback of the name {other}"),
        };
        self.callbacks.push_str(&format!(
            "  (func (export \"proxy_on_{name}\") {signature}\n    {})\n",
            snippet.as_ref()
        ));
        self
    }

    /// Adds a function as it stands.
    pub(crate) fn raw(mut self, wat: &str) -> Self {
        self.callbacks.push_str(wat);
        self
    }

    pub(crate) fn wasm(&self) -> Vec<u8> {
        let wat = format!("(module\n{PRELUDE}{}{})", self.data, self.callbacks);
        wat::parse_str(&wat).unwrap_or_else(|error| panic!("{error}\n{}", self.callbacks))
    }

    pub(crate) fn module(&self) -> Module {
        Module::new(&self.wasm()).unwrap()
    }

    /// A host with one VM.
    pub(crate) fn host(&self) -> Host {
        self.host_with(|builder| builder)
    }

    pub(crate) fn host_with(
        &self,
        set: impl for<'a> FnOnce(HostBuilder<'a>) -> HostBuilder<'a>,
    ) -> Host {
        let module = self.module();
        set(Host::builder(&module).extra_vms(0)).start().unwrap()
    }

    pub(crate) fn run(&self, transaction: &Transaction, chunking: &Chunking) -> Outcome {
        self.host().run(transaction, chunking)
    }
}

/// All messages of log lines, joined by a blank.
pub(crate) fn said(lines: &[LogLine]) -> String {
    lines
        .iter()
        .map(|line| String::from_utf8_lossy(&line.message).into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

pub(crate) fn get() -> Headers {
    Transaction::response("").request_headers
}

pub(crate) fn post() -> Headers {
    let mut headers = Transaction::request("").request_headers;
    headers.remove(b"content-length");
    headers
}

pub(crate) fn ok() -> Headers {
    Headers::from([(":status", "200")])
}

/// An exchange whose request headers have gone on.
pub(crate) fn posting(host: &mut Host) -> Exchange {
    let mut exchange = host.exchange();
    assert!(
        exchange
            .request_headers(post(), false)
            .upstream
            .headers
            .is_some()
    );
    exchange
}

/// An exchange whose request is over and whose response headers have gone on.
pub(crate) fn answering(host: &mut Host) -> Exchange {
    let mut exchange = host.exchange();
    assert!(exchange.request_headers(get(), true).upstream.end);
    assert!(
        exchange
            .response_headers(ok(), false)
            .downstream
            .headers
            .is_some()
    );
    exchange
}

pub(crate) fn upstream(step: Step) -> String {
    String::from_utf8(step.upstream.body).unwrap()
}

pub(crate) fn downstream(step: Step) -> String {
    String::from_utf8(step.downstream.body).unwrap()
}
