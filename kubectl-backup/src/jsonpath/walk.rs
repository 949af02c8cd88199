//! Applies a template to an object. Quirks are kubectl's: scripts may rest on them.

use std::cell::Cell;

use serde_json::Value;

use super::{
    JsonPathError, compare,
    node::{End, Node, Piece, Slice, Test},
};

/// How many values a template may go through in all: `..` upon `..`, and ranges in ranges, would never end.
const MOST: usize = 5_000_000;

/// Counts what is gone through.
#[derive(Default)]
struct Effort(Cell<usize>);

impl Effort {
    fn add(&self, count: usize) -> Result<(), JsonPathError> {
        self.0.set(self.0.get().saturating_add(count));
        if self.0.get() > MOST {
            return Err(JsonPathError::new(format!("the template goes through more than {MOST} values")));
        }
        Ok(())
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<'a> {
    /// A part of the object.
    Value(&'a Value),
    /// Text of the template.
    Text(&'a str),
    /// A number of the template, or a byte of a text whose parts were asked for.
    Int(i64),
    /// A number of the template.
    Float(f64),
    /// A word of the template.
    Bool(bool),
}

impl Found<'_> {
    /// Returns what was found as JSON.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Value(value) => (*value).clone(),
            Self::Text(text) => Value::from(*text),
            Self::Int(number) => Value::from(*number),
            Self::Float(number) => Value::from(*number),
            Self::Bool(truth) => Value::from(*truth),
        }
    }
}

type Results<'a> = Result<Vec<Found<'a>>, JsonPathError>;

/// Returns what each piece finds.
pub fn find<'a>(pieces: &'a [Piece], object: &'a Value) -> Result<Vec<Vec<Found<'a>>>, JsonPathError> {
    let mut all = Vec::new();
    each(pieces, &Found::Value(object), &mut all, &Effort::default())?;
    Ok(all)
}

fn each<'a>(
    pieces: &'a [Piece],
    current: &Found<'a>,
    all: &mut Vec<Vec<Found<'a>>>,
    effort: &Effort,
) -> Result<(), JsonPathError> {
    for piece in pieces {
        effort.add(1)?;
        match piece {
            Piece::Text(text) => all.push(vec![Found::Text(text)]),
            Piece::Action(nodes) => all.push(list(nodes, vec![current.clone()], effort)?),
            Piece::Range { over, body, closed } => {
                for turn in list(over, vec![current.clone()], effort)? {
                    each(body, &turn, all, effort)?;
                }
                // kubectl finds no end to go on behind: it goes through what follows once more, outside the range.
                if !closed {
                    each(body, current, all, effort)?;
                }
            }
            Piece::StrayEnd => return Err(JsonPathError::new("not in range, nothing to end")),
        }
    }
    Ok(())
}

fn list<'a>(nodes: &'a [Node], mut current: Vec<Found<'a>>, effort: &Effort) -> Results<'a> {
    for node in nodes {
        effort.add(1 + current.len())?;
        current = step(node, current, effort)?;
    }
    Ok(current)
}

fn step<'a>(node: &'a Node, input: Vec<Found<'a>>, effort: &Effort) -> Results<'a> {
    match node {
        Node::Text(text) => Ok(vec![Found::Text(text)]),
        Node::Field(name) => Ok(input.iter().filter_map(|found| member(found, name)).collect()),
        Node::Wildcard => {
            let all: Vec<_> = input.iter().flat_map(children).collect();
            effort.add(all.len()).map(|()| all)
        }
        Node::Recursive => {
            let mut all = Vec::new();
            input.into_iter().try_for_each(|found| descend(found, &mut all, effort)).map(|()| all)
        }
        Node::Slice(slice) => sliced(*slice, &input),
        Node::Union(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(list(part, input.clone(), effort)?);
            }
            Ok(all)
        }
        Node::Filter { left, test } => filtered(left, test, &input, effort),
        Node::Int(number) => Ok(vec![Found::Int(*number); input.len()]),
        Node::Float(number) => Ok(vec![Found::Float(*number); input.len()]),
        Node::Bool(truth) => Ok(vec![Found::Bool(*truth); input.len()]),
        Node::Word(word) => Err(JsonPathError::new(format!("unrecognized identifier {word}"))),
    }
}

/// A missing member is nothing, not an error: kubectl's `--allow-missing-template-keys`, which is its default.
fn member<'a>(found: &Found<'a>, name: &str) -> Option<Found<'a>> {
    match found {
        Found::Value(Value::Object(members)) => members.get(name).map(Found::Value),
        _ => None,
    }
}

fn children<'a>(found: &Found<'a>) -> Vec<Found<'a>> {
    let bytes = |text: &str| text.bytes().map(|byte| Found::Int(byte.into())).collect();
    match found {
        Found::Value(Value::Object(members)) => members.values().map(Found::Value).collect(),
        Found::Value(Value::Array(items)) => items.iter().map(Found::Value).collect(),
        Found::Value(Value::String(text)) => bytes(text),
        Found::Text(text) => bytes(text),
        _ => Vec::new(),
    }
}

/// What holds something stands before what it holds.
fn descend<'a>(found: Found<'a>, all: &mut Vec<Found<'a>>, effort: &Effort) -> Result<(), JsonPathError> {
    let below = children(&found);
    if below.is_empty() {
        return Ok(());
    }
    effort.add(below.len())?;
    all.push(found);
    below.into_iter().try_for_each(|child| descend(child, all, effort))
}

fn sliced<'a>(slice: Slice, input: &[Found<'a>]) -> Results<'a> {
    let mut all = Vec::new();
    for found in input {
        let items = match found {
            Found::Value(Value::Null) => continue,
            Found::Value(Value::Array(items)) => items,
            other => return Err(JsonPathError::new(format!("{} is not array or slice", type_name(other)))),
        };
        let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let from_end = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
        let first = slice.from.unwrap_or_default();
        let from = from_end(first);
        let to = match slice.to {
            End::Open => length,
            End::At(at) => from_end(at),
            // [-1] is the last: its end is 0, and counts from the end as well.
            End::AfterFirst => first.checked_add(1).map_or(i64::MAX, |end| if end <= 0 { end + length } else { end }),
        };
        if from == to {
            // As kubectl does it: an empty slice also leaves out what further inputs would give.
            return Ok(all);
        }
        let bounds =
            |index: i64| JsonPathError::new(format!("array index out of bounds: index {index}, length {length}"));
        if from >= length || from < 0 {
            return Err(bounds(from));
        }
        if to > length || to < 0 {
            return Err(bounds(to - 1));
        }
        if from > to {
            return Err(JsonPathError::new(format!("starting index {from} is greater than ending index {to}")));
        }
        let step = match slice.step {
            Some(step) if step <= 0 => return Err(JsonPathError::new("step must be > 0")),
            step => step.and_then(|step| usize::try_from(step).ok()).unwrap_or(1),
        };
        let index = |at: i64| usize::try_from(at).unwrap_or_default();
        all.extend(items[index(from)..index(to)].iter().step_by(step).map(Found::Value));
    }
    Ok(all)
}

fn filtered<'a>(left: &'a [Node], test: &'a Test, input: &[Found<'a>], effort: &Effort) -> Results<'a> {
    let mut all = Vec::new();
    for found in input {
        let Found::Value(Value::Array(items)) = found else {
            let shown = super::go_text::sprint(found);
            return Err(JsonPathError::new(format!("{shown} is not array or slice and cannot be filtered")));
        };
        for item in items {
            let lefts = list(left, vec![Found::Value(item)], effort);
            let (operator, right) = match test {
                Test::Compare { operator, right } => (operator, right),
                Test::Exists => {
                    // What cannot be asked exists: kubectl takes the element itself for the answer then.
                    if !matches!(lefts, Ok(lefts) if lefts.is_empty()) {
                        all.push(Found::Value(item));
                    }
                    continue;
                }
            };
            let Some(left) = only(lefts?)? else { continue };
            let Some(right) = only(list(right, vec![Found::Value(item)], effort)?)? else { continue };
            if compare::holds(&left, operator, &right)? {
                all.push(Found::Value(item));
            }
        }
    }
    Ok(all)
}

fn only(mut found: Vec<Found<'_>>) -> Result<Option<Found<'_>>, JsonPathError> {
    if found.len() > 1 {
        return Err(JsonPathError::new("can only compare one element at a time"));
    }
    Ok(found.pop())
}

/// The type in Go's words.
fn type_name(found: &Found<'_>) -> &'static str {
    match found {
        Found::Value(Value::Object(_)) => "map[string]interface {}",
        Found::Value(Value::Array(_)) => "[]interface {}",
        Found::Value(Value::String(_)) | Found::Text(_) => "string",
        Found::Value(Value::Bool(_)) | Found::Bool(_) => "bool",
        Found::Int(_) => "int",
        Found::Float(_) => "float64",
        Found::Value(Value::Number(number)) if number.is_i64() => "int64",
        Found::Value(Value::Number(_)) => "float64",
        Found::Value(Value::Null) => "nil",
    }
}
