//! Tells a network that is down from a server that does not answer. What a
//! guest says of a failure cannot: so every capability that connects somewhere
//! shows its errors to the call's [`Offline`], and an attempt that failed with
//! the network down is not counted.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

/// Whether one call found the network down. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Offline(Arc<AtomicBool>);

impl Offline {
    /// Looks at an error of connecting: no route, no interface.
    pub fn look_at(&self, error: &io::Error) {
        let down = [Errno::NETUNREACH, Errno::NETDOWN, Errno::HOSTUNREACH];
        if down.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error())) {
            self.report();
        }
    }

    /// Says that it is down: no name server answers, say.
    pub fn report(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was found down.
    pub fn is_offline(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_route_is_the_network_and_a_refused_connection_is_not() {
        let offline = Offline::default();
        offline.look_at(&io::Error::from(Errno::CONNREFUSED));
        assert!(!offline.is_offline());
        offline.look_at(&io::Error::from(Errno::NETUNREACH));
        assert!(offline.clone().is_offline());
    }
}
