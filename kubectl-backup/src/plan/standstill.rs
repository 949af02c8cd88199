//! Why nothing happens to a backup or restore, judged by several looks at Velero's work.
//!
//! Velero takes up queued backups when another ends, and each minute. It holds the place of a running backup whose object
//! was deleted for minutes, then goes on. So only a queue that stands still for long has a fault.

use std::collections::BTreeSet;

use super::run::Kind;

/// Looks that must agree before the queue is said to be stuck.
pub const LOOKS: usize = 3;

/// What Velero was seen doing with the backups, or with the restores, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Those that it works on (InProgress).
    pub running: BTreeSet<String>,
    /// Those that have left the queue but have not begun (ReadyToStart).
    pub ready: BTreeSet<String>,
    /// Those in its queue.
    pub queued: BTreeSet<String>,
}

impl Look {
    /// Takes in an object by its phase.
    pub fn add(&mut self, name: String, phase: Option<&str>) {
        let of_phase = match phase {
            Some("InProgress") => &mut self.running,
            Some("ReadyToStart") => &mut self.ready,
            Some("Queued") => &mut self.queued,
            _ => return,
        };
        of_phase.insert(name);
    }
}

/// What keeps the queue from moving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stall {
    /// Backups that were to begin long ago.
    Ready(BTreeSet<String>),
    /// Nothing that is to be seen.
    Idle,
}

/// Judges the looks, the newest last; `None` when the queue moves, or may yet.
pub fn stall(looks: &[Look]) -> Option<Stall> {
    let (newest, earlier) = looks.split_last()?;
    let before = earlier.last()?;
    let stuck: BTreeSet<String> = before.ready.intersection(&newest.ready).cloned().collect();
    if !stuck.is_empty() {
        return Some(Stall::Ready(stuck));
    }
    let is_idle = |look: &Look| look.running.is_empty() && look.ready.is_empty();
    let oldest = looks.first()?;
    // Short backups may begin and end between the looks: then they are gone from the queue.
    let moved = oldest.queued.difference(&newest.queued).next().is_some();
    (looks.len() >= LOOKS && looks.iter().all(is_idle) && !moved).then_some(Stall::Idle)
}

/// Says what to do about it. `restores` are those that Velero works on: they fail when it is restarted.
pub fn words(stall: &Stall, restores: &BTreeSet<String>, namespace: &str) -> String {
    match stall {
        Stall::Ready(names) => {
            let (are, them) = if names.len() == 1 { ("backup", "it") } else { ("backups", "them") };
            format!(
                "Velero has not begun {are} {} though it took {them} from its queue minutes ago (ReadyToStart). If Velero is \
                 running, it never will, and holds back others of the same namespaces, even when it is restarted. Nothing is \
                 stored yet; delete {them}: kubectl -n {namespace} delete backups.velero.io {}",
                quoted(names),
                names.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
            )
        }
        Stall::Idle => {
            let cost = if restores.is_empty() {
                "no backup or restore is in progress that would fail by it".to_owned()
            } else {
                format!("restores that are in progress would fail by it: {}", quoted(restores))
            };
            format!(
                "Velero's queue has not moved for minutes though no backup is running. Look whether Velero is running: \
                 kubectl -n {namespace} get deployments,pods. If it is, restart it ({cost}): \
                 kubectl -n {namespace} rollout restart deployment velero"
            )
        }
    }
}

/// Says why Velero has not taken up an object: it is busy with another, or nothing is known.
pub fn unseen_words(kind: Kind, look: &Look, namespace: &str) -> String {
    let noun = kind.noun();
    if look.running.is_empty() {
        return format!(
            "Velero has not taken up the {noun} yet; is it running? See: kubectl -n {namespace} get deployments,pods"
        );
    }
    format!("Velero is busy with {noun} {}; it may take this one up only afterwards", quoted(&look.running))
}

fn quoted(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(objects: &[(&str, &str)]) -> Look {
        let mut look = Look::default();
        for &(name, phase) in objects {
            look.add(name.to_owned(), Some(phase));
        }
        look
    }

    #[test]
    fn a_queue_that_moves_is_not_stuck() {
        let mine = look(&[("mine", "Queued")]);
        // The second of two backups of one namespace, a minute after the first has ended.
        assert_eq!(stall(&[look(&[("mine", "Queued"), ("first", "InProgress")]), mine.clone(), mine.clone()]), None);
        // Short backups with nothing running at each look.
        let longer = look(&[("mine", "Queued"), ("first", "Queued")]);
        assert_eq!(stall(&[longer.clone(), mine.clone(), mine.clone()]), None);
        // Too early to tell.
        assert_eq!(stall(&[mine.clone(), mine.clone()]), None);
        assert_eq!(stall(&[]), None);
        // Velero works on data after its part of the queue is over: that holds nothing.
        let finalizing = look(&[("mine", "Queued"), ("old", "Finalizing"), ("older", "Completed")]);
        assert_eq!(stall(&[finalizing.clone(), finalizing.clone(), finalizing]), Some(Stall::Idle));
        // Something is about to begin, but was not at the look before.
        let about = look(&[("mine", "Queued"), ("other", "ReadyToStart")]);
        assert_eq!(stall(&[mine.clone(), mine, about]), None);
    }

    #[test]
    fn what_was_to_begin_long_ago_is_to_be_deleted() {
        let stuck = look(&[("mine", "Queued"), ("other", "ReadyToStart"), ("far", "InProgress")]);
        let stall = stall(&[stuck.clone(), stuck]).unwrap();
        insta::assert_snapshot!(words(&stall, &BTreeSet::new(), "velero"), @r#"Velero has not begun backup "other" though it took it from its queue minutes ago (ReadyToStart). If Velero is running, it never will, and holds back others of the same namespaces, even when it is restarted. Nothing is stored yet; delete it: kubectl -n velero delete backups.velero.io other"#);
    }

    #[test]
    fn a_restart_is_the_last_resort_and_its_cost_is_named() {
        let mine = look(&[("mine", "Queued")]);
        let stall = stall(&[mine.clone(), mine.clone(), mine]).unwrap();
        insta::assert_snapshot!(words(&stall, &BTreeSet::new(), "velero"), @"Velero's queue has not moved for minutes though no backup is running. Look whether Velero is running: kubectl -n velero get deployments,pods. If it is, restart it (no backup or restore is in progress that would fail by it): kubectl -n velero rollout restart deployment velero");
        let restores = BTreeSet::from(["r1".to_owned()]);
        assert!(words(&stall, &restores, "velero").contains(r#"would fail by it: "r1""#));
    }

    #[test]
    fn a_busy_velero_is_not_said_to_be_down() {
        insta::assert_snapshot!(unseen_words(Kind::Restore, &look(&[("first", "InProgress")]), "velero"), @r#"Velero is busy with restore "first"; it may take this one up only afterwards"#);
        insta::assert_snapshot!(unseen_words(Kind::Restore, &look(&[("first", "Finalizing")]), "velero"), @"Velero has not taken up the restore yet; is it running? See: kubectl -n velero get deployments,pods");
    }
}
