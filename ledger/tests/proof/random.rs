//! Random orders of events in worlds that are too large to search: ten slots, thirty names, four replicas.

use std::sync::Arc;

use backup_ledger::Key;
use proptest::{prelude::*, sample::Index};

use crate::world::{Action, Budget, Milestone, Plan, Setup, World};

const NAMES: usize = 30;
const CREATES: usize = 60;

fn plan() -> impl Strategy<Value = Plan> {
    (0..NAMES, prop::bool::weighted(0.1)).prop_map(|(name, dry_run)| Plan {
        key: Key::new(&format!("ns{}", name % 4), &format!("s{name}")),
        dry_run,
        ..Plan::of("")
    })
}

fn setup() -> impl Strategy<Value = Setup> {
    let shape = (prop_oneof![Just(2), Just(5), Just(10)], 1..=4_usize, any::<bool>());
    let start = (0..8_usize, prop::bool::weighted(0.8));
    let trouble = (0..20_u8, 0..20_u8, 0..3_u8, prop::bool::weighted(0.2));
    (prop::collection::vec(plan(), CREATES), shape, start, trouble).prop_map(
        |(creates, (limit, replicas, finalizers), (old, installed), (deletes, failed, crashes, loss))| Setup {
            limit,
            replicas,
            creates,
            preexisting: (0..if installed { 0 } else { old }).map(|n| Key::new("old", &n.to_string())).collect(),
            installed,
            budget: Budget {
                crashes,
                duplicates: 20,
                unknown_writes: 20,
                ledger_losses: u8::from(loss),
                deletes,
                failed_creates: failed,
                deadlines: 20,
                reconciles: 4,
                hook_losses: 3,
            },
            mutation: None,
            ledger_watch: true,
            finalizers,
            prompt: false,
            expiry: true,
            deaf: usize::from(replicas > 2),
            reached: Arc::default(),
        },
    )
}

/// Kinds of events are chosen first, so that the many ways to begin a create do not crowd out all else.
fn choose(choices: &[Action], kind: &Index, which: &Index) -> Option<Action> {
    let kinds: Vec<_> = choices.iter().map(std::mem::discriminant).fold(Vec::new(), |mut kinds, kind| {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        kinds
    });
    let kind = kinds.get(kind.index(kinds.len().max(1)))?;
    let of_kind: Vec<_> = choices.iter().filter(|action| std::mem::discriminant(*action) == *kind).collect();
    of_kind.get(which.index(of_kind.len())).map(|action| (*action).clone())
}

fn check(setup: &Setup, world: &World) -> Result<(), TestCaseError> {
    prop_assert!(world.within_limit(setup), "more objects than the limit");
    prop_assert!(world.objects_are_recorded(setup), "I1");
    prop_assert!(world.slots_are_within_limit(setup), "I2");
    prop_assert!(world.creates_are_recorded(setup), "I3");
    prop_assert!(world.faults.is_empty(), "{:?}", world.faults);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn many_creates_by_many_replicas(
        setup in setup(),
        steps in prop::collection::vec((any::<Index>(), any::<Index>()), 1..1_200),
    ) {
        let mut world = World::new(&setup);
        let mut choices = Vec::new();
        for (kind, which) in &steps {
            choices.clear();
            world.choices(&setup, &mut choices);
            let Some(action) = choose(&choices, kind, which) else { break };
            world.act(&setup, &action);
            check(&setup, &world)?;
        }
        let end = world.drained(&setup);
        prop_assert!(end.is_some(), "it never comes to rest");
        if let Some(end) = end {
            check(&setup, &end)?;
            prop_assert!(end.is_clean(), "slots are not objects: {:#?} {:#?}", end.store, end.nodes);
        }
    }
}

/// The random walk is worth nothing if it does not get anywhere.
#[test]
fn random_walks_reach_everything() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut missing: Vec<Milestone> = vec![
        Milestone::RefusedAsFull,
        Milestone::ReleasedByDeletion,
        Milestone::ReleasedByLook,
        Milestone::ReleasedAfterExpiry,
        Milestone::DryRunAdmitted,
        Milestone::BecameReady,
    ];
    for _ in 0..100 {
        let setup = setup().new_tree(&mut runner).expect("a setup").current();
        let steps = prop::collection::vec((any::<Index>(), any::<Index>()), 1_200);
        let steps = steps.new_tree(&mut runner).expect("steps").current();
        let mut world = World::new(&setup);
        let mut choices = Vec::new();
        for (kind, which) in &steps {
            choices.clear();
            world.choices(&setup, &mut choices);
            if let Some(action) = choose(&choices, kind, which) {
                world.act(&setup, &action);
            }
        }
        let reached = setup.reached.lock().expect("no thread has failed").clone();
        missing.retain(|milestone| !reached.contains(milestone));
        if missing.is_empty() {
            return;
        }
    }
    panic!("no walk reaches {missing:?}");
}
