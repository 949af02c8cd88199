//! One corpus of manifests through every door: what is found must not depend on the way that a manifest takes.

pub mod case;
mod doors;
mod lines;
mod surroundings;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use e2e_tests::TestCluster;
use test_cluster::{Options, webhook::start_process};

use self::{
    case::{Case, Door},
    doors::Doors,
    lines::{Line, codes, lost},
    surroundings::NAMESPACE,
};

/// Cases at once; each runs kubectl several times.
const AT_ONCE: usize = 3;

#[test]
fn w6_every_door_finds_the_same() {
    let cases = Case::all();
    assert!(cases.len() >= 150, "only {} cases", cases.len());
    let cluster = TestCluster::own(&Options { name: format!("parity-{}", std::process::id()), ..Options::default() });
    let old = doors::prepare(&cluster, &cases);
    let program = std::env::var_os("KUBECTL_BACKUP_WEBHOOK").expect("run these tests with cargo xtask test");
    let _webhook =
        start_process(cluster.cluster(), &PathBuf::from(program)).unwrap_or_else(|error| panic!("{error:?}"));
    let doors = Doors::open(&cluster, old);
    let complaints = Mutex::new(BTreeMap::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let told = complaints_about(&doors, case);
                    if !told.is_empty() {
                        complaints.lock().expect("no thread panicked").insert(case.name.clone(), told);
                    }
                }
            });
        }
    });
    let complaints = complaints.into_inner().expect("no thread panicked");
    let text: Vec<String> = complaints.iter().map(|(case, told)| format!("{case}:\n  {}", told.join("\n  "))).collect();
    assert!(text.is_empty(), "{} of {} cases differ\n{}", text.len(), cases.len(), text.join("\n"));
    assert!(
        cluster
            .kubectl(&["get", "deployments,pods,schedules.velero.io,volumesnapshots", "-n", NAMESPACE, "-o", "name"])
            .lines()
            .count()
            <= cases.iter().filter(|case| case.old.is_some()).count(),
        "a trial was kept"
    );
}

/// What a case expects and does not get, and what two doors say differently.
fn complaints_about(doors: &Doors<'_>, case: &Case) -> Vec<String> {
    let mut told = Vec::new();
    let mut heard: BTreeMap<Door, Vec<Line>> = BTreeMap::new();
    for door in Door::ALL {
        let expected = case.expected(door);
        match (doors.ask(door, case), &expected.refused) {
            (Ok(lines), None) => {
                let found = codes(&lines);
                if found != expected.codes {
                    told.push(format!("{door:?} finds {found:?}, expected {:?}", expected.codes));
                }
                heard.insert(door, lines);
            }
            (Err(said), Some(text)) if said.contains(text.as_str()) => {}
            (Err(said), Some(text)) => told.push(format!("{door:?} does not say {text:?}: {said}")),
            (Ok(lines), Some(text)) => {
                told.push(format!("{door:?} does not refuse with {text:?}: {:?}", codes(&lines)));
            }
            (Err(said), None) => told.push(format!("{door:?}: {said}")),
        }
    }
    for (door, lines) in heard.iter().filter(|(door, _)| **door != Door::Review) {
        if let Some(review) = heard.get(&Door::Review) {
            told.extend(compared(case, *door, lines, review));
        }
    }
    told
}

/// What one of two doors says and the other does not, of the codes that both shall find, each as often as it stands there.
fn compared(case: &Case, door: Door, lines: &[Line], review: &[Line]) -> Vec<String> {
    let shared = case.shared(door, Door::Review);
    let of_both = |lines: &[Line]| -> Vec<Line> {
        let lines = lines.iter().filter(|line| shared.contains(line.code.as_str())).cloned().collect();
        // API servers and kubectl say the same words only once, whatever they are said of.
        if door == Door::Apply { lines::once(lines) } else { lines }
    };
    let (lines, review) = (of_both(lines), of_both(review));
    // Where a difference is written down, it may be one of weight.
    let same = |one: &Line, other: &Line| {
        let weighed = Line { severity: one.severity, ..other.clone() };
        one.says_the_same(other) || (case.differs(door) && one.says_the_same(&weighed))
    };
    let only_here = lost(&lines, &review, same).into_iter().map(|line| format!("only {door:?} says {line:?}"));
    let only_there = lost(&review, &lines, same).into_iter().map(|line| format!("{door:?} does not say {line:?}"));
    only_here.chain(only_there).collect()
}
