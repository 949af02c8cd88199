//! A part of a policy, read with its type and bounds: what the CRD's schema refuses, said where no API server is asked.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::problem::{Concern, Problems};
use crate::FieldPath;

/// How much of a value a message shows.
const SHOWN: usize = 60;

/// A part of a policy.
pub(super) struct Node<'a> {
    pub(super) path: FieldPath,
    pub(super) value: &'a Value,
}

/// An object's fields.
pub(super) struct Fields<'a> {
    path: FieldPath,
    fields: &'a Map<String, Value>,
}

impl<'a> Node<'a> {
    /// Its fields, when it is an object; other fields than these are mistakes.
    pub(super) fn fields(&self, known: &[&'static str], problems: &mut Problems) -> Option<Fields<'a>> {
        let fields = self.map(problems)?;
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            let near = nearest(name, known.iter().copied());
            let way_out = near.map_or_else(
                || format!("there are {}", known.join(", ")),
                |near| format!("did you mean {near}? There are {}", known.join(", ")),
            );
            let path = self.path.clone().field(shown(name));
            problems.mistake(Concern::Shape, path, format!("no policy has this field; {way_out}"));
        }
        Some(Fields { path: self.path.clone(), fields })
    }

    /// Its entries, when it is a map whose keys are the author's.
    pub(super) fn entries(&self, max: usize, problems: &mut Problems) -> Vec<(&'a str, Self)> {
        let Some(map) = self.map(problems) else { return Vec::new() };
        self.bound(map.len(), max, problems);
        let entry = |(key, value): (&'a String, &'a Value)| {
            (key.as_str(), Self { path: self.path.clone().key(shown(key)), value })
        };
        map.iter().take(max).map(entry).collect()
    }

    /// Its items, when it is a list.
    pub(super) fn items(&self, max: usize, problems: &mut Problems) -> Vec<Self> {
        let Value::Array(items) = self.value else {
            self.wrong_type("a list", problems);
            return Vec::new();
        };
        self.bound(items.len(), max, problems);
        let item = |(index, value)| Self { path: self.path.clone().index(index), value };
        items.iter().enumerate().take(max).map(item).collect()
    }

    /// Its text, when it is one that is not empty and at most so long.
    pub(super) fn text(&self, max: usize, problems: &mut Problems) -> Option<&'a str> {
        let Value::String(text) = self.value else {
            self.wrong_type("a text in quotes", problems);
            return None;
        };
        if text.is_empty() || text.len() > max {
            let message = format!("{:?} must have 1 to {max} characters", shown(text));
            problems.mistake(Concern::Shape, self.path.clone(), message);
            return None;
        }
        Some(text)
    }

    /// Its number, when it is a whole one within these bounds.
    pub(super) fn number(&self, range: &RangeInclusive<u32>, problems: &mut Problems) -> Option<u32> {
        if !self.value.is_number() {
            self.wrong_type("a whole number", problems);
            return None;
        }
        let number = self.value.as_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let (from, to) = (range.start(), range.end());
            let message = format!("{} must be a whole number from {from} to {to}", self.value);
            problems.mistake(Concern::Quotas, self.path.clone(), message);
        }
        number
    }

    fn map(&self, problems: &mut Problems) -> Option<&'a Map<String, Value>> {
        let map = self.value.as_object();
        if map.is_none() {
            self.wrong_type("an object", problems);
        }
        map
    }

    fn bound(&self, count: usize, max: usize, problems: &mut Problems) {
        if count > max {
            let message = format!("{count} entries are too many: at most {max} are read");
            problems.mistake(Concern::Shape, self.path.clone(), message);
        }
    }

    fn wrong_type(&self, wanted: &str, problems: &mut Problems) {
        let message = format!("{} must be {wanted}", shown(&self.value.to_string()));
        problems.mistake(Concern::Shape, self.path.clone(), message);
    }
}

impl<'a> Fields<'a> {
    /// A field, when it is there; `null` says nothing.
    pub(super) fn get(&self, name: &'static str) -> Option<Node<'a>> {
        let value = self.fields.get(name).filter(|value| !value.is_null())?;
        Some(Node { path: self.path.clone().field(name), value })
    }

    /// A field that must be there.
    pub(super) fn require(&self, name: &'static str, problems: &mut Problems) -> Option<Node<'a>> {
        let node = self.get(name);
        if node.is_none() {
            problems.mistake(Concern::Shape, self.path.clone().field(name), "this field is needed; add it");
        }
        node
    }
}

/// The name that somebody may have meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name: String = name.chars().take(SHOWN).collect();
    let ranked = known.map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), known));
    // One slip in three letters is a slip; more is another word.
    ranked.filter(|(slips, known)| *slips * 3 <= known.len()).min_by_key(|(slips, _)| *slips).map(|(_, known)| known)
}

/// As much of a text as a message shows.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
