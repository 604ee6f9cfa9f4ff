//! Who is connected, so that no stranger keeps a camera out: neither with many
//! connections nor with slow ones.
//!
//! An address has a limit of its own. When all places are taken, a connection
//! that has been answered gives way to a new one, or else the slowest. How slow
//! is slow ends where cameras begin: of those that are as fast as a camera, or
//! may yet become so, one gives way whose address has most.
//!
//! What a connection may hold of the server's memory is its share, too: the
//! same for each address, however many connections it has.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

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
    per_address: usize,
    /// By number, in the order of their coming.
    present: HashMap<u64, Holder>,
    /// Connections that count.
    of_address: HashMap<IpAddr, usize>,
    came: u64,
}

struct Holder {
    address: IpAddr,
    stage: Stage,
    since: Instant,
    received: Arc<AtomicU64>,
    leave: Arc<Notify>,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nobody knows yet for whom it comes.
    Coming,
    /// It counts for its address.
    Counted,
    /// It was answered, and is kept until the camera has heard that.
    Answered,
}

/// A connection that has a place until it is dropped or has to give way.
pub(crate) struct Place {
    share: Share,
    /// To be counted up with every byte that comes.
    pub(crate) received: Arc<AtomicU64>,
    leave: Arc<Notify>,
}

/// What a connection may use up of what all share.
#[derive(Clone)]
pub(crate) struct Share {
    places: Places,
    number: u64,
}

impl Places {
    /// For so many connections at once, and so many of one address.
    pub(crate) fn new(places: usize, per_address: usize) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            places,
            per_address,
            present: HashMap::new(),
            of_address: HashMap::new(),
            came: 0,
        })))
    }

    /// A place for a connection of `address`. If all are taken, one of them is
    /// told to give way. The connection does not count before [`Place::count`]
    /// has said for whom it comes.
    pub(crate) fn take(&self, address: IpAddr) -> Place {
        let mut inner = self.inner();
        let is_full = inner.present.len() >= inner.places;
        if is_full
            && let Some(slowest) = inner.slowest(Instant::now())
            && let Some(holder) = inner.remove(slowest)
        {
            tracing::debug!("a connection of {} gives way", holder.address);
            holder.leave.notify_one();
        }
        inner.came += 1;
        let number = inner.came;
        let (received, leave) = (Arc::<AtomicU64>::default(), Arc::<Notify>::default());
        let holder = Holder {
            address: household(address),
            stage: Stage::Coming,
            since: Instant::now(),
            received: received.clone(),
            leave: leave.clone(),
        };
        inner.present.insert(number, holder);
        if !is_full && inner.present.len() == inner.places {
            tracing::warn!("all {} places are taken; slow connections give way", inner.places);
        }
        Place { share: Share { places: self.clone(), number }, received, leave }
    }

    /// Tells all who were answered to leave.
    pub(super) fn dismiss_answered(&self) {
        let inner = self.inner();
        for holder in inner.present.values().filter(|holder| holder.stage == Stage::Answered) {
            holder.leave.notify_one();
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remove(&mut self, number: u64) -> Option<Holder> {
        self.answered(number);
        self.present.remove(&number)
    }

    fn answered(&mut self, number: u64) {
        let Some(holder) = self.present.get_mut(&number) else { return };
        if std::mem::replace(&mut holder.stage, Stage::Answered) != Stage::Counted {
            return;
        }
        if let Some(count) = self.of_address.get_mut(&holder.address) {
            *count -= 1;
            if *count == 0 {
                self.of_address.remove(&holder.address);
            }
        }
    }

    fn count(&mut self, number: u64, address: IpAddr) -> bool {
        let count = self.of_address.get(&address).copied().unwrap_or(0);
        if count >= self.per_address {
            return false;
        }
        if count + 1 == self.per_address {
            tracing::warn!("{address} has {} connections; more are refused", self.per_address);
        }
        // One that has to give way does not count any more.
        if let Some(holder) = self.present.get_mut(&number) {
            holder.address = address;
            holder.stage = Stage::Counted;
            *self.of_address.entry(address).or_default() += 1;
        }
        true
    }

    /// The one that has to give way.
    fn slowest(&self, now: Instant) -> Option<u64> {
        let worth = |(number, holder): &(&u64, &Holder)| {
            let count = self.of_address.get(&holder.address).copied().unwrap_or(0);
            (holder.stage != Stage::Answered, holder.rate(now), Reverse(count), **number)
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
    /// Counts the connection for `address`. `false` if that has too many: it
    /// is then as good as answered.
    pub(crate) fn count(&self, address: IpAddr) -> bool {
        let mut inner = self.share.places.inner();
        let counted = inner.count(self.share.number, household(address));
        if !counted {
            inner.answered(self.share.number);
        }
        counted
    }

    /// The connection was answered and is waited for; it counts no more.
    pub(crate) fn answered(&self) {
        self.share.places.inner().answered(self.share.number);
    }

    /// Waits until the connection has to give way.
    pub(crate) async fn must_leave(&self) {
        self.leave.notified().await;
    }

    pub(crate) fn share(&self) -> Share {
        self.share.clone()
    }
}

impl Share {
    /// Its part of `all`: the same for each address, and within an address for
    /// each connection.
    pub(in crate::camera) fn of(&self, all: usize) -> usize {
        let inner = self.places.inner();
        let count = inner
            .present
            .get(&self.number)
            .map_or(1, |holder| inner.of_address.get(&holder.address).copied().unwrap_or(1));
        all / inner.of_address.len().max(1) / count.max(1)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.share.places.inner().remove(self.share.number);
    }
}

/// An IPv6 household has at least the 2^64 addresses of a /64.
pub(super) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn place(places: &Places, address: IpAddr) -> Option<Place> {
        let place = places.take(address);
        place.count(address).then_some(place)
    }

    #[test]
    fn one_address_has_a_limit_and_others_do_not_feel_it() {
        let places = Places::new(512, 64);
        let mut held: Vec<Place> = (0..64).map(|_| place(&places, ONE).unwrap()).collect();
        assert!(place(&places, ONE).is_none());
        assert!(place(&places, "::ffff:192.0.2.1".parse().unwrap()).is_none());
        assert!(place(&places, TWO).is_some());
        held.pop();
        let last = place(&places, ONE).unwrap();
        assert!(place(&places, ONE).is_none());
        // One that was answered counts no more.
        held[0].answered();
        assert!(place(&places, ONE).is_some());
        drop(last);
        held.clear();
        assert!(places.inner().of_address.is_empty() && places.inner().present.is_empty());
    }

    #[test]
    fn a_proxy_is_counted_for_whom_it_comes() {
        let places = Places::new(512, 1);
        let proxy: Vec<Place> = (0..10).map(|_| places.take(ONE)).collect();
        for (number, place) in proxy.iter().enumerate() {
            assert!(place.count(IpAddr::from([10, 0, 0, u8::try_from(number).unwrap()])));
        }
        assert!(!places.take(ONE).count(IpAddr::from([10, 0, 0, 3])));
    }

    #[test]
    fn an_address_has_the_same_share_with_however_many_connections() {
        let places = Places::new(512, 512);
        let one = place(&places, ONE).unwrap();
        assert_eq!(one.share().of(1 << 20), 1 << 20);
        let others: Vec<Place> = (0..8).map(|_| place(&places, TWO).unwrap()).collect();
        assert_eq!(one.share().of(1 << 20), 1 << 19);
        assert_eq!(others[0].share().of(1 << 20), 1 << 16);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let household = |text: &str| household(text.parse().unwrap());
        assert_eq!(household("2001:db8::1"), household("2001:db8::ffff:0:0:2"));
        assert_ne!(household("2001:db8::1"), household("2001:db8:0:1::1"));
    }

    /// Connections by address, age in seconds and bytes so far; who gives way.
    fn slowest(connections: &[(u8, u64, u64)]) -> usize {
        slowest_of(connections, &[])
    }

    fn slowest_of(connections: &[(u8, u64, u64)], answered: &[usize]) -> usize {
        let places = Places::new(connections.len(), connections.len());
        let held: Vec<Place> = connections
            .iter()
            .map(|(address, ..)| place(&places, IpAddr::from([192, 0, 2, *address])).unwrap())
            .collect();
        for number in answered {
            held[*number].answered();
        }
        let now = Instant::now() + Duration::from_secs(1000);
        let mut inner = places.inner();
        for (place, (_, age, received)) in held.iter().zip(connections) {
            let holder = inner.present.get_mut(&place.share.number).unwrap();
            holder.since = now.checked_sub(Duration::from_secs(*age)).unwrap();
            holder.received.store(*received, Ordering::Relaxed);
        }
        let slowest = inner.slowest(now).unwrap();
        drop(inner);
        held.iter().position(|place| place.share.number == slowest).unwrap()
    }

    #[test]
    fn a_dribbler_gives_way_before_a_camera() {
        // Also before one that has just come or stalls for a while.
        assert_eq!(slowest(&[(1, 60, 3_000_000), (2, 60, 60), (3, 0, 0), (4, 90, 500_000)]), 1);
    }

    #[test]
    fn one_that_was_answered_gives_way_before_a_dribbler() {
        assert_eq!(slowest_of(&[(1, 60, 60), (2, 60, 3_000_000)], &[1]), 1);
    }

    #[test]
    fn among_the_fast_the_address_with_most_gives_way() {
        assert_eq!(slowest(&[(1, 10, 60_000), (2, 10, 9_000_000), (2, 10, 8_000_000)]), 1);
        // and so among those that have just come.
        assert_eq!(slowest(&[(1, 0, 0), (2, 1, 0), (2, 0, 0)]), 1);
    }
}
