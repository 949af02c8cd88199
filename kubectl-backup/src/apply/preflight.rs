//! Judges objects before they are made, as the webhook would: what it would refuse is refused here with all reasons, and
//! what only Velero would find out later, in a cluster without the webhook, is found out now.

use backup_policy::{
    Config, Facts, Severity, Subject, defaults,
    velero::{ConfigMapFact, Lookup},
};
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::Value;

use crate::{
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts::{account, rules::RuleFacts},
    lint::{check, object::Object, report::Report, text},
};

/// Says what the rules find in these objects.
///
/// `beside` is made together with them.
///
/// # Errors
/// When one of them is not to be made, or the cluster cannot be asked.
pub async fn preflight(
    context: &Context,
    cluster: &Cluster,
    objects: &[Value],
    beside: Option<&ConfigMap>,
) -> Result<()> {
    let mut asked = RuleFacts::new(cluster, context.now());
    let (config, remark) = asked.config().await?;
    let mut report = Report::default();
    for object in objects {
        let mut facts = asked.about(object, Some(false)).await?;
        if let Some(map) = beside {
            add(&mut facts, map, object);
        }
        judge(&mut report, &config, &facts, object);
    }
    // Severities and exemptions stand in the policy: who may not read it leaves the verdict to the server.
    let binds = remark.is_none() && !(report.has(Severity::Deny) && is_exempt(cluster, &config).await);
    if !binds {
        for found in &mut report.findings {
            found.severity = found.severity.min(Severity::Warn);
        }
    }
    report.keep(Severity::Warn);
    context.ui.findings(&text::render(&report, context.ui.colors_messages()));
    for found in &report.findings {
        // The webhook will say the same once more.
        context.ui.known(&format!("{} {}: {}", found.code, found.field, found.message));
    }
    refusal(&report).map_or(Ok(()), Err)
}

/// Judges an object as it will be stored.
fn judge(report: &mut Report, config: &Config, facts: &Facts, object: &Value) {
    let Some(subject) = Subject::read(object, None) else { return };
    let value = defaults::filled(config, &subject, facts);
    check::judge(report, config, facts, &Object { value, origin: None });
}

/// What the rules must know of a ConfigMap that is not there yet.
fn add(facts: &mut Facts, map: &ConfigMap, object: &Value) {
    let named = object.pointer("/spec/resourcePolicy/name").and_then(Value::as_str);
    if named.is_some() && named == map.metadata.name.as_deref() {
        let fact = ConfigMapFact::of(map.data.iter().flatten().map(|(_, text)| text.as_str()));
        facts.velero.resource_policy = Some(Lookup::Found(fact));
    }
}

/// Whether rules only warn us. Who cannot find out is bound.
async fn is_exempt(cluster: &Cluster, config: &Config) -> bool {
    account::own(cluster).await.is_some_and(|own| config.exempts(&own.user, &own.groups))
}

fn refusal(report: &Report) -> Option<CliError> {
    let denials = report.findings.iter().filter(|found| found.severity == Severity::Deny);
    let mut names: Vec<_> =
        denials.clone().filter_map(|found| found.object.as_ref()).map(ToString::to_string).collect();
    names.dedup();
    let code = denials.map(|found| found.code).next()?;
    let error = CliError::new(format!("{} would be refused or fail: nothing was created", names.join(", ")));
    Some(error.hint(format!("More about a rule: kubectl backup explain {code}")).exit(Exit::Findings))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(facts: &Facts, spec: &Value) -> Report {
        let backup = json!({"apiVersion": "velero.io/v1", "kind": "Backup",
            "metadata": {"name": "a", "namespace": "velero"}, "spec": spec});
        let mut report = Report::default();
        judge(&mut report, &Config::default(), facts, &backup);
        report
    }

    #[test]
    fn what_would_be_refused_is_named_with_the_way_to_read_more() {
        let facts = Facts { requester_exempt: Some(false), ..Facts::default() };
        let report = judged(&facts, &json!({"ttl": "-1h"}));
        let error = refusal(&report).expect("a negative time to live is refused");
        insta::assert_snapshot!(error.message, @"Backup velero/a would be refused or fail: nothing was created");
        assert_eq!(
            (error.exit, error.hints.as_slice()),
            (Exit::Findings, &["More about a rule: kubectl backup explain BKP306".to_owned()][..])
        );
        assert!(refusal(&judged(&facts, &json!({"ttl": "1h"}))).is_none());
    }

    #[test]
    fn a_map_that_is_made_beside_the_backup_is_there() {
        let map: ConfigMap =
            serde_json::from_value(json!({"metadata": {"name": "none"}, "data": {"policies": "version: v1"}}))
                .expect("a ConfigMap");
        let backup = json!({"spec": {"resourcePolicy": {"kind": "configmap", "name": "none"}}});
        let mut facts = Facts::default();
        facts.velero.resource_policy = Some(Lookup::Absent);
        add(&mut facts, &map, &json!({"spec": {"resourcePolicy": {"name": "other"}}}));
        assert_eq!(facts.velero.resource_policy, Some(Lookup::Absent));
        add(&mut facts, &map, &backup);
        assert!(
            matches!(&facts.velero.resource_policy, Some(Lookup::Found(map)) if map.keys == 1 && map.text == "version: v1")
        );
    }
}
