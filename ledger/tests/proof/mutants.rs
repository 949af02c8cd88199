//! A search that finds nothing proves something only if it finds what is wrong. Each wrong way to do it must be caught: it
//! must break an invariant, and it must lead to more objects than the limit.

use stateright::{Checker, HasDiscoveries, Model};

use crate::{
    exhaustive::{I1, I3, Search, WITHIN_LIMIT},
    world::{Budget, Mutation},
};

/// The length of the shortest way to break a property.
fn shortest(search: &Search, property: &'static str) -> Option<usize> {
    let search = Search { only: vec![property], ..search.clone() };
    let checker =
        search.checker().target_state_count(300_000).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    checker.discovery(property).map(|path| path.into_actions().len())
}

/// Fails when the mutant does not break this invariant, or never leads to more objects than the limit.
fn is_caught(mutation: Mutation, invariant: &'static str, mut search: Search) {
    search.setup.mutation = Some(mutation);
    let broken = shortest(&search, invariant);
    let over = shortest(&search, WITHIN_LIMIT);
    let (Some(broken), Some(over)) = (broken, over) else {
        panic!("{mutation:?} is not caught: '{invariant}' broken in {broken:?} steps, the limit in {over:?}");
    };
    eprintln!("{mutation:?}: '{invariant}' broken in {broken} steps, the limit in {over}");
}

fn two_names(budget: Budget) -> Search {
    Search::new(1, &["a", "b"], budget)
}

#[test]
fn counting_a_list() {
    is_caught(Mutation::CountsByList, I3, two_names(Budget::default()));
}

#[test]
fn releasing_on_the_clock() {
    is_caught(Mutation::ReleasesOnClock, I1, two_names(Budget::default()));
}

#[test]
fn looking_without_a_barrier() {
    is_caught(Mutation::NoBarrier, I1, two_names(Budget::default()));
}

#[test]
fn recording_the_review_instead_of_the_object() {
    is_caught(Mutation::KeyedByRequest, I3, two_names(Budget::default()));
}

#[test]
fn releasing_on_a_delete_request() {
    let mut search = two_names(Budget { deletes: 1, ..Budget::default() });
    search.setup.finalizers = true;
    is_caught(Mutation::ReleasesOnDeleteRequest, I1, search);
}

#[test]
fn releasing_by_name() {
    let mut search = Search::new(1, &["a", "a", "b"], Budget { deletes: 1, ..Budget::default() });
    search.setup.expiry = false;
    search.setup.deaf = 1;
    is_caught(Mutation::ReleasesByName, I3, search);
}

#[test]
fn writing_without_comparing() {
    is_caught(Mutation::NoCompareAndSwap, I3, two_names(Budget::default()));
}

#[test]
fn allowing_on_an_unknown_write() {
    let search = two_names(Budget { unknown_writes: 1, ..Budget::default() });
    is_caught(Mutation::AllowsOnUnknownWrite, I3, search);
}

#[test]
fn not_adopting() {
    let mut search = Search::new(1, &["a"], Budget::default());
    search.setup.preexisting = vec![backup_ledger::Key::new("ns-old", "old")];
    search.setup.installed = false;
    is_caught(Mutation::SkipsAdoption, I1, search);
}

#[test]
fn deciding_at_once_on_a_new_ledger() {
    let mut search = two_names(Budget { ledger_losses: 1, ..Budget::default() });
    search.setup.expiry = false;
    search.setup.deaf = 2;
    search.setup.ledger_watch = true;
    is_caught(Mutation::NoQuarantine, I3, search);
}
