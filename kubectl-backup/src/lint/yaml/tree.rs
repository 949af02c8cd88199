//! A parsed document: its nodes and their places.

use std::{collections::HashMap, ops::Range};

use granit_parser::{Event, ScalarStyle, Tag};

use super::Problem;

/// A node's number.
pub type NodeId = usize;

/// One document of a stream. Aliases refer to nodes by number, so that no text can build a chain that is deep to free.
#[derive(Debug, Default)]
pub struct Document {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Option<NodeId>,
}

/// A node and its place.
#[derive(Debug)]
pub struct Node {
    /// Its bytes, quotation marks included; of a mapping or sequence from its first to its last.
    pub span: Range<usize>,
    /// Whether aliases may refer to it.
    pub anchored: bool,
    /// What it is.
    pub content: Content,
}

/// What a node is.
#[derive(Debug)]
pub enum Content {
    /// A text.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<NodeId>),
    /// Keys and values in the order of the text.
    Mapping(Vec<(NodeId, NodeId)>),
    /// Another node.
    Alias(NodeId),
}

/// A text, and how it is written.
#[derive(Debug)]
pub struct Scalar {
    /// Without quotation marks and escapes.
    pub text: String,
    /// How it is written.
    pub style: ScalarStyle,
    /// The end of its tag, as in `str`.
    pub tag: Option<String>,
}

impl Document {
    pub(super) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// The node itself, or the one that it is an alias of.
    pub(super) fn target(&self, id: NodeId) -> Option<&Node> {
        let node = self.node(id)?;
        match node.content {
            Content::Alias(target) => self.node(target),
            _ => Some(node),
        }
    }

    pub(super) fn is_merge(&self, key: NodeId) -> bool {
        self.node(key).is_some_and(|node| match &node.content {
            Content::Scalar(scalar) => {
                scalar.text == "<<"
                    && scalar.style == ScalarStyle::Plain
                    && scalar.tag.as_deref().is_none_or(|tag| tag == "merge")
            }
            _ => false,
        })
    }
}

/// Builds a document from the parser's events.
#[derive(Debug, Default)]
pub struct Builder {
    document: Document,
    anchors: HashMap<usize, NodeId>,
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    id: NodeId,
    anchor: usize,
    key: Option<NodeId>,
}

impl Builder {
    /// Takes one event.
    pub fn event(&mut self, event: Event<'_>, span: Range<usize>) -> Result<(), Problem> {
        let (content, anchor, is_open) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Scalar { text: text.into_owned(), style, tag: tag.map(|tag| name(&tag)) };
                (Content::Scalar(scalar), anchor, false)
            }
            Event::SequenceStart(_, anchor, _) => (Content::Sequence(Vec::new()), anchor, true),
            Event::MappingStart(_, anchor, _) => (Content::Mapping(Vec::new()), anchor, true),
            Event::Alias(anchor) => {
                let Some(target) = self.anchors.get(&anchor) else {
                    return Err(Problem::fatal(span, "the anchor contains itself: kubectl refuses it"));
                };
                (Content::Alias(*target), 0, false)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.close(span.end);
                return Ok(());
            }
            _ => return Ok(()),
        };
        let id = self.document.nodes.len();
        self.document.nodes.push(Node { span, anchored: anchor != 0, content });
        self.attach(id);
        if is_open {
            self.open.push(Open { id, anchor, key: None });
        } else if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        Ok(())
    }

    /// The document, once its end was reached.
    pub fn finish(self) -> Document {
        self.document
    }

    fn attach(&mut self, id: NodeId) {
        let Some(parent) = self.open.last_mut() else {
            self.document.root.get_or_insert(id);
            return;
        };
        match self.document.nodes.get_mut(parent.id).map(|node| &mut node.content) {
            Some(Content::Sequence(items)) => items.push(id),
            Some(Content::Mapping(entries)) => match parent.key.take() {
                None => parent.key = Some(id),
                Some(key) => entries.push((key, id)),
            },
            _ => {}
        }
    }

    fn close(&mut self, end: usize) {
        let Some(Open { id, anchor, .. }) = self.open.pop() else { return };
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        if let Some(node) = self.document.nodes.get_mut(id) {
            node.span.end = node.span.end.max(end);
        }
    }
}

fn name(tag: &Tag) -> String {
    tag.core_suffix().map_or_else(|| tag.original(), str::to_owned)
}
