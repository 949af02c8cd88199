//! From a path in an object to its place in the text.

use std::ops::Range;

use granit_parser::ScalarStyle;

use super::{
    Document,
    tree::{Content, NodeId},
    value::key_name,
};

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its key, when it is an entry of a mapping.
    pub key: Option<Range<usize>>,
    /// The value itself.
    pub value: Range<usize>,
    /// How the value is written, when it is a text.
    pub style: Option<ScalarStyle>,
    /// Whether the same bytes are the value of other places too, or stand elsewhere than the rest of the object.
    pub shared: bool,
    /// Whether the whole path was found, and not only its beginning.
    pub exact: bool,
}

impl Place {
    /// The bytes to show: a text, or the key of something larger.
    pub fn shown(&self) -> Range<usize> {
        match (&self.key, self.style) {
            (Some(key), None) => key.clone(),
            (Some(key), _) if self.value.is_empty() => key.clone(),
            _ => self.value.clone(),
        }
    }
}

/// A mapping and its entries as they are written.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Its bytes.
    pub span: Range<usize>,
    /// Whether the same bytes are the value of other places too.
    pub shared: bool,
    /// Its entries, merges included.
    pub entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key's name.
    pub name: String,
    /// The key's bytes.
    pub key: Range<usize>,
    /// The value's bytes.
    pub value: Range<usize>,
}

impl Document {
    /// The mapping at a JSON pointer, when it is written there.
    pub fn mapping(&self, pointer: &str) -> Option<Mapping> {
        let place = self.place(pointer).filter(|place| place.exact)?;
        let node =
            self.nodes.iter().find(|node| node.span == place.value && matches!(node.content, Content::Mapping(_)))?;
        let Content::Mapping(entries) = &node.content else { return None };
        let entry = |(key, value): &(NodeId, NodeId)| {
            let Content::Scalar(name) = &self.target(*key)?.content else { return None };
            Some(Entry {
                name: key_name(name)?,
                key: self.node(*key)?.span.clone(),
                value: self.node(*value)?.span.clone(),
            })
        };
        let entries = entries.iter().map(entry).collect::<Option<_>>()?;
        Some(Mapping { span: node.span.clone(), shared: place.shared, entries })
    }

    /// The place of a JSON pointer's value, or of as much of the path as there is.
    pub fn place(&self, pointer: &str) -> Option<Place> {
        let mut at = self.root?;
        let mut key = None;
        let mut shared = false;
        let mut exact = true;
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            shared |= self.is_shared(at);
            let Some(step) = self.step(at, &token) else {
                exact = false;
                break;
            };
            (key, at) = (step.key, step.value);
            shared |= step.merged;
        }
        let node = self.node(at)?;
        let style = match &self.target(at)?.content {
            Content::Scalar(scalar) => Some(scalar.style),
            _ => None,
        };
        let key = key.and_then(|key| Some(self.node(key)?.span.clone())).or_else(|| self.kind_of(at));
        Some(Place { key, value: node.span.clone(), style, shared: shared || self.is_shared(at), exact })
    }

    fn is_shared(&self, id: NodeId) -> bool {
        self.node(id).is_some_and(|node| node.anchored || matches!(node.content, Content::Alias(_)))
    }

    /// A whole object has no key: its kind stands for it.
    fn kind_of(&self, id: NodeId) -> Option<Range<usize>> {
        let Content::Mapping(entries) = &self.target(id)?.content else { return None };
        let entry = entries.iter().find(|(key, _)| self.is_named(*key, "kind")).or_else(|| entries.first())?;
        Some(self.node(entry.0)?.span.start..self.node(entry.1)?.span.end)
    }

    fn step(&self, id: NodeId, token: &str) -> Option<Step> {
        match &self.target(id)?.content {
            Content::Sequence(items) => {
                let value = *items.get(token.parse::<usize>().ok()?)?;
                Some(Step { key: None, value, merged: false })
            }
            Content::Mapping(_) => self.entry(id, token),
            Content::Scalar(_) | Content::Alias(_) => None,
        }
    }

    /// The last entry of that name, merged ones included; see the reading of mappings.
    fn entry(&self, id: NodeId, name: &str) -> Option<Step> {
        let Content::Mapping(entries) = &self.target(id)?.content else { return None };
        entries.iter().rev().find_map(|(key, value)| {
            if self.is_merge(*key) {
                let sources = self.merge_sources(*value)?;
                return sources
                    .iter()
                    .rev()
                    .find_map(|source| self.entry(*source, name).map(|step| Step { merged: true, ..step }));
            }
            self.is_named(*key, name).then_some(Step { key: Some(*key), value: *value, merged: false })
        })
    }

    fn is_named(&self, key: NodeId, name: &str) -> bool {
        match self.target(key).map(|node| &node.content) {
            Some(Content::Scalar(key)) => key_name(key).as_deref() == Some(name),
            _ => false,
        }
    }
}

struct Step {
    key: Option<NodeId>,
    value: NodeId,
    merged: bool,
}
