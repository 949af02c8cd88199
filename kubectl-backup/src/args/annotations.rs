//! Annotations on the command line: `KEY=VALUE,…`.

use std::{collections::BTreeMap, str::FromStr};

use super::labels::check_key;

/// Annotations to put on an object. A value may have commas: what stands after one and has no `=` belongs to the value
/// before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Annotations(pub BTreeMap<String, String>);

impl FromStr for Annotations {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut annotations: BTreeMap<String, String> = BTreeMap::new();
        let mut last: Option<String> = None;
        for piece in text.split(',') {
            match (piece.split_once('='), &last) {
                (Some((key, value)), _) => {
                    let key = key.trim();
                    check_key(key)?;
                    if annotations.insert(key.to_owned(), value.to_owned()).is_some() {
                        return Err(format!("the annotation {key:?} is given twice"));
                    }
                    last = Some(key.to_owned());
                }
                (None, Some(key)) => {
                    if let Some(value) = annotations.get_mut(key) {
                        value.push(',');
                        value.push_str(piece);
                    }
                }
                (None, None) if piece.trim().is_empty() => {}
                (None, None) => return Err(format!("{piece:?} is no annotation: write it as key=value")),
            }
        }
        Ok(Self(annotations))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_have_commas_and_equals_signs() {
        let Annotations(found) = "a=1,2,b.io/c=x=y,d=".parse().unwrap();
        let pairs: Vec<_> = found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a", "1,2"), ("b.io/c", "x=y"), ("d", "")]);
        assert_eq!("".parse::<Annotations>().unwrap().0.len(), 0);
    }

    #[test]
    fn what_is_no_annotation_is_refused() {
        assert_eq!("a".parse::<Annotations>().unwrap_err(), "\"a\" is no annotation: write it as key=value");
        assert_eq!("a=1,a=2".parse::<Annotations>().unwrap_err(), "the annotation \"a\" is given twice");
        assert!("-a=1".parse::<Annotations>().is_err());
    }
}
