//! How filters compare: as Go's templates do, only like with like.

use std::cmp::Ordering;

use serde_json::Value;

use super::{JsonPathError, walk::Found};

/// A value that can be compared.
#[derive(Clone, Copy)]
enum Basic<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

/// Returns whether `left operator right` holds.
pub fn holds(left: &Found<'_>, operator: &str, right: &Found<'_>) -> Result<bool, JsonPathError> {
    let compare = |with: fn(Ordering) -> bool| order(left, right).map(|order| order.is_some_and(with));
    match operator {
        "==" => equal(left, right),
        "!=" => equal(left, right).map(|equal| !equal),
        "<" => compare(Ordering::is_lt),
        "<=" => compare(Ordering::is_le),
        // What is not less or equal is greater, and so is what has no order.
        ">" => compare(Ordering::is_le).map(|holds| !holds),
        ">=" => compare(Ordering::is_lt).map(|holds| !holds),
        other => Err(JsonPathError::new(format!("unrecognized filter operator {other}"))),
    }
}

fn equal(left: &Found<'_>, right: &Found<'_>) -> Result<bool, JsonPathError> {
    match (basic(left)?, basic(right)?) {
        (Basic::Bool(left), Basic::Bool(right)) => Ok(left == right),
        (Basic::Int(left), Basic::Int(right)) => Ok(left == right),
        (Basic::Float(left), Basic::Float(right)) => Ok(left.partial_cmp(&right) == Some(Ordering::Equal)),
        (Basic::Text(left), Basic::Text(right)) => Ok(left == right),
        _ => Err(JsonPathError::new("incompatible types for comparison")),
    }
}

fn order(left: &Found<'_>, right: &Found<'_>) -> Result<Option<Ordering>, JsonPathError> {
    match (basic(left)?, basic(right)?) {
        (Basic::Bool(_), Basic::Bool(_)) => Err(JsonPathError::new("invalid type for comparison")),
        (Basic::Int(left), Basic::Int(right)) => Ok(Some(left.cmp(&right))),
        (Basic::Float(left), Basic::Float(right)) => Ok(left.partial_cmp(&right)),
        (Basic::Text(left), Basic::Text(right)) => Ok(Some(left.cmp(right))),
        _ => Err(JsonPathError::new("incompatible types for comparison")),
    }
}

fn basic<'a>(found: &'a Found<'_>) -> Result<Basic<'a>, JsonPathError> {
    match found {
        Found::Text(text) => Some(Basic::Text(text)),
        Found::Int(number) => Some(Basic::Int(*number)),
        Found::Float(number) => Some(Basic::Float(*number)),
        Found::Bool(truth) => Some(Basic::Bool(*truth)),
        Found::Value(Value::String(text)) => Some(Basic::Text(text)),
        Found::Value(Value::Bool(truth)) => Some(Basic::Bool(*truth)),
        Found::Value(Value::Number(number)) => match number.as_i64() {
            Some(number) => Some(Basic::Int(number)),
            None => number.as_f64().map(Basic::Float),
        },
        Found::Value(_) => None,
    }
    .ok_or_else(|| JsonPathError::new("invalid type for comparison"))
}
