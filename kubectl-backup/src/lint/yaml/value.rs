//! From a document to the value that kubectl would send.

use std::{collections::HashMap, ops::Range};

use granit_parser::ScalarStyle;
use serde_json::{Map, Number, Value};

use super::{
    Document, Problem,
    scalar::{Meaning, meaning},
    tree::{Content, NodeId, Scalar},
};

/// Values that aliases may add to a small document, and how often to a large one.
const REPEATED: (usize, usize) = (10_000, 16);
/// Levels of nesting, those that aliases add included.
const MAX_DEPTH: usize = 256;
const EXCESSIVE: &str = "aliases make this document many times larger than its text: kubectl refuses it";

/// A value, and what is odd about its text.
#[derive(Debug)]
pub struct Reading {
    /// The value.
    pub value: Value,
    /// What is not as it looks.
    pub oddities: Vec<Problem>,
}

impl Document {
    /// The value of the whole document; null when it is empty.
    pub fn value(&self) -> Result<Reading, Problem> {
        let Some(root) = self.root else { return Ok(Reading { value: Value::Null, oddities: Vec::new() }) };
        let mut reader =
            Reader { document: self, left: self.nodes.len() * REPEATED.1 + REPEATED.0, oddities: Vec::new() };
        let value = reader.value(root, 0)?;
        Ok(Reading { value, oddities: reader.oddities })
    }
}

struct Reader<'a> {
    document: &'a Document,
    left: usize,
    oddities: Vec<Problem>,
}

impl Reader<'_> {
    fn value(&mut self, id: NodeId, depth: usize) -> Result<Value, Problem> {
        let span = self.document.node(id).map(|node| node.span.clone()).unwrap_or_default();
        self.left = self.left.checked_sub(1).ok_or_else(|| Problem::fatal(span.clone(), EXCESSIVE))?;
        if depth > MAX_DEPTH {
            return Err(Problem::fatal(span, format!("more than {MAX_DEPTH} levels of nesting")));
        }
        let Some(node) = self.document.target(id) else { return Ok(Value::Null) };
        match &node.content {
            Content::Scalar(scalar) => self::scalar(scalar, &node.span),
            Content::Sequence(items) => {
                items.iter().map(|item| self.value(*item, depth + 1)).collect::<Result<_, _>>().map(Value::Array)
            }
            Content::Mapping(_) => {
                let mut fields = Map::new();
                self.mapping(id, depth, &mut fields)?;
                Ok(Value::Object(fields))
            }
            // An alias always leads to a node that is none.
            Content::Alias(_) => Ok(Value::Null),
        }
    }

    /// Entries count in the order of the text: the last one of a name wins, also against one that is merged in.
    fn mapping(&mut self, id: NodeId, depth: usize, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        let Some(Content::Mapping(entries)) = self.document.target(id).map(|node| &node.content) else {
            return Ok(());
        };
        let mut seen = HashMap::new();
        for (key, value) in entries {
            if self.document.is_merge(*key) {
                for source in self.merged(*value)? {
                    self.spend(source, depth)?;
                    self.mapping(source, depth + 1, fields)?;
                }
                continue;
            }
            let Some(node) = self.document.target(*key) else { continue };
            let name = self.key(&node.content, &node.span)?;
            if let Some(first) = seen.insert(name.clone(), node.span.start) {
                self.repeated(&name, &node.span, first);
            }
            fields.insert(name, self.value(*value, depth + 1)?);
        }
        Ok(())
    }

    fn spend(&mut self, id: NodeId, depth: usize) -> Result<(), Problem> {
        let span = self.document.node(id).map(|node| node.span.clone()).unwrap_or_default();
        self.left = self.left.checked_sub(1).ok_or_else(|| Problem::fatal(span.clone(), EXCESSIVE))?;
        if depth > MAX_DEPTH { Err(Problem::fatal(span, "merges are nested too deeply")) } else { Ok(()) }
    }

    /// Says once that a key is repeated, however often the mapping itself is.
    fn repeated(&mut self, name: &str, span: &Range<usize>, first: usize) {
        if span.start != first && !self.oddities.iter().any(|known| known.span == *span) && self.oddities.len() < 100 {
            let message =
                format!("the key {name:?} stands twice in this mapping, and kubectl takes the last one: remove one");
            self.oddities.push(Problem::odd(span.clone(), message));
        }
    }

    /// The mappings behind `<<`, the weakest first.
    fn merged(&self, id: NodeId) -> Result<Vec<NodeId>, Problem> {
        let sources = self.document.merge_sources(id);
        let span = || self.document.node(id).map(|node| node.span.clone()).unwrap_or_default();
        sources.ok_or_else(|| Problem::fatal(span(), "only mappings can be merged in with <<"))
    }

    fn key(&self, content: &Content, span: &Range<usize>) -> Result<String, Problem> {
        let Content::Scalar(key) = content else {
            return Err(Problem::fatal(span.clone(), "a list or a mapping cannot be a key in Kubernetes"));
        };
        key_name(key).ok_or_else(|| Problem::fatal(span.clone(), "this cannot be a key: put it in quotation marks"))
    }
}

impl Document {
    /// The mappings that a value of `<<` stands for, the weakest first; `None` when it is no such value.
    pub(super) fn merge_sources(&self, id: NodeId) -> Option<Vec<NodeId>> {
        let is_mapping = |id: &NodeId| matches!(self.target(*id).map(|node| &node.content), Some(Content::Mapping(_)));
        match &self.node(id)?.content {
            Content::Sequence(items) => items.iter().all(is_mapping).then(|| items.iter().rev().copied().collect()),
            _ => is_mapping(&id).then(|| vec![id]),
        }
    }
}

/// A key's name as Kubernetes sees it; `None` for what can be none.
pub(super) fn key_name(key: &Scalar) -> Option<String> {
    match read(key) {
        Meaning::Text => Some(key.text.clone()),
        Meaning::Bool(value) => Some(value.to_string()),
        Meaning::Int(value) => Some(value.to_string()),
        #[allow(clippy::cast_possible_truncation, reason = "kubectl writes such keys with the precision of 32 bits")]
        Meaning::Float(value) if value.is_finite() => Some((value as f32).to_string()),
        Meaning::Null | Meaning::UInt(_) | Meaning::Float(_) => None,
    }
}

fn scalar(scalar: &Scalar, span: &Range<usize>) -> Result<Value, Problem> {
    Ok(match read(scalar) {
        Meaning::Null => Value::Null,
        Meaning::Bool(value) => Value::Bool(value),
        Meaning::Int(value) => Value::Number(value.into()),
        Meaning::UInt(value) => Value::Number(value.into()),
        Meaning::Float(value) => Value::Number(number(value).ok_or_else(|| {
            Problem::fatal(
                span.clone(),
                "this number cannot be written as JSON, so that kubectl refuses it: use another, or quotation marks",
            )
        })?),
        Meaning::Text => Value::String(scalar.text.clone()),
    })
}

/// What the text is read as; quotation marks and the tag `!!str` make it a text.
fn read(scalar: &Scalar) -> Meaning {
    match scalar.tag.as_deref() {
        None if scalar.style == ScalarStyle::Plain => meaning(&scalar.text),
        Some("bool" | "int" | "float" | "null") => meaning(&scalar.text),
        _ => Meaning::Text,
    }
}

/// JSON does not tell 1.0 from 1, and Go writes the shorter.
fn number(value: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation, reason = "a whole number that fits")]
    if value.fract() == 0.0 && value.abs() < EXACT { Some((value as i64).into()) } else { Number::from_f64(value) }
}
