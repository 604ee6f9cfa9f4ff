//! Tells a network that is down from a server that does not answer. What a
//! guest says of a failure cannot: so every capability that connects somewhere
//! shows its errors to the call's [`Offline`], and an attempt that failed with
//! the network down is not counted.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

/// Whether one call found the network down. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Offline(Arc<AtomicBool>);

impl Offline {
    /// Looks at an error of connecting and its causes: no route, no interface,
    /// no name server that answers.
    pub fn look_at(&self, error: &(dyn Error + 'static)) {
        let mut next = Some(error);
        while let Some(cause) = next {
            if is_of_the_network(cause) {
                self.0.store(true, Ordering::Relaxed);
            }
            // An I/O error passes over the error that it wraps.
            let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = wrapped.map(|wrapped| wrapped as _).or_else(|| cause.source());
        }
    }

    /// Whether it was found down.
    pub fn is_offline(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn is_of_the_network(error: &(dyn Error + 'static)) -> bool {
    let down = [Errno::NETUNREACH, Errno::NETDOWN, Errno::HOSTUNREACH].map(Errno::raw_os_error);
    let number = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    // The resolver's errors have no number; this is EAI_AGAIN's text.
    number.is_some_and(|number| down.contains(&number))
        || error.to_string().contains("Temporary failure in name resolution")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_route_is_the_network_and_a_refused_connection_is_not() {
        let offline = Offline::default();
        offline.look_at(&io::Error::from(Errno::CONNREFUSED));
        assert!(!offline.is_offline());
        let cause = io::Error::from(Errno::NETUNREACH);
        offline.look_at(&io::Error::other(cause));
        assert!(offline.clone().is_offline());
    }

    #[test]
    fn a_silent_name_server_is_the_network_and_an_unknown_name_is_not() {
        let failed = |why| {
            let offline = Offline::default();
            offline
                .look_at(&io::Error::other(format!("failed to lookup address information: {why}")));
            offline.is_offline()
        };
        assert!(failed("Temporary failure in name resolution"));
        assert!(!failed("Name or service not known"));
    }
}
