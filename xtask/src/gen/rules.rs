//! The catalogue of rules for readers, and the rules that an API server can check by itself.

use anyhow::Result;
use backup_policy::{
    Config,
    rules::{CATALOGUE, Cel, Rule},
    vap,
};
use serde_json::json;

use super::{Generated, MARKER};

const SOURCE: &str = "policy/src/rules";
const POLICIES: &str = "manifests/vap";

/// The catalogue: one page with all rules.
pub fn catalogue() -> Result<Vec<Generated>> {
    let mut text = format!(
        "<!-- {MARKER} from {SOURCE}; do not edit. -->\n# Rules\n\nWhat the admission webhook and `kubectl backup lint` ask of \
         objects. `kubectl backup explain CODE` shows the same pages. The severities are those without a BackupPolicy, which \
         may set each to Deny (refused), Warn (the author is told), Audit (only counted and written to the audit log) or Off.\n\n\
         *VAP*: also checked by the ValidatingAdmissionPolicies of `kubectl backup policy show --format vap`, without a webhook.\n\n\
         | code | severity | VAP | rule |\n|---|---|---|---|\n"
    );
    for rule in CATALOGUE {
        let vap = if matches!(rule.cel, Cel::Pod(_)) { "yes" } else { "" };
        let anchor = rule.code.to_lowercase();
        text.push_str(&format!("| [{}](#{anchor}) | {} | {vap} | {} |\n", rule.code, rule.severity, rule.title));
    }
    CATALOGUE.into_iter().for_each(|rule| text.push_str(&page(rule)));
    Ok(vec![Generated { path: "docs/rules.md".to_owned(), text }])
}

fn page(rule: &Rule) -> String {
    let mut text = format!("\n## {}\n\n**{}** ({})\n\n{}\n", rule.code, rule.title, rule.severity, rule.page.why);
    if !rule.page.facts.is_empty() {
        text.push_str(&format!("\nNeeds to know: {}.\n", rule.page.facts.join(", ")));
    }
    if let Cel::LeftOut(why) = rule.cel {
        text.push_str(&format!("\nNot in the ValidatingAdmissionPolicies: {why}.\n"));
    }
    let example = |yaml: &str| yaml.lines().map(|line| format!("{}\n", cut(line))).collect::<String>();
    text.push_str(&format!(
        "\nBreaks it:\n\n```yaml\n{}```\n\nRight:\n\n```yaml\n{}```\n",
        example(rule.page.bad),
        example(rule.page.good)
    ));
    text
}

/// A line that a page can show; one example is too long on purpose.
fn cut(line: &str) -> String {
    const WIDTH: usize = 120;
    match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// The ValidatingAdmissionPolicies with the built-in severities, as a kustomize base.
pub fn policies() -> Result<Vec<Generated>> {
    let mut files = Vec::new();
    let mut names = Vec::new();
    for object in vap::objects(&Config::default()) {
        let text = |pointer: &str| object.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
        let kind = if text("/kind").ends_with("Binding") { "binding" } else { "policy" };
        let name = format!("{}-{kind}.yaml", text("/metadata/name").split('.').next().unwrap_or_default());
        files.push(Generated::yaml(format!("{POLICIES}/{name}"), SOURCE, &object)?);
        names.push(name);
    }
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": names,
    });
    files.push(Generated::yaml(format!("{POLICIES}/kustomization.yaml"), SOURCE, &kustomization)?);
    Ok(files)
}
