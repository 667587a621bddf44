//! Descriptors of protobuf to the tables of the artifact: for each message its fields, by number, and for each path of a request the messages
//! that go there and back. How messages are walked lives with carriers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use blackbar_engine::fields::{LONGEST_KEY, fold};
use blackbar_engine::schema::{
    FieldKind, MessageIndex, Schema, SchemaField, SchemaMessage, SchemaPath, canonical_path,
};
use blackbar_policy::diagnostic::Diagnostic;
use blackbar_policy::model::{Descriptors, Named, Policy};
use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::FileDescriptorSet;
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

/// The most messages that an artifact holds.
const MOST: usize = 0xffff;

/// Reads all descriptors of `policy`.
///
/// # Errors
/// All that is wrong with them, each pointing at the policy file.
pub(crate) fn build(policy: &Policy) -> Result<Schema, Vec<Diagnostic>> {
    let mut wrong = Vec::new();
    let mut messages = BTreeMap::new();
    let mut paths = BTreeMap::new();
    for descriptors in &policy.descriptors {
        match pool(descriptors) {
            Ok(pool) => {
                let own = wanted(&pool, descriptors, &mut paths, &mut wrong);
                // Where two files have one message, as they have those of Google, the first counts.
                for message in own {
                    let name = message.full_name().to_owned();
                    messages.entry(name).or_insert(message);
                }
            }
            Err(diagnostic) => wrong.push(*diagnostic),
        }
    }
    if messages.len() > MOST {
        let text = format!(
            "descriptors have {} messages, and an artifact holds {MOST}",
            messages.len()
        );
        let diagnostic = Diagnostic::error(text).help(
            "say which are wanted: messages = [\"package.Message\"] takes these and what they hold",
        );
        wrong.push(match policy.descriptors.first() {
            Some(first) => first.point(diagnostic, &first.place),
            None => diagnostic,
        });
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    // What was resolved holds together; an artifact that leaves out what a policy names would be worse than none.
    tables(&messages, &paths).ok_or_else(|| {
        let text = "the descriptors of the policy do not hold together";
        vec![
            Diagnostic::error(text)
                .help("make the files anew, and report this message if it stays"),
        ]
    })
}

fn pool(descriptors: &Descriptors) -> Result<DescriptorPool, Box<Diagnostic>> {
    let refused = |what: &str, help: &str| {
        let text = format!("the file `{}` {what}", descriptors.file.escape_debug());
        let diagnostic = Diagnostic::error(text).help(help);
        Box::new(descriptors.point(diagnostic, &descriptors.place))
    };
    const MAKE: &str =
        "make it with `protoc --include_imports -o api.pb api.proto` or `buf build -o api.pb`";
    // Neither error is told: it would name what stands in the file.
    let set = FileDescriptorSet::decode(descriptors.bytes.as_slice())
        .map_err(|_| refused("is no set of descriptors", MAKE))?;
    if set.file.is_empty() {
        return Err(refused("is a set of no descriptors", MAKE));
    }
    if set.file.iter().any(|file| file.syntax() == "editions") {
        return Err(refused(
            "is of a .proto with an edition, which is not read",
            "write it as `syntax = \"proto3\"` or `\"proto2\"`",
        ));
    }
    DescriptorPool::from_file_descriptor_set(set).map_err(|_| {
        refused(
            "names what it does not define: it was made without its imports, or is broken",
            MAKE,
        )
    })
}

/// The messages of one file that are wanted; adds where they are sent to `paths`.
fn wanted(
    pool: &DescriptorPool,
    descriptors: &Descriptors,
    paths: &mut BTreeMap<String, [Option<String>; 2]>,
    wrong: &mut Vec<Diagnostic>,
) -> Vec<MessageDescriptor> {
    let mut roots = Vec::new();
    for method in pool.services().flat_map(|service| {
        let methods: Vec<_> = service.methods().collect();
        methods
    }) {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let both = [method.input(), method.output()];
        let names = both
            .each_ref()
            .map(|message| Some(message.full_name().to_owned()));
        // What the policy says of a path counts more than what a service does.
        for (known, name) in paths.entry(path).or_default().iter_mut().zip(names) {
            *known = known.take().or(name);
        }
        roots.extend(both);
    }
    let mut find = |at: &Named| {
        let found = pool.get_message_by_name(at.name.trim_start_matches('.'));
        if found.is_none() {
            let text = format!(
                "there is no message `{}` in `{}`",
                at.name.escape_debug(),
                descriptors.file.escape_debug()
            );
            let help = "write its full name, package and all: \"package.Message\"";
            let diagnostic = Diagnostic::error(text).help(help);
            wrong.push(descriptors.point(diagnostic, at));
        }
        found
    };
    for name in &descriptors.messages {
        roots.extend(find(name));
    }
    for path in &descriptors.paths {
        let both = [&path.request, &path.response].map(|at| at.as_ref().and_then(&mut find));
        let names = both.each_ref().map(|message| {
            message
                .as_ref()
                .map(|message| message.full_name().to_owned())
        });
        let plain = canonical_path(path.path.name.as_bytes()).into_owned();
        let plain = String::from_utf8(plain).unwrap_or_else(|_| path.path.name.clone());
        let known = paths.entry(plain).or_default();
        for (known, name) in known.iter_mut().zip(names) {
            *known = name.or(known.take());
        }
        roots.extend(both.into_iter().flatten());
    }
    if descriptors.messages.is_empty() {
        roots.extend(pool.all_messages());
    }
    // With all that they hold.
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    while let Some(message) = roots.pop() {
        if !seen.insert(message.full_name().to_owned()) {
            continue;
        }
        let inside = message.fields().map(|field| field.kind());
        let more = message.extensions().map(|field| field.kind());
        roots.extend(inside.chain(more).filter_map(|kind| match kind {
            Kind::Message(message) => Some(message),
            _ => None,
        }));
        all.push(message);
    }
    all
}

/// Names of fields, each once.
#[derive(Default)]
struct Keys {
    list: Vec<Vec<u8>>,
    index: HashMap<Vec<u8>, u16>,
}

impl Keys {
    fn add(&mut self, name: &str) -> u16 {
        let mut key: Vec<u8> = name.bytes().filter_map(fold).collect();
        key.truncate(LONGEST_KEY + 1);
        if let Some(found) = self.index.get(&key) {
            return *found;
        }
        // More than can be are told by the encoder.
        let at = u16::try_from(self.list.len()).unwrap_or(u16::MAX);
        self.list.push(key.clone());
        self.index.insert(key, at);
        at
    }

    fn names(&mut self, name: &str, json: &str) -> (u16, Option<u16>) {
        let first = self.add(name);
        let second = self.add(json);
        (first, (second != first).then_some(second))
    }
}

fn tables(
    messages: &BTreeMap<String, MessageDescriptor>,
    paths: &BTreeMap<String, [Option<String>; 2]>,
) -> Option<Schema> {
    let index: HashMap<&str, u16> = messages.keys().map(String::as_str).zip(0..).collect();
    let at = |name: &str| index.get(name).copied().map(MessageIndex::new);
    let mut keys = Keys::default();
    let table = |(name, message): (&String, &MessageDescriptor)| {
        let mut fields: Vec<SchemaField> = Vec::new();
        for field in message.fields() {
            let repeated = field.is_list();
            let kind = kind(&field.kind(), field.is_group(), at);
            let names = keys.names(field.name(), field.json_name());
            fields.extend(kind.map(|kind| SchemaField::new(field.number(), kind, repeated, names)));
        }
        for field in message.extensions() {
            let kind = kind(&field.kind(), field.is_group(), at);
            let names = keys.names(field.name(), field.json_name());
            let repeated = field.is_list();
            fields.extend(kind.map(|kind| SchemaField::new(field.number(), kind, repeated, names)));
        }
        fields.sort_by_key(|field| field.number);
        fields.dedup_by_key(|field| field.number);
        SchemaMessage {
            name: name.clone(),
            map: message.is_map_entry(),
            fields,
        }
    };
    let tables = messages.iter().map(table).collect();
    let paths = paths.iter().map(|(path, both)| {
        let [request, response] = both.each_ref().map(|name| name.as_deref().and_then(at));
        SchemaPath {
            path: path.clone(),
            request,
            response,
        }
    });
    Schema::new(keys.list, tables, paths.collect())
}

fn kind(kind: &Kind, group: bool, at: impl Fn(&str) -> Option<MessageIndex>) -> Option<FieldKind> {
    Some(match kind {
        Kind::Int32
        | Kind::Int64
        | Kind::Uint32
        | Kind::Uint64
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Bool
        | Kind::Enum(_) => FieldKind::Varint,
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => FieldKind::Fixed64,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => FieldKind::Fixed32,
        Kind::String => FieldKind::Text,
        Kind::Bytes => FieldKind::Bytes,
        Kind::Message(message) if group => FieldKind::Group(at(message.full_name())?),
        Kind::Message(message) => FieldKind::Message(at(message.full_name())?),
    })
}
