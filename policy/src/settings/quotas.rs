//! Limits.

use super::{
    accounts,
    node::{Node, nearest, shown},
    problem::{Concern, Problems},
};
use crate::{
    Config, Fix,
    config::{Quota, resource},
};

/// How many quotas there can be, and how many objects one can count: the ledger of a quota is one object, which etcd
/// bounds.
const QUOTAS: usize = 16;
const LIMIT: u32 = 2000;
const NAME: usize = 253;
/// What is there without a group and worth a limit.
const CORE: [&str; 7] =
    ["persistentvolumeclaims", "secrets", "configmaps", "services", "serviceaccounts", "resourcequotas", "limitranges"];
/// What is there without a group and made by the cluster itself, or needed to bring the webhook back.
const UNLIMITED: [&str; 9] = [
    "bindings",
    "componentstatuses",
    "endpoints",
    "events",
    "namespaces",
    "nodes",
    "persistentvolumes",
    "podtemplates",
    "replicationcontrollers",
];
/// Ours: the webhook is never asked about its own objects.
const OWN_GROUP: &str = "kubectl-backup.dev";

pub(super) fn read(node: &Node<'_>, base: &Config, problems: &mut Problems) -> Vec<Quota> {
    let mut quotas: Vec<Quota> = Vec::new();
    for item in node.items(QUOTAS, problems) {
        let Some(fields) = item.fields(&["resource", "limit", "exempt"], problems) else { continue };
        let name = fields.require("resource", problems);
        let limit = fields.require("limit", problems).and_then(|limit| limit.number(&(0..=LIMIT), problems));
        let exempt = fields.get("exempt").map(|node| accounts::read(&node, problems)).unwrap_or_default();
        let Some(name) = name else { continue };
        let Some(resource) = name.text(NAME, problems).filter(|text| is_countable(&name, text, problems)) else {
            continue;
        };
        if quotas.iter().any(|quota| quota.resource == resource) {
            problems.mistake(Concern::Quotas, name.path, format!("{resource} has a quota above; keep one of the two"));
            continue;
        }
        quotas.push(Quota { resource: resource.to_owned(), limit: limit.unwrap_or_default(), exempt });
    }
    if !quotas.is_empty() {
        for lost in base.quotas.iter().filter(|built_in| quotas.iter().all(|it| it.resource != built_in.resource)) {
            let message = format!(
                "this list replaces the built-in one, so that {} has no limit any more; add {{resource: {}, limit: {}}} to keep it",
                lost.resource, lost.resource, lost.limit
            );
            problems.doubt(Concern::Quotas, node.path.clone(), message);
        }
    }
    quotas
}

/// Whether this is the name of a resource that can be counted.
fn is_countable(node: &Node<'_>, text: &str, problems: &mut Problems) -> bool {
    let (plural, group) = text.split_once('.').unwrap_or((text, ""));
    let known = [resource::VOLUME_SNAPSHOTS, resource::SCHEDULES];
    if group == OWN_GROUP {
        let message = format!("{text} cannot be limited: the webhook is not asked about its own objects; remove it");
        problems.mistake(Concern::Quotas, node.path.clone(), message);
        return false;
    }
    if text == "pods" {
        let message = "pods cannot be limited: while the webhook is down its own pods would wait for it; remove it";
        problems.mistake(Concern::Quotas, node.path.clone(), message);
        return false;
    }
    if UNLIMITED.contains(&text) {
        let message =
            format!("{text} cannot be limited: of the kinds without a group {} can; remove it", CORE.join(", "));
        problems.mistake(Concern::Quotas, node.path.clone(), message);
        return false;
    }
    if CORE.contains(&text) || (is_label(plural) && !group.is_empty() && group.split('.').all(is_label)) {
        // A singular is the likeliest slip, and would count nothing.
        if let Some(meant) =
            known.iter().find(|known| **known != text && nearest(text, [**known].into_iter()).is_some())
        {
            let fix = Fix::set(node.path.clone(), *meant);
            problems.mistake_with_fix(Concern::Quotas, fix, format!("no cluster has {text}; write {meant}"));
            return false;
        }
        return true;
    }
    let singular = |known: &&&str| {
        let name = known.split('.').next().unwrap_or_default();
        text.eq_ignore_ascii_case(name) || format!("{text}s").eq_ignore_ascii_case(name)
    };
    if let Some(meant) = known.iter().find(singular) {
        let fix = Fix::set(node.path.clone(), *meant);
        problems.mistake_with_fix(Concern::Quotas, fix, format!("{text:?} lacks its group; write {meant}"));
    } else if let Some(meant) = nearest(text, CORE.into_iter()) {
        let fix = Fix::set(node.path.clone(), meant);
        problems.mistake_with_fix(Concern::Quotas, fix, format!("no cluster has {:?}; write {meant}", shown(text)));
    } else {
        let message =
            format!("{:?} is no resource's name; write plural.group, as in {}", shown(text), resource::SCHEDULES);
        problems.mistake(Concern::Quotas, node.path.clone(), message);
    }
    false
}

/// Whether this is a DNS label, which each part of such a name is.
fn is_label(text: &str) -> bool {
    let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    !text.is_empty() && text.len() <= 63 && text.chars().all(plain) && !text.starts_with('-') && !text.ends_with('-')
}
