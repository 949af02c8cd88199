//! The volume policies that a backup names, and the filters beside them, as Velero reads them.
//!
//! Golden values made by Velero itself are compared in `config_maps`.

use super::{
    document::{Fault, Part, read},
    label_selector,
};

/// Whose policies they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A backup's.
    Backup,
    /// A restore's, which has filters only.
    Restore,
}

const ACTIONS: [&str; 4] = ["skip", "snapshot", "fs-backup", "custom"];
const LISTS: [[&str; 2]; 2] = [
    ["includedClusterScopedResources", "excludedClusterScopedResources"],
    ["includedNamespaceScopedResources", "excludedNamespaceScopedResources"],
];
const VOLUME_TYPES: &str = "awsAzureDisk awsElasticBlockStore azureDisk azureFile cinder cephfs configMap csi downwardAPI \
    emptyDir ephemeral fc flocker flexVolume gitRepo glusterfs gcePersistentDisk hostPath iscsi local nfs \
    photonPersistentDisk portworxVolume projected quobyte rbd scaleIO secret storageOS vsphereVolume";

/// Reads them.
///
/// Returns what is useless about them.
///
/// # Errors
/// For what reason Velero would not take them.
pub fn check(text: &str, of: Use) -> Result<Vec<String>, String> {
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    let document = read(text)?;
    let known =
        ["version", "volumePolicies", "includeExcludePolicy", "clusterScopedFilterPolicy", "namespacedFilterPolicies"];
    let whole = Part::whole(&document).fields(&known)?;
    let policies: Vec<_> = whole.get("volumePolicies").list()?.into_iter().filter(|part| !part.is_null()).collect();
    let mut catch_alls = Vec::new();
    let mut doubts = Vec::new();
    for policy in &policies {
        catch_alls.push(volume_policy(policy, of, &mut doubts)?);
    }
    let lists = whole.get("includeExcludePolicy");
    include_exclude(&lists, of)?;
    let version = whole.get("version");
    if version.text()? != "v1" {
        return Err(version.fault("Velero knows version v1 only"));
    }
    if of == Use::Restore && !policies.is_empty() {
        return Err(whole.get("volumePolicies").fault("a restore has filters only, and no volume policies"));
    }
    cluster_filter(&whole.get("clusterScopedFilterPolicy"))?;
    let mut seen = Vec::new();
    for filter in whole.get("namespacedFilterPolicies").list()?.iter().filter(|part| !part.is_null()) {
        namespaced_filter(filter, &mut seen)?;
    }
    if let Some(first) = catch_alls.iter().position(|all| *all).filter(|first| first + 1 < policies.len()) {
        doubts.push(format!(
            "volumePolicies[{first}] has no condition and takes every volume: those after it never count"
        ));
    }
    Ok(doubts)
}

/// Checks a policy, and says whether it takes every volume.
fn volume_policy(policy: &Part<'_>, of: Use, doubts: &mut Vec<String>) -> Result<bool, Fault> {
    let fields = policy.fields(&["conditions", "action"])?;
    let action = fields.get("action").fields(&["type", "parameters"])?;
    let kind = action.get("type");
    let text = kind.text()?;
    action.get("parameters").mapping()?;
    if of == Use::Backup && !ACTIONS.contains(&text.as_str()) {
        return Err(kind.fault(format!("an action is one of {}, and not {text:?}", ACTIONS.join(", "))));
    }
    let conditions = fields.get("conditions").fields(&[
        "capacity",
        "storageClass",
        "nfs",
        "csi",
        "volumeTypes",
        "pvcLabels",
        "pvcPhase",
        "pvcVolumeMode",
        "pvcAccessModes",
    ])?;
    let mut any = false;
    let capacity = conditions.get("capacity");
    any |= range(&capacity)?;
    for name in ["storageClass", "pvcPhase"] {
        any |= !conditions.get(name).texts()?.is_empty();
    }
    let types = conditions.get("volumeTypes");
    for kind in types.texts()? {
        any = true;
        if !VOLUME_TYPES.split_whitespace().any(|known| known == kind) {
            doubts.push(types.fault(format!("no volume is of type {kind:?}")));
        }
    }
    let nfs = conditions.get("nfs");
    for part in nfs.fields(&["server", "path"])?.parts() {
        part.text()?;
    }
    let csi = conditions.get("csi");
    any |= csi_volume(&csi)? || !nfs.is_null();
    any |= claim(&conditions)?;
    Ok(!any)
}

fn csi_volume(csi: &Part<'_>) -> Result<bool, Fault> {
    let fields = csi.fields(&["driver", "volumeAttributes"])?;
    let attributes = fields.get("volumeAttributes");
    for part in attributes.mapping()?.parts() {
        part.text()?;
    }
    if fields.get("driver").text()?.is_empty() && !attributes.is_null() {
        return Err(csi.fault("attributes are of a driver's volumes: name the driver"));
    }
    Ok(!csi.is_null())
}

/// What is asked of the PVC. These are looked at before the others are read, and more strictly.
fn claim(conditions: &super::document::Fields<'_>) -> Result<bool, Fault> {
    let mut any = false;
    if let Some(labels) = conditions.find("pvcLabels") {
        if labels.is_null() {
            return Err(labels.fault("a mapping is wanted"));
        }
        let labels = labels.mapping()?.parts();
        for label in &labels {
            label.text()?;
        }
        any |= !labels.is_empty();
    }
    if let Some(mode) = conditions.find("pvcVolumeMode") {
        if !mode.is_text() {
            return Err(mode.fault("a text is wanted"));
        }
        any |= !mode.text()?.is_empty();
    }
    if let Some(modes) = conditions.find("pvcAccessModes") {
        if modes.is_null() || modes.list()?.iter().any(|mode| !mode.is_text()) {
            return Err(modes.fault("a list of texts is wanted"));
        }
        any |= !modes.list()?.is_empty();
    }
    Ok(any)
}

/// Two quantities, either of which may be left out: `10Gi,` or `,1Ti`.
fn range(part: &Part<'_>) -> Result<bool, Fault> {
    let text = part.text()?;
    if text.is_empty() {
        return Ok(false);
    }
    let wrong = || part.fault(format!("{text:?} is no range of sizes; write two, as in \"10Gi,100Gi\", or \"10Gi,\""));
    let bound = |text: &str| if text.trim().is_empty() { Some(0.0) } else { quantity(text.trim()) };
    let (lower, upper) = text.split_once(',').filter(|(_, upper)| !upper.contains(',')).ok_or_else(wrong)?;
    let (lower, upper) = (bound(lower).ok_or_else(wrong)?, bound(upper).ok_or_else(wrong)?);
    // No upper one is no bound.
    if lower > upper && upper != 0.0 {
        return Err(part.fault(format!("{text:?} ends before it begins")));
    }
    Ok(lower != 0.0 || upper != 0.0)
}

/// The value of a quantity, near enough to be compared; Kubernetes rounds beyond nine digits after the point.
fn quantity(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(unsigned.len());
    let (digits, suffix) = unsigned.split_at(end);
    let number: f64 = if digits == "." { return None } else { digits.parse().ok()? };
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024_f64.powi(2),
        "Gi" => 1024_f64.powi(3),
        "Ti" => 1024_f64.powi(4),
        "Pi" => 1024_f64.powi(5),
        "Ei" => 1024_f64.powi(6),
        exponent => 10_f64.powi(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    Some(if text.starts_with('-') { -number * factor } else { number * factor })
}

fn include_exclude(lists: &Part<'_>, of: Use) -> Result<(), Fault> {
    let fields = lists.fields(&LISTS.concat())?;
    for [included, excluded] in LISTS {
        let (included, excluded_texts) = (fields.get(included).texts()?, fields.get(excluded).texts()?);
        if included.iter().chain(&excluded_texts).any(|name| name == "*") {
            return Err(lists.fault("* is not for these lists; leave the list out"));
        }
        if let Some(both) = included.iter().find(|name| excluded_texts.contains(name)) {
            return Err(fields.get(excluded).fault(format!("{both:?} is included and excluded")));
        }
    }
    if of == Use::Restore && !lists.is_null() {
        return Err(lists.fault("a restore says that in its own fields"));
    }
    Ok(())
}

fn cluster_filter(filter: &Part<'_>) -> Result<(), Fault> {
    if filter.is_null() {
        return Ok(());
    }
    let filters = filter.fields(&["resourceFilters"])?.get("resourceFilters");
    let mut seen = Vec::new();
    let list = filters.list()?;
    if list.is_empty() {
        return Err(filters.fault("a filter of nothing; leave it out"));
    }
    for part in &list {
        if resource_filter(part, &mut seen)?.catches_all {
            return Err(part.fault("name the kinds"));
        }
    }
    Ok(())
}

fn namespaced_filter(filter: &Part<'_>, seen_namespaces: &mut Vec<String>) -> Result<(), Fault> {
    let fields = filter.fields(&["namespaces", "resourceFilters"])?;
    let namespaces = fields.get("namespaces");
    let names = namespaces.texts()?;
    let filters = fields.get("resourceFilters");
    let list = filters.list()?;
    if names.is_empty() || list.is_empty() {
        return Err(filter.fault("at least one namespace and one resource filter are wanted"));
    }
    for name in names {
        if name.contains("**") {
            return Err(namespaces.fault(format!("{name:?} has two stars in a row")));
        }
        if seen_namespaces.contains(&name) {
            return Err(namespaces.fault(format!("{name:?} stands there twice")));
        }
        seen_namespaces.push(name);
    }
    let (mut seen, mut catch_alls) = (Vec::new(), 0);
    for part in &list {
        let filter = resource_filter(part, &mut seen)?;
        catch_alls += usize::from(filter.catches_all);
        if filter.catches_all && filter.names {
            return Err(part.fault("names are of a kind: name the kinds, too"));
        }
    }
    if catch_alls > 1 {
        return Err(filters.fault("only one of them may be for all kinds"));
    }
    Ok(())
}

struct ResourceFilter {
    catches_all: bool,
    names: bool,
}

fn resource_filter(part: &Part<'_>, seen: &mut Vec<String>) -> Result<ResourceFilter, Fault> {
    let fields = part.fields(&["kinds", "labelSelector", "orLabelSelectors", "names", "excludedNames"])?;
    let kinds = fields.get("kinds");
    let texts = kinds.texts()?;
    let catches_all = texts.is_empty() || texts == ["*"];
    for kind in texts {
        if kind != "*" && seen.contains(&kind) {
            return Err(kinds.fault(format!("{kind:?} stands there twice")));
        }
        seen.push(kind);
    }
    let selects = label_selector::check(&fields.get("labelSelector"), false)?;
    let others = fields.get("orLabelSelectors").list()?;
    if selects && !others.is_empty() {
        return Err(part.fault("labelSelector and orLabelSelectors do not go together"));
    }
    for other in &others {
        label_selector::check(other, false)?;
    }
    let names = [fields.get("names").texts()?, fields.get("excludedNames").texts()?];
    Ok(ResourceFilter { catches_all, names: names.iter().any(|names| !names.is_empty()) })
}
