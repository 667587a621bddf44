//! The windows of an artifact while it is loaded.

use alloc::vec::Vec;
use core::ops::Range;

use super::wire::Reader;
use super::{LeadingRun, Window};
use crate::boundary::CONTEXT;
use crate::prefilter::sets::{SetIndex, Sets};
use crate::prefilter::{BACK, BUCKETS, HASHED, LOOK_BACK, SHAPE, SHAPES, TOKEN, WINDOW};

/// A window as it was read: a [`WindowPart`](super::WindowPart) whose sets are numbers.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) window: Window,
    pub(crate) bucket: u8,
    /// Where its sets stand in the list of all.
    sets: Range<usize>,
}

/// All windows, in the artifact's order, and the sets that they are made of.
#[derive(Debug)]
pub(crate) struct Windows {
    list: Vec<Loaded>,
    indices: Vec<SetIndex>,
    sets: Sets,
}

impl Windows {
    /// Reads the windows of so many rules.
    pub(super) fn read(r: &mut Reader<'_>, rules: usize) -> Option<Windows> {
        let count = r.u16()?;
        let sets = Sets::new(&r.list(usize::from(count), Reader::set)?)?;
        let count = usize::from(r.u16()?);
        // Most are literals, and eight bytes of these are known at most.
        let room = (8 * count).min(r.room::<SetIndex>());
        let mut indices = Vec::with_capacity(room);
        let list = r.list(count, |r| {
            let window = read_window(r)?;
            let bucket = r.u8()?;
            let length = usize::from(r.u8()?);
            let from = indices.len();
            for _ in 0..length {
                indices.push(sets.at(r.u16()?)?);
            }
            let own = indices.get(from..)?;
            let late = bucket == LOOK_BACK || bucket == TOKEN;
            let sound = usize::from(window.rule) < rules
                && (usize::from(bucket) < BUCKETS || late)
                && usize::from(window.offset) < CONTEXT / 2
                && window.run.is_none_or(|run| run.min <= run.max);
            let sound = sound && (WINDOW..=SHAPE).contains(&length);
            let sound = sound && sets.is_literal(own) == (usize::from(bucket) < SHAPES || late);
            let sound = sound && !(late && window.run.is_some());
            let sound = sound && (bucket != TOKEN || window.offset == 0 && sets.begin_tokens(own));
            sound.then_some(Loaded {
                window,
                bucket,
                sets: from..indices.len(),
            })
        })?;
        Some(Windows {
            list,
            indices,
            sets,
        })
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Loaded> {
        self.list.iter()
    }

    /// All of them, each with its number.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u16, &Loaded)> {
        (0..).zip(&self.list)
    }

    /// The sets of one, from its first byte on.
    pub(crate) fn sets_of(&self, loaded: &Loaded) -> &[SetIndex] {
        self.indices.get(loaded.sets.clone()).unwrap_or_default()
    }

    /// The sets of its first bytes: any byte, where nothing is known.
    pub(crate) fn first(&self, loaded: &Loaded) -> [SetIndex; HASHED] {
        let own = self.sets_of(loaded);
        core::array::from_fn(|i| own.get(i).copied().unwrap_or(self.sets.any()))
    }

    pub(crate) fn sets(&self) -> &Sets {
        &self.sets
    }

    /// To be added to.
    pub(crate) fn sets_mut(&mut self) -> &mut Sets {
        &mut self.sets
    }
}

fn read_window(r: &mut Reader<'_>) -> Option<Window> {
    let rule = r.u16()?;
    let offset = r.u8()?;
    let back = r.u8().filter(|&back| back <= offset.min(BACK))?;
    let mask = r.u64()?;
    let literal = r.u64()?;
    let run = match r.flag()? {
        false => None,
        true => Some(LeadingRun {
            set: r.set()?,
            min: r.u16()?,
            max: r.u16()?,
        }),
    };
    Some(Window {
        rule,
        offset,
        back,
        mask,
        literal,
        run,
    })
}
