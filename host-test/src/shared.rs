//! What all VMs of a host share: metrics, shared data, shared queues.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::abi::Status;

/// What kind of metric, as `proxy_define_metric` numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

impl MetricKind {
    pub(crate) fn from_raw(raw: u32) -> Option<Self> {
        Some(match raw {
            0 => MetricKind::Counter,
            1 => MetricKind::Gauge,
            2 => MetricKind::Histogram,
            _ => return None,
        })
    }
}

#[derive(Debug, Default)]
struct Metrics {
    /// Kind and value by slot; for a histogram the value is how many samples were recorded.
    slots: Vec<(MetricKind, u64)>,
    by_name: BTreeMap<String, usize>,
}

/// Shared by the VMs of one host; nothing is global to the process.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    metrics: Mutex<Metrics>,
    data: Mutex<Data>,
    queues: Mutex<Vec<Queue>>,
}

/// Shared values with their compare-and-swap numbers, and the last number that was handed out.
#[derive(Debug, Default)]
struct Data {
    values: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    last_cas: u32,
}

#[derive(Debug)]
struct Queue {
    name: Vec<u8>,
    values: VecDeque<Vec<u8>>,
}

/// A panic elsewhere while the lock was held leaves plain data in a usable state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// The slot of a metric, made on first use. The same name with another kind is another metric in Envoy; so here.
    pub(crate) fn define(&self, kind: MetricKind, name: &str) -> usize {
        let mut metrics = lock(&self.metrics);
        let key = match kind {
            MetricKind::Counter => name.to_owned(),
            MetricKind::Gauge => format!("{name} (gauge)"),
            MetricKind::Histogram => format!("{name} (histogram)"),
        };
        if let Some(&slot) = metrics.by_name.get(&key) {
            return slot;
        }
        let slot = metrics.slots.len();
        metrics.slots.push((kind, 0));
        metrics.by_name.insert(key, slot);
        slot
    }

    /// `proxy_increment_metric`: a counter refuses offsets of zero and less, a histogram all.
    pub(crate) fn increment(&self, slot: usize, offset: i64) -> Status {
        let mut metrics = lock(&self.metrics);
        match metrics.slots.get_mut(slot) {
            Some((MetricKind::Counter, value)) if offset > 0 => {
                *value = value.wrapping_add(offset.unsigned_abs());
                Status::Ok
            }
            Some((MetricKind::Gauge, value)) => {
                *value = value.wrapping_add_signed(offset);
                Status::Ok
            }
            Some(_) => Status::BadArgument,
            None => Status::NotFound,
        }
    }

    /// `proxy_record_metric`: a counter adds, a gauge is set, a histogram takes a sample.
    pub(crate) fn record(&self, slot: usize, sample: u64) -> Status {
        let mut metrics = lock(&self.metrics);
        match metrics.slots.get_mut(slot) {
            Some((MetricKind::Counter, value)) => *value = value.wrapping_add(sample),
            Some((MetricKind::Gauge, value)) => *value = sample,
            Some((MetricKind::Histogram, samples)) => *samples += 1,
            None => return Status::NotFound,
        }
        Status::Ok
    }

    /// `proxy_get_metric`: a histogram has no value.
    pub(crate) fn value(&self, slot: usize) -> Result<u64, Status> {
        match lock(&self.metrics).slots.get(slot) {
            Some((MetricKind::Histogram, _)) => Err(Status::BadArgument),
            Some((_, value)) => Ok(*value),
            None => Err(Status::NotFound),
        }
    }

    /// All metrics by name, kind in brackets unless it is a counter.
    pub(crate) fn metrics(&self) -> BTreeMap<String, u64> {
        let metrics = lock(&self.metrics);
        metrics
            .by_name
            .iter()
            .map(|(name, &slot)| (name.clone(), metrics.slots[slot].1))
            .collect()
    }

    pub(crate) fn data(&self, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        lock(&self.data).values.get(key).cloned()
    }

    /// Sets a value; a `cas` other than 0 must be that of the present value.
    pub(crate) fn set_data(&self, key: &[u8], value: &[u8], cas: u32) -> Status {
        let data = &mut *lock(&self.data);
        if let Some((_, known)) = data.values.get(key)
            && cas != 0
            && cas != *known
        {
            return Status::CasMismatch;
        }
        // Zero means "no check", so it is never handed out.
        data.last_cas = data.last_cas.wrapping_add(1).max(1);
        data.values
            .insert(key.to_vec(), (value.to_vec(), data.last_cas));
        Status::Ok
    }

    /// The token of the queue of that name; made when `create`. Tokens start at 1.
    pub(crate) fn queue(&self, name: &[u8], create: bool) -> Option<u32> {
        let queues = &mut *lock(&self.queues);
        let index = match queues.iter().position(|queue| queue.name == name) {
            Some(index) => index,
            None if create => {
                queues.push(Queue {
                    name: name.to_vec(),
                    values: VecDeque::new(),
                });
                queues.len() - 1
            }
            None => return None,
        };
        Some(index as u32 + 1)
    }

    pub(crate) fn enqueue(&self, token: u32, value: &[u8]) -> Status {
        let index = (token as usize).wrapping_sub(1);
        match lock(&self.queues).get_mut(index) {
            Some(queue) => {
                queue.values.push_back(value.to_vec());
                Status::Ok
            }
            None => Status::NotFound,
        }
    }

    pub(crate) fn dequeue(&self, token: u32) -> Result<Vec<u8>, Status> {
        let index = (token as usize).wrapping_sub(1);
        match lock(&self.queues).get_mut(index) {
            Some(queue) => queue.values.pop_front().ok_or(Status::Empty),
            None => Err(Status::NotFound),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_gauges_histograms() {
        let shared = Shared::default();
        let counter = shared.define(MetricKind::Counter, "c");
        assert_eq!(shared.define(MetricKind::Counter, "c"), counter);
        assert_eq!(shared.increment(counter, 2), Status::Ok);
        assert_eq!(shared.increment(counter, 0), Status::BadArgument);
        assert_eq!(shared.increment(counter, -1), Status::BadArgument);
        assert_eq!(shared.record(counter, 3), Status::Ok);
        assert_eq!(shared.value(counter), Ok(5));
        let gauge = shared.define(MetricKind::Gauge, "g");
        assert_eq!(shared.record(gauge, 7), Status::Ok);
        assert_eq!(shared.increment(gauge, -3), Status::Ok);
        assert_eq!(shared.value(gauge), Ok(4));
        let histogram = shared.define(MetricKind::Histogram, "h");
        assert_eq!(shared.increment(histogram, 1), Status::BadArgument);
        assert_eq!(shared.record(histogram, 9), Status::Ok);
        assert_eq!(shared.value(histogram), Err(Status::BadArgument));
        assert_eq!(shared.increment(99, 1), Status::NotFound);
        assert_eq!(
            shared.metrics().into_iter().collect::<Vec<_>>(),
            [
                ("c".to_owned(), 5),
                ("g (gauge)".to_owned(), 4),
                ("h (histogram)".to_owned(), 1)
            ]
        );
    }

    #[test]
    fn shared_data_and_queues() {
        let shared = Shared::default();
        assert_eq!(shared.set_data(b"k", b"1", 0), Status::Ok);
        let (value, cas) = shared.data(b"k").unwrap();
        assert_eq!(value, b"1");
        assert_eq!(shared.set_data(b"k", b"2", cas), Status::Ok);
        assert_eq!(shared.set_data(b"k", b"3", cas), Status::CasMismatch);
        assert_eq!(shared.queue(b"q", false), None);
        let token = shared.queue(b"q", true).unwrap();
        assert_eq!(shared.dequeue(token), Err(Status::Empty));
        assert_eq!(shared.enqueue(token, b"x"), Status::Ok);
        assert_eq!(shared.dequeue(token), Ok(b"x".to_vec()));
        assert_eq!(shared.dequeue(9), Err(Status::NotFound));
        assert_eq!(shared.enqueue(0, b""), Status::NotFound);
    }
}
