//! Memory that the host writes into: handed out by `proxy_on_memory_allocate` while a hostcall runs, taken over when it returns.
//! Nothing else in the module hands out memory.
//!
//! A hostcall that returns bytes calls back for room and then answers with a pointer and a size. An answer is used only if the
//! pointer is one that was handed out during that very call and the size fits; so no answer can make the module read or free
//! memory that is not the host's to name. Where the caller has room of its own (the engine's window for the next chunk of a
//! body), that room is what the host gets, and nothing is copied.

use std::cell::{Cell, RefCell};

use crate::host::HostError;

/// The most that is handed out in one go, in bytes. Larger wishes get null, which hosts treat as out of memory.
const MOST: usize = 256 * 1024 * 1024;

thread_local! {
    static CALL: Call = const { Call { running: Cell::new(false), offer: Cell::new(None), blocks: RefCell::new(Vec::new()) } };
}

/// The hostcall that is running.
struct Call {
    running: Cell<bool>,
    /// The caller's own room: address and size. Taken at most once.
    offer: Cell<Option<(*mut u8, usize)>>,
    /// Blocks that were handed out in this call, owned here.
    blocks: RefCell<Vec<Vec<u8>>>,
}

/// Hands out `size` bytes, or null: when no hostcall runs, when too much is asked for, when memory is full.
pub(super) fn allocate(size: usize) -> *mut u8 {
    CALL.with(|call| {
        if !call.running.get() || size > MOST {
            return core::ptr::null_mut();
        }
        if let Some((room, len)) = call.offer.get()
            && size <= len
        {
            call.offer.set(None);
            return room;
        }
        let mut block: Vec<u8> = Vec::new();
        if block.try_reserve_exact(size.max(1)).is_err() {
            return core::ptr::null_mut();
        }
        block.resize(size.max(1), 0);
        let pointer = block.as_mut_ptr();
        match call.blocks.try_borrow_mut() {
            Ok(mut blocks) => {
                blocks.push(block);
                pointer
            }
            Err(_) => core::ptr::null_mut(),
        }
    })
}

/// Where the host put its answer: a pointer and a size.
pub(super) struct Answer {
    pub(super) pointer: *mut u8,
    pub(super) size: usize,
}

impl Answer {
    pub(super) fn none() -> Answer {
        Answer {
            pointer: core::ptr::null_mut(),
            size: 0,
        }
    }
}

/// Runs a hostcall that may return bytes, and takes them over. A null pointer or a size of 0 are no bytes.
pub(super) fn receive(
    hostcall: impl FnOnce(&mut Answer) -> Result<(), HostError>,
) -> Result<Vec<u8>, HostError> {
    CALL.with(|call| {
        call.running.set(true);
        let mut answer = Answer::none();
        let status = hostcall(&mut answer);
        call.running.set(false);
        let blocks = call.blocks.take();
        status?;
        if answer.pointer.is_null() || answer.size == 0 {
            return Ok(Vec::new());
        }
        claim(blocks, &answer)
    })
}

/// Runs a hostcall that may return bytes into `room`, which must not be shorter than what is asked for. Answers how many bytes stand
/// at its start.
pub(super) fn receive_into(
    room: &mut [u8],
    hostcall: impl FnOnce(&mut Answer) -> Result<(), HostError>,
) -> Result<usize, HostError> {
    CALL.with(|call| {
        let (start, len) = (room.as_mut_ptr(), room.len());
        call.offer.set(Some((start, len)));
        call.running.set(true);
        let mut answer = Answer::none();
        let status = hostcall(&mut answer);
        call.running.set(false);
        let untouched = call.offer.take().is_some();
        let blocks = call.blocks.take();
        status?;
        if answer.pointer.is_null() || answer.size == 0 {
            return Ok(0);
        }
        if answer.size > len {
            return Err(HostError::Answer);
        }
        if answer.pointer == start && !untouched {
            return Ok(answer.size);
        }
        let bytes = claim(blocks, &answer)?;
        let Some(room) = room.get_mut(..bytes.len()) else {
            return Err(HostError::Answer);
        };
        room.copy_from_slice(&bytes);
        Ok(bytes.len())
    })
}

fn claim(blocks: Vec<Vec<u8>>, answer: &Answer) -> Result<Vec<u8>, HostError> {
    let block = blocks
        .into_iter()
        .find(|block| core::ptr::eq(block.as_ptr(), answer.pointer));
    match block {
        Some(mut block) if answer.size <= block.len() => {
            block.truncate(answer.size);
            Ok(block)
        }
        _ => Err(HostError::Answer),
    }
}
