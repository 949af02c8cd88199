//! Label selectors as `-l` takes them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// Returns the selectors in words; several are alternatives. Empty when everything is selected.
pub fn words(selector: Option<&LabelSelector>, alternatives: Option<&[LabelSelector]>) -> String {
    let all: Vec<String> = selector.into_iter().chain(alternatives.into_iter().flatten()).map(one).collect();
    all.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" or ")
}

fn one(selector: &LabelSelector) -> String {
    let labels = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let expressions = selector.match_expressions.iter().flatten().map(|expression| {
        let key = &expression.key;
        let values = expression.values.clone().unwrap_or_default();
        match (expression.operator.as_str(), values.as_slice()) {
            ("Exists", _) => key.clone(),
            ("DoesNotExist", _) => format!("!{key}"),
            ("NotIn", [one]) => format!("{key}!={one}"),
            ("In", _) => format!("{key} in ({})", values.join(",")),
            ("NotIn", _) => format!("{key} notin ({})", values.join(",")),
            (other, _) => format!("{key} {other} ({})", values.join(",")),
        }
    });
    labels.chain(expressions).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Selector;

    #[test]
    fn a_selector_reads_as_it_was_written() {
        let parse = |text: &str| text.parse::<Selector>().unwrap().0;
        for text in ["app=web,tier=front", "env in (a,b),zone notin (y,z),env!=c,!old,example.com/app"] {
            assert_eq!(words(Some(&parse(text)), None), text);
        }
        assert_eq!(words(None, Some(&[parse("a=b"), parse("c")])), "a=b or c");
        assert_eq!(words(None, None), "");
    }
}
