//! The places that connections take, who has to go when there is none left, and who waits for one.
//!
//! A connection that an API server keeps for its next request is never closed by us while it may be in use: the request could be
//! on its way, and would fail. So a newcomer waits until a place is free, the answers meanwhile ask their callers to close the
//! connection, and only callers that have never asked us anything are sent away.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::Limits;

/// How often somebody who waits looks for a connection that may be closed by now.
const LOOK: Duration = Duration::from_millis(100);

/// All places of a server.
#[derive(Debug)]
pub struct Places {
    limits: Limits,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    places: HashMap<u64, Place>,
    /// How many each address has.
    counts: HashMap<IpAddr, usize>,
    /// Newcomers in the order of their arrival. The last is served first: when more come than there is room for, those who wait
    /// longest are the most likely to have nothing to say, or nobody who still waits for the answer.
    waiting: VecDeque<Newcomer>,
}

#[derive(Debug)]
struct Newcomer {
    address: IpAddr,
    seat: oneshot::Sender<Seat>,
}

#[derive(Debug)]
struct Place {
    address: IpAddr,
    /// Since when nothing is asked on the connection; none while a request is answered.
    idle_since: Option<Instant>,
    /// Whether it has asked as only API servers do.
    known: bool,
    evicted: CancellationToken,
}

/// A connection's place, which is another's when this is dropped.
#[derive(Debug)]
pub struct Seat {
    all: Arc<Places>,
    number: u64,
    evicted: CancellationToken,
}

/// Who may lose a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    /// Whoever never asked us anything.
    Stranger,
    /// Anybody who is idle.
    Idle,
}

impl Places {
    /// Places within these limits.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, taken: Mutex::default() })
    }

    /// Takes a place, in which the connection is idle, or waits for one; there is none when no connection could be closed
    /// in that time, or when too many came after it.
    pub async fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let address = address.to_canonical();
        let mut waiting = match self.ask(address) {
            Ok(seat) => return Some(seat),
            Err(waiting) => waiting,
        };
        let end = Instant::now() + self.limits.patience;
        self.make_room(address, Victim::Stranger);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match timeout(left.min(LOOK), &mut waiting).await {
                Ok(seat) => return seat.ok(),
                Err(_) if !left.is_zero() => self.make_room(address, Victim::Stranger),
                Err(_) => break,
            }
        }
        self.make_room(address, Victim::Idle);
        timeout(LOOK, waiting).await.ok()?.ok()
    }

    /// A place, or one later. When too many wait, in all or of that address, the first of them waits no more.
    fn ask(self: &Arc<Self>, address: IpAddr) -> Result<Seat, oneshot::Receiver<Seat>> {
        let mut taken = self.taken();
        if taken.is_room(address, &self.limits) {
            return Ok(self.seat(&mut taken, address));
        }
        taken.waiting.retain(|newcomer| !newcomer.seat.is_closed());
        let Limits { connections, per_address, .. } = self.limits;
        let same = |newcomer: &Newcomer| newcomer.address == address;
        if taken.waiting.iter().filter(|newcomer| same(newcomer)).count() >= per_address
            && let Some(first) = taken.waiting.iter().position(same)
        {
            taken.waiting.remove(first);
        } else if taken.waiting.len() >= connections {
            taken.waiting.pop_front();
        }
        let (seat, receiver) = oneshot::channel();
        taken.waiting.push_back(Newcomer { address, seat });
        Err(receiver)
    }

    fn seat(self: &Arc<Self>, taken: &mut Taken, address: IpAddr) -> Seat {
        let (number, evicted) = (taken.next, CancellationToken::new());
        taken.next += 1;
        *taken.counts.entry(address).or_default() += 1;
        let place = Place { address, idle_since: Some(Instant::now()), known: false, evicted: evicted.clone() };
        taken.places.insert(number, place);
        Seat { all: Arc::clone(self), number, evicted }
    }

    /// Asks the connection that is idle longest to go: one of the same address, if that has its share, or else one of the
    /// address with the most connections. Its place is free once it has gone.
    fn make_room(&self, address: IpAddr, victim: Victim) {
        let taken = self.taken();
        if taken.is_room(address, &self.limits) {
            return;
        }
        let own = taken.count(address) >= self.limits.per_address;
        let now = Instant::now();
        let may_go = |place: &Place| {
            (!own || place.address == address)
                && (victim == Victim::Idle || !place.known)
                && !place.evicted.is_cancelled()
                && place.idle_since.is_some_and(|since| now.duration_since(since) >= self.limits.grace)
        };
        let idle = taken.places.values().filter(|place| may_go(place));
        let longest = idle.max_by_key(|place| (taken.count(place.address), place.idle_since.map(|since| now - since)));
        if let Some(place) = longest {
            place.evicted.cancel();
        }
    }

    /// Frees a place, and gives it to the last who came of those that may have it.
    fn free(self: &Arc<Self>, number: u64) {
        let mut taken = self.taken();
        let Some(place) = taken.places.remove(&number) else { return };
        if let Some(count) = taken.counts.get_mut(&place.address) {
            *count -= 1;
            if *count == 0 {
                taken.counts.remove(&place.address);
            }
        }
        taken.waiting.retain(|newcomer| !newcomer.seat.is_closed());
        let next = taken.waiting.iter().rposition(|newcomer| taken.is_room(newcomer.address, &self.limits));
        let Some(newcomer) = next.and_then(|next| taken.waiting.remove(next)) else { return };
        let seat = self.seat(&mut taken, newcomer.address);
        drop(taken);
        // One who gave up this very moment drops it again, for the next.
        drop(newcomer.seat.send(seat));
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn count(&self, address: IpAddr) -> usize {
        self.counts.get(&address).copied().unwrap_or_default()
    }

    fn is_room(&self, address: IpAddr, limits: &Limits) -> bool {
        self.places.len() < limits.connections && self.count(address) < limits.per_address
    }

    /// Whether somebody waits who could have a place of that address.
    fn is_wanted(&self, address: IpAddr, limits: &Limits) -> bool {
        let could =
            |newcomer: &Newcomer| newcomer.address == address || self.count(newcomer.address) < limits.per_address;
        self.waiting.iter().any(|newcomer| !newcomer.seat.is_closed() && could(newcomer))
    }
}

impl Seat {
    /// A request is answered: the place is safe.
    pub fn busy(&self) {
        self.change(|place| place.idle_since = None);
    }

    /// The request was answered. Whether the caller is to be asked to close the connection, because somebody else waits for
    /// the place.
    pub fn idle(&self) -> bool {
        self.change(|place| place.idle_since = Some(Instant::now()));
        let taken = self.all.taken();
        let address = taken.places.get(&self.number).map(|place| place.address);
        address.is_some_and(|address| taken.is_wanted(address, &self.all.limits))
    }

    /// It has asked as only API servers do.
    pub fn known(&self) {
        self.change(|place| place.known = true);
    }

    /// Ends when another connection is to have this place.
    pub async fn lost(&self) {
        self.evicted.cancelled().await;
    }

    fn change(&self, change: impl FnOnce(&mut Place)) {
        if let Some(place) = self.all.taken().places.get_mut(&self.number) {
            change(place);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.all.free(self.number);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep};

    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));
    const C: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 3));
    const SECOND: Duration = Duration::from_secs(1);

    fn places(connections: usize, per_address: usize) -> Arc<Places> {
        Places::new(Limits { connections, per_address, ..Limits::default() })
    }

    /// Takes places one after another, a second apart.
    async fn take<const N: usize>(places: &Arc<Places>, addresses: [IpAddr; N]) -> [Seat; N] {
        let mut seats = Vec::new();
        for address in addresses {
            seats.push(places.take(address).await.expect("a place"));
            advance(SECOND).await;
        }
        seats.try_into().expect("as many")
    }

    fn lost<const N: usize>(seats: &[Seat; N]) -> [bool; N] {
        std::array::from_fn(|n| seats[n].evicted.is_cancelled())
    }

    /// Asks for a place, as a task that goes on beside the test, and lets time pass that is too short to give up.
    async fn newcomer(places: &Arc<Places>, address: IpAddr) -> tokio::task::JoinHandle<Option<Seat>> {
        let places = Arc::clone(places);
        let waiting = tokio::spawn(async move { places.take(address).await });
        sleep(Duration::from_millis(10)).await;
        waiting
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_go_first_the_longest_idle_of_the_address_with_the_most() {
        let places = places(4, 3);
        let seats = take(&places, [A, B, B, B]).await;
        seats[1].busy();
        let waiting = newcomer(&places, C).await;
        assert_eq!(lost(&seats), [false, false, true, false], "A is idle longer, but has only one");
        let [first, busy, victim, last] = seats;
        drop(victim);
        let came = waiting.await.expect("no panic").expect("a place");
        assert!(!last.evicted.is_cancelled() && !first.evicted.is_cancelled());
        drop((came, busy));
        assert!(places.take(C).await.is_some(), "a freed place is taken before anybody goes");
        assert!(!last.evicted.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_with_its_share_replaces_only_its_own() {
        let places = places(8, 2);
        let seats = take(&places, [B, A, A]).await;
        let _waiting = newcomer(&places, "::ffff:10.0.0.1".parse().expect("an address")).await;
        assert_eq!(lost(&seats), [false, true, false], "the same address in the other family's writing");
    }

    #[tokio::test(start_paused = true)]
    async fn who_asked_keeps_the_place_and_is_asked_to_close() {
        let places = places(2, 2);
        let seats = take(&places, [A, B]).await;
        for seat in &seats {
            seat.known();
            seat.busy();
        }
        assert!(!seats[0].idle(), "nobody waits");
        seats[0].busy();
        let waiting = newcomer(&places, C).await;
        assert_eq!(lost(&seats), [false, false]);
        assert!(seats[0].idle(), "somebody does");
        let [first, _second] = seats;
        // It closes as it was asked to.
        drop(first);
        assert!(waiting.await.expect("no panic").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_newcomer_is_no_stranger_for_a_moment() {
        let places = places(1, 1);
        let seat = places.take(A).await.expect("a place");
        let waiting = newcomer(&places, B).await;
        assert!(!seat.evicted.is_cancelled(), "it may be an API server that has just come");
        sleep(SECOND + LOOK).await;
        assert!(seat.evicted.is_cancelled());
        drop(seat);
        assert!(waiting.await.expect("no panic").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn only_when_nothing_else_helps_an_idle_one_goes_that_asked_before() {
        let places = places(2, 2);
        let seats = take(&places, [A, A]).await;
        for seat in &seats {
            seat.known();
        }
        seats[0].busy();
        let asked = Instant::now();
        let waiting = newcomer(&places, B).await;
        seats[1].lost().await;
        assert!(asked.elapsed() >= places.limits.patience);
        let [_busy, victim] = seats;
        drop(victim);
        assert!(waiting.await.expect("no panic").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn requests_in_flight_keep_their_places_and_few_wait() {
        let places = places(2, 1);
        let seats = take(&places, [A, B]).await;
        for seat in &seats {
            seat.busy();
        }
        let first = newcomer(&places, A).await;
        let second = newcomer(&places, A).await;
        assert!(first.is_finished() && first.await.expect("no panic").is_none(), "only one of that address waits");
        assert!(!second.is_finished());
        assert!(places.take(C).await.is_none() && second.await.expect("no panic").is_none(), "in vain");
        assert_eq!(lost(&seats), [false, false]);
        drop(seats);
        assert!(places.taken().counts.is_empty() && places.taken().places.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_who_may_have_it_gets_a_place() {
        let places = places(3, 2);
        let [a, other, b] = take(&places, [A, A, B]).await;
        for seat in [&a, &other, &b] {
            seat.busy();
        }
        let (early, late, own) = (newcomer(&places, C).await, newcomer(&places, C).await, newcomer(&places, A).await);
        drop(b);
        let late = late.await.expect("no panic").expect("a place: A has its share");
        drop(a);
        let own = own.await.expect("no panic").expect("a place: it came after the other");
        drop(own);
        assert!(early.await.expect("no panic").is_some());
        drop((late, other));
    }
}
