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

#[cfg(test)]
mod tests {
    use super::*;

    /// A host that writes `text` where it is given room for it.
    fn give(text: &[u8], answer: &mut Answer) -> Result<(), HostError> {
        let pointer = allocate(text.len());
        assert!(!pointer.is_null());
        write(pointer, text);
        (answer.pointer, answer.size) = (pointer, text.len());
        Ok(())
    }

    /// What a host does to guest memory: it writes there without a word. Safe here, because the blocks are found again by address.
    fn write(pointer: *mut u8, text: &[u8]) {
        CALL.with(|call| {
            for block in call.blocks.borrow_mut().iter_mut() {
                if core::ptr::eq(block.as_ptr(), pointer) {
                    block
                        .iter_mut()
                        .zip(text)
                        .for_each(|(to, from)| *to = *from);
                }
            }
        });
    }

    #[test]
    fn what_was_handed_out_comes_back() {
        assert_eq!(receive(|answer| give(b"abc", answer)), Ok(b"abc".to_vec()));
        assert_eq!(receive(|_| Ok(())), Ok(Vec::new()), "null: nothing");
        let empty = receive(|answer| {
            answer.pointer = allocate(0);
            Ok(())
        });
        assert_eq!(empty, Ok(Vec::new()));
        assert_eq!(
            receive(|_| Err(HostError::NOT_FOUND)),
            Err(HostError::NOT_FOUND)
        );
    }

    #[test]
    fn the_last_of_several_blocks_may_be_the_answer() {
        let got = receive(|answer| {
            let _ = allocate(10);
            give(b"xyz", answer)?;
            let _ = allocate(10);
            Ok(())
        });
        assert_eq!(got, Ok(b"xyz".to_vec()));
    }

    #[test]
    fn any_other_pointer_or_size_is_refused() {
        let mut own = [0_u8; 8];
        let stray = own.as_mut_ptr();
        for pointer in [stray, core::ptr::dangling_mut(), usize::MAX as *mut u8] {
            let got = receive(|answer| {
                (answer.pointer, answer.size) = (pointer, 4);
                Ok(())
            });
            assert_eq!(got, Err(HostError::Answer));
            let got = receive_into(&mut [0; 8], |answer| {
                (answer.pointer, answer.size) = (pointer, 4);
                Ok(())
            });
            assert_eq!(got, Err(HostError::Answer));
        }
        for size in [5, 1 << 20, usize::MAX] {
            let got = receive(|answer| {
                give(b"abcd", answer)?;
                answer.size = size;
                Ok(())
            });
            assert_eq!(got, Err(HostError::Answer), "{size}");
        }
        let inside = receive(|answer| {
            give(b"abcd", answer)?;
            (answer.pointer, answer.size) = (answer.pointer.wrapping_add(1), 2);
            Ok(())
        });
        assert_eq!(inside, Err(HostError::Answer));
    }

    #[test]
    fn a_block_of_an_earlier_call_is_no_answer() {
        let mut old = core::ptr::null_mut();
        assert_eq!(
            receive(|_| {
                old = allocate(64);
                Err(HostError::EMPTY)
            }),
            Err(HostError::EMPTY)
        );
        let got = receive(|answer| {
            (answer.pointer, answer.size) = (old, 64);
            Ok(())
        });
        assert_eq!(got, Err(HostError::Answer));
    }

    #[test]
    fn nothing_is_handed_out_between_calls_or_beyond_reason() {
        assert!(allocate(1).is_null());
        let _ = receive(|_| {
            assert!(allocate(MOST + 1).is_null());
            assert!(allocate(usize::MAX).is_null());
            Ok(())
        });
    }

    #[test]
    fn a_room_of_ones_own_is_handed_out_once() {
        let mut room = [0_u8; 8];
        let start = room.as_mut_ptr();
        let got = receive_into(&mut room, |answer| {
            let first = allocate(5);
            assert_eq!(first, start, "no copy");
            assert_ne!(allocate(5), start);
            (answer.pointer, answer.size) = (first, 5);
            Ok(())
        });
        assert_eq!(got, Ok(5));
        // Too small for what is asked: another block, and its bytes are copied as far as they fit.
        let mut room = [0_u8; 3];
        let got = receive_into(&mut room, |answer| {
            give(b"abcd", answer)?;
            answer.size = 3;
            Ok(())
        });
        assert_eq!((got, &room), (Ok(3), b"abc"));
        let got = receive_into(&mut room, |answer| give(b"abcd", answer));
        assert_eq!(got, Err(HostError::Answer), "more than was asked for");
        // The room itself, without having been handed out.
        let start = room.as_mut_ptr();
        let got = receive_into(&mut room, |answer| {
            (answer.pointer, answer.size) = (start, 3);
            Ok(())
        });
        assert_eq!(got, Err(HostError::Answer));
    }
}
