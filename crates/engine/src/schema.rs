//! What the fields of protobuf messages are: tables that the compiler makes of descriptors. How messages are walked lives with carriers; that
//! there are descriptors at all, with the compiler.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::fields::LONGEST_KEY;

/// The largest number that a field can have.
pub const LARGEST_FIELD: u32 = 0x1fff_ffff;

/// A message of a [`Schema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageIndex(pub(crate) u16);

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A number of as many bytes as it needs, a truth value, one of an enumeration.
    Varint,
    /// A number of eight bytes.
    Fixed64,
    /// A number of four bytes.
    Fixed32,
    /// A string.
    Text,
    /// Bytes.
    Bytes,
    /// A message, or an entry of a map.
    Message(MessageIndex),
    /// A group.
    Group(MessageIndex),
}

/// One field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaField {
    /// Its number.
    pub number: u32,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it is a list: of a map it is not.
    pub repeated: bool,
    /// Its names, [`fold`](crate::fields::fold)ed: an index into [`Schema::keys`], and another one if JSON calls it otherwise.
    pub(crate) keys: (u16, Option<u16>),
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaMessage {
    /// Its full name.
    pub name: String,
    /// Whether it is an entry of a map: field 1 is a key, field 2 what it names.
    pub map: bool,
    /// In the order of their numbers.
    pub fields: Vec<SchemaField>,
}

/// A path of a request, and which messages go there and back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaPath {
    /// `/package.Service/Method`, or any other path.
    pub path: String,
    /// The message of the request, if it is known.
    pub request: Option<MessageIndex>,
    /// The message of the response, if it is known.
    pub response: Option<MessageIndex>,
}

/// Messages, and where they are sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    keys: Vec<Vec<u8>>,
    /// In the order of their names.
    messages: Vec<SchemaMessage>,
    /// In the order of their paths.
    paths: Vec<SchemaPath>,
}

impl Schema {
    /// Puts a schema together: names of fields, messages, paths.
    ///
    /// `None` if it does not hold together: an index leads nowhere, names or paths or fields are out of order or there twice, a key is longer
    /// than any rule's and not cut.
    #[must_use]
    pub fn new(
        keys: Vec<Vec<u8>>,
        messages: Vec<SchemaMessage>,
        paths: Vec<SchemaPath>,
    ) -> Option<Schema> {
        let known = |message: MessageIndex| usize::from(message.0) < messages.len();
        let sound = |field: &SchemaField| {
            let (first, second) = field.keys;
            let keyed = |key: u16| usize::from(key) < keys.len();
            let kind = match field.kind {
                FieldKind::Message(message) | FieldKind::Group(message) => known(message),
                _ => true,
            };
            kind && keyed(first)
                && second.is_none_or(keyed)
                && (1..=LARGEST_FIELD).contains(&field.number)
        };
        let sound = keys.iter().all(|key| key.len() <= LONGEST_KEY + 1)
            && messages.is_sorted_by(|a, b| a.name < b.name)
            && paths.is_sorted_by(|a, b| a.path < b.path)
            && messages.iter().all(|message| {
                let fields = &message.fields;
                fields.is_sorted_by(|a, b| a.number < b.number) && fields.iter().all(sound)
            })
            && paths
                .iter()
                .flat_map(|path| [path.request, path.response])
                .flatten()
                .all(known);
        sound.then_some(Schema {
            keys,
            messages,
            paths,
        })
    }

    /// Whether there is no message at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Names of fields, as they are compared; one that is longer than any of a rule is cut.
    #[must_use]
    pub fn keys(&self) -> &[Vec<u8>] {
        &self.keys
    }

    /// All messages.
    #[must_use]
    pub fn messages(&self) -> &[SchemaMessage] {
        &self.messages
    }

    /// All paths.
    #[must_use]
    pub fn paths(&self) -> &[SchemaPath] {
        &self.paths
    }

    /// The message of that full name; a dot or what stands before a slash may lead it in.
    #[must_use]
    pub fn message(&self, name: &[u8]) -> Option<MessageIndex> {
        let start = name.iter().rposition(|byte| *byte == b'/');
        let name = name.get(start.map_or(0, |at| at + 1)..).unwrap_or_default();
        let name = name.strip_prefix(b".").unwrap_or(name);
        let found = self
            .messages
            .binary_search_by(|message| message.name.as_bytes().cmp(name));
        let found = u16::try_from(found.ok()?).ok()?;
        Some(MessageIndex(found))
    }

    /// What goes to that path, and back; a query does not matter, nor how the path is [written](canonical_path).
    #[must_use]
    pub fn path(&self, path: &[u8]) -> Option<&SchemaPath> {
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        let path = canonical_path(path);
        let found = self
            .paths
            .binary_search_by(|known| known.path.as_bytes().cmp(&path));
        self.paths.get(found.ok()?)
    }

    /// Whether a message is an entry of a map.
    #[must_use]
    pub fn is_map(&self, message: MessageIndex) -> bool {
        self.get(message).is_some_and(|message| message.map)
    }

    /// The field of that number.
    #[must_use]
    pub fn field(&self, message: MessageIndex, number: u32) -> Option<&SchemaField> {
        let fields = &self.get(message)?.fields;
        // Most messages are numbered from one on.
        let guess = usize::try_from(number).ok()?.checked_sub(1)?;
        if let Some(field) = fields.get(guess).filter(|field| field.number == number) {
            return Some(field);
        }
        let found = fields.binary_search_by_key(&number, |field| field.number);
        fields.get(found.ok()?)
    }

    /// What a field is called, as it is compared.
    pub fn names(&self, field: &SchemaField) -> impl Iterator<Item = &[u8]> {
        let (first, second) = field.keys;
        let keys = core::iter::once(first).chain(second);
        keys.filter_map(|key| self.keys.get(usize::from(key)).map(Vec::as_slice))
    }

    fn get(&self, message: MessageIndex) -> Option<&SchemaMessage> {
        self.messages.get(usize::from(message.0))
    }
}

/// A path as paths are compared: without percent codes, and without slashes at its end.
#[must_use]
pub fn canonical_path(path: &[u8]) -> Cow<'_, [u8]> {
    let mut text = Cow::Borrowed(path);
    if path.contains(&b'%') {
        let mut rest = path;
        let mut plain = Vec::with_capacity(path.len());
        while let Some((&byte, behind)) = rest.split_first() {
            let digit = |at: usize| char::from(*rest.get(at)?).to_digit(16);
            let code = || u8::try_from(digit(1)? << 4 | digit(2)?).ok();
            let (byte, len) = match byte {
                b'%' => code().map_or((byte, 0), |code| (code, 2)),
                _ => (byte, 0),
            };
            plain.push(byte);
            rest = behind.get(len..).unwrap_or_default();
        }
        text = Cow::Owned(plain);
    }
    let last = text.iter().rposition(|byte| *byte != b'/');
    // The root is a slash.
    let len = last.map_or(1, |at| at + 1).min(text.len());
    match &mut text {
        Cow::Borrowed(text) => *text = text.get(..len).unwrap_or_default(),
        Cow::Owned(text) => text.truncate(len),
    }
    text
}

impl MessageIndex {
    /// The message at that place of [`Schema::messages`].
    #[must_use]
    pub fn new(at: u16) -> MessageIndex {
        MessageIndex(at)
    }
}

impl SchemaField {
    /// A field whose names are at these places of [`Schema::keys`].
    #[must_use]
    pub fn new(
        number: u32,
        kind: FieldKind,
        repeated: bool,
        keys: (u16, Option<u16>),
    ) -> SchemaField {
        SchemaField {
            number,
            kind,
            repeated,
            keys,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use alloc::vec;

    use super::*;

    fn message(name: &str, fields: Vec<SchemaField>) -> SchemaMessage {
        SchemaMessage {
            name: name.into(),
            map: false,
            fields,
        }
    }

    fn field(number: u32, kind: FieldKind, keys: (u16, Option<u16>)) -> SchemaField {
        SchemaField::new(number, kind, false, keys)
    }

    #[test]
    fn messages_and_fields_are_found() {
        let inner = FieldKind::Message(MessageIndex(1));
        let a = vec![
            field(1, FieldKind::Text, (0, None)),
            field(2, inner, (1, Some(0))),
            field(100, FieldKind::Varint, (1, None)),
        ];
        let keys = vec![b"a".to_vec(), b"b".to_vec()];
        let path = SchemaPath {
            path: "/p.S/M".into(),
            request: Some(MessageIndex(0)),
            response: None,
        };
        let messages = vec![message("p.A", a), message("p.B", vec![])];
        let schema = Schema::new(keys, messages, vec![path]).unwrap();
        for name in ["p.A", ".p.A", "type.googleapis.com/p.A"] {
            assert_eq!(schema.message(name.as_bytes()), Some(MessageIndex(0)));
        }
        assert_eq!(schema.message(b"p.C"), None);
        let at = |number| schema.field(MessageIndex(0), number).map(|f| f.number);
        assert_eq!(
            [at(1), at(2), at(3), at(100)],
            [Some(1), Some(2), None, Some(100)]
        );
        assert_eq!(at(0), None);
        let second = schema.field(MessageIndex(0), 2).unwrap();
        assert_eq!(schema.names(second).collect::<Vec<_>>(), [b"b", b"a"]);
        for path in ["/p.S/M", "/p.S/M?x", "/p.S/M/", "/p%2eS/%4d//?x/"] {
            assert!(schema.path(path.as_bytes()).is_some(), "{path}");
        }
        for path in ["/p.S/N", "/p.S/M%", "/p.S/%4", "/", ""] {
            assert!(schema.path(path.as_bytes()).is_none(), "{path}");
        }
    }

    #[test]
    fn paths_are_compared_as_they_are_meant() {
        for (path, plain) in [
            ("/", "/"),
            ("//", "/"),
            ("", ""),
            ("/a/", "/a"),
            ("/%61%2F", "/a"),
            ("/%2561%", "/%61%"),
            ("/%zz%4", "/%zz%4"),
        ] {
            assert_eq!(canonical_path(path.as_bytes()), plain.as_bytes(), "{path}");
        }
    }

    #[test]
    fn what_does_not_hold_together_is_refused() {
        let refused = |fields: Vec<SchemaField>| {
            let messages = vec![message("p.A", fields)];
            Schema::new(vec![b"a".to_vec()], messages, vec![]).is_none()
        };
        assert!(!refused(vec![field(1, FieldKind::Text, (0, None))]));
        assert!(refused(vec![field(1, FieldKind::Text, (1, None))]));
        assert!(refused(vec![field(1, FieldKind::Text, (0, Some(1)))]));
        assert!(refused(vec![field(0, FieldKind::Text, (0, None))]));
        assert!(refused(vec![field(1 << 29, FieldKind::Text, (0, None))]));
        let nowhere = FieldKind::Message(MessageIndex(1));
        assert!(refused(vec![field(1, nowhere, (0, None))]));
        let twice = || field(1, FieldKind::Text, (0, None));
        assert!(refused(vec![twice(), twice()]));
        let same = vec![message("p.A", vec![]), message("p.A", vec![])];
        assert!(Schema::new(vec![], same, vec![]).is_none());
        assert!(Schema::new(vec![vec![b'a'; 66]], vec![], vec![]).is_none());
    }
}
