//! The values of a message: which of its headers are redacted in flight, which go on, which are published for access logs. How one value is
//! redacted lives in [`crate::fields`].

use blackbar_engine::Place;

use crate::counters::{Disposition, Event};
use crate::exchange::Side;
use crate::headers::{Changes, alike, is_fixed, listed};
use crate::host::Host;
use crate::map::Pair;
use crate::plugin::Plugin;
use crate::publish::{self, publish};
use crate::session::Session;

/// Redacts header or trailer values. Answers whether a rule refuses the message. `sealed`: its body is signed and stays as it is, and so does
/// the signature.
pub(crate) fn redact(
    session: &mut Session<'_, impl Host>,
    plugin: &Plugin,
    side: Side,
    pairs: &[Pair<'_>],
    changes: &mut Changes<'_>,
    disposition: Disposition,
    sealed: bool,
) -> bool {
    let pass = match side {
        Side::Request => &plugin.config.pass_headers.request,
        Side::Response => &plugin.config.pass_headers.response,
    };
    let mut block = false;
    let mut passed = 0;
    let mut scanner = session.shared.scanner(plugin);
    for (index, pair) in pairs.iter().enumerate() {
        if is_fixed(pair.name) || plugin.known.has(pair.name, pair.value) {
            continue;
        }
        if listed(pair.name, pass)
            || sealed && listed(pair.name, &plugin.config.signed_bodies.headers)
        {
            // Credentials are not kept, whatever the rules say of them.
            passed += u64::from(scanner.header(pair.name, pair.value, Disposition::Pass).hit);
            continue;
        }
        let field = scanner.header(pair.name, pair.value, disposition);
        if !field.found {
            plugin.known.note(pair.name, pair.value);
        }
        if !plugin.enforces() {
            continue;
        }
        block |= field.block.is_some();
        passed += u64::from(field.kept && !field.remove);
        if field.remove || field.value.is_some() {
            changes.set(index, field.value);
        }
    }
    plugin
        .counters
        .event(session.host, Event::OpenPassHeader, passed);
    block
}

/// Redacts path and query. Answers whether a rule refuses the message.
pub(crate) fn redact_target(
    session: &mut Session<'_, impl Host>,
    plugin: &Plugin,
    pairs: &[Pair<'_>],
    changes: &mut Changes<'_>,
    disposition: Disposition,
) -> bool {
    let mut block = false;
    let mut scanner = session.shared.scanner(plugin);
    for (index, pair) in pairs
        .iter()
        .enumerate()
        .filter(|(_, pair)| pair.name == b":path")
    {
        if plugin.known.has(pair.name, pair.value) {
            continue;
        }
        let target = scanner.target(Place::Url, pair.value, disposition);
        // What writes something is to write it each time.
        if !target.found && !target.changed {
            plugin.known.note(pair.name, pair.value);
        }
        if plugin.enforces() {
            block |= target.block.is_some();
            if target.changed {
                changes.set(index, Some(target.join()));
            }
        }
    }
    block
}

/// Publishes what access logs may show of a message, redacted.
pub(crate) fn show(
    session: &mut Session<'_, impl Host>,
    plugin: &Plugin,
    side: Side,
    pairs: &[Pair<'_>],
) {
    let host = session.host;
    let mut scanner = session.shared.scanner(plugin);
    let (names, prefix) = match side {
        Side::Request => (&plugin.config.log_headers, publish::HEADER),
        Side::Response => (
            &plugin.config.log_response_headers,
            publish::RESPONSE_HEADER,
        ),
    };
    let mut done = Ok(());
    if side == Side::Request
        && let Some(path) = pairs.iter().find(|pair| pair.name == b":path")
    {
        let target = scanner.target(Place::Text, path.value, Disposition::Log);
        done = publish(host, publish::PATH, &target.path);
        if let Some(query) = &target.query {
            done = done.and(publish(host, publish::QUERY, query));
        }
    }
    for name in names {
        let mut all: Option<Vec<u8>> = None;
        for pair in pairs
            .iter()
            .filter(|pair| alike(pair.name, name.as_bytes()))
        {
            let field = scanner.header(pair.name, pair.value, Disposition::Log);
            if field.remove {
                continue;
            }
            let text = all.get_or_insert_default();
            if !text.is_empty() {
                text.extend_from_slice(b", ");
            }
            text.extend_from_slice(field.value.as_deref().unwrap_or(pair.value));
        }
        if let Some(text) = all {
            done = done.and(publish(host, &format!("{prefix}{name}"), &text));
        }
    }
    if done.is_err() {
        session.unpublished(plugin, "the proxy takes no filter state");
    }
}
