//! How a host differs from the Envoy that HOST-FACTS describes: older, smaller, or answering oddly on purpose.
//!
//! A filter may not trap whatever a host answers; [`Quirks::answer`] makes any hostcall answer anything.

use crate::abi::{Hostcall, Status};

/// Deviations from current Envoy; `Quirks::default()` has none.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Quirks {
    /// `set_buffer(0, n)` with `0 < n < size` is BadArgument, as in older Envoys.
    pub old_envoy: bool,
    /// Metrics exist; otherwise all four metric calls are Unimplemented.
    pub metrics: bool,
    /// Ticks exist; otherwise `set_tick_period_milliseconds` is Unimplemented and no tick is delivered.
    pub ticks: bool,
    /// Properties exist; otherwise both property calls are Unimplemented.
    pub properties: bool,
    /// Shared data and queues exist; otherwise their calls are Unimplemented.
    pub shared: bool,
    /// Trailers reach the guest; otherwise its last body callback has end of stream set and trailers pass as they are.
    pub trailers: bool,
    /// Pause works on the response side; otherwise it is taken for Continue there.
    pub response_pause: bool,
    /// Most memory that a VM may have, in bytes.
    pub memory_limit: usize,
    answers: Vec<(Hostcall, u64, u32)>,
}

impl Default for Quirks {
    fn default() -> Self {
        Quirks {
            old_envoy: false,
            metrics: true,
            ticks: true,
            properties: true,
            shared: true,
            trailers: true,
            response_pause: true,
            memory_limit: 1 << 30,
            answers: Vec::new(),
        }
    }
}

impl Quirks {
    /// Envoy before `set_buffer` could replace the first bytes.
    #[must_use]
    pub fn old_envoy() -> Self {
        Quirks {
            old_envoy: true,
            ..Self::default()
        }
    }

    /// What Google Service Extensions document: no timers, metrics or shared data, no trailers, 16 MiB of memory.
    #[must_use]
    pub fn service_extensions() -> Self {
        Quirks {
            metrics: false,
            ticks: false,
            shared: false,
            trailers: false,
            memory_limit: 16 << 20,
            ..Self::default()
        }
    }

    /// What Kong's ngx_wasm_module documents: no trailers callbacks, no metrics, Pause on the request side only.
    #[must_use]
    pub fn nginx() -> Self {
        Quirks {
            metrics: false,
            trailers: false,
            response_pause: false,
            ..Self::default()
        }
    }

    /// From now on `hostcall` does nothing and answers `status`.
    ///
    /// [`Status::Ok`] makes it a lie: the call claims success and leaves the guest's return slots as they were.
    #[must_use]
    pub fn answer(self, hostcall: Hostcall, status: Status) -> Self {
        self.answer_raw(hostcall, 0, status as u32)
    }

    /// As [`Quirks::answer`], but only after `hostcall` has worked `calls` times.
    #[must_use]
    pub fn answer_after(self, hostcall: Hostcall, calls: u64, status: Status) -> Self {
        self.answer_raw(hostcall, calls, status as u32)
    }

    /// As [`Quirks::answer_after`], with any number, also one that the ABI does not know.
    #[must_use]
    pub fn answer_raw(mut self, hostcall: Hostcall, calls: u64, status: u32) -> Self {
        self.answers.retain(|(known, ..)| *known != hostcall);
        self.answers.push((hostcall, calls, status));
        self
    }

    /// Whether the host has this function at all.
    pub(crate) fn has(&self, hostcall: Hostcall) -> bool {
        match hostcall {
            Hostcall::DefineMetric
            | Hostcall::IncrementMetric
            | Hostcall::RecordMetric
            | Hostcall::GetMetric => self.metrics,
            Hostcall::TickPeriod => self.ticks,
            Hostcall::GetProperty | Hostcall::SetProperty => self.properties,
            Hostcall::GetSharedData
            | Hostcall::SetSharedData
            | Hostcall::RegisterQueue
            | Hostcall::ResolveQueue
            | Hostcall::Dequeue
            | Hostcall::Enqueue => self.shared,
            _ => true,
        }
    }

    /// The forced answers by hostcall: after how many calls, and what.
    pub(crate) fn forced(&self) -> Vec<Option<(u64, u32)>> {
        let mut table = vec![None; Hostcall::ALL.len()];
        for &(hostcall, calls, status) in &self.answers {
            table[hostcall as usize] = Some((calls, status));
        }
        table
    }
}
