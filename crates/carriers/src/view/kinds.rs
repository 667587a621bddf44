//! Which codes are read, in a haystack and in each view of it.

use blackbar_engine::Engine;

use super::code::Code;

/// Which views there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Views {
    /// Backslash escapes: `\u0040`, `\/`, `\"`; also escaped strings in escaped strings, three deep.
    pub escapes: bool,
    /// `%40`; also `%2540`.
    pub percent: bool,
    /// `&#64;`, `&#x40;`, `&amp;`.
    pub entities: bool,
    /// ASCII characters as UTF-16, either end first.
    pub utf16: bool,
    /// Base64 and base64url, wherever in a run of [`FLOOR`](super::FLOOR) digits or more it begins.
    pub base64: bool,
    /// Hexadecimal digits, the same.
    pub hex: bool,
    /// `=40`, and lines that end with `=`.
    pub quoted_printable: bool,
}

impl Default for Views {
    /// All but base64, hex and quoted-printable: for the first two the last word of every chunk has to wait for what follows it, and the
    /// last would begin at every `=` before a number.
    fn default() -> Views {
        Views {
            base64: false,
            hex: false,
            quoted_printable: false,
            ..Views::ALL
        }
    }
}

impl Views {
    /// Every view.
    pub const ALL: Views = Views {
        escapes: true,
        percent: true,
        entities: true,
        utf16: true,
        base64: true,
        hex: true,
        quoted_printable: true,
    };

    /// No view at all: bytes stand for themselves.
    pub const NONE: Views = Views {
        escapes: false,
        percent: false,
        entities: false,
        utf16: false,
        base64: false,
        hex: false,
        quoted_printable: false,
    };

    /// The names by which policies, configurations and the command know them.
    pub const NAMES: [&str; 7] = [
        "escapes",
        "percent",
        "entities",
        "utf16",
        "base64",
        "hex",
        "quoted_printable",
    ];

    /// Those that are read with the policy of `engine`, where nobody says otherwise.
    #[must_use]
    pub fn of(engine: &Engine) -> Views {
        let switches = engine.views();
        let mut views = Views::default();
        for (bit, name) in Views::NAMES.into_iter().enumerate() {
            let is = |set: u8| set >> bit & 1 == 1;
            if let Some(view) = views.named(name) {
                *view = is(switches.on) || *view && !is(switches.off);
            }
        }
        views
    }

    /// The view of that name.
    pub fn named(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "escapes" => &mut self.escapes,
            "percent" => &mut self.percent,
            "entities" => &mut self.entities,
            "utf16" => &mut self.utf16,
            "base64" => &mut self.base64,
            "hex" => &mut self.hex,
            "quoted_printable" => &mut self.quoted_printable,
            _ => return None,
        })
    }

    pub(super) fn has(self, code: Code) -> bool {
        match code {
            Code::Escape => self.escapes,
            Code::Percent => self.percent,
            Code::Entity => self.entities,
            Code::Quoted => self.quoted_printable,
            Code::Wide => self.utf16,
        }
    }

    /// Those of a view of `code` at that depth. What happens to be encoded twice is encoded in the same way, or by the form that carries a
    /// document of another: escapes in a form, percent codes in a string. All of them in all of them would be dozens.
    pub(super) fn inside(self, code: Code, depth: u8) -> Views {
        let keeps = |other: Code| {
            let carries = match (code, other) {
                (Code::Escape, Code::Percent) => depth < 3,
                (Code::Escape, Code::Entity)
                | (Code::Percent, Code::Escape)
                | (Code::Entity, Code::Percent)
                | (Code::Quoted | Code::Wide, _) => depth == 1,
                _ => code == other,
            };
            carries && self.has(other)
        };
        Views {
            escapes: keeps(Code::Escape),
            percent: keeps(Code::Percent),
            entities: keeps(Code::Entity),
            quoted_printable: keeps(Code::Quoted),
            utf16: keeps(Code::Wide),
            ..self
        }
    }

    pub(super) fn has_runs(self) -> bool {
        self.base64 || self.hex
    }
}
