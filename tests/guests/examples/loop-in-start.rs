//! Never gets through its instantiation, of which `_initialize` is the last step.
#![allow(unsafe_code, reason = "an unmangled name is unsafe; the program has it once")]

use std::hint::spin_loop;

use afterimage_test_guests::{action, delivered};

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    loop {
        spin_loop();
    }
}

action!(delivered);
