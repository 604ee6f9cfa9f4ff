//! Loops when the host asks it for room for a long text.

use std::alloc::{GlobalAlloc, Layout, System};

use afterimage_test_guests::{action, delivered};

struct Looping;

#[allow(unsafe_code, reason = "an allocator is unsafe by its trait")]
// SAFETY: every call is passed to the system's allocator, or does not return.
unsafe impl GlobalAlloc for Looping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        #[allow(clippy::empty_loop, reason = "that is what it is for")]
        if layout.size() >= 5_000 && layout.align() == 1 {
            loop {}
        }
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Looping = Looping;

action!(delivered);
