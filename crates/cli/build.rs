//! Puts the repository's `policies/` folder into the binary, so that one file is enough to redact, test and embed: the texts, and
//! the artifacts that they compile to.
//!
//! Why artifacts: compiling `default` (358 rules) took 2 to 3 s in a release build, loading its artifact 1 to 5 ms. A command that is put
//! into pipes and commit hooks has to start in no time. A policy of the user's own is compiled at each call, or once by
//! `blackbar compile`.
//!
//! Why this script and not a crate for embedding folders: cargo has to be told about the folder in any case (a new file must cause a
//! new build), only the TOML files are wanted, and the compiler has to be called.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io, thread};

use blackbar_policy::Policy;
use blackbar_policy::load::{Builtins as _, Embedded, builtin_names};

fn main() -> io::Result<()> {
    let folder =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../policies");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    println!("cargo::rerun-if-changed={}", folder.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    collect(&folder, &folder, &mut files)?;
    files.sort();

    let mut code = String::from("pub(crate) static FILES: &[(&str, &str)] = &[\n");
    for (name, _, path) in &files {
        let _ = writeln!(
            code,
            "    ({name:?}, include_str!({:?})),",
            path.display().to_string()
        );
    }
    code.push_str("];\npub(crate) static ARTIFACTS: &[(&str, &[u8])] = &[\n");
    for (name, artifact) in compile(&files) {
        let path = out.join(format!("{name}.bbar"));
        fs::write(&path, artifact)?;
        let _ = writeln!(
            code,
            "    ({name:?}, include_bytes!({:?})),",
            path.display().to_string()
        );
    }
    code.push_str("];\n");
    fs::write(out.join("builtins.rs"), code)
}

/// Every built-in that compiles. One that does not is left out with a warning and not an error: otherwise a mistake in a policy would
/// take away the very command that explains it.
fn compile(files: &[(String, String, PathBuf)]) -> Vec<(String, Vec<u8>)> {
    let pairs: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text, _)| (name.as_str(), text.as_str()))
        .collect();
    let builtins = Embedded(&pairs);
    let one = |name: &String| {
        let path = [format!("{name}.toml"), format!("{name}/policy.toml")]
            .into_iter()
            .find(|path| builtins.text(path).is_some());
        let path = path.unwrap_or_default();
        let policy = Policy::parse_str(
            &format!("<built-in>/{path}"),
            &builtins.text(&path).unwrap_or_default(),
            &builtins,
        )?;
        blackbar_compiler::compile(&policy).map(|compiled| compiled.artifact)
    };
    // The packs of a group are small: they are compiled when they are asked for by themselves, which few do.
    let mut names = builtin_names(&builtins);
    names.retain(|name| !name.contains('/'));
    let results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = names
            .iter()
            .map(|name| scope.spawn(move || one(name)))
            .collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    let mut artifacts = Vec::new();
    for (name, result) in names.into_iter().zip(results) {
        match result {
            Ok(artifact) => artifacts.push((name, artifact)),
            Err(error) => {
                let first = error
                    .diagnostics()
                    .first()
                    .map(|one| one.message().to_string())
                    .unwrap_or_default();
                println!(
                    "cargo::warning=the built-in policy `{name}` does not compile: {first}; see `blackbar check {name}`"
                );
            }
        }
    }
    artifacts
}

/// Name in the folder, text and path of every TOML file.
fn collect(
    top: &Path,
    folder: &Path,
    files: &mut Vec<(String, String, PathBuf)>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(top, &path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let parts = path.strip_prefix(top).unwrap_or(&path).components();
            let name: Vec<_> = parts
                .map(|part| part.as_os_str().to_string_lossy().into_owned())
                .collect();
            files.push((
                name.join("/"),
                fs::read_to_string(&path)?,
                fs::canonicalize(&path)?,
            ));
        }
    }
    Ok(())
}
