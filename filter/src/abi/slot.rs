//! The slot: where `blackbar embed` writes down that an artifact lies in this module's memory. What an artifact means is the
//! engine's matter.
#![allow(unsafe_code, reason = "a static that is patched from outside")]

use core::arch::wasm32;

/// Found by its marker in the module's data; pointer and length are patched from outside. The layout is fixed.
#[repr(C)]
struct Slot {
    marker: [u8; 16],
    pointer: u32,
    length: u32,
}

#[used]
static SLOT: Slot = Slot {
    marker: *b"blackbar-slot-v1",
    pointer: 0,
    length: 0,
};

const PAGE: u64 = 65_536;

/// The artifact's bytes, if a slot is filled. A slot that points outside of memory is as an empty one.
pub(super) fn artifact() -> Option<&'static [u8]> {
    // SAFETY: both are fields of a live, aligned static. Volatile, because the compiler must not take the zeros that it knows for what
    // stands there when the module runs.
    let (pointer, length) = unsafe {
        (
            (&raw const SLOT.pointer).read_volatile(),
            (&raw const SLOT.length).read_volatile(),
        )
    };
    let end = u64::from(pointer) + u64::from(length);
    let memory = u64::try_from(wasm32::memory_size::<0>()).ok()? * PAGE;
    if pointer == 0 || length == 0 || end > memory {
        return None;
    }
    let (address, length) = (
        usize::try_from(pointer).ok()?,
        usize::try_from(length).ok()?,
    );
    // SAFETY: `embed` put an artifact there, in pages behind the memory that the module was built with; the allocator only takes pages that
    // it adds itself, so nothing writes there while the module lives. The range is inside memory (checked above), and memory never
    // shrinks. Were the slot wrong but in range, the engine would read bytes that are no artifact and refuse them.
    Some(unsafe {
        core::slice::from_raw_parts(core::ptr::with_exposed_provenance(address), length)
    })
}
