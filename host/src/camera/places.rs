//! Who is connected, so that no stranger keeps a camera out: neither with many
//! connections nor with slow ones.
//!
//! An address has a limit of its own. When all places are taken, the slowest
//! connection gives way to a new one. How slow is slow ends where cameras
//! begin: of those that are as fast as a camera, or may yet become so, one
//! gives way whose address has most.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Connections of one address at once. A camera has one; a household behind
/// one address has a handful of cameras.
const OF_ONE_ADDRESS: usize = 64;

/// As long as a connection is younger it counts as no slower than
/// [`YOUNG_RATE`] bytes a second, so that a camera can begin.
const YOUNG: Duration = Duration::from_secs(5);
const YOUNG_RATE: u64 = 500;

/// Faster than this is fast, in bytes a second. 2G is the slowest network a
/// camera was used on.
const FAST: u64 = 5_000;

/// All who are connected.
#[derive(Clone)]
pub(crate) struct Places(Arc<Mutex<Inner>>);

struct Inner {
    places: usize,
    /// By number, in the order of their coming.
    present: HashMap<u64, Holder>,
    of_address: HashMap<IpAddr, usize>,
    came: u64,
}

struct Holder {
    address: IpAddr,
    since: Instant,
    received: Arc<AtomicU64>,
    leave: Arc<Notify>,
}

/// A connection that has a place until it is dropped or has to give way.
pub(crate) struct Place {
    places: Places,
    number: u64,
    /// To be counted up with every byte that comes.
    pub(crate) received: Arc<AtomicU64>,
    leave: Arc<Notify>,
}

impl Places {
    /// For so many connections at once.
    pub(crate) fn new(places: usize) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            places,
            present: HashMap::new(),
            of_address: HashMap::new(),
            came: 0,
        })))
    }

    /// A place for a connection of `address`, unless that has too many. If
    /// all are taken, the slowest connection is told to give way.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Place> {
        let address = household(address);
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inner.of_address.get(&address).copied().unwrap_or(0);
        if count >= OF_ONE_ADDRESS {
            return None;
        }
        if count + 1 == OF_ONE_ADDRESS {
            tracing::warn!("{address} has {OF_ONE_ADDRESS} connections; more are refused");
        }
        let is_full = inner.present.len() >= inner.places;
        if is_full
            && let Some(slowest) = inner.slowest(Instant::now())
            && let Some(holder) = inner.remove(slowest)
        {
            tracing::debug!("a connection of {} gives way", holder.address);
            holder.leave.notify_one();
        }
        *inner.of_address.entry(address).or_default() += 1;
        inner.came += 1;
        let number = inner.came;
        let (received, leave) = (Arc::<AtomicU64>::default(), Arc::<Notify>::default());
        let holder = Holder {
            address,
            since: Instant::now(),
            received: received.clone(),
            leave: leave.clone(),
        };
        inner.present.insert(number, holder);
        if !is_full && inner.present.len() == inner.places {
            tracing::warn!("all {} places are taken; slow connections give way", inner.places);
        }
        Some(Place { places: self.clone(), number, received, leave })
    }
}

impl Inner {
    fn remove(&mut self, number: u64) -> Option<Holder> {
        let holder = self.present.remove(&number)?;
        if let Some(count) = self.of_address.get_mut(&holder.address) {
            *count -= 1;
            if *count == 0 {
                self.of_address.remove(&holder.address);
            }
        }
        Some(holder)
    }

    /// The one that has to give way.
    fn slowest(&self, now: Instant) -> Option<u64> {
        let worth = |(number, holder): &(&u64, &Holder)| {
            let count = self.of_address.get(&holder.address).copied().unwrap_or(0);
            (holder.rate(now), Reverse(count), **number)
        };
        self.present.iter().min_by_key(worth).map(|(number, _)| *number)
    }
}

impl Holder {
    /// Bytes a second, as far as they count.
    fn rate(&self, now: Instant) -> u64 {
        let time = now.duration_since(self.since);
        let received = self.received.load(Ordering::Relaxed);
        let rate = received.saturating_mul(1000)
            / u64::try_from(time.as_millis().max(1)).unwrap_or(u64::MAX);
        let floor = if time < YOUNG { YOUNG_RATE } else { 0 };
        rate.clamp(floor, FAST)
    }
}

impl Place {
    /// Waits until the connection has to give way.
    pub(crate) async fn must_leave(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.0.lock().unwrap_or_else(PoisonError::into_inner).remove(self.number);
    }
}

/// An IPv6 household has at least the 2^64 addresses of a /64.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_a_limit_and_others_do_not_feel_it() {
        let places = Places::new(512);
        let one = IpAddr::from([192, 0, 2, 1]);
        let mut held: Vec<Place> = (0..OF_ONE_ADDRESS).map(|_| places.take(one).unwrap()).collect();
        assert!(places.take(one).is_none());
        assert!(places.take("::ffff:192.0.2.1".parse().unwrap()).is_none());
        assert!(places.take(IpAddr::from([192, 0, 2, 2])).is_some());
        held.pop();
        assert!(places.take(one).is_some());
        held.clear();
        assert!(places.0.lock().unwrap().of_address.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let household = |text: &str| household(text.parse().unwrap());
        assert_eq!(household("2001:db8::1"), household("2001:db8::ffff:0:0:2"));
        assert_ne!(household("2001:db8::1"), household("2001:db8:0:1::1"));
    }

    /// Connections by address, age in seconds and bytes so far; who gives way.
    fn slowest(connections: &[(u8, u64, u64)]) -> usize {
        let places = Places::new(connections.len());
        let held: Vec<Place> = connections
            .iter()
            .map(|(address, ..)| places.take(IpAddr::from([192, 0, 2, *address])).unwrap())
            .collect();
        let now = Instant::now() + Duration::from_secs(1000);
        let mut inner = places.0.lock().unwrap();
        for (place, (_, age, received)) in held.iter().zip(connections) {
            let holder = inner.present.get_mut(&place.number).unwrap();
            holder.since = now.checked_sub(Duration::from_secs(*age)).unwrap();
            holder.received.store(*received, Ordering::Relaxed);
        }
        let slowest = inner.slowest(now).unwrap();
        drop(inner);
        held.iter().position(|place| place.number == slowest).unwrap()
    }

    #[test]
    fn a_dribbler_gives_way_before_a_camera() {
        // Also before one that has just come or stalls for a while.
        assert_eq!(slowest(&[(1, 60, 3_000_000), (2, 60, 60), (3, 0, 0), (4, 90, 500_000)]), 1);
    }

    #[test]
    fn among_the_fast_the_address_with_most_gives_way() {
        assert_eq!(slowest(&[(1, 10, 60_000), (2, 10, 9_000_000), (2, 10, 8_000_000)]), 1);
        // and so among those that have just come.
        assert_eq!(slowest(&[(1, 0, 0), (2, 1, 0), (2, 0, 0)]), 1);
    }
}
