//! Labels (`k=v`) and label selectors (kubectl's `-l` syntax) on the command line.

use std::{collections::BTreeMap, str::FromStr};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

/// Longest name part of a key, and longest value.
const LABEL_MAX: usize = 63;
/// Longest prefix of a key.
const PREFIX_MAX: usize = 253;

/// Labels to put on an object: `k=v,k2=v2`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels(pub BTreeMap<String, String>);

impl FromStr for Labels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut labels = BTreeMap::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) =
                pair.split_once('=').ok_or_else(|| format!("{pair:?} is no label: write it as key=value"))?;
            check_key(name)?;
            check_value(value)?;
            if labels.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(format!("the label {name:?} is given twice"));
            }
        }
        Ok(Self(labels))
    }
}

/// A selector that Velero keeps in an object, so that no server has checked it when it is used.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector(pub LabelSelector);

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut selector = LabelSelector::default();
        for term in terms(text)? {
            match requirement(&term)? {
                Term::Equals(name, value) => {
                    let labels = selector.match_labels.get_or_insert_default();
                    if labels.get(&name).is_some_and(|before| *before != value) {
                        return Err(format!("no object has two values of the label {name:?}: use {name} in (a,b)"));
                    }
                    labels.insert(name, value);
                }
                Term::Expression(expression) => {
                    selector.match_expressions.get_or_insert_default().push(expression);
                }
            }
        }
        if selector == LabelSelector::default() {
            return Err(EMPTY.into());
        }
        Ok(Self(selector))
    }
}

const EMPTY: &str = "the selector is empty: leave the flag away to select everything";

/// Takes a selector that the server will read. A shell variable that nobody set must not select everything.
///
/// # Errors
/// When it selects nothing in particular.
pub fn parse_selector(text: &str) -> Result<String, String> {
    let is_empty = text.chars().all(|c| c == ',' || c.is_whitespace());
    if is_empty { Err(EMPTY.to_owned()) } else { Ok(text.to_owned()) }
}

enum Term {
    Equals(String, String),
    Expression(LabelSelectorRequirement),
}

/// Splits at the commas that are outside parentheses.
fn terms(text: &str) -> Result<Vec<String>, String> {
    let mut terms = Vec::new();
    let mut term = String::new();
    let mut open = false;
    for c in text.chars() {
        match c {
            ',' if !open => terms.push(std::mem::take(&mut term)),
            '(' if open => return Err(format!("{text:?} has a parenthesis too many")),
            ')' if !open => return Err(format!("{text:?} has a parenthesis too many")),
            '(' | ')' => {
                open = c == '(';
                term.push(c);
            }
            c => term.push(c),
        }
    }
    if open {
        return Err(format!("{text:?} lacks a closing parenthesis"));
    }
    terms.push(term);
    Ok(terms.into_iter().map(|term| term.trim().to_owned()).filter(|term| !term.is_empty()).collect())
}

fn requirement(term: &str) -> Result<Term, String> {
    let expression = |key: &str, operator: &str, values: Option<Vec<String>>| {
        check_key(key)?;
        values.iter().flatten().try_for_each(|value| check_value(value))?;
        Ok(Term::Expression(LabelSelectorRequirement { key: key.to_owned(), operator: operator.to_owned(), values }))
    };
    if let Some(values) = term.strip_suffix(')') {
        let wrong = || format!("{term:?} is no selector: write it as key in (a,b) or key notin (a,b)");
        let (left, values) = values.split_once('(').ok_or_else(wrong)?;
        let (name, word) = left.trim().rsplit_once(char::is_whitespace).ok_or_else(wrong)?;
        let operator = match word {
            "in" => "In",
            "notin" => "NotIn",
            _ => return Err(wrong()),
        };
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        return expression(name.trim(), operator, Some(values));
    }
    if let Some((name, value)) = term.split_once("!=") {
        return expression(name.trim(), "NotIn", Some(vec![value.trim().to_owned()]));
    }
    if let Some((name, value)) = term.split_once('=') {
        let (name, value) = (name.trim(), value.strip_prefix('=').unwrap_or(value).trim());
        check_key(name)?;
        check_value(value)?;
        return Ok(Term::Equals(name.to_owned(), value.to_owned()));
    }
    match term.strip_prefix('!') {
        Some(name) => expression(name.trim(), "DoesNotExist", None),
        None => expression(term, "Exists", None),
    }
}

pub(super) fn check_key(key: &str) -> Result<(), String> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let prefix_fits = prefix.is_none_or(|prefix| {
        prefix.len() <= PREFIX_MAX
            && prefix.split('.').all(|part| {
                is_framed(part) && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            })
    });
    if prefix_fits && is_name(name) { Ok(()) } else { Err(format!("{key:?} is no valid label key")) }
}

pub(super) fn check_value(value: &str) -> Result<(), String> {
    if value.is_empty() || is_name(value) { Ok(()) } else { Err(format!("{value:?} is no valid label value")) }
}

fn is_name(text: &str) -> bool {
    text.len() <= LABEL_MAX
        && is_framed(text)
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn is_framed(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    ends(text.chars().next()) && ends(text.chars().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(text: &str) -> String {
        match text.parse::<Selector>() {
            Ok(selector) => serde_json::to_string(&selector.0).unwrap(),
            Err(error) => error,
        }
    }

    #[test]
    fn every_form_of_kubectl_is_understood() {
        insta::assert_snapshot!(selector("app=web,tier==front,x="), @r#"{"matchLabels":{"app":"web","tier":"front","x":""}}"#);
        insta::assert_snapshot!(selector("env in (a, b),zone notin (z)"), @r#"{"matchExpressions":[{"key":"env","operator":"In","values":["a","b"]},{"key":"zone","operator":"NotIn","values":["z"]}]}"#);
        insta::assert_snapshot!(selector("example.com/app, !old, env!=dev"), @r#"{"matchExpressions":[{"key":"example.com/app","operator":"Exists"},{"key":"old","operator":"DoesNotExist"},{"key":"env","operator":"NotIn","values":["dev"]}]}"#);
    }

    #[test]
    fn what_selects_nothing_sensible_is_refused() {
        insta::assert_snapshot!(selector(" , "), @"the selector is empty: leave the flag away to select everything");
        insta::assert_snapshot!(selector("a=1,a=2"), @r#"no object has two values of the label "a": use a in (a,b)"#);
        insta::assert_snapshot!(selector("a in (b"), @r#""a in (b" lacks a closing parenthesis"#);
        insta::assert_snapshot!(selector("a of (b)"), @r#""a of (b)" is no selector: write it as key in (a,b) or key notin (a,b)"#);
        insta::assert_snapshot!(selector("a b"), @r#""a b" is no valid label key"#);
        insta::assert_snapshot!(selector("a=b c"), @r#""b c" is no valid label value"#);
        insta::assert_snapshot!(selector("a=b=c"), @r#""b=c" is no valid label value"#);
        insta::assert_snapshot!(selector("-a=b"), @r#""-a" is no valid label key"#);
    }

    #[test]
    fn a_selector_for_the_server_stays_as_it_is_and_is_never_empty() {
        assert_eq!(parse_selector("a in (b, c),!d").unwrap(), "a in (b, c),!d");
        for text in ["", " ", ",", " , "] {
            assert_eq!(parse_selector(text).unwrap_err(), EMPTY);
        }
    }

    #[test]
    fn labels_are_pairs() {
        assert_eq!("a=1,b=".parse::<Labels>().unwrap().0.len(), 2);
        assert_eq!("a".parse::<Labels>().unwrap_err(), "\"a\" is no label: write it as key=value");
        assert_eq!("a=1,a=1".parse::<Labels>().unwrap_err(), "the label \"a\" is given twice");
        assert!("Bad.Prefix/a=1".parse::<Labels>().is_err());
    }
}
