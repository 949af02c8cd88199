//! A search that finds nothing proves something only if it finds what is wrong. Each wrong way to do it must be caught: it
//! must break an invariant, and it must lead to more objects than the limit.

use stateright::{Checker, HasDiscoveries, Model};

use crate::{
    exhaustive::{I1, I2, I3, Search, WITHIN_LIMIT},
    world::{Budget, Mutation},
};

/// Searches for the shortest way to break one of these properties.
fn shortest(search: &Search, only: &[&'static str]) -> Option<(&'static str, usize)> {
    let search = Search { only: only.to_vec(), ..search.clone() };
    let checker = search.checker().target_max_depth(40).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    checker.discoveries().into_iter().map(|(name, path)| (name, path.into_actions().len())).next()
}

/// Fails when the mutant is not caught by this invariant first, or never leads to more objects than the limit.
fn is_caught(mutation: Mutation, invariant: &str, mut search: Search) {
    let sound = shortest(&search, &[WITHIN_LIMIT, I1, I2, I3]);
    assert_eq!(sound, None, "the world of {mutation:?} is wrong without it");
    search.setup.mutation = Some(mutation);
    let Some((first, steps)) = shortest(&search, &[WITHIN_LIMIT, I1, I2, I3]) else {
        panic!("{mutation:?} is not caught");
    };
    let Some((_, over)) = shortest(&search, &[WITHIN_LIMIT]) else {
        panic!("{mutation:?} never leads to more objects than the limit");
    };
    eprintln!("{mutation:?}: breaks '{first}' in {steps} steps, and the limit in {over}");
    assert_eq!(first, invariant, "{mutation:?}");
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
    is_caught(Mutation::ReleasesOnClock, I3, two_names(Budget::default()));
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
    let search = Search::new(1, &["a", "a", "b"], Budget { deletes: 1, ..Budget::default() });
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
    let search = two_names(Budget { ledger_losses: 1, ..Budget::default() });
    is_caught(Mutation::NoQuarantine, I3, search);
}
