//! Which VolumeSnapshotClass a volume's snapshot gets when its author names none.

use std::fmt;

use wildmatch::WildMatch;

use crate::config::Config;

/// What is known of one VolumeSnapshotClass in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotClassFact {
    /// Its name.
    pub name: String,
    /// The CSI driver it belongs to.
    pub driver: String,
    /// Whether it carries `snapshot.storage.kubernetes.io/is-default-class: "true"`.
    pub is_default: bool,
}

/// The class for a volume, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// This class.
    Use {
        /// The class's name.
        class: String,
        /// What led to it.
        reason: Reason,
    },
    /// No class can be named without guessing.
    None(NoClass),
}

/// What led to a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The policy's table names it for storage classes of this pattern.
    Policy {
        /// The pattern that fits the volume's storage class.
        storage_class: String,
    },
    /// It is the default class of the volume's driver.
    DriverDefault,
    /// The volume's driver has no other.
    OnlyOne,
}

/// No class fits: what was looked for, and what there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoClass {
    /// The volume's storage class, when it has one.
    pub storage_class: Option<String>,
    /// The volume's CSI driver, when it is known.
    pub driver: Option<String>,
    /// Every class of the cluster, with the reason why it was not taken.
    pub candidates: Vec<Candidate>,
    /// Classes that the policy names for this storage class, but that the cluster does not have.
    pub missing: Vec<String>,
}

/// A class that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Why it was not taken.
    pub misfit: Misfit,
}

/// Why a class was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// It belongs to another driver than the volume.
    OtherDriver {
        /// The class's driver.
        driver: String,
    },
    /// The driver has several classes and this one is not the default.
    NotDefault,
    /// The driver has several default classes.
    OneOfSeveralDefaults,
    /// The volume's driver is not known, so that nothing can be said of this class.
    DriverUnknown {
        /// The class's driver.
        driver: String,
    },
}

/// Chooses a class: first the policy's table, then the driver's default class, then the driver's only class.
///
/// A class of another driver is never taken: such a snapshot could only fail, minutes later and far from its author.
#[must_use]
pub fn choose(
    config: &Config,
    storage_class: Option<&str>,
    driver: Option<&str>,
    classes: &[SnapshotClassFact],
) -> Choice {
    let fits = |class: &&SnapshotClassFact| driver.is_none_or(|driver| class.driver == driver);
    let mut missing = Vec::new();
    for rule in table_rows(config, storage_class) {
        match classes.iter().find(|class| class.name == rule.snapshot_class) {
            Some(class) if fits(&class) => {
                let reason = Reason::Policy { storage_class: rule.storage_class.clone() };
                return Choice::Use { class: class.name.clone(), reason };
            }
            Some(_) => {}
            None => missing.push(rule.snapshot_class.clone()),
        }
    }
    if driver.is_some() {
        let of_driver: Vec<_> = classes.iter().filter(fits).collect();
        let defaults: Vec<_> = of_driver.iter().filter(|class| class.is_default).collect();
        match (defaults.as_slice(), of_driver.as_slice()) {
            ([class], _) => return Choice::Use { class: class.name.clone(), reason: Reason::DriverDefault },
            ([], [class]) => return Choice::Use { class: class.name.clone(), reason: Reason::OnlyOne },
            _ => {}
        }
    }
    Choice::None(NoClass {
        storage_class: storage_class.map(str::to_owned),
        driver: driver.map(str::to_owned),
        candidates: classes
            .iter()
            .map(|class| Candidate { name: class.name.clone(), misfit: misfit(driver, class, classes) })
            .collect(),
        missing,
    })
}

fn table_rows<'a>(
    config: &'a Config,
    storage_class: Option<&'a str>,
) -> impl Iterator<Item = &'a crate::config::SnapshotClassRule> {
    config
        .snapshot_classes
        .iter()
        .filter(move |rule| storage_class.is_some_and(|name| WildMatch::new(&rule.storage_class).matches(name)))
}

fn misfit(driver: Option<&str>, class: &SnapshotClassFact, classes: &[SnapshotClassFact]) -> Misfit {
    let Some(driver) = driver else { return Misfit::DriverUnknown { driver: class.driver.clone() } };
    let has_default = classes.iter().any(|other| other.driver == driver && other.is_default);
    if class.driver != driver {
        Misfit::OtherDriver { driver: class.driver.clone() }
    } else if has_default && class.is_default {
        Misfit::OneOfSeveralDefaults
    } else {
        Misfit::NotDefault
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy { storage_class } => write!(out, "policy for storage classes {storage_class}"),
            Self::DriverDefault => out.write_str("default class of the driver"),
            Self::OnlyOne => out.write_str("only class of the driver"),
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherDriver { driver } => write!(out, "is for driver {driver}"),
            Self::NotDefault => out.write_str("is one of several and not the default"),
            Self::OneOfSeveralDefaults => out.write_str("is one of several defaults"),
            Self::DriverUnknown { driver } => write!(out, "is for driver {driver}, the volume's driver is not known"),
        }
    }
}

impl fmt::Display for NoClass {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("no VolumeSnapshotClass fits ")?;
        match (&self.storage_class, &self.driver) {
            (Some(class), Some(driver)) => write!(out, "storage class {class} (driver {driver})")?,
            (Some(class), None) => write!(out, "storage class {class}")?,
            (None, Some(driver)) => write!(out, "driver {driver}")?,
            (None, None) => out.write_str("a volume without storage class")?,
        }
        for name in &self.missing {
            write!(out, "; the policy names {name}, which does not exist")?;
        }
        if self.candidates.is_empty() {
            return out.write_str("; the cluster has no VolumeSnapshotClass at all");
        }
        for candidate in &self.candidates {
            write!(out, "; {} {}", candidate.name, candidate.misfit)?;
        }
        Ok(())
    }
}

impl std::error::Error for NoClass {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::SnapshotClassRule;

    fn class(name: &str, driver: &str, is_default: bool) -> SnapshotClassFact {
        SnapshotClassFact { name: name.into(), driver: driver.into(), is_default }
    }

    fn chosen(storage_class: Option<&str>, driver: Option<&str>, classes: &[SnapshotClassFact]) -> String {
        match choose(&Config::default(), storage_class, driver, classes) {
            Choice::Use { class, reason } => format!("{class}: {reason}"),
            Choice::None(none) => none.to_string(),
        }
    }

    fn two() -> Vec<SnapshotClassFact> {
        vec![class("block-snapshot", "csi.test", false), class("files-snapshot", "csi.test", false)]
    }

    #[test]
    fn the_table_decides_by_the_storage_class() {
        assert_eq!(
            chosen(Some("eu1-block-fast"), Some("csi.test"), &two()),
            "block-snapshot: policy for storage classes *-block-*"
        );
        assert_eq!(chosen(Some("eu1-files-x"), None, &two()), "files-snapshot: policy for storage classes *-files-*");
    }

    #[test]
    fn the_table_never_leads_to_another_driver() {
        let classes = [class("block-snapshot", "other", true), class("mine", "csi.test", false)];
        assert_eq!(chosen(Some("eu1-block-fast"), Some("csi.test"), &classes), "mine: only class of the driver");
    }

    #[test]
    fn a_later_row_is_tried_when_an_earlier_one_leads_nowhere() {
        let rule = |snapshot_class: &str| SnapshotClassRule {
            storage_class: "*".into(),
            snapshot_class: snapshot_class.into(),
        };
        let config = Config { snapshot_classes: vec![rule("absent"), rule("files-snapshot")], ..Config::default() };
        let Choice::Use { class, .. } = choose(&config, Some("x"), Some("csi.test"), &two()) else {
            panic!("no class")
        };
        assert_eq!(class, "files-snapshot");
    }

    #[test]
    fn the_default_class_of_the_same_driver_is_next() {
        let classes = [class("a", "csi.test", false), class("b", "csi.test", true), class("c", "other", true)];
        assert_eq!(chosen(Some("plain"), Some("csi.test"), &classes), "b: default class of the driver");
        assert_eq!(chosen(None, Some("other"), &classes), "c: default class of the driver");
    }

    #[test]
    fn without_a_choice_every_class_says_why_not() {
        insta::assert_snapshot!(chosen(Some("plain"), Some("csi.test"), &two()), @"no VolumeSnapshotClass fits storage class plain (driver csi.test); block-snapshot is one of several and not the default; files-snapshot is one of several and not the default");
        let classes = [class("a", "csi.test", true), class("b", "csi.test", true), class("c", "other", true)];
        insta::assert_snapshot!(chosen(Some("eu-block-1"), Some("csi.test"), &classes), @"no VolumeSnapshotClass fits storage class eu-block-1 (driver csi.test); the policy names block-snapshot, which does not exist; a is one of several defaults; b is one of several defaults; c is for driver other");
        insta::assert_snapshot!(chosen(Some("plain"), None, &two()[..1]), @"no VolumeSnapshotClass fits storage class plain; block-snapshot is for driver csi.test, the volume's driver is not known");
        insta::assert_snapshot!(chosen(None, Some("csi.test"), &[]), @"no VolumeSnapshotClass fits driver csi.test; the cluster has no VolumeSnapshotClass at all");
    }

    fn any_class() -> impl Strategy<Value = SnapshotClassFact> {
        let name = prop_oneof![Just("block-snapshot".to_owned()), Just("files-snapshot".to_owned()), "[a-c]"];
        (name, "[d-e]", any::<bool>()).prop_map(|(name, driver, is_default)| SnapshotClassFact {
            name,
            driver,
            is_default,
        })
    }

    proptest! {
        #[test]
        fn the_choice_exists_and_has_the_volumes_driver(
            mut classes in prop::collection::vec(any_class(), 0..6),
            storage_class in prop::option::of("[a-z]{0,2}(-block-|-files-)?[a-z]{0,2}"),
            driver in prop::option::of("[d-e]"),
        ) {
            // A cluster holds one object per name.
            classes.sort_by(|a, b| a.name.cmp(&b.name));
            classes.dedup_by(|a, b| a.name == b.name);
            match choose(&Config::default(), storage_class.as_deref(), driver.as_deref(), &classes) {
                Choice::Use { class, .. } => {
                    let found = classes.iter().find(|fact| fact.name == class);
                    prop_assert!(found.is_some());
                    prop_assert!(driver.is_none() || found.map(|fact| &fact.driver) == driver.as_ref());
                }
                Choice::None(none) => {
                    prop_assert_eq!(none.candidates.len(), classes.len());
                    let of_driver = classes.iter().filter(|fact| Some(&fact.driver) == driver.as_ref());
                    prop_assert!(of_driver.count() != 1);
                }
            }
        }

        #[test]
        fn the_order_of_the_classes_does_not_matter(
            mut classes in prop::collection::vec(any_class(), 0..6),
            driver in prop::option::of("[d-e]"),
        ) {
            classes.sort_by(|a, b| a.name.cmp(&b.name));
            classes.dedup_by(|a, b| a.name == b.name);
            let forwards = choose(&Config::default(), Some("a-block-b"), driver.as_deref(), &classes);
            classes.reverse();
            let backwards = choose(&Config::default(), Some("a-block-b"), driver.as_deref(), &classes);
            match (forwards, backwards) {
                (Choice::None(_), Choice::None(_)) => {}
                (forwards, backwards) => prop_assert_eq!(forwards, backwards),
            }
        }
    }
}
