//! The artifact: a compiled policy as bytes. This module holds what a loaded one is; [`encode`] writes one from its parts
//! (the compiler calls it), [`decode`] checks and loads one without trusting it.
//!
//! Layout, little-endian throughout:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | magic `BBAR` |
//! | 2 | version: [`PLAIN`], or [`VERSION`] where there is a schema |
//! | 2 | zero |
//! | 4 | length of the whole artifact |
//! | 4 | the lower half of the XXH3 of 64 bits of everything after these 16 bytes, seed 0 |
//! | … | policy id, switches of views, byte sets, class maps, automata, rules, variants, sets of windows (ascending, each once), windows, buckets, paths of fields: each list preceded by its length |
//! | … | from version [`VERSION`] on, which only artifacts with descriptors have: names of fields, messages, paths of requests |

mod decode;
mod encode;
mod starts;
pub(crate) mod windows;
mod wire;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

pub use decode::LoadError;
pub use encode::{EncodeError, Parts};

use crate::boundary::{ByteSet, Context, Near};
use crate::check::Check;
use crate::dfa::{Dfa, Run, STARTS};
use crate::fields::Fields;
use crate::prefilter::dictionary::Dictionary;
use crate::prefilter::index::WindowIndex;
use crate::prefilter::{HASHED, Prefilter, RUN, Width};
use crate::program::Program;
use crate::rule::{Rule, RuleIndex, Settings};
use crate::schema::Schema;
use crate::seek::Seek;
use crate::tokens::Tokens;
pub(crate) use starts::CutOff;
use starts::Starts;

/// The first four bytes of every artifact.
pub const MAGIC: [u8; 4] = *b"BBAR";
/// The newest version of the layout that this engine reads and writes: with the tables of descriptors at its end.
pub const VERSION: u16 = 9;
/// The version of the layout without these, which is what artifacts without descriptors have.
pub const PLAIN: u16 = 8;
/// Bytes before the part that the checksum covers.
pub(crate) const HEADER: usize = 16;
/// Bytes of a match's beginning that are known of every rule.
pub const HEADS: usize = 3;

/// A loaded artifact: everything that scanning needs, never changed afterwards.
pub struct Engine {
    pub(crate) bytes: Cow<'static, [u8]>,
    checksum: u32,
    policy_id: String,
    views: ViewSwitches,
    rules: Vec<Rule>,
    pub(crate) programs: Vec<RuleProgram>,
    pub(crate) dfas: Vec<Dfa>,
    variants: Vec<(String, Vec<Settings>)>,
    pub(crate) windows: Vec<Window>,
    pub(crate) index: WindowIndex,
    pub(crate) look_back: LookBack,
    /// The windows that are looked for before values.
    pub(crate) keywords: Dictionary<u16>,
    pub(crate) prefilter: Prefilter,
    /// Where to look where windows are cut off.
    pub(crate) starts: Starts,
    /// What is looked for where tokens begin: windows, and the words that rules without a window want.
    pub(crate) tokens: Tokens,
    /// For each run of variable length that a rule's matches start with: of the windows behind it the furthest one. By rule.
    pub(crate) behind_runs: Vec<Window>,
    /// Rules that name fields of documents.
    fields: Fields,
    /// What messages of protobuf hold.
    schema: Schema,
}

/// Encoded forms of values that a policy wants to be read, or not: a bit for each, whose meaning is a matter of those who decode. What
/// is switched neither on nor off is as they have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ViewSwitches {
    /// Those that are read.
    pub on: u8,
    /// Those that are not.
    pub off: u8,
}

/// What the engine needs to verify and judge candidates of one rule.
pub(crate) struct RuleProgram {
    /// What the first bytes of a match are in.
    pub(crate) heads: [ByteSet; HEADS],
    /// What the bytes of a match are in from its start on, as far as its windows can be cut off.
    pub(crate) beginning: ByteSet,
    /// The first of these, to look for.
    pub(crate) first: Seek,
    pub(crate) program: Program,
    /// Bytes that must not stand before a match.
    pub(crate) left: ByteSet,
    pub(crate) checks: Vec<Check>,
    pub(crate) near: Option<Near>,
    /// The rule's windows.
    pub(crate) windows: Vec<u16>,
    /// How much earlier a start may come to light after a later one: windows stand at different distances from it.
    pub(crate) spread: usize,
    /// The only bytes that can stand between the two, where all windows stand at one distance behind runs.
    pub(crate) between: Option<ByteSet>,
    /// The largest distance of a window from its match's start, runs left out.
    pub(crate) reach: usize,
}

/// A window of a rule: three byte sets at a known distance from the start of every match (or after a run).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The rule.
    pub rule: u16,
    /// Bytes between the match's start, or the run's end, and the window.
    pub offset: u8,
    /// How far before the window the eight bytes begin that are compared; at most `offset`.
    pub back: u8,
    /// Bits of these that are known, little-endian.
    pub mask: u64,
    /// What they are.
    pub literal: u64,
    /// The run of bytes that the match starts with.
    pub run: Option<LeadingRun>,
}

/// A window as the compiler made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowPart {
    /// The window.
    pub window: Window,
    /// Its bucket; [`LOOK_BACK`](crate::prefilter::LOOK_BACK) for one that is looked for before values only,
    /// [`TOKEN`](crate::prefilter::TOKEN) for one that is looked for where tokens begin.
    pub bucket: u8,
    /// The sets that its bytes are in, from its first on: at least [`WINDOW`](crate::prefilter::WINDOW), at most
    /// [`SHAPE`](crate::prefilter::SHAPE).
    pub sets: Vec<[u64; 4]>,
}

/// Where the keywords of keyed rules are looked for: not everywhere, but before values.
///
/// A match of such a rule is a keyword, a separator, and a value that begins with [`RUN`] bytes of a
/// run. So where a run gets that long, its keyword stands before it: no further than `most` bytes before the run, and with
/// none but `walk` bytes between; and the byte right before the run is one of `before`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LookBack {
    /// What may stand right before the run: 256 bits.
    pub before: [u64; 4],
    /// What keywords and separators are made of.
    pub walk: [u64; 4],
    /// The length of the longest keyword and separator.
    pub most: u16,
}

impl LookBack {
    /// Bytes from the start of a keyword to where it is sure that the run behind it was reported, if it was.
    pub(crate) fn reach(&self) -> usize {
        usize::from(self.most) + RUN + HASHED
    }
}

/// A run of bytes of one set that a match starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeadingRun {
    /// The bytes: 256 bits.
    pub set: [u64; 4],
    /// The fewest.
    pub min: u16,
    /// The most.
    pub max: u16,
}

/// One automaton as the compiler made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DfaPart {
    /// The class of each byte; the last column of the table is the end of the haystack.
    pub classes: [u8; 256],
    /// Columns.
    pub stride: u16,
    /// Start states; see [`dfa`](crate::dfa::STARTS).
    pub starts: [u16; STARTS],
    /// The first sure state.
    pub sure: u16,
    /// Row after row.
    pub table: Vec<u16>,
    /// Runs, ascending. States that belong to one come behind those that do not, among those that are sure and among the others.
    pub runs: Vec<Run>,
}

/// One rule as the compiler made it.
#[derive(Debug, Clone, PartialEq)]
pub struct RulePart {
    /// What is known to readers of findings.
    pub rule: Rule,
    /// Bytes that must not stand before a match.
    pub left: [u64; 4],
    /// Automata by index into [`Parts::dfas`], and whether each can end in one place only.
    pub stages: Vec<(u16, bool)>,
    /// The stage that holds the secret.
    pub body: u8,
    /// Bytes at the body's start that are not secret.
    pub lead: u16,
    /// Bytes at the body's end that are not secret.
    pub trail: u16,
    /// No secret starts earlier than this many bytes after its match.
    pub min_prefix: u16,
    /// A match undecided after this many bytes is masked.
    pub max_len: u32,
    /// Validators choose among ends.
    pub select: bool,
    /// In the order in which they run.
    pub checks: Vec<Check>,
    /// Words that must or must not stand before the match.
    pub context: Option<Context>,
    /// The bytes that a match can start with: the first, second and third.
    pub heads: [[u64; 4]; HEADS],
    /// The bytes that a match can have from its start to before the [`HASHED`]th byte of its furthest window that
    /// has no run before it.
    pub beginning: [u64; 4],
}

impl Engine {
    /// Loads an artifact, checking everything that scanning relies on.
    ///
    /// # Errors
    /// When the bytes are not an artifact of [`VERSION`], are cut short, changed, or refer to what is not there.
    /// # Panics
    /// Never, for any input.
    /// # Cost
    /// Reads each byte about twice. Automata stay in `bytes`; the tables beside them take a few bytes per rule.
    pub fn load(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Engine, LoadError> {
        decode::load(bytes.into())
    }

    /// How many bytes the first pass looks up at once: the widest that this machine has, unless
    /// [`Engine::set_width`] said otherwise.
    #[must_use]
    pub fn width(&self) -> Width {
        self.prefilter.width()
    }

    /// Uses a narrower width than the machine's widest: to compare. What is found is the same.
    pub fn set_width(&mut self, width: Width) {
        self.prefilter.set_width(width);
    }

    /// The id of the policy it was compiled from.
    #[must_use]
    pub fn policy_id(&self) -> &str {
        &self.policy_id
    }

    /// Which encoded forms of values the policy wants to be read, or not.
    #[must_use]
    pub fn views(&self) -> ViewSwitches {
        self.views
    }

    /// The artifact's checksum: tells artifacts apart in logs.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Its size in bytes.
    #[must_use]
    pub fn artifact_len(&self) -> usize {
        self.bytes.len()
    }

    /// The rules, in the artifact's order.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.rules.iter()
    }

    /// The same, each with its index.
    pub fn indexed_rules(&self) -> impl Iterator<Item = (RuleIndex, &Rule)> {
        (0..).map(RuleIndex).zip(&self.rules)
    }

    /// One rule.
    #[must_use]
    pub fn rule(&self, index: RuleIndex) -> Option<&Rule> {
        self.rules.get(index.as_usize())
    }

    /// The rule with this id.
    ///
    /// # Cost
    /// Compares ids one by one; [`Engine::indexed_rules`] is for all of them.
    #[must_use]
    pub fn find_rule(&self, id: &str) -> Option<RuleIndex> {
        let at = self.rules.iter().position(|rule| rule.id == id)?;
        u16::try_from(at).ok().map(RuleIndex)
    }

    /// The rules that name fields of documents.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// What messages of protobuf hold, as far as the policy has descriptors.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The profiles beside the base one, which has the policy's id.
    pub fn variant_ids(&self) -> impl Iterator<Item = &str> {
        self.variants.iter().map(|(id, _)| id.as_str())
    }

    pub(crate) fn variant(&self, id: &str) -> Option<&[Settings]> {
        self.variants
            .iter()
            .find(|(known, _)| known == id)
            .map(|(_, settings)| settings.as_slice())
    }

    /// The most bytes that any rule keeps back.
    #[must_use]
    pub fn hold_back(&self) -> u32 {
        self.rules
            .iter()
            .map(|rule| rule.hold_back)
            .max()
            .unwrap_or(0)
    }

    /// How many of the last bytes have to wait for those behind them, so that the prefilter alone tells where matches may start.
    #[must_use]
    pub fn lag(&self) -> usize {
        let keyed = match self.keywords.is_empty() {
            true => 0,
            false => self.look_back.reach(),
        };
        // Words are looked up by so many bytes: nearer to the end they wait.
        keyed.max(self.starts.most()).max(HASHED)
    }

    /// Whether `id` is the id of a rule.
    pub(crate) fn knows(&self, id: &[u8]) -> bool {
        self.rules.iter().any(|rule| rule.id.as_bytes() == id)
    }

    /// Whether the id of a rule starts with `start`.
    pub(crate) fn knows_start(&self, start: &[u8]) -> bool {
        let mut ids = self.rules.iter().map(|rule| rule.id.as_bytes());
        ids.any(|id| id.starts_with(start))
    }
}

/// The checksum of an artifact's body.
fn checksum(body: &[u8]) -> u32 {
    xxhash_rust::xxh3::xxh3_64(body) as u32
}

impl core::fmt::Debug for Engine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Engine")
            .field("policy_id", &self.policy_id)
            .field("checksum", &self.checksum)
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}
