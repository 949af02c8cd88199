//! Names of namespaces on the command line: patterns (`team-*`) and mappings (`a:b,c:d`).

use std::{collections::BTreeMap, str::FromStr};

/// Longest name of a namespace.
const NAMESPACE_MAX: usize = 63;

/// From source to target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamespaceMapping(pub BTreeMap<String, String>);

impl FromStr for NamespaceMapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut mapping = BTreeMap::new();
        for pair in text.split(',').map(str::trim) {
            let (source, target) = pair
                .split_once(':')
                .ok_or_else(|| format!("{pair:?} is no mapping: write it as from:to, such as shop:shop-test"))?;
            check(source)?;
            check(target)?;
            if mapping.insert(source.to_owned(), target.to_owned()).is_some() {
                return Err(format!("the namespace {source:?} is mapped twice"));
            }
        }
        Ok(Self(mapping))
    }
}

/// Parses a namespace's name, or a pattern of Velero's: `*` is any text, `?` any one character, `[ab]` one of these.
///
/// # Errors
/// When no namespace can be meant.
pub fn parse_namespace_pattern(text: &str) -> Result<String, String> {
    if !text.contains(['*', '?', '[', ']']) {
        return check(text).map(|()| text.to_owned());
    }
    let fits = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-*?[]".contains(c));
    let closed = text.matches('[').count() == text.matches(']').count() && !text.contains("[]");
    if fits && closed && !text.contains("**") {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is no pattern for namespaces: write it as team-*, shop-? or shop-[ab]"))
}

/// Parses one namespace's name. An empty one is no namespace: whoever gives `-n "$UNSET"` must not reach another.
///
/// # Errors
/// When no namespace can be meant.
pub fn parse_namespace(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("the namespace's name is empty; without -n the context's namespace is taken".to_owned());
    }
    check(text).map(|()| text.to_owned())
}

fn check(name: &str) -> Result<(), String> {
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = name.len() <= NAMESPACE_MAX
        && end(name.chars().next())
        && end(name.chars().last())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if fits { Ok(()) } else { Err(format!("no namespace can have the name {name:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_that_velero_knows() {
        for text in ["shop", "team-*", "*", "shop-?", "shop-[ab]"] {
            assert_eq!(parse_namespace_pattern(text), Ok(text.to_owned()));
        }
        for text in ["", "Shop", "a/b", "..", "a.b", "a**", "a[", "a[]", "a*/x", "!a"] {
            assert!(parse_namespace_pattern(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_namespace_is_named_as_namespaces_can_be() {
        assert_eq!(parse_namespace("shop"), Ok("shop".to_owned()));
        for text in ["", " ", "Shop", "a/b", "a.b", "-a", &"a".repeat(64)] {
            assert!(parse_namespace(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn pairs_of_valid_names_are_taken() {
        let mapping: NamespaceMapping = "a:b, c:d".parse().unwrap();
        assert_eq!(mapping.0.len(), 2);
        for text in ["", "a", "a:", ":b", "a:B", "a:b:c", "a:b,a:c", "a:b,", "*:b", "a:-b"] {
            assert!(text.parse::<NamespaceMapping>().is_err(), "{text:?}");
        }
    }
}
