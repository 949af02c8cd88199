//! A label selector within a ConfigMap that Velero reads.

use super::document::{Fault, Part};

/// What its fields are called.
const FIELDS: [&str; 2] = ["matchLabels", "matchExpressions"];
const EXPRESSION: [&str; 3] = ["key", "operator", "values"];

/// Checks a selector, and says whether it asks for anything.
pub(super) fn check(part: &Part<'_>, any_case: bool) -> Result<bool, Fault> {
    let parts = read(part, &FIELDS, any_case)?;
    let [labels, expressions] = &parts[..] else { return Ok(false) };
    let labels = labels.mapping()?.parts();
    for label in &labels {
        label.text()?;
    }
    let expressions = expressions.list()?;
    for expression in &expressions {
        let parts = read(expression, &EXPRESSION, any_case)?;
        let [key, operator, values] = &parts[..] else { continue };
        key.text()?;
        values.texts()?;
        if !any_case && !["In", "NotIn", "Exists", "DoesNotExist"].contains(&operator.text()?.as_str()) {
            return Err(operator.fault("an operator is one of In, NotIn, Exists and DoesNotExist"));
        }
    }
    Ok(!labels.is_empty() || !expressions.is_empty())
}

fn read<'a>(part: &Part<'a>, known: &[&str], any_case: bool) -> Result<Vec<Part<'a>>, Fault> {
    let fields = if any_case { part.fields_in_any_case(known) } else { part.fields(known) }?;
    Ok(known.iter().map(|name| fields.get(name)).collect())
}
