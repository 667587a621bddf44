//! brotli (RFC 7932), decoded by Dropbox's port of Google's decoder. Its memory comes from here, so that it is counted.

use core::cell::Cell;
use core::fmt;
use std::rc::Rc;

use brotli_decompressor::{
    Allocator, BrotliDecompressStream, BrotliResult, BrotliState, HuffmanCode, SliceWrapper,
    SliceWrapperMut,
};

use super::{End, Layer, Refusal};

/// Memory of one decoder.
struct Room<T> {
    items: Vec<T>,
    held: Rc<Cell<usize>>,
}

impl<T> Drop for Room<T> {
    fn drop(&mut self) {
        let size = self.items.len() * size_of::<T>();
        self.held.set(self.held.get().saturating_sub(size));
    }
}

impl<T> Default for Room<T> {
    fn default() -> Room<T> {
        Room {
            items: Vec::new(),
            held: Rc::default(),
        }
    }
}

impl<T> SliceWrapper<T> for Room<T> {
    fn slice(&self) -> &[T] {
        &self.items
    }
}

impl<T> SliceWrapperMut<T> for Room<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.items
    }
}

/// Hands out memory and counts it.
#[derive(Clone, Default)]
struct Rooms {
    held: Rc<Cell<usize>>,
}

impl<T: Clone + Default> Allocator<T> for Rooms {
    type AllocatedMemory = Room<T>;

    fn alloc_cell(&mut self, len: usize) -> Room<T> {
        self.held.set(self.held.get() + len * size_of::<T>());
        Room {
            items: vec![T::default(); len],
            held: Rc::clone(&self.held),
        }
    }

    fn free_cell(&mut self, room: Room<T>) {
        drop(room);
    }
}

type State = BrotliState<Rooms, Rooms, Rooms>;

/// brotli.
pub(super) struct Brotli {
    state: Box<State>,
    rooms: Rooms,
    over: bool,
}

// The state's own size is what is counted besides.
const _: () = assert!(size_of::<HuffmanCode>() <= 8);

impl Brotli {
    pub(super) fn new() -> Brotli {
        let rooms = Rooms::default();
        Brotli {
            state: Box::new(BrotliState::new_strict(
                rooms.clone(),
                rooms.clone(),
                rooms.clone(),
            )),
            rooms,
            over: false,
        }
    }
}

impl Layer for Brotli {
    fn step(&mut self, input: &[u8], room: &mut [u8]) -> Result<(usize, usize), Refusal> {
        if self.over {
            return Ok((0, 0));
        }
        let (mut left, mut read) = (input.len(), 0);
        let (mut space, mut wrote, mut total) = (room.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut read,
            input,
            &mut space,
            &mut wrote,
            room,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => Err(Refusal::Damaged),
            BrotliResult::ResultSuccess => {
                self.over = true;
                Ok((read, wrote))
            }
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok((read, wrote)),
        }
    }

    fn end(&self) -> End {
        match self.over {
            true => End::Yes,
            false => End::No,
        }
    }

    fn memory(&self) -> usize {
        size_of::<State>() + self.rooms.held.get()
    }
}

impl fmt::Debug for Brotli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brotli").field("over", &self.over).finish()
    }
}
