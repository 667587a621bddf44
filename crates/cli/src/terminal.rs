//! What goes to standard error: error reports, notes and progress. Progress and colour only where a person is looking.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use blackbar_policy::diagnostic::{self, Diagnostic, PolicyError};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::excerpt;

/// Whether standard error takes colours: a terminal, and no `NO_COLOR` (<https://no-color.org>).
pub(crate) fn colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes an error. A policy's report stands as it is; everything else is one sentence behind the command's name.
pub(crate) fn report(error: &anyhow::Error) {
    // A closed standard error is nothing that could be reported anywhere.
    let _ = match error.downcast_ref::<PolicyError>() {
        Some(policy) => {
            diagnostics(policy.diagnostics());
            Ok(())
        }
        None => writeln!(io::stderr(), "blackbar: error: {error:#}"),
    };
}

/// Writes reports about a policy, with the lines that they are about.
pub(crate) fn diagnostics(list: &[Diagnostic]) {
    let text = excerpt::masked(&diagnostic::render(list, colour()));
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes something that the user should know but that is no error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "blackbar: note: {text}");
}

/// Writes text as it is, with a line end.
pub(crate) fn plain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Progress over `total` units; invisible unless standard error is a terminal and the work takes longer than a blink.
pub(crate) fn progress(total: u64, unit: Unit) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = match unit {
        Unit::Bytes => "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec}",
        Unit::Items => "{wide_bar} {pos}/{len} {msg}",
    };
    // A bar that cannot be styled still shows.
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(8))
        .with_style(style);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// What a progress bar counts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    /// Bytes of input.
    Bytes,
    /// Records, cases, runs.
    Items,
}
