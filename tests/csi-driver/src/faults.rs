//! Faults that a storage class or snapshot class orders by its parameters, so that tests side by side do not disturb
//! each other. The README lists them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::error::Error;
use crate::store::{Id, Key, Readiness};

const PREFIX: &str = "fault.test/";

/// Which call the parameters came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// CreateVolume
    CreateVolume,
    /// CreateSnapshot
    CreateSnapshot,
}

/// How long a snapshot stays unready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NotReady {
    /// It is ready at once.
    #[default]
    No,
    /// For this long after it was taken.
    For(Duration),
    /// It never becomes ready.
    Forever,
}

impl NotReady {
    /// The moment at which a snapshot taken at `created` is ready.
    pub fn readiness(self, created: Timestamp) -> Readiness {
        match self {
            Self::No => Readiness::At(created),
            Self::For(time) => created.checked_add(time).map_or(Readiness::Never, Readiness::At),
            Self::Forever => Readiness::Never,
        }
    }
}

/// The faults ordered for one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The call takes this long.
    pub delay: Duration,
    /// The call waits until it is released under this name.
    pub hold: Option<Id>,
    /// The call always fails with this message.
    pub fail: Option<String>,
    /// This many calls for a name fail before one works.
    pub fail_times: u32,
    /// The snapshot is not ready at once.
    pub not_ready: NotReady,
    /// The snapshot's data vanish when it becomes ready.
    pub lose_content: bool,
    /// This many deletions of the snapshot fail before one works.
    pub fail_delete_times: u32,
}

impl Faults {
    /// Reads the faults among a class's parameters. A fault that is misspelt, or that the call does not know, is
    /// refused: a test must not pass because its fault never happened.
    pub fn parse(parameters: &HashMap<String, String>, operation: Operation) -> Result<Self, Error> {
        let mut faults = Self::default();
        // In the order of their names, so that the same parameters always give the same complaint.
        for (key, value) in parameters.iter().collect::<BTreeMap<_, _>>() {
            let Some(fault) = key.strip_prefix(PREFIX) else { continue };
            let snapshot = operation == Operation::CreateSnapshot;
            match fault {
                "delay" => faults.delay = duration(key, value)?,
                "hold" => {
                    let name =
                        Id::try_from(value.clone()).map_err(|_| invalid(key, value, "want the name of a file"))?;
                    faults.hold = Some(name);
                }
                "fail" => faults.fail = Some(value.clone()),
                "fail-times" => {
                    faults.fail_times = count(key, value)?;
                }
                "fail-delete-times" if snapshot => {
                    faults.fail_delete_times = count(key, value)?;
                }
                "not-ready-for" if snapshot && value == "never" => faults.not_ready = NotReady::Forever,
                "not-ready-for" if snapshot => faults.not_ready = NotReady::For(duration(key, value)?),
                "lose-content" if snapshot => {
                    faults.lose_content = value.parse().map_err(|_| invalid(key, value, "want true or false"))?;
                }
                _ => return Err(invalid(key, value, &format!("{operation:?} has no such fault"))),
            }
        }
        Ok(faults)
    }
}

fn count(key: &str, value: &str) -> Result<u32, Error> {
    value.parse().map_err(|_| invalid(key, value, "want a count, as in 2"))
}

fn duration(key: &str, value: &str) -> Result<Duration, Error> {
    let time: Option<SignedDuration> = value.parse().ok();
    time.and_then(|time| time.try_into().ok()).ok_or_else(|| invalid(key, value, "want a time, as in 5s"))
}

fn invalid(key: &str, value: &str, want: &str) -> Error {
    Error::Invalid(format!("parameter {key}: {value:?}: {want}"))
}

#[derive(Clone, Copy)]
struct Attempt {
    first: Instant,
    failures: u32,
}

/// What was tried so far, by name. Kept in memory: after a restart, counting starts again.
pub(crate) struct Attempts {
    by_key: Mutex<HashMap<Key, Attempt>>,
    /// Calls that are held go on once their name is a file here.
    released: PathBuf,
}

/// How often a call that is held looks whether it is released.
const LOOK: Duration = Duration::from_millis(20);

impl Attempts {
    /// Nothing was tried yet. `root` is the driver's folder.
    pub(crate) fn none(root: &Path) -> Self {
        Self { by_key: Mutex::default(), released: root.join("released") }
    }

    /// Fails or waits as ordered; who waits and fails fails then. A delay runs from the first attempt, so that a caller with a
    /// deadline shorter than the delay gets there by trying again.
    pub(crate) async fn suffer(&self, key: &Key, faults: &Faults) -> Result<(), Error> {
        let attempt = self.record(key, faults.fail_times);
        if attempt.failures <= faults.fail_times && faults.fail_times > 0 {
            let message = format!("ordered failure {} of {} for {key}", attempt.failures, faults.fail_times);
            return Err(Error::Ordered(message));
        }
        if !faults.delay.is_zero() {
            tokio::time::sleep_until(attempt.first + faults.delay).await;
        }
        if let Some(name) = &faults.hold {
            self.released(name).await?;
        }
        faults.fail.clone().map_or(Ok(()), |message| Err(Error::Ordered(message)))
    }

    async fn released(&self, name: &Id) -> Result<(), Error> {
        let path = self.released.join(name.as_str());
        while !path.try_exists().map_err(Error::io(format!("cannot look for {}", path.display())))? {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn record(&self, key: &Key, fail_times: u32) -> Attempt {
        let mut attempts = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = attempts.entry(key.clone()).or_insert(Attempt { first: Instant::now(), failures: 0 });
        // One past the ordered number means: no failure any more.
        attempt.failures = attempt.failures.saturating_add(1).min(fail_times.saturating_add(1));
        *attempt
    }

    /// The call has worked: a thing of this name that is made again later starts anew.
    pub(crate) fn forget(&self, key: &Key) {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)], operation: Operation) -> Result<Faults, String> {
        let parameters = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Faults::parse(&parameters, operation).map_err(|error| error.to_string())
    }

    #[test]
    fn every_fault_is_read() {
        let faults = parse(
            &[
                ("fault.test/delay", "1500ms"),
                ("fault.test/hold", "until-then"),
                ("fault.test/fail", "disk on fire"),
                ("fault.test/fail-times", "2"),
                ("fault.test/not-ready-for", "10s"),
                ("fault.test/lose-content", "true"),
                ("fault.test/fail-delete-times", "3"),
                ("other", "ignored"),
            ],
            Operation::CreateSnapshot,
        );
        let want = Faults {
            delay: Duration::from_millis(1500),
            hold: Some(Id::try_from("until-then".to_owned()).unwrap()),
            fail: Some("disk on fire".to_owned()),
            fail_times: 2,
            not_ready: NotReady::For(Duration::from_secs(10)),
            lose_content: true,
            fail_delete_times: 3,
        };
        assert_eq!(faults, Ok(want));
        let never = parse(&[("fault.test/not-ready-for", "never")], Operation::CreateSnapshot);
        assert_eq!(never.unwrap().not_ready, NotReady::Forever);
    }

    #[test]
    fn what_cannot_happen_is_refused_with_its_name() {
        for (key, value, operation) in [
            ("fault.test/dealy", "5s", Operation::CreateSnapshot),
            ("fault.test/delay", "5 apples", Operation::CreateSnapshot),
            ("fault.test/delay", "-5s", Operation::CreateVolume),
            ("fault.test/hold", "../csi.sock", Operation::CreateVolume),
            ("fault.test/fail-times", "-1", Operation::CreateVolume),
            ("fault.test/lose-content", "yes", Operation::CreateSnapshot),
            ("fault.test/not-ready-for", "10s", Operation::CreateVolume),
            ("fault.test/fail-delete-times", "1", Operation::CreateVolume),
        ] {
            let message = parse(&[(key, value)], operation).unwrap_err();
            assert!(message.contains(key) && message.contains(value), "{message}");
        }
    }

    #[test]
    fn unready_time_runs_from_the_moment_of_the_snapshot() {
        let created: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let ready = NotReady::For(Duration::from_secs(10)).readiness(created);
        assert!(!ready.is_reached("2026-01-01T00:00:09Z".parse().unwrap()));
        assert!(ready.is_reached("2026-01-01T00:00:10Z".parse().unwrap()));
        assert!(NotReady::No.readiness(created).is_reached(created));
        assert!(!NotReady::Forever.readiness(created).is_reached(Timestamp::MAX));
    }
}
