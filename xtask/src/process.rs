//! Running other programs, and never leaving one behind. Only children that this program started are ever ended, by their
//! handle: when their value goes, and when this program is told to end.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The children that live, for [`end_all`].
static CHILDREN: Mutex<Vec<Weak<Mutex<Child>>>> = Mutex::new(Vec::new());

/// Runs to the end, output shown as it comes; an error when the program fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {}", name(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", name(command));
    }
    Ok(())
}

/// Standard output of a program that succeeds; nothing otherwise.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn name(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .take(3)
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

/// A child that ends when this value goes, whatever the reason.
#[derive(Debug)]
pub(crate) struct Guarded(Arc<Mutex<Child>>);

impl Guarded {
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", name(command)))?;
        let child = Arc::new(Mutex::new(child));
        let mut children = lock(&CHILDREN);
        children.retain(|known| known.strong_count() > 0);
        children.push(Arc::downgrade(&child));
        Ok(Self(child))
    }

    /// The number of its process.
    pub(crate) fn number(&self) -> u32 {
        lock(&self.0).id()
    }

    /// Whether the child ended by itself, and how.
    pub(crate) fn ended(&self) -> Option<String> {
        let status = lock(&self.0).try_wait().ok().flatten()?;
        Some(status.to_string())
    }

    /// Waits for the child's own end, up to `limit`: whether it ended well.
    pub(crate) fn finish(self, limit: Duration) -> Result<bool> {
        let start = Instant::now();
        while start.elapsed() < limit {
            if let Some(status) = lock(&self.0).try_wait()? {
                return Ok(status.success());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!(
            "a program ran longer than {} s and was ended",
            limit.as_secs()
        )
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        end(&self.0);
    }
}

/// Ends every child; for the moment before this program itself ends on a signal.
pub(crate) fn end_all() {
    let children: Vec<_> = lock(&CHILDREN).iter().filter_map(Weak::upgrade).collect();
    for child in children {
        end(&child);
    }
}

fn end(child: &Mutex<Child>) {
    let mut child = lock(child);
    // Errors here mean that the child has gone already.
    let _ = child.kill();
    let _ = child.wait();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
