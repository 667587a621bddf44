//! What a callback may use besides the state of its own stream: the proxy, and room that all streams of a VM share.

use blackbar_carriers::Carrier;

use crate::body::Work;
use crate::counters::Event;
use crate::fields::{Scanner, Scratch};
use crate::host::{Host, Level};
use crate::plugin::Plugin;

/// What a callback may use besides its own stream's state.
pub struct Session<'a, H> {
    /// The proxy.
    pub host: &'a H,
    /// What all streams of a VM share.
    pub shared: &'a mut Shared,
}

/// Room and notes that all streams of a VM share.
#[derive(Default)]
pub struct Shared {
    /// For short values.
    pub scratch: Scratch,
    /// Streams of bodies that have ended, for bodies to come.
    #[allow(
        clippy::vec_box,
        reason = "they go from here to bodies and back without being copied"
    )]
    pub streams: Vec<Box<Carrier>>,
    /// For bodies.
    pub work: Work,
    /// Failures that were logged; the next ones are only counted.
    noted: Vec<&'static str>,
}

/// The most streams that are kept for bodies to come, and the most bytes that each may hold.
const SPARE_STREAMS: usize = 16;
const SPARE_BYTES: usize = 512 * 1024;

impl<H: Host> Session<'_, H> {
    /// Logs a failure the first time that it happens in this VM.
    pub(crate) fn note(&mut self, text: &'static str) {
        if !self.shared.noted.contains(&text) {
            self.shared.noted.push(text);
            self.host.log(
                Level::Error,
                &format!("blackbar: {text} (said once; see the counters)"),
            );
        }
    }

    /// Access logs show nothing in the place of what could not be redacted.
    pub(crate) fn unpublished(&mut self, plugin: &Plugin, text: &'static str) {
        plugin.counters.event(self.host, Event::NotPublished, 1);
        self.note(text);
    }
}

impl Shared {
    pub(crate) fn stream(&mut self, plugin: &Plugin) -> Box<Carrier> {
        let mut stream = self.streams.pop().unwrap_or_default();
        stream.set_views(plugin.views);
        stream.set_files(plugin.config.file_parts.into());
        stream.set_message(None);
        stream
    }

    pub(crate) fn keep(&mut self, stream: Box<Carrier>) {
        if self.streams.len() < SPARE_STREAMS && stream.memory() <= SPARE_BYTES {
            self.streams.push(stream);
        }
    }

    pub(crate) fn scanner<'a>(&'a mut self, plugin: &'a Plugin) -> Scanner<'a> {
        self.scratch.set_views(plugin.views);
        Scanner {
            engine: &plugin.engine,
            plan: &plugin.plan,
            masks: &plugin.masks,
            scratch: &mut self.scratch,
            tally: &mut self.work.tally,
        }
    }
}
