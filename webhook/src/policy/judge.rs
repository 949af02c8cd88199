//! What a policy object means for the configuration: a pure function of the object and of what was in force before.

use backup_api::policy::LastGood;
use backup_policy::{Config, settings};
use serde_json::{Value, json};

/// How many mistakes a report names; the rest are counted.
const NAMED: usize = 10;

/// What is in force, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct InForce {
    /// The configuration.
    pub config: Config,
    /// The policy that it was read from; none when the built-in values hold.
    pub source: Option<LastGood>,
    /// What the policy's author is told.
    pub report: Report,
}

/// What became of the policy object as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// There is none: built-in values hold.
    Absent,
    /// There was one, and nobody can say yet that it is gone for good: it stays in force.
    Missing {
        /// The generation that stays in force.
        kept: i64,
    },
    /// It is in force.
    Used {
        /// The object's generation.
        generation: i64,
        /// Doubts about it, in one line; empty when there are none.
        doubts: String,
    },
    /// It cannot be used.
    Refused {
        /// The object's generation.
        generation: i64,
        /// What is wrong, in one line.
        mistakes: String,
        /// The generation in force in its place; none when that is the built-in values.
        kept: Option<i64>,
    },
}

impl InForce {
    /// What holds without a policy.
    pub fn without(base: &Config) -> Self {
        Self { config: base.clone(), source: None, report: Report::Absent }
    }

    /// What holds when the policy is not there and is kept all the same; what never came from a policy is not.
    #[must_use]
    pub fn missing(&self, base: &Config) -> Self {
        let Some(source) = &self.source else { return Self::without(base) };
        Self { report: Report::Missing { kept: source.generation }, ..self.clone() }
    }

    /// What holds when the policy object stands so.
    ///
    /// A policy that cannot be used leaves in force what was; a replica that has just begun finds that in the object's
    /// status, where an earlier one noted it.
    #[must_use]
    pub fn judged(&self, base: &Config, object: &Value) -> Self {
        let nothing = json!({});
        let generation = object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default();
        let spec = object.get("spec").filter(|spec| !spec.is_null()).unwrap_or(&nothing);
        let reading = settings::read(base, spec);
        if let Some(config) = reading.config {
            let doubts = told(reading.problems.iter());
            let source = Some(LastGood { generation, spec: spec.clone() });
            return Self { config, source, report: Report::Used { generation, doubts } };
        }
        let mistakes = told(reading.problems.iter().filter(|problem| !problem.harmless));
        let (config, source) = match &self.source {
            Some(_) => (self.config.clone(), self.source.clone()),
            None => noted(base, object).map_or((base.clone(), None), |(config, source)| (config, Some(source))),
        };
        let kept = source.as_ref().map(|source| source.generation);
        Self { config, source, report: Report::Refused { generation, mistakes, kept } }
    }
}

/// The last good policy as the object's status has it.
fn noted(base: &Config, object: &Value) -> Option<(Config, LastGood)> {
    let noted: LastGood = serde_json::from_value(object.pointer("/status/lastGood")?.clone()).ok()?;
    settings::read(base, &noted.spec).config.map(|config| (config, noted))
}

fn told<'a>(problems: impl Iterator<Item = &'a settings::Problem>) -> String {
    let mut told: Vec<_> = problems.map(ToString::to_string).collect();
    let more = told.len().saturating_sub(NAMED);
    if more > 0 {
        told.truncate(NAMED);
        told.push(format!("and {more} more"));
    }
    told.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(generation: i64, spec: &Value) -> Value {
        json!({"metadata": {"name": "default", "generation": generation}, "spec": spec})
    }

    fn limit(limit: i64) -> Value {
        json!({"quotas": [{"resource": "schedules.velero.io", "limit": limit}]})
    }

    fn schedules(state: &InForce) -> Option<u32> {
        state.config.quota("schedules.velero.io")
    }

    #[test]
    fn a_good_policy_replaces_and_a_bad_one_keeps_what_was() {
        let base = Config::default();
        let good = InForce::without(&base).judged(&base, &policy(1, &limit(7)));
        assert_eq!(schedules(&good), Some(7));
        assert!(matches!(&good.report, Report::Used { generation: 1, doubts } if doubts.contains("replaces")));
        let bad = good.judged(&base, &policy(2, &limit(-1)));
        assert_eq!(schedules(&bad), Some(7));
        let Report::Refused { generation: 2, mistakes, kept: Some(1) } = &bad.report else { panic!("{bad:?}") };
        insta::assert_snapshot!(mistakes, @"spec.quotas[0].limit: -1 must be a whole number from 0 to 2000");
        let mended = bad.judged(&base, &policy(3, &limit(8)));
        assert_eq!(schedules(&mended), Some(8));
    }

    #[test]
    fn a_missing_policy_stays_in_force_with_all_that_it_says() {
        let base = Config::default();
        let good = InForce::without(&base).judged(&base, &policy(4, &limit(7)));
        let missing = good.missing(&base);
        assert_eq!((schedules(&missing), &missing.report), (Some(7), &Report::Missing { kept: 4 }));
        assert_eq!(missing.missing(&base), missing);
        // A new object begins to count its generations anew.
        let anew = missing.judged(&base, &policy(1, &limit(8)));
        assert_eq!((schedules(&anew), anew.source.map(|source| source.generation)), (Some(8), Some(1)));
        assert_eq!(InForce::without(&base).missing(&base), InForce::without(&base));
    }

    #[test]
    fn a_replica_that_begins_with_a_bad_policy_takes_the_one_that_was_noted() {
        let base = Config::default();
        let mut object = policy(2, &limit(-1));
        let begun = InForce::without(&base).judged(&base, &object);
        assert_eq!((schedules(&begun), &begun.source), (Some(3), &None));
        object["status"] = json!({"lastGood": {"generation": 1, "spec": limit(7)}});
        let begun = InForce::without(&base).judged(&base, &object);
        assert_eq!(schedules(&begun), Some(7));
        assert!(matches!(begun.report, Report::Refused { kept: Some(1), .. }));
        object["status"] = json!({"lastGood": {"generation": 1, "spec": limit(-7)}});
        assert_eq!(schedules(&InForce::without(&base).judged(&base, &object)), Some(3));
    }

    #[test]
    fn an_empty_policy_is_the_base_and_a_report_is_bounded() {
        let base = Config::default();
        for object in [policy(1, &Value::Null), policy(1, &json!({})), json!({"metadata": {"generation": 1}})] {
            let state = InForce::without(&base).judged(&base, &object);
            assert_eq!(state.config, base);
            assert_eq!(state.report, Report::Used { generation: 1, doubts: String::new() });
        }
        let many: Vec<_> = (0..16).map(|_| json!({"resource": "?".repeat(300), "limit": "x".repeat(300)})).collect();
        let state = InForce::without(&base).judged(&base, &policy(1, &json!({"quotas": many})));
        let Report::Refused { mistakes, .. } = state.report else { panic!("it is wrong") };
        assert!(mistakes.ends_with("and 22 more") && mistakes.len() < 4000, "{mistakes}");
    }
}
