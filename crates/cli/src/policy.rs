//! What `P` may be, and how it becomes an engine: a policy file, a pack's folder, the name of a built-in, or a compiled artifact.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use blackbar_carriers::Views;
use blackbar_compiler::Compiled;
use blackbar_engine::{Action, Engine, MAGIC, Plan, Width};
use blackbar_policy::{Policy, PolicyError};
use clap::Args;

use crate::builtins::{self, BUILTINS};
use crate::views::ViewArgs;
use crate::{input, terminal};

/// The policy that is used where none is named.
pub(crate) const DEFAULT: &str = "default";

/// Names the widest vectors that the native engine may use: to compare.
const SIMD: &str = "BLACKBAR_SIMD";

/// A compilation of a policy that takes longer is worth a hint.
const SLOW: Duration = Duration::from_millis(500);

/// `--policy` and `--profile`.
#[derive(Debug, Args)]
pub(crate) struct Choice {
    /// A policy file, the folder of a pack, the name of a built-in, or an artifact (.bbar)
    #[arg(short, long, value_name = "P", default_value = DEFAULT)]
    policy: String,
    /// A variant of the policy, as its file names it; without it the policy's base profile
    #[arg(long, value_name = "ID")]
    profile: Option<String>,
    #[command(flatten)]
    views: ViewArgs,
}

/// A policy that is ready to run.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) engine: Engine,
    pub(crate) plan: Plan,
    /// What the engine was loaded from.
    pub(crate) artifact: Cow<'static, [u8]>,
    /// The variant that the plan is of.
    pub(crate) profile: Option<String>,
    /// The encoded forms that are read.
    pub(crate) views: Views,
}

impl Ready {
    /// A policy's artifact with its base profile; `name` is for messages.
    ///
    /// # Errors
    /// When the engine refuses it.
    pub(crate) fn of(name: &str, artifact: Vec<u8>) -> anyhow::Result<Self> {
        let artifact: Cow<'static, [u8]> = Cow::Owned(artifact);
        let engine = load(name, artifact.clone())?;
        Ok(Self {
            plan: Plan::new(&engine, None)?,
            views: Views::of(&engine),
            engine,
            artifact,
            profile: None,
        })
    }
}

impl Choice {
    /// The policy as it was named.
    pub(crate) fn name(&self) -> &str {
        &self.policy
    }

    /// Reads, compiles and loads it.
    ///
    /// # Errors
    /// When any of these fails, or there is no such variant.
    pub(crate) fn ready(&self) -> anyhow::Result<Ready> {
        let artifact = artifact(&self.policy)?;
        let engine = load(&self.policy, artifact.clone())?;
        let plan = Plan::new(&engine, self.profile.as_deref()).map_err(|error| {
            anyhow!(
                "cannot use `--profile` with the policy `{}`: {error}",
                self.policy
            )
        })?;
        Ok(Ready {
            views: self.views.apply(Views::of(&engine)),
            engine,
            plan,
            artifact,
            profile: self.profile.clone(),
        })
    }
}

/// The artifact of a policy: a built-in's, read from a file and checked, or compiled now.
///
/// # Errors
/// When it cannot be read, compiled or loaded.
pub(crate) fn artifact(name: &str) -> anyhow::Result<Cow<'static, [u8]>> {
    if is_artifact(name) {
        let bytes = input::whole(Path::new(name))?;
        load(name, bytes.clone())?;
        return Ok(Cow::Owned(bytes));
    }
    if let Some(artifact) = builtins::artifact(name) {
        return Ok(Cow::Borrowed(artifact));
    }
    let policy = read(name)?;
    let start = Instant::now();
    let artifact = compile(&policy)?.artifact;
    if start.elapsed() > SLOW && io::stderr().is_terminal() {
        terminal::note(&format!(
            "compiling `{name}` took {:.1} s; compiled once with `blackbar compile {name} -o policy.bbar`, it starts at once",
            start.elapsed().as_secs_f32()
        ));
    }
    Ok(Cow::Owned(artifact))
}

/// Loads an artifact; `name` is for the message.
///
/// # Errors
/// When the engine refuses it.
pub(crate) fn load(name: &str, artifact: impl Into<Cow<'static, [u8]>>) -> anyhow::Result<Engine> {
    let mut engine = Engine::load(artifact).map_err(|error| {
        let error = error.to_string();
        // Most of these say by themselves how to mend it.
        let help = match error.contains("compile") || error.contains("copy") {
            true => "",
            false => "; make it again with `blackbar compile`",
        };
        anyhow!("cannot load the artifact `{name}`: {error}{help}")
    })?;
    if let Ok(width) = std::env::var(SIMD) {
        let Some(width) = Width::named(&width) else {
            bail!("{SIMD}={width}: there is `scalar`, `ssse3`, `neon`, `avx2` and `avx512`");
        };
        engine.set_width(width);
    }
    Ok(engine)
}

/// Reads a policy from its source; an artifact is refused, as it does not hold what is asked for.
///
/// # Errors
/// When it is not found, or not a good policy.
pub(crate) fn read(name: &str) -> anyhow::Result<Policy> {
    if is_artifact(name) {
        bail!(
            "`{name}` is a compiled artifact, and its source is needed here: name the policy file, pack or built-in that it was compiled from"
        );
    }
    Ok(Policy::load(name, &BUILTINS)?)
}

/// Whether a name is that of an artifact's file: by its first bytes, or by its extension (one that was cut short has no more to show).
pub(crate) fn is_artifact(name: &str) -> bool {
    let path = Path::new(name);
    if !path.is_file() {
        return false;
    }
    let mut first = [0; MAGIC.len()];
    let magic = File::open(path)
        .and_then(|mut file| file.read_exact(&mut first))
        .is_ok_and(|()| first == MAGIC);
    magic
        || path
            .extension()
            .is_some_and(|extension| extension == "bbar")
}

/// Compiles a policy.
///
/// # Errors
/// What the compiler refuses, as a report that points into the file.
pub(crate) fn compile(policy: &Policy) -> Result<Compiled, PolicyError> {
    blackbar_compiler::compile(policy)
}

/// The word of the policy language for an action of the engine: `tag`, `keep_last = 4`.
pub(crate) fn action_word(action: Action) -> String {
    match action {
        Action::Tag => "tag".to_string(),
        Action::Mask => "mask".to_string(),
        Action::KeepFirst(bytes) => format!("keep_first = {bytes}"),
        Action::KeepLast(bytes) => format!("keep_last = {bytes}"),
        Action::Remove => "remove".to_string(),
        Action::Block => "block".to_string(),
        Action::Allow => "allow".to_string(),
        // An action that this version of the command does not know yet.
        other => format!("{other:?}").to_lowercase(),
    }
}

/// The policies that a subcommand is to look at: those that are named, with a folder of policies taken apart. Without any: the
/// `policies` folder here, or the `policy.toml` here, or else every built-in.
///
/// # Errors
/// When a folder holds no policy.
pub(crate) fn expand(names: &[String]) -> anyhow::Result<Vec<String>> {
    if names.is_empty() {
        return Ok(
            match (
                Path::new("policies").is_dir(),
                Path::new("policy.toml").is_file(),
            ) {
                (true, _) => folder(Path::new("policies"))?,
                (false, true) => vec!["policy.toml".to_string()],
                (false, false) => builtins::names(),
            },
        );
    }
    let mut all = Vec::new();
    for name in names {
        let path = Path::new(name);
        if path.is_dir() && !path.join("policy.toml").is_file() {
            all.extend(folder(path)?);
        } else {
            all.push(name.clone());
        }
    }
    Ok(all)
}

/// The packs in a group's folder.
fn group(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.join("policy.toml").is_file())
        .map(|path| path.display().to_string())
        .collect()
}

/// The packs and profiles of a folder, and the packs of the groups in it, in the order of their names.
fn folder(path: &Path) -> anyhow::Result<Vec<String>> {
    let read = fs::read_dir(path)
        .map_err(|error| anyhow!("cannot read the folder `{}`: {error}", path.display()))?;
    let mut names = Vec::new();
    for entry in read {
        let path = entry
            .map_err(|error| anyhow!("cannot read the folder `{}`: {error}", path.display()))?
            .path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let pack = path.join("policy.toml").is_file();
        if path.is_dir() && !pack {
            // A group of packs. Other folders hold none.
            names.extend(group(&path));
        }
        let profile = path.is_file()
            && name.ends_with(".toml")
            && !name.ends_with(".cases.toml")
            && name != "cases.toml";
        if pack || profile {
            names.push(path.display().to_string());
        }
    }
    names.sort();
    if names.is_empty() {
        bail!(
            "the folder `{}` holds no policy: neither a .toml file nor a folder with a policy.toml",
            path.display()
        );
    }
    Ok(names)
}
