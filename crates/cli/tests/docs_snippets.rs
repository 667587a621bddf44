//! What the documents say is true: their policies pass `blackbar check`, their commands print what stands below them, their plugin
//! configurations are taken by the module, their Envoy snippets stand in envoy-config/, their links lead somewhere.
//!
//! What a code block is stands behind the name of its language, where a page does not show it:
//!
//! | block | what is tested |
//! |---|---|
//! | `toml PATH` | written to a folder of the document's own; policies are checked (a warning fails), packs with cases are tested |
//! | `toml rule NAME`, `toml override NAME` | the same, as part of a pack, or of a profile over the pack `pii`: `NAME.toml` |
//! | `toml wrong NAME` | the same as a rule, but it is refused, and the next `text` block is what is said |
//! | `console` | `$ ` commands are run in that folder; their output is what follows, `...` for any lines |
//! | `json configuration` | the module starts with it |
//! | `yaml PATH` | these lines stand in that file, next to each other |
//!
//! A `toml`, `json` or `yaml` block without such a word fails: nothing is shown that is not tested.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use blackbar_host_test::{Host, Module};
use tempfile::TempDir;

/// All documents whose code blocks and links are tested; folders are taken whole.
const DOCUMENTS: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs",
    "crates/engine/src/DESIGN.md",
    "filter/CONFIGURATION.md",
    "host-test/README.md",
];

/// Those whose blocks other tests look after: only their links are tested here.
const LINKS_ONLY: [&str; 2] = ["filter/CONFIGURATION.md", "host-test/README.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Path below the root, and text.
fn documents() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    for name in DOCUMENTS {
        let path = root().join(name);
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder of documents");
            let mut names: Vec<String> = entries
                .map(|entry| entry.expect("an entry").file_name())
                .map(|file| format!("{name}/{}", file.to_string_lossy()))
                .filter(|file| file.ends_with(".md"))
                .collect();
            assert!(!names.is_empty(), "{name} holds no document");
            names.sort();
            paths.extend(names);
        } else {
            paths.push(name.to_owned());
        }
    }
    let read = |name: String| {
        let text = fs::read_to_string(root().join(&name));
        let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, text)
    };
    paths.into_iter().map(read).collect()
}

/// One fenced code block.
struct Block {
    document: String,
    line: usize,
    language: String,
    word: String,
    text: String,
}

impl Block {
    fn place(&self) -> String {
        format!("{}:{}", self.document, self.line)
    }

    fn is_wrong(&self) -> bool {
        self.language == "toml" && self.word.starts_with("wrong ")
    }
}

fn blocks(document: &str, text: &str) -> Vec<Block> {
    let mut all: Vec<Block> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), inside) {
            (Some(_), true) => inside = false,
            (Some(info), false) => {
                let (language, word) = info.split_once(' ').unwrap_or((info, ""));
                all.push(Block {
                    document: document.to_owned(),
                    line: index + 1,
                    language: language.to_owned(),
                    word: word.trim().to_owned(),
                    text: String::new(),
                });
                inside = true;
            }
            (None, true) => {
                let block = all.last_mut().expect("a block that was opened");
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) => {}
        }
    }
    assert!(!inside, "{document}: a code block does not end");
    all
}

fn tested_documents() -> Vec<(String, Vec<Block>)> {
    documents()
        .into_iter()
        .filter(|(name, _)| !LINKS_ONLY.contains(&name.as_str()))
        .map(|(name, text)| {
            let blocks = blocks(&name, &text);
            (name, blocks)
        })
        .collect()
}

/// Runs a line as a shell does, with the command on PATH; standard output and error as one text.
fn shell(folder: &Path, line: &str) -> (bool, String) {
    let binary = Path::new(env!("CARGO_BIN_EXE_blackbar"));
    let path = std::env::join_paths(
        [binary.parent().expect("a folder").to_owned()]
            .into_iter()
            .chain(std::env::split_paths(
                &std::env::var_os("PATH").unwrap_or_default(),
            )),
    );
    let output = Command::new("sh")
        .args(["-c", &format!("({line}) 2>&1")])
        .current_dir(folder)
        .env("PATH", path.expect("a PATH"))
        .output()
        .expect("a shell");
    let text = String::from_utf8(output.stdout).expect("text");
    (output.status.success(), text)
}

/// The content of a fragment's file, and the file's name.
fn as_file(block: &Block) -> (String, String) {
    let head = match block.word.split_once(' ') {
        Some(("rule" | "wrong", name)) => Some((name, "[pack]", "")),
        Some(("override", name)) => Some((name, "[profile]", "packs = [\"pii\"]\n")),
        _ => None,
    };
    if let Some((name, head, packs)) = head {
        let rest = format!("{head}\nid = \"{name}\"\ntitle = \"A snippet\"\n{packs}");
        return (format!("{name}.toml"), format!("{}\n{rest}", block.text));
    }
    let path = &block.word;
    assert!(
        path.ends_with(".toml") && !path.starts_with('/') && !path.contains(".."),
        "{}: a toml block must say what it is: a path, or `rule`, `override` or `wrong` and a name",
        block.place()
    );
    (path.clone(), block.text.clone())
}

/// Writes a document's policies, with the descriptors that they name, and returns the words that name them on a command line.
fn write(folder: &Path, blocks: &[Block]) -> (Vec<String>, Vec<String>) {
    let (mut policies, mut packs) = (Vec::new(), Vec::new());
    let descriptors = root().join("testdata/descriptors/users.pb");
    fs::copy(descriptors, folder.join("users.pb")).expect("the descriptors of the tests");
    for block in blocks.iter().filter(|block| block.language == "toml") {
        let (name, text) = as_file(block);
        let path = folder.join(&name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        match name.strip_suffix("/cases.toml") {
            Some(pack) => packs.push(pack.to_owned()),
            None if block.is_wrong() => {}
            None => policies.push(
                name.strip_suffix("/policy.toml")
                    .unwrap_or(&name)
                    .to_owned(),
            ),
        }
    }
    (policies, packs)
}

/// Whether `shown` is `actual`, where a line `...` stands for any lines.
fn agrees(shown: &[&str], actual: &[&str]) -> bool {
    match shown.split_first() {
        None => actual.is_empty(),
        Some((&"...", rest)) => (0..=actual.len()).any(|skip| agrees(rest, &actual[skip..])),
        Some((first, rest)) => actual
            .split_first()
            .is_some_and(|(line, others)| line == first && agrees(rest, others)),
    }
}

#[track_caller]
fn same(place: &str, shown: &str, actual: &str) {
    fn lines(text: &str) -> Vec<&str> {
        text.trim_end().lines().map(str::trim_end).collect()
    }
    assert!(
        agrees(&lines(shown), &lines(actual)),
        "{place} shows\n{shown}\nand it is\n{actual}"
    );
}

#[test]
fn policies_and_commands() {
    let (mut policies_seen, mut commands_seen) = (0, 0);
    for (name, blocks) in tested_documents() {
        let folder = TempDir::new().expect("a scratch folder");
        let (policies, packs) = write(folder.path(), &blocks);
        if !policies.is_empty() {
            let line = format!("blackbar check --deny-warnings {}", policies.join(" "));
            let (fine, said) = shell(folder.path(), &line);
            assert!(fine, "{name}: {said}");
            policies_seen += policies.len();
        }
        if !packs.is_empty() {
            let (fine, said) = shell(folder.path(), &format!("blackbar test {}", packs.join(" ")));
            assert!(fine, "{name}: {said}");
        }
        for (index, block) in blocks.iter().enumerate() {
            if block.language == "console" {
                commands_seen += console(folder.path(), block);
            } else if block.is_wrong() {
                let (file, _) = as_file(block);
                let (fine, said) = shell(folder.path(), &format!("blackbar check {file}"));
                assert!(!fine, "{}: it is not refused", block.place());
                let told = said.replace(&file, "policy.toml");
                let next = blocks.get(index + 1).filter(|next| next.language == "text");
                let shown = next.unwrap_or_else(|| panic!("{}: no text follows", block.place()));
                same(&shown.place(), &format!("{}...\n", shown.text), &told);
            }
        }
    }
    assert!(
        policies_seen >= 8 && commands_seen >= 8,
        "snippets have gone: {policies_seen} policies and {commands_seen} commands are left"
    );
}

/// Runs the commands of a block; returns how many there are.
fn console(folder: &Path, block: &Block) -> usize {
    let mut runs: Vec<(&str, String)> = Vec::new();
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), runs.last_mut()) {
            (Some(command), _) => runs.push((command, String::new())),
            (None, Some((_, output))) => {
                output.push_str(line);
                output.push('\n');
            }
            (None, None) => panic!("{}: a console block begins with `$ `", block.place()),
        }
    }
    for (command, output) in &runs {
        same(
            &format!("{} ({command})", block.place()),
            output,
            &shell(folder, command).1,
        );
    }
    runs.len()
}

#[test]
fn plugin_configurations() {
    let folder = TempDir::new().expect("a scratch folder");
    let (fine, said) = shell(folder.path(), "blackbar embed -o filter.wasm");
    assert!(fine, "{said}");
    let wasm = fs::read(folder.path().join("filter.wasm")).expect("a module");
    let module = Module::new(&wasm).expect("a module");
    let mut seen = 0;
    for (_, blocks) in tested_documents() {
        for block in blocks.iter().filter(|block| block.language == "json") {
            assert_eq!(
                block.word,
                "configuration",
                "{}: a json block must say what it is",
                block.place()
            );
            let started = Host::builder(&module)
                .configuration(block.text.trim())
                .extra_vms(0)
                .start();
            assert!(
                started.is_ok(),
                "{}: {:?}",
                block.place(),
                started.err().map(|error| error.to_string())
            );
            seen += 1;
        }
    }
    assert!(seen >= 3, "configurations have gone: {seen} are left");
}

#[test]
fn envoy_snippets() {
    let mut seen = 0;
    for (_, blocks) in tested_documents() {
        for block in blocks.iter().filter(|block| block.language == "yaml") {
            let path = root().join(&block.word);
            let file = fs::read_to_string(&path);
            let file = file.unwrap_or_else(|error| panic!("{}: {error}", block.place()));
            let wanted: Vec<&str> = block.text.lines().collect();
            let lines: Vec<&str> = file.lines().collect();
            let stands = lines.windows(wanted.len()).any(|part| {
                let indent = part[0].len() - part[0].trim_start().len();
                part.iter()
                    .zip(&wanted)
                    .all(|(line, shown)| line.get(indent..).unwrap_or_default() == *shown)
            });
            assert!(
                stands,
                "{}: these lines do not stand in {}",
                block.place(),
                block.word
            );
            seen += 1;
        }
    }
    assert!(seen >= 2, "Envoy snippets have gone: {seen} are left");
}

/// The anchor that a heading gets on a page: lower case, blanks to `-`, other marks left out.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

/// Targets of `[text](target)`, outside code.
fn links(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let mut rest = prose.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let (target, tail) = after.split_once(')').unwrap_or((after, ""));
            targets.push(target.to_owned());
            rest = tail;
        }
    }
    targets
}

#[test]
fn links_lead_somewhere() {
    let mut seen = 0;
    for (name, text) in documents() {
        let folder = root().join(&name).parent().expect("a folder").to_owned();
        for target in links(&text) {
            if target.contains("://") {
                continue;
            }
            let (path, fragment) = target.split_once('#').unwrap_or((&target, ""));
            let file = if path.is_empty() {
                root().join(&name)
            } else {
                folder.join(path)
            };
            assert!(file.exists(), "{name}: the link {target} leads nowhere");
            if !fragment.is_empty() {
                let page = fs::read_to_string(&file).unwrap_or_default();
                let found = page
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .any(|line| anchor(line.trim_start_matches('#')) == fragment);
                assert!(found, "{name}: there is no heading for {target}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 20, "links have gone: {seen} are left");
}
