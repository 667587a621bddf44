//! Commands of Redis (<https://redis.io/docs/latest/commands/>) as far as their arguments are passwords, or names of those that follow. How
//! arguments are found lives with the reader.

/// The most bytes of a word that are looked at.
pub(super) const WORD: usize = 32;

/// A command, as far as it was read: its arguments are counted from its name, which is 0.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Command {
    /// How many there are, its name included.
    len: u64,
    name: Name,
    /// Arguments from the first of these on are passwords, and before the second one.
    secrets: (u64, u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Name {
    /// None that is known: a reply, perhaps, whose elements come in pairs.
    #[default]
    Other,
    /// Names and values from the first argument on, the second, the third.
    Pairs(u64),
    Auth,
    Hello,
    /// Settings: `CONFIG` and `SENTINEL`.
    Config,
    Acl,
    Migrate,
}

impl Name {
    fn of(word: &[u8]) -> Name {
        match word {
            b"auth" => Name::Auth,
            b"hello" => Name::Hello,
            b"config" | b"sentinel" => Name::Config,
            b"acl" => Name::Acl,
            b"migrate" => Name::Migrate,
            b"set" | b"setnx" | b"getset" | b"mset" | b"msetnx" | b"append" | b"publish"
            | b"spublish" | b"lpush" | b"rpush" | b"sadd" => Name::Pairs(1),
            b"hset" | b"hmset" | b"hsetnx" => Name::Pairs(2),
            b"xadd" => Name::Pairs(3),
            _ => Name::Other,
        }
    }
}

/// Whether a word is the name of a command whose arguments may be passwords.
pub(super) fn is_word(word: &[u8]) -> bool {
    !matches!(Name::of(word), Name::Other | Name::Pairs(_))
}

impl Command {
    /// A command of so many words.
    pub(super) fn new(len: u64) -> Command {
        Command {
            len,
            ..Command::default()
        }
    }

    /// Takes note of an argument: its first bytes, in lower case.
    pub(super) fn argument(&mut self, index: u64, word: &[u8]) {
        if index == 0 {
            self.name = Name::of(word);
            if self.name == Name::Auth {
                self.secrets = (1, u64::MAX);
            }
            return;
        }
        if self.is_secret(index) {
            return;
        }
        let next = |count: u64| (index + 1, index + 1 + count);
        let has = |part: &[u8]| word.windows(part.len()).any(|at| at == part);
        match self.name {
            // A user, and a password.
            Name::Hello if word == b"auth" => self.secrets = next(2),
            Name::Migrate if word == b"auth" => self.secrets = next(1),
            Name::Migrate if word == b"auth2" => self.secrets = next(2),
            // `requirepass`, `masterauth`, `tls-key-file-pass`, `auth-pass`.
            Name::Config if index > 1 && (has(b"pass") || has(b"auth")) => self.secrets = next(1),
            Name::Acl if index == 1 && word == b"setuser" => self.secrets = (3, u64::MAX),
            _ => {}
        }
    }

    /// Whether an argument is a password, or the user that it belongs to.
    pub(super) fn is_secret(&self, index: u64) -> bool {
        (self.secrets.0..self.secrets.1).contains(&index)
    }

    /// Whether an argument names the next one.
    pub(super) fn names(&self, index: u64) -> bool {
        let first = match self.name {
            Name::Other => 0,
            Name::Pairs(first) => first,
            Name::Config => 2,
            _ => return false,
        };
        index >= first && (index - first).is_multiple_of(2) && index + 1 < self.len
    }
}
