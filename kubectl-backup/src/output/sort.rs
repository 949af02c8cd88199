//! `--sort-by=.metadata.creationTimestamp`: by a field of the objects.

use std::{cmp::Ordering, str::FromStr};

use serde_json::Value;

use crate::{
    error::{CliError, Result},
    jsonpath::{Found, JsonPath, relaxed},
    plan::quantity::Quantity,
};

/// The field to sort by.
#[derive(Clone, Debug, PartialEq)]
pub struct SortBy {
    text: String,
    path: JsonPath,
}

/// What an object has in that field; nothing comes first.
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey(Option<Value>);

impl FromStr for SortBy {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let text = relaxed(text).map_err(|error| error.to_string())?;
        let path = JsonPath::parse(&text).map_err(|error| error.to_string())?;
        Ok(Self { text, path })
    }
}

impl SortBy {
    /// Returns the key of an object.
    ///
    /// # Errors
    /// When the path cannot be applied to it.
    pub fn key(&self, object: &Value) -> Result<SortKey> {
        let found = self.path.find(object).map_err(|error| CliError::new(format!("sorting error: {error}")))?;
        Ok(SortKey(found.first().and_then(|results| results.first()).map(Found::to_value)))
    }

    /// Returns the order of the keys as positions.
    ///
    /// # Errors
    /// When no object has the field, or its values have no order.
    pub fn order(&self, keys: &[SortKey]) -> Result<Vec<usize>> {
        let mut order: Vec<usize> = (0..keys.len()).collect();
        if !keys.is_empty() && keys.iter().all(|key| key.0.is_none()) {
            return Err(CliError::new(format!(
                "couldn't find any field with path {:?} in the list of objects",
                self.text
            )));
        }
        let mut first = None;
        for key in keys.iter().filter_map(|key| key.0.as_ref()).filter(|value| !value.is_null()) {
            let kind = kind(key).ok_or_else(|| self.without_order())?;
            if *first.get_or_insert(kind) != kind {
                return Err(self.without_order());
            }
        }
        // Stable, so that what is equal keeps the server's order.
        order.sort_by(|&left, &right| match (&keys[left].0, &keys[right].0) {
            // To kubectl each of those without the field is less than the one before it.
            (None, None) => right.cmp(&left),
            (left, right) => compare(left, right),
        });
        Ok(order)
    }

    fn without_order(&self) -> CliError {
        CliError::new(format!(
            "the field {} cannot be sorted by: its values are not all texts, or all numbers",
            self.text
        ))
    }
}

/// Values have an order among their kind.
fn kind(value: &Value) -> Option<u8> {
    match value {
        Value::String(_) => Some(0),
        Value::Number(number) => Some(if number.is_i64() { 1 } else { 2 }),
        _ => None,
    }
}

fn compare(left: &Option<Value>, right: &Option<Value>) -> Ordering {
    match (left, right) {
        (Some(Value::String(left)), Some(Value::String(right))) => {
            // Sizes are compared as such: 2Gi is more than 500Mi.
            match (left.parse::<Quantity>(), right.parse::<Quantity>()) {
                (Ok(left), Ok(right)) => left.cmp(&right),
                _ => left.cmp(right),
            }
        }
        (Some(Value::Number(left)), Some(Value::Number(right))) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal),
        },
        (left, right) => rank(left).cmp(&rank(right)),
    }
}

/// Where there is no field stands first, then where there is nothing in it.
fn rank(value: &Option<Value>) -> u8 {
    match value {
        None => 0,
        Some(Value::Null) => 1,
        Some(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sorted(by: &str, objects: &[Value]) -> Result<Vec<usize>> {
        let by: SortBy = by.parse().map_err(CliError::new)?;
        let keys: Vec<SortKey> = objects.iter().map(|object| by.key(object)).collect::<Result<_>>()?;
        by.order(&keys)
    }

    #[test]
    fn sizes_numbers_and_texts_have_their_own_order() {
        let sizes = ["2Gi", "500Mi", "1Gi"].map(|size| json!({"size": size}));
        assert_eq!(sorted(".size", &sizes).unwrap(), [1, 2, 0]);
        assert_eq!(sorted("{.n}", &[json!({"n": 10}), json!({}), json!({"n": 9})]).unwrap(), [1, 2, 0]);
        assert_eq!(sorted("t", &[json!({"t": "b"}), json!({"t": "a"}), json!({"t": null})]).unwrap(), [2, 1, 0]);
    }

    #[test]
    fn what_has_no_order_is_said() {
        assert!(sorted(".x", &[json!({})]).unwrap_err().message.contains("couldn't find any field with path \"{.x}\""));
        for values in [[json!(1), json!("a")], [json!({}), json!({})], [json!(true), json!(false)]] {
            let objects = values.map(|value| json!({"x": value}));
            assert!(sorted(".x", &objects).unwrap_err().message.contains("cannot be sorted by"));
        }
        assert_eq!(sorted(".x", &[]).unwrap(), [] as [usize; 0]);
    }
}
