//! From a file, a pack's folder or the name of a built-in to a [`Policy`]: finds the files, reads them and combines them.
//!
//! What is in one file is read by the module `parse`. Built-ins are given by the caller: this crate embeds nothing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use crate::descriptors::{self, Descriptors};
use crate::diagnostic::{Diagnostic, PolicyError, refuse_errors};
use crate::model::{FilePlace, PackInfo, Policy, Rule, Settings, Variant};
use crate::names::{group, is_name, is_pack_name, listed, nearest, quoted, quoted_whole};
use crate::overrides;
use crate::parse::{Document, Kind, document};
use crate::reader::{Reading, Text};
use crate::source::Source;

/// The policies that are shipped, by their paths in the `policies` folder.
pub trait Builtins {
    /// The text of `secrets/policy.toml`, `secrets/cases.toml`, `default.toml`, ...; `None` if there is no such file.
    fn text(&self, path: &str) -> Option<Cow<'_, str>>;

    /// The paths of all files, for messages that list the names.
    fn paths(&self) -> Vec<String>;
}

/// No built-ins: only what is on disk or in the text itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoBuiltins;

impl Builtins for NoBuiltins {
    fn text(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }

    fn paths(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Built-ins as pairs of path and text, such as `("secrets/policy.toml", include_str!(...))`.
#[derive(Debug, Clone, Copy)]
pub struct Embedded<'a>(pub &'a [(&'a str, &'a str)]);

impl Builtins for Embedded<'_> {
    fn text(&self, path: &str) -> Option<Cow<'_, str>> {
        let (_, text) = self.0.iter().find(|(known, _)| *known == path)?;
        Some(Cow::Borrowed(text))
    }

    fn paths(&self) -> Vec<String> {
        self.0.iter().map(|(path, _)| (*path).to_string()).collect()
    }
}

/// The names under which built-ins can be loaded, sorted: profiles and packs.
pub fn builtin_names(builtins: &dyn Builtins) -> Vec<String> {
    let paths = builtins.paths();
    let mut names: Vec<String> = paths
        .iter()
        .filter_map(|path| match path.rsplit_once('/') {
            Some((folder, "policy.toml")) => Some(folder),
            Some(_) => None,
            None => path.strip_suffix(".toml").filter(|name| is_name(name)),
        })
        .map(str::to_string)
        .collect();
    names.sort();
    names.dedup();
    names
}

impl Policy {
    /// Loads a policy file, a pack's folder (it holds `policy.toml`) or a built-in by its name.
    ///
    /// A bare name such as `secrets` is a folder with a `policy.toml` if there is one, otherwise a built-in. The packs of a profile
    /// are folders beside its file, otherwise built-ins.
    ///
    /// # Errors
    /// When a file cannot be read or is not a good policy. All that is wrong with the files is reported at once.
    pub fn load(name_or_path: &str, builtins: &dyn Builtins) -> Result<Self, PolicyError> {
        let found = find(name_or_path, builtins)?;
        let source = found
            .place
            .read(builtins)
            .map_err(|failure| failure.at(name_or_path))?;
        combine(
            &source,
            Some(&found.place),
            found.folder.as_deref(),
            builtins,
            true,
        )
    }

    /// Reads a policy from text; `file` is the name for messages. Nothing is read from disk: a profile's packs must be built-ins.
    ///
    /// # Errors
    /// When the text is not a good policy.
    /// # Panics
    /// Never, for any input.
    pub fn parse_str(file: &str, text: &str, builtins: &dyn Builtins) -> Result<Self, PolicyError> {
        combine(&Source::new(file, text), None, None, builtins, false)
    }
}

impl Policy {
    /// The rule of an id.
    ///
    /// # Errors
    /// When there is none; the report names the nearest id.
    pub fn rule(&self, id: &str) -> Result<&Rule, PolicyError> {
        if let Some(rule) = self.rules.iter().find(|rule| rule.id == id) {
            return Ok(rule);
        }
        let near = nearest(id, self.rules.iter().map(|rule| rule.id.as_str()));
        let message = format!(
            "there is no rule {} in the policy {}",
            quoted(id),
            quoted(&self.id)
        );
        let diagnostic = Diagnostic::error(message);
        Err(match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).into(),
            None => diagnostic.into(),
        })
    }
}

struct Found {
    place: FilePlace,
    /// The name of the pack's folder, if the pack was found by it.
    folder: Option<PathBuf>,
}

fn find(name: &str, builtins: &dyn Builtins) -> Result<Found, PolicyError> {
    if name.is_empty() {
        return Err(Diagnostic::error("the name of the policy is empty")
            .help("name a policy file, a pack's folder or a built-in")
            .into());
    }
    let path = Path::new(name);
    let file = path.join("policy.toml");
    if path.is_dir() && file.is_file() {
        let folder = match path.components().next_back() {
            Some(Component::Normal(_)) => Some(path.to_path_buf()),
            _ => None,
        };
        let place = FilePlace::Disk(file);
        return Ok(Found { place, folder });
    }
    if let Some(found) = builtin(name, builtins) {
        return Ok(found);
    }
    if path.is_dir() {
        return Err(Diagnostic::error(format!(
            "the folder {} has no `policy.toml`",
            quoted_whole(name)
        ))
        .help("name a policy file, or a pack's folder: one that holds `policy.toml`")
        .into());
    }
    // Opened even if it is not there, so that the system says why.
    if path.exists() || path.extension().is_some() || !is_name(name) {
        let place = FilePlace::Disk(path.to_path_buf());
        return Ok(Found {
            place,
            folder: None,
        });
    }
    let names = builtin_names(builtins);
    Err(
        Diagnostic::error(format!("there is no policy {}", quoted(name)))
            .help(match nearest(name, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean the built-in `{near}`?"),
                None if names.is_empty() => "name a policy file or a pack's folder".to_string(),
                None => format!(
                    "name a policy file, a pack's folder or a built-in: {}",
                    by_group(names.iter().map(String::as_str), "or")
                ),
            })
            .into(),
    )
}

/// Names in one sentence. Of those that lie in a group (`national/de`) only the first is shown: there are too many to list.
fn by_group<'a>(names: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let (grouped, alone): (Vec<&str>, Vec<&str>) =
        names.into_iter().partition(|name| name.contains('/'));
    let mut text = listed(alone, last);
    let group = |name: &&str| name.split_once('/').map(|(group, _)| group.to_string());
    for of in grouped.chunk_by(|a, b| group(a) == group(b)) {
        if let [first, rest @ ..] = of {
            let group = group(first).unwrap_or_default();
            text.push_str(&format!("; in the group `{group}` there is `{first}`"));
            match rest.len() {
                0 => {}
                1 => text.push_str(" and one more"),
                many => text.push_str(&format!(" and {many} more")),
            }
        }
    }
    text
}

fn builtin(name: &str, builtins: &dyn Builtins) -> Option<Found> {
    if !is_pack_name(name) {
        return None;
    }
    let profile = format!("{name}.toml");
    if builtins.text(&profile).is_some() {
        let place = FilePlace::BuiltIn(profile);
        return Some(Found {
            place,
            folder: None,
        });
    }
    builtin_pack(name, builtins)
}

fn builtin_pack(name: &str, builtins: &dyn Builtins) -> Option<Found> {
    let pack = format!("{name}/policy.toml");
    builtins.text(&pack)?;
    Some(Found {
        place: FilePlace::BuiltIn(pack),
        folder: Some(PathBuf::from(name)),
    })
}

/// Why a file could not be read: a sentence, and for text that is not UTF-8 the place.
pub(crate) struct Unreadable {
    message: String,
    place: Option<(Source, usize)>,
}

impl Unreadable {
    pub(crate) fn at(self, name: &str) -> PolicyError {
        let diagnostic = Diagnostic::error(format!(
            "cannot read {}: {}",
            quoted_whole(name),
            self.message
        ));
        match self.place {
            Some((source, offset)) => diagnostic
                .at(&source, offset..offset + 1)
                .help("save the file as UTF-8")
                .into(),
            None => diagnostic.into(),
        }
    }
}

impl FilePlace {
    /// The file's name for people.
    #[must_use]
    pub fn shown(&self) -> PathBuf {
        match self {
            Self::Disk(path) => path.clone(),
            Self::BuiltIn(path) => PathBuf::from(format!("<built-in>/{path}")),
        }
    }

    /// The file of cases that belongs to a policy file: `cases.toml` beside `policy.toml`, `x.cases.toml` beside `x.toml`.
    #[must_use]
    pub fn cases(&self) -> Self {
        let named = |stem: &str| match stem {
            "policy" => "cases.toml".to_string(),
            stem => format!("{stem}.cases.toml"),
        };
        match self {
            Self::Disk(path) => {
                let stem = path.file_stem().map(|stem| stem.to_string_lossy());
                Self::Disk(path.with_file_name(named(&stem.unwrap_or_default())))
            }
            Self::BuiltIn(path) => {
                let (folder, file) = path
                    .rsplit_once('/')
                    .map_or(("", path.as_str()), |(f, n)| (f, n));
                let file = named(file.strip_suffix(".toml").unwrap_or(file));
                Self::BuiltIn(if folder.is_empty() {
                    file
                } else {
                    format!("{folder}/{file}")
                })
            }
        }
    }

    /// Whether the file is there.
    pub fn exists(&self, builtins: &dyn Builtins) -> bool {
        match self {
            Self::Disk(path) => path.is_file(),
            Self::BuiltIn(path) => builtins.text(path).is_some(),
        }
    }

    pub(crate) fn read(&self, builtins: &dyn Builtins) -> Result<Source, Unreadable> {
        let failed = |message: String| Unreadable {
            message,
            place: None,
        };
        match self {
            Self::BuiltIn(path) => match builtins.text(path) {
                Some(text) => Ok(Source::new(self.shown(), text)),
                None => Err(failed("there is no such built-in".to_string())),
            },
            Self::Disk(path) => {
                let bytes = std::fs::read(path).map_err(|error| {
                    failed(match error.kind() {
                        std::io::ErrorKind::NotFound => "there is no such file".to_string(),
                        _ => error.to_string(),
                    })
                })?;
                String::from_utf8(bytes)
                    .map(|text| Source::new(path, text))
                    .map_err(|error| {
                        let offset = error.utf8_error().valid_up_to();
                        // Where it is can be told without a byte of it: it may be no policy at all.
                        let blank = |&byte: &u8| if byte == b'\n' { '\n' } else { ' ' };
                        let text: String = error.as_bytes().iter().map(blank).collect();
                        Unreadable {
                            message: "it is not UTF-8".to_string(),
                            place: Some((Source::new(path, text), offset)),
                        }
                    })
            }
        }
    }
}

/// A file that was read, with the pack's name for it if it has one.
struct Pack {
    source: Source,
    place: Option<FilePlace>,
    document: Document,
    descriptors: Vec<Descriptors>,
}

/// Reads the main file and the packs that it names, and puts them together.
fn combine(
    source: &Source,
    place: Option<&FilePlace>,
    folder: Option<&Path>,
    builtins: &dyn Builtins,
    disk: bool,
) -> Result<Policy, PolicyError> {
    let reading = Reading::new(source);
    let Some(mut main) = document(&reading) else {
        return reading.finish(None);
    };
    let own = std::mem::take(&mut main.descriptors);
    let own = descriptors::load(own, place.filter(|_| disk), &reading);
    let mut elsewhere = Vec::new();
    let mut packs = Vec::new();
    match &main.kind {
        Kind::Pack => check_folder(&reading, &main, folder),
        Kind::Profile { packs: names } => {
            let beside = place.filter(|_| disk);
            for name in &members(names, beside, builtins, &reading) {
                match open_pack(name, beside, builtins, &reading) {
                    Some((place, source)) => match read_pack(name, place, source, &reading) {
                        Ok(Some(pack)) => packs.push(pack),
                        Ok(None) => {}
                        Err(error) => elsewhere.extend(error.diagnostics().iter().cloned()),
                    },
                    None => continue,
                }
            }
        }
    }
    check_names(&reading, &main);
    let found = reading.into_found();
    refuse_errors(found.into_iter().chain(elsewhere).collect())?;
    assemble(source, place, main, packs, own)
}

/// A pack that was found by its folder's name must have that id.
///
/// A pack of a group has the group's folder in its id as well. Where a folder is named without what it lies in, as `.` or `de`
/// may be, there is no more to compare than its own name.
fn check_folder(reading: &Reading<'_>, pack: &Document, folder: Option<&Path>) {
    let ends_with = |folder: &Path| {
        let mut names = folder.components().rev();
        pack.id.text.rsplit('/').enumerate().all(|(i, name)| {
            let own = names.next();
            own.is_none() && i > 0 || own.is_some_and(|own| own.as_os_str() == name)
        })
    };
    if let Some(folder) = folder.filter(|folder| !ends_with(folder)) {
        let folder = folder.file_name().unwrap_or_default().to_string_lossy();
        reading.error(
            pack.id.span.clone(),
            format!(
                "the pack's id {} is not the name of its folder, {}",
                quoted(&pack.id.text),
                quoted(&folder)
            ),
            "make them the same, so that profiles find the pack by its id",
        );
    }
}

/// Ids of packs, profile and variants must differ, or a selector or a configuration could mean two things.
fn check_names(reading: &Reading<'_>, main: &Document) {
    if let Kind::Profile { packs } = &main.kind
        && packs.iter().any(|pack| pack.text == main.id.text)
    {
        reading.error(
            main.id.span.clone(),
            format!(
                "the profile has the same id as its pack {}",
                quoted(&main.id.text)
            ),
            "give the profile another id",
        );
    }
    for variant in main
        .variants
        .iter()
        .filter(|variant| variant.id.text == main.id.text)
    {
        reading.error(
            variant.id.span.clone(),
            format!(
                "the variant has the same id as its profile, {}",
                quoted(&main.id.text)
            ),
            "give the variant another id",
        );
    }
}

/// The packs that a profile names, with those of a group in place of `group/*`: the folders in the group's folder beside the
/// profile, and built-ins, in the order of their names. Those that are named by themselves as well are left out of the group.
fn members(
    names: &[Text],
    beside: Option<&FilePlace>,
    builtins: &dyn Builtins,
    reading: &Reading<'_>,
) -> Vec<Text> {
    let mut all: Vec<Text> = Vec::new();
    for name in names {
        let Some(group) = group(&name.text) else {
            all.push(name.clone());
            continue;
        };
        let mut members: Vec<String> = builtin_names(builtins)
            .into_iter()
            .filter(|known| known.split_once('/').is_some_and(|(g, _)| g == group))
            .collect();
        if let Some(FilePlace::Disk(profile)) = beside {
            let folders = std::fs::read_dir(profile.with_file_name(group));
            for folder in folders.into_iter().flatten().flatten() {
                let own = folder.file_name().to_string_lossy().into_owned();
                if is_name(&own) && folder.path().join("policy.toml").is_file() {
                    members.push(format!("{group}/{own}"));
                }
            }
        }
        members.sort();
        members.dedup();
        if members.is_empty() {
            reading.error(
                name.span.clone(),
                format!("there is no pack in the group {}", quoted(group)),
                format!("make folders in `{group}` beside this file, each with a `policy.toml`, or name another group"),
            );
        }
        members.retain(|member| names.iter().all(|name| name.text != *member));
        all.extend(members.into_iter().map(|text| Text {
            text,
            span: name.span.clone(),
        }));
    }
    all
}

/// Finds a pack that a profile names: beside its file, otherwise among the built-ins.
fn open_pack(
    name: &Text,
    beside: Option<&FilePlace>,
    builtins: &dyn Builtins,
    reading: &Reading<'_>,
) -> Option<(FilePlace, Source)> {
    let on_disk = match beside {
        Some(FilePlace::Disk(profile)) => {
            Some(profile.with_file_name(&name.text).join("policy.toml"))
        }
        _ => None,
    };
    let place = match on_disk.filter(|path| path.is_file()) {
        Some(path) => FilePlace::Disk(path),
        None => match builtin_pack(&name.text, builtins) {
            Some(found) => found.place,
            None => {
                if builtins.text(&format!("{}.toml", name.text)).is_some() {
                    refuse_profile(name, reading);
                    return None;
                }
                let names = builtin_names(builtins);
                let packs = names
                    .iter()
                    .map(String::as_str)
                    .filter(|name| builtin_pack(name, builtins).is_some());
                reading.error(
                    name.span.clone(),
                    format!("there is no pack {}", quoted(&name.text)),
                    match nearest(&name.text, packs.clone()) {
                        Some(near) => format!("did you mean the built-in `{near}`?"),
                        None if packs.clone().next().is_none() => {
                            "make a folder of that name beside this file, with a `policy.toml` in it".to_string()
                        }
                        None => format!(
                            "make a folder of that name beside this file, with a `policy.toml` in it; the built-in packs are {}",
                            by_group(packs, "and")
                        ),
                    },
                );
                return None;
            }
        },
    };
    match place.read(builtins) {
        Ok(source) => Some((place, source)),
        Err(failure) => {
            for one in failure
                .at(&place.shown().display().to_string())
                .diagnostics()
            {
                reading.push(
                    one.clone()
                        .related(reading.source, name.span.clone(), "named here"),
                );
            }
            None
        }
    }
}

fn refuse_profile(name: &Text, reading: &Reading<'_>) {
    reading.error(
        name.span.clone(),
        format!("{} is a profile, not a pack", quoted(&name.text)),
        "list the packs that it combines instead",
    );
}

fn read_pack(
    name: &Text,
    place: FilePlace,
    source: Source,
    profile: &Reading<'_>,
) -> Result<Option<Pack>, PolicyError> {
    let reading = Reading::new(&source);
    let mut document = document(&reading);
    let mut own = Vec::new();
    if let Some(document) = &mut document {
        let texts = std::mem::take(&mut document.descriptors);
        own = descriptors::load(texts, Some(&place), &reading);
        if matches!(document.kind, Kind::Profile { .. }) {
            refuse_profile(name, profile);
            return Ok(None);
        }
        check_folder(&reading, document, Some(Path::new(&name.text)));
    }
    let document = reading.finish(document)?;
    Ok(Some(Pack {
        source,
        place: Some(place),
        document,
        descriptors: own,
    }))
}

fn assemble(
    source: &Source,
    place: Option<&FilePlace>,
    mut main: Document,
    mut packs: Vec<Pack>,
    own: Vec<Descriptors>,
) -> Result<Policy, PolicyError> {
    let (id, title) = (main.id.text.clone(), main.title.clone());
    let overrides = std::mem::take(&mut main.overrides);
    let variants = std::mem::take(&mut main.variants);
    let views = std::mem::take(&mut main.views);
    if !main.rules.is_empty() {
        packs.push(Pack {
            source: source.clone(),
            place: place.cloned(),
            document: main,
            descriptors: Vec::new(),
        });
    }
    let mut descriptors = own;
    let mut infos = Vec::new();
    let mut rules = Vec::new();
    let mut twice = Vec::new();
    let mut first: HashMap<String, (Source, Text)> = HashMap::new();
    for pack in packs {
        descriptors.extend(pack.descriptors);
        infos.push(PackInfo {
            id: pack.document.id.text,
            title: pack.document.title,
            place: pack.place,
        });
        for (rule, id) in pack.document.rules {
            if let Some((other, span)) = first.get(&rule.id) {
                twice.push(
                    Diagnostic::error(format!("the rule id {} is used by two packs", quoted(&rule.id)))
                        .at(&pack.source, id.span.clone())
                        .related(other, span.span.clone(), "first used here")
                        .help("rule ids are unique over all packs of a policy: rename one of them, or leave one pack out"),
                );
            } else {
                first.insert(rule.id.clone(), (pack.source.clone(), id));
            }
            rules.push(rule);
        }
    }
    refuse_errors(twice)?;

    let reading = Reading::new(source);
    let mut base: Vec<Settings> = rules
        .iter()
        .map(|rule: &Rule| rule.settings.clone())
        .collect();
    overrides::apply(&overrides, &rules, &mut base, &reading);
    let variants = variants.into_iter().map(|variant| {
        let mut settings = base.clone();
        overrides::apply(&variant.overrides, &rules, &mut settings, &reading);
        Variant {
            id: variant.id.text,
            settings,
        }
    });
    let variants = variants.collect();
    refuse_errors(reading.into_found())?;
    for (rule, settings) in rules.iter_mut().zip(base) {
        rule.settings = settings;
    }
    Ok(Policy {
        id,
        title,
        packs: infos,
        rules,
        variants,
        views,
        descriptors,
    })
}
