//! The places that connections take, and who has to go when there is none left.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// All places of a server.
#[derive(Debug)]
pub struct Places {
    total: usize,
    per_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    places: HashMap<u64, Place>,
}

#[derive(Debug)]
struct Place {
    address: IpAddr,
    /// Since when nothing is asked on the connection; none while a request is answered.
    idle_since: Option<Instant>,
    evicted: CancellationToken,
}

/// A connection's place, which is free again when this is dropped.
#[derive(Debug)]
pub struct Seat {
    all: Arc<Places>,
    number: u64,
    evicted: CancellationToken,
}

impl Places {
    /// Places for so many connections, and so many of one address.
    pub fn new(total: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self { total, per_address, taken: Mutex::default() })
    }

    /// Takes a place, in which the connection is idle. When there is none left, the connection that is idle longest loses
    /// its own: one of the same address, if that has its share, or else one of the address with the most connections.
    /// There is none when all these are being answered.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let address = address.to_canonical();
        let mut taken = self.taken();
        if let Some(victim) = taken.full_for(address, self.total, self.per_address) {
            taken.places.remove(&victim?)?.evicted.cancel();
        }
        let number = taken.next;
        taken.next += 1;
        let evicted = CancellationToken::new();
        taken.places.insert(number, Place { address, idle_since: Some(Instant::now()), evicted: evicted.clone() });
        Some(Seat { all: Arc::clone(self), number, evicted })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Whether there is no place, and then whose can be had.
    fn full_for(&self, address: IpAddr, total: usize, per_address: usize) -> Option<Option<u64>> {
        let mut counts = HashMap::<IpAddr, usize>::new();
        for place in self.places.values() {
            *counts.entry(place.address).or_default() += 1;
        }
        let count = |address: &IpAddr| counts.get(address).copied().unwrap_or_default();
        let own = count(&address) >= per_address;
        if !own && self.places.len() < total {
            return None;
        }
        let idle = self.places.iter().filter(|(_, place)| !own || place.address == address);
        let idle = idle.filter_map(|(number, place)| Some((count(&place.address), place.idle_since?, *number)));
        let victim =
            idle.max_by(|(count, since, _), (other, other_since, _)| count.cmp(other).then(other_since.cmp(since)));
        Some(victim.map(|(_, _, number)| number))
    }
}

impl Seat {
    /// A request is answered: the place is safe.
    pub fn busy(&self) {
        self.set_idle_since(None);
    }

    /// The request was answered.
    pub fn idle(&self) {
        self.set_idle_since(Some(Instant::now()));
    }

    /// Ends when another connection got this place.
    pub async fn lost(&self) {
        self.evicted.cancelled().await;
    }

    fn set_idle_since(&self, since: Option<Instant>) {
        if let Some(place) = self.all.taken().places.get_mut(&self.number) {
            place.idle_since = since;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.all.taken().places.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));
    const C: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 3));

    /// Takes places one after another, a second apart.
    async fn take<const N: usize>(places: &Arc<Places>, addresses: [IpAddr; N]) -> [Seat; N] {
        let mut seats = Vec::new();
        for address in addresses {
            seats.push(places.take(address).expect("a place"));
            advance(Duration::from_secs(1)).await;
        }
        seats.try_into().expect("as many")
    }

    fn lost<const N: usize>(seats: &[Seat; N]) -> [bool; N] {
        std::array::from_fn(|n| seats[n].evicted.is_cancelled())
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_of_the_address_with_the_most_goes_first() {
        let places = Places::new(4, 3);
        let seats = take(&places, [A, B, B, B]).await;
        seats[1].busy();
        let newcomer = places.take(C).expect("a place");
        assert_eq!(lost(&seats), [false, false, true, false], "A is idle longer, but has only one");
        assert_eq!(places.taken().places.len(), 4);
        drop(newcomer);
        assert!(places.take(C).is_some());
        assert_eq!(lost(&seats), [false, false, true, false], "a freed place is taken before anybody goes");
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_with_its_share_replaces_only_its_own() {
        let places = Places::new(8, 2);
        let seats = take(&places, [B, A, A]).await;
        let _again = places.take(A).expect("a place");
        assert_eq!(lost(&seats), [false, true, false]);
        let mapped = "::ffff:10.0.0.1".parse().expect("an address");
        let _mapped = places.take(mapped).expect("a place");
        assert_eq!(lost(&seats), [false, true, true], "the same address in the other family's writing");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_in_flight_keep_their_places() {
        let places = Places::new(2, 2);
        let seats = take(&places, [A, B]).await;
        for seat in &seats {
            seat.busy();
        }
        assert!(places.take(C).is_none());
        seats[0].idle();
        assert!(places.take(C).is_some());
        assert_eq!(lost(&seats), [true, false]);
    }
}
