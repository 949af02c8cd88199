//! What each try asks for: fixed by its number and the run's seed, so that a run can be made again.

use std::time::Duration;

use fastrand::Rng;

use crate::history::{Form, Ticket};

/// Namespaces of the load.
pub const NAMESPACES: u32 = 20;
/// Names per namespace that are used again and again.
const NAMES: u32 = 20;
/// Names that all clients fight for.
const STORM_NAMES: u32 = 3;

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How it asks.
    pub form: Form,
    /// Where.
    pub namespace: String,
    /// The name, or what a generated name begins with.
    pub name: String,
    /// How long the object lives before its maker deletes it.
    pub life: Duration,
    /// How long a finalizer then holds it, if one does.
    pub held: Option<Duration>,
}

/// The try of that number.
pub fn plan(seed: u64, ticket: Ticket) -> Plan {
    let mut rng = Rng::with_seed(seed ^ (u64::from(ticket) << 20));
    let form = match rng.u32(0..100) {
        0..30 => Form::Named,
        30..55 => Form::Generated,
        55..75 => Form::Applied,
        75..90 => Form::Storm,
        _ => Form::DryRun,
    };
    let namespace = namespace(if form == Form::Storm { 0 } else { rng.u32(0..NAMESPACES) });
    let name = match form {
        Form::Generated => "g-".to_owned(),
        Form::Storm => format!("storm-{}", rng.u32(0..STORM_NAMES)),
        _ => format!("n-{}", rng.u32(0..NAMES)),
    };
    let life = Duration::from_millis(rng.u64(0..300));
    let held = (rng.u32(0..100) < 20).then(|| Duration::from_millis(rng.u64(100..1000)));
    Plan { form, namespace, name, life, held }
}

/// The name of a namespace of the load.
pub fn namespace(index: u32) -> String {
    format!("stress-{index}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_number_is_always_the_same_try_and_all_forms_occur() {
        let mut forms = BTreeMap::new();
        let mut held = 0;
        for ticket in 0..1000 {
            let one = plan(7, ticket);
            assert_eq!(one, plan(7, ticket));
            *forms.entry(one.form).or_insert(0) += 1;
            held += u32::from(one.held.is_some());
        }
        assert_eq!(forms.len(), 5);
        assert!(forms.values().all(|count| *count > 50), "{forms:?}");
        assert!((100..300).contains(&held), "{held}");
        assert!((0..1000).any(|ticket| plan(7, ticket) != plan(8, ticket)));
    }
}
