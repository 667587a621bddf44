//! Finding a toolchain that can build Wasm, and building the filter with it.
//!
//! One file for two users: the build script of `blackbar-module`, which only looks, and `cargo xtask setup`, which may
//! install what is missing. Standard library only, no downloads here. Ways, in order:
//!
//! 1. `BLACKBAR_MODULE` names a prebuilt module;
//! 2. the active toolchain has the target `wasm32-unknown-unknown`;
//! 3. the active toolchain has the library's source (`rust-src`) and builds std itself;
//! 4. the system's toolchain in `/usr/bin` (Debian's `rustc-web` with `rust-web-src`) has either of the two.
#![allow(
    dead_code,
    reason = "two crates include this file and each uses its part"
)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target triple that Envoy's V8 loads.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// The variable that names a prebuilt module, used as it is.
pub(crate) const PREBUILT: &str = "BLACKBAR_MODULE";
/// The packages that bring a toolchain with the library's source on Debian and its relatives.
pub(crate) const DEBIAN_PACKAGES: [&str; 4] =
    ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm"];

/// Where the standard library for Wasm comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Std {
    /// The target is installed.
    Installed,
    /// `-Zbuild-std` builds it from the toolchain's own source, in about half a minute, once.
    Source,
}

/// Which vector instructions of WebAssembly the module uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Simd {
    /// Those of WebAssembly 2.0 (`simd128`), which every host with vectors has.
    #[default]
    Fixed,
    /// Relaxed ones as well: a look-up in a table is one instruction of the machine instead of two. Hosts of WebAssembly 3.0 have them.
    Relaxed,
}

impl Simd {
    fn features(self) -> &'static str {
        match self {
            Simd::Fixed => "+simd128",
            Simd::Relaxed => "+simd128,+relaxed-simd",
        }
    }
}

/// A cargo and rustc pair that can build the module.
#[derive(Debug, Clone)]
pub(crate) struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    linker: Option<PathBuf>,
    /// Where std comes from.
    pub(crate) std: Std,
    sysroot: PathBuf,
    /// One line for people: which toolchain this is.
    pub(crate) title: String,
}

/// Finds the first toolchain that works, or says in one message why none does and which command mends it.
///
/// `minimum` is the oldest fitting Rust release, as `1.95`; `cargo` and `rustc` are the active toolchain's commands.
pub(crate) fn find(cargo: &Path, rustc: &Path, minimum: &str) -> Result<Toolchain, String> {
    let mut tried = Vec::new();
    let active = Candidate::ask(cargo, rustc, "active toolchain", minimum);
    let system = Candidate::ask(
        Path::new("/usr/bin/cargo"),
        Path::new("/usr/bin/rustc"),
        "system toolchain",
        minimum,
    );
    let mut linkers = Vec::new();
    for candidate in [&active, &system].into_iter().flatten() {
        linkers.extend(candidate.own_linker());
    }
    linkers.extend(linker_on_path());
    for candidate in [active, system] {
        match candidate.and_then(|found| found.into_toolchain(linkers.first())) {
            Ok(toolchain) => return Ok(toolchain),
            Err(why) => tried.push(why),
        }
    }
    Err(format!(
        "nothing here can build the Wasm module ({}); run `cargo xtask setup`, or one of: `rustup target add {TARGET}` | \
         `apt-get install {}` | set {PREBUILT} to a prebuilt module",
        tried.join("; "),
        DEBIAN_PACKAGES.join(" "),
    ))
}

/// Builds the filter into a target folder of its own (so that an outer cargo's lock is never waited for) and returns the
/// path of the module.
pub(crate) fn build(
    toolchain: &Toolchain,
    workspace: &Path,
    target_dir: &Path,
    simd: Simd,
) -> Result<PathBuf, String> {
    let mut command = toolchain.command(workspace, simd);
    command
        .args([
            "build",
            "--package",
            "blackbar-filter",
            "--lib",
            "--profile",
            "module",
        ])
        .args(["--target", TARGET, "--target-dir"])
        .arg(target_dir)
        .current_dir(workspace);
    let status = command
        .status()
        .map_err(|error| format!("cannot start {}: {error}", toolchain.cargo.display()))?;
    if !status.success() {
        return Err(format!(
            "building the Wasm module failed ({}, {status})",
            toolchain.title
        ));
    }
    let module = target_dir
        .join(TARGET)
        .join("module")
        .join("blackbar_filter.wasm");
    check_header(&module)?;
    Ok(module)
}

/// Whether the file starts as every Wasm module does.
pub(crate) fn check_header(module: &Path) -> Result<(), String> {
    let bytes = std::fs::read(module)
        .map_err(|error| format!("cannot read the Wasm module {}: {error}", module.display()))?;
    if bytes.starts_with(b"\0asm\x01\0\0\0") {
        Ok(())
    } else {
        Err(format!("{} is not a Wasm module", module.display()))
    }
}

impl Toolchain {
    /// Cargo with an environment of its own: what an outer cargo, clippy or coverage run put there for the host must not
    /// reach a build for another target.
    fn command(&self, workspace: &Path, simd: Simd) -> Command {
        let mut command = Command::new(&self.cargo);
        for (name, _) in std::env::vars_os() {
            if is_foreign(&name) {
                command.env_remove(&name);
            }
        }
        let mut flags = vec![format!("-Ctarget-feature={}", simd.features())];
        // The module is shipped: no path of the machine that built it.
        let mut remap = |from: &Path, to: &str| {
            flags.push(format!("--remap-path-prefix={}={to}", from.display()));
        };
        if let Some(home) = cargo_home() {
            remap(&home, "/cargo");
        }
        remap(&self.sysroot, "/rust");
        remap(workspace, "/blackbar");
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        command.env("RUSTC", &self.rustc);
        if let Some(linker) = &self.linker {
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        if self.std == Std::Source {
            command.env("RUSTC_BOOTSTRAP", "1");
            command.arg("-Zbuild-std=std,panic_abort");
        }
        command
    }
}

/// A toolchain that answers, before it is known whether it can build Wasm.
struct Candidate {
    title: String,
    cargo: PathBuf,
    rustc: PathBuf,
    sysroot: PathBuf,
    host: String,
}

impl Candidate {
    fn ask(cargo: &Path, rustc: &Path, title: &str, minimum: &str) -> Result<Self, String> {
        let version = output(rustc, &["-vV"]).ok_or_else(|| format!("no {title}"))?;
        let field = |name: &str| {
            version
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(|value| value.trim().to_owned())
        };
        let release = field("release:").unwrap_or_default();
        if numbers(&release) < numbers(minimum) {
            return Err(format!("{title} is Rust {release}, older than {minimum}"));
        }
        // Asking cargo too: a rustc without a cargo cannot build anything.
        output(cargo, &["--version"]).ok_or_else(|| format!("{title} has no cargo"))?;
        let sysroot = output(rustc, &["--print", "sysroot"]).unwrap_or_default();
        Ok(Self {
            title: format!("{title}, Rust {release}"),
            cargo: cargo.to_owned(),
            rustc: rustc.to_owned(),
            sysroot: PathBuf::from(sysroot.trim()),
            host: field("host:").unwrap_or_default(),
        })
    }

    fn rustlib(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib")
    }

    /// The linker that ships with the toolchain, which its rustc finds by itself.
    fn own_linker(&self) -> Option<PathBuf> {
        let linker = self.rustlib().join(&self.host).join("bin/rust-lld");
        linker.is_file().then_some(linker)
    }

    fn into_toolchain(self, any_linker: Option<&PathBuf>) -> Result<Toolchain, String> {
        let std = if has_library(&self.rustlib().join(TARGET).join("lib")) {
            Std::Installed
        } else if self
            .rustlib()
            .join("src/rust/library/std/Cargo.toml")
            .is_file()
        {
            Std::Source
        } else {
            return Err(format!(
                "{} has neither the target {TARGET} nor rust-src",
                self.title
            ));
        };
        let linker = match (self.own_linker(), any_linker) {
            (Some(_), _) => None,
            (None, Some(linker)) => Some(linker.clone()),
            (None, None) => {
                return Err(format!(
                    "{} has no linker (rust-lld, wasm-ld or lld)",
                    self.title
                ));
            }
        };
        let how = match std {
            Std::Installed => "target installed",
            Std::Source => "builds std from source",
        };
        Ok(Toolchain {
            title: format!("{}, {how}", self.title),
            cargo: self.cargo,
            rustc: self.rustc,
            sysroot: self.sysroot,
            linker,
            std,
        })
    }
}

/// Variables that steer a build and come from outside. Kept: where cargo's home, registries and network settings are,
/// the job server, and rustup's choice of toolchain.
fn is_foreign(name: &OsString) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    const KEEP: [&str; 7] = [
        "CARGO_HOME",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_MAKEFLAGS",
        "CARGO_TERM_",
    ];
    const DROP: [&str; 7] = [
        "CARGO",
        "RUSTC",
        "RUSTFLAGS",
        "RUSTDOC",
        "CLIPPY",
        "LD_LIBRARY_PATH",
        "DYLD_FALLBACK_LIBRARY_PATH",
    ];
    const DROP_EXACT: [&str; 6] = ["OUT_DIR", "TARGET", "HOST", "OPT_LEVEL", "PROFILE", "DEBUG"];
    DROP_EXACT.contains(&name)
        || (DROP.iter().any(|dropped| name.starts_with(dropped))
            && !KEEP.iter().any(|kept| name.starts_with(kept)))
}

fn has_library(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}

/// A linker on PATH, Debian's numbered names included.
fn linker_on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push(PathBuf::from("/usr/bin"));
    let numbered = (14..40).rev().map(|release| format!("lld-{release}"));
    let names = ["rust-lld", "lld", "wasm-ld"].map(str::to_owned);
    names
        .into_iter()
        .chain(numbered)
        .flat_map(|name| folders.iter().map(move |folder| folder.join(&name)))
        .find(|linker| linker.is_file())
}

fn cargo_home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| {
            let home = std::env::var_os("HOME")?;
            Some(PathBuf::from(home).join(".cargo"))
        })
}

fn output(program: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments);
    // A library path set for another toolchain must not change which libraries this one loads.
    command.env_remove("LD_LIBRARY_PATH");
    let output = command.output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn numbers(release: &str) -> Vec<u32> {
    release
        .split(['.', '-', '+'])
        .map_while(|part| part.parse().ok())
        .collect()
}
