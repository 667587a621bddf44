//! Running Envoy with a scenario's configuration, on ports that are free.
//!
//! A scenario's envoy.yaml runs by hand as it is, on fixed ports. For a test, ports, the module's path and the access log are
//! replaced; a text to replace that is missing from the file is an error, so that nothing runs half configured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::Envoy;
use crate::http;
use crate::process::Guarded;

/// What stands in each envoy.yaml for its reader's first run by hand.
const LISTENER: &str = "{ address: 127.0.0.1, port_value: 10000 }";
const ADMIN: &str = "{ address: 127.0.0.1, port_value: 9901 }";
const UPSTREAM: &str = "{ address: 127.0.0.1, port_value: 8080 }";
const MODULE: &str = "filename: filter.wasm";
const ACCESS_LOG: &str = "path: /dev/stdout";

/// Envoy compiles the module when it starts; optimising a large one on a busy machine takes a while.
const START: Duration = Duration::from_secs(90);

/// Workers of an Envoy that runs a scenario: more than one, because each has a VM of its own.
const WORKERS: u32 = 2;

/// What a run needs to know.
#[derive(Debug)]
pub(crate) struct Setting<'a> {
    pub(crate) configuration: &'a str,
    /// Files beside it, which it names as `./NAME`.
    pub(crate) files: &'a [(String, String)],
    pub(crate) module: &'a Path,
    /// Port of the upstream on 127.0.0.1.
    pub(crate) upstream: u16,
}

/// An Envoy that serves, and ends with this value.
#[derive(Debug)]
pub(crate) struct Running {
    process: Guarded,
    folder: tempfile::TempDir,
    pub(crate) listener: u16,
    pub(crate) admin: u16,
}

impl Setting<'_> {
    fn write(&self, folder: &Path) -> Result<PathBuf> {
        // Port 0: the system picks, and Envoy says which.
        let free = "{ address: 127.0.0.1, port_value: 0 }";
        let upstream = UPSTREAM.replace("8080", &self.upstream.to_string());
        let module = self
            .module
            .canonicalize()
            .with_context(|| format!("no module {}", self.module.display()))?;
        let module = format!("filename: {}", quoted(&module)?);
        let log = format!("path: {}", quoted(&folder.join("access.log"))?);
        let mut texts = vec![("envoy.yaml".to_owned(), self.configuration.to_owned())];
        texts.extend_from_slice(self.files);
        let mut replacements = vec![
            (LISTENER.to_owned(), free.to_owned()),
            (ADMIN.to_owned(), free.to_owned()),
            (UPSTREAM.to_owned(), upstream),
            (MODULE.to_owned(), module),
            (ACCESS_LOG.to_owned(), log),
        ];
        for (name, _) in self.files {
            replacements.push((
                format!("path: ./{name}"),
                format!("path: {}", quoted(&folder.join(name))?),
            ));
        }
        for (from, to) in replacements {
            ensure!(
                texts.iter().any(|(_, text)| text.contains(&from)),
                "envoy.yaml has no `{from}`"
            );
            for (_, text) in &mut texts {
                *text = text.replace(&from, &to);
            }
        }
        for (name, text) in texts {
            std::fs::write(folder.join(name), text)
                .context("cannot write Envoy's configuration")?;
        }
        let path = folder.join("envoy.yaml");
        Ok(path)
    }
}

/// A path as a JSON string, which is a YAML string too.
fn quoted(path: &Path) -> Result<String> {
    let path = path.to_str().context("a path here is not UTF-8")?;
    Ok(serde_json::to_string(path)?)
}

/// `envoy --mode validate`: the configuration and the plugin's own are read, and Envoy ends. Its words on failure.
pub(crate) fn validate(envoy: &Envoy, setting: &Setting<'_>) -> Result<Result<(), String>> {
    let folder = tempfile::tempdir()?;
    let configuration = setting.write(folder.path())?;
    let log = folder.path().join("envoy.log");
    let mut command = command(envoy, &configuration, &log, WORKERS)?;
    command.args(["--mode", "validate"]);
    if Guarded::spawn(&mut command)?.finish(START)? {
        return Ok(Ok(()));
    }
    Ok(Err(tail(
        &std::fs::read_to_string(&log).unwrap_or_default(),
    )))
}

fn command(envoy: &Envoy, configuration: &Path, log: &Path, workers: u32) -> Result<Command> {
    let log = std::fs::File::create(log)?;
    let mut command = Command::new(&envoy.path);
    command
        .arg("--config-path")
        .arg(configuration)
        // The module's own words are part of what is checked: no value may stand in them.
        .args([
            "--log-level",
            "warning",
            "--component-log-level",
            "wasm:info",
        ])
        .args(["--disable-hot-restart", "--concurrency"])
        .arg(workers.to_string())
        .args(["--file-flush-interval-msec", "20"])
        .stdout(log.try_clone()?)
        .stderr(log);
    Ok(command)
}

impl Running {
    /// Starts Envoy and waits until it serves.
    pub(crate) fn start(envoy: &Envoy, setting: &Setting<'_>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let configuration = setting.write(folder.path())?;
        Self::serve(envoy, folder, &configuration, WORKERS)
    }

    /// Starts Envoy with a configuration that is complete, and waits until it serves.
    pub(crate) fn start_with(envoy: &Envoy, text: &str, workers: u32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let configuration = folder.path().join("envoy.yaml");
        std::fs::write(&configuration, text).context("cannot write Envoy's configuration")?;
        Self::serve(envoy, folder, &configuration, workers)
    }

    fn serve(
        envoy: &Envoy,
        folder: tempfile::TempDir,
        configuration: &Path,
        workers: u32,
    ) -> Result<Self> {
        let log = folder.path().join("envoy.log");
        let admin_file = folder.path().join("admin");
        let mut command = command(envoy, configuration, &log, workers)?;
        command.arg("--admin-address-path").arg(&admin_file);
        let process = Guarded::spawn(&mut command)?;
        let start = Instant::now();
        let mut admin = None;
        loop {
            if let Some(status) = process.ended() {
                let words = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("Envoy ended at start ({status}):\n{}", tail(&words));
            }
            if admin.is_none() {
                admin = std::fs::read_to_string(&admin_file)
                    .ok()
                    .and_then(|address| address.trim().rsplit(':').next()?.parse::<u16>().ok());
            }
            if let Some(admin) = admin
                && http::get(admin, "/ready").is_ok_and(|answer| answer.starts_with("LIVE"))
                && let Some(listener) = listener_port(admin)
            {
                return Ok(Self {
                    process,
                    folder,
                    listener,
                    admin,
                });
            }
            if start.elapsed() > START {
                let words = std::fs::read_to_string(&log).unwrap_or_default();
                bail!(
                    "Envoy did not serve within {} s:\n{}",
                    START.as_secs(),
                    tail(&words)
                );
            }
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// The number of Envoy's process.
    pub(crate) fn process(&self) -> u32 {
        self.process.number()
    }

    /// Ports of all listeners, by name.
    pub(crate) fn listeners(&self) -> Result<BTreeMap<String, u16>> {
        let listeners = listeners(self.admin).context("Envoy does not tell its listeners")?;
        Ok(listeners.into_iter().collect())
    }

    /// The counters of the filter, without Envoy's prefix `wasmcustom.`.
    pub(crate) fn counters(&self) -> Result<BTreeMap<String, u64>> {
        let text = http::get(self.admin, "/stats?filter=^wasmcustom")?;
        Ok(text
            .lines()
            .filter_map(|line| line.strip_prefix("wasmcustom.")?.split_once(": "))
            .filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?)))
            .collect())
    }

    /// Moves a changed file over the one of that name beside envoy.yaml, and waits until Envoy has taken it, or has rejected it.
    pub(crate) fn change(&self, file: &str, from: &str, to: &str) -> Result<bool> {
        let path = self.folder.path().join(file);
        let text = std::fs::read_to_string(&path)?;
        ensure!(text.contains(from), "{file} has no `{from}` to be changed");
        let next = path.with_extension("next");
        std::fs::write(&next, text.replace(from, to))?;
        let before = self.discoveries()?;
        std::fs::rename(&next, &path)?;
        let start = Instant::now();
        loop {
            let now = self.discoveries()?;
            if now.1 > before.1 {
                return Ok(false);
            }
            if now.0 > before.0 {
                // It is counted when the workers are told; they take it a moment later.
                std::thread::sleep(Duration::from_millis(100));
                return Ok(true);
            }
            ensure!(
                start.elapsed() < START,
                "Envoy did not see the change of {file}"
            );
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// How many configurations came by a file and were taken, and how many were rejected.
    fn discoveries(&self) -> Result<(u64, u64)> {
        let text = http::get(self.admin, "/stats?filter=extension_config_discovery")?;
        let sum = |name: &str| {
            let lines = text.lines().filter_map(|line| line.split_once(": "));
            let values = lines.filter(|(known, _)| known.ends_with(name));
            values
                .filter_map(|(_, value)| value.trim().parse::<u64>().ok())
                .sum()
        };
        Ok((sum(".config_reload"), sum(".update_rejected")))
    }

    /// All of `/stats`, where no value may stand either.
    pub(crate) fn stats(&self) -> Result<String> {
        http::get(self.admin, "/stats")
    }

    /// The access log once it has at least `lines` lines, or what is there after two seconds.
    pub(crate) fn access_log(&self, lines: usize) -> Vec<String> {
        let path = self.folder.path().join("access.log");
        let start = Instant::now();
        loop {
            let text = std::fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let found: Vec<String> = text.lines().map(str::to_owned).collect();
            if found.len() >= lines || start.elapsed() > Duration::from_secs(2) {
                return found;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What Envoy and the module said.
    pub(crate) fn log(&self) -> String {
        let text = std::fs::read(self.folder.path().join("envoy.log")).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Whether Envoy is still there; its last words where it is not.
    pub(crate) fn alive(&self) -> Result<()> {
        match self.process.ended() {
            None => Ok(()),
            Some(status) => bail!("Envoy ended ({status}):\n{}", tail(&self.log())),
        }
    }
}

fn listener_port(admin: u16) -> Option<u16> {
    listeners(admin)?.into_iter().next().map(|(_, port)| port)
}

/// Names and ports of all listeners, in Envoy's order.
fn listeners(admin: u16) -> Option<Vec<(String, u16)>> {
    let text = http::get(admin, "/listeners?format=json").ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    let listener = |status: &serde_json::Value| {
        let port = status["local_address"]["socket_address"]["port_value"].as_u64()?;
        Some((
            status["name"].as_str()?.to_owned(),
            u16::try_from(port).ok()?,
        ))
    };
    value["listener_statuses"]
        .as_array()?
        .iter()
        .map(listener)
        .collect()
}

fn tail(words: &str) -> String {
    let lines: Vec<&str> = words.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
