//! What a crowd leaves behind: the allocator keeps the pages that hundreds of
//! connections used, for others that may never come. A machine of 128 MB needs
//! them for something else.

/// Connections that are a crowd. What fewer leave behind is not worth a look
/// through all free pages.
const CROWD: usize = 16;

/// Watches crowds come and leave.
#[derive(Default)]
pub(super) struct Crowd {
    /// The most since pages were given back.
    most: usize,
}

impl Crowd {
    /// So many connections are there now; to be told every second.
    pub(super) fn look(&mut self, connections: usize) {
        if self.has_left(connections) {
            tokio::task::spawn_blocking(give_back);
        }
    }

    /// Whether half of a crowd or more has left since the last time.
    fn has_left(&mut self, connections: usize) -> bool {
        let has_left = self.most >= CROWD && connections <= self.most / 2;
        self.most = if has_left { connections } else { self.most.max(connections) };
        has_left
    }
}

/// Gives free pages back to the system.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code, reason = "the allocator has no other way to be asked")]
fn give_back() {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> std::ffi::c_int;
    }
    // SAFETY: glibc's malloc is the allocator of this program, the function takes
    // its locks itself, may be called from any thread at any time, and only
    // touches memory that nobody has.
    unsafe {
        malloc_trim(0);
    }
}

/// Other allocators give pages back by themselves.
#[cfg(not(target_env = "gnu"))]
fn give_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_has_left_when_half_of_it_has_and_again_when_half_of_the_rest_has() {
        let mut crowd = Crowd::default();
        let left: Vec<bool> = [3, 0, 512, 400, 256, 200, 128, 20, 9, 2, 0]
            .into_iter()
            .map(|connections| crowd.has_left(connections))
            .collect();
        assert_eq!(left, [false, false, false, false, true, false, true, true, true, false, false]);
    }
}
