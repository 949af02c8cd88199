//! Takes a list apart while it comes in: each item is handed on as soon as its last byte is there, so a list of
//! thousands never stands in memory as a whole.

use serde::{Deserialize, de::DeserializeOwned};

/// Where the reader stands in `{"…": …, "items": [ … ], "…": …}`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// Outside the items: bytes belong to the envelope.
    Envelope,
    /// After `"items":`, before its bracket.
    BeforeItems,
    /// Between items.
    Between,
    /// In an item.
    Item,
}

/// The list without its items.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Envelope {
    /// Kind of the answer: a list's, or `Status`.
    pub kind: String,
    /// Where to go on.
    pub metadata: EnvelopeMetadata,
}

/// The list's metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EnvelopeMetadata {
    /// Token of the next page; absent or empty on the last.
    #[serde(rename = "continue")]
    pub next: Option<String>,
}

/// A parser that is fed bytes and yields items.
pub struct ListReader {
    place: Place,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The string that ended last at the top level: a key when a colon follows.
    last_string: Vec<u8>,
    envelope: Vec<u8>,
    item: Vec<u8>,
}

impl ListReader {
    /// Returns a reader at the start of a list.
    pub fn new() -> Self {
        Self {
            place: Place::Envelope,
            depth: 0,
            in_string: false,
            escaped: false,
            last_string: Vec::new(),
            envelope: Vec::new(),
            item: Vec::new(),
        }
    }

    /// Takes the next bytes and hands each complete item on.
    ///
    /// # Errors
    /// When an item is not what `T` expects.
    pub fn feed<T: DeserializeOwned>(
        &mut self,
        bytes: &[u8],
        each: &mut dyn FnMut(T),
    ) -> Result<(), serde_json::Error> {
        let mut start = 0;
        for (index, &byte) in bytes.iter().enumerate() {
            let was = self.place;
            self.step(byte);
            match (was, self.place) {
                (Place::Between, Place::Item) => start = index,
                (Place::Item, Place::Between) => {
                    self.item.extend_from_slice(&bytes[start..=index]);
                    each(serde_json::from_slice(&self.item)?);
                    self.item.clear();
                }
                (Place::Envelope | Place::BeforeItems, _) | (Place::Between, Place::Envelope) => {
                    self.envelope.push(byte);
                }
                _ => {}
            }
        }
        if self.place == Place::Item {
            self.item.extend_from_slice(&bytes[start..]);
        }
        Ok(())
    }

    /// Returns what stood around the items.
    ///
    /// # Errors
    /// When the bytes ended too early or were no JSON.
    pub fn finish(self) -> Result<Envelope, serde_json::Error> {
        serde_json::from_slice(&self.envelope)
    }

    fn step(&mut self, byte: u8) {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ if self.depth == 1 => self.last_string.push(byte),
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                if self.depth == 1 {
                    self.last_string.clear();
                }
            }
            b':' if self.depth == 1 && self.last_string == b"items" => self.place = Place::BeforeItems,
            b'{' | b'[' => {
                self.depth += 1;
                match (self.place, byte) {
                    (Place::BeforeItems, b'[') => self.place = Place::Between,
                    (Place::BeforeItems, _) => self.place = Place::Envelope,
                    (Place::Between, _) => self.place = Place::Item,
                    _ => {}
                }
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                match (self.place, self.depth) {
                    (Place::Item, 2) => self.place = Place::Between,
                    (Place::Between, 1) => self.place = Place::Envelope,
                    _ => {}
                }
            }
            b',' if self.place == Place::BeforeItems => self.place = Place::Envelope,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(bytes: &[u8], chunk: usize) -> (Vec<Value>, Envelope) {
        let mut reader = ListReader::new();
        let mut items = Vec::new();
        for part in bytes.chunks(chunk) {
            reader.feed(part, &mut |item| items.push(item)).unwrap();
        }
        (items, reader.finish().unwrap())
    }

    #[test]
    fn items_may_stand_before_or_after_the_metadata() {
        for text in [
            r#"{"kind":"L","items":[{"a":1},{"b":[{}]}],"metadata":{"continue":"x"}}"#,
            r#"{"metadata":{"continue":"x"},"kind":"L", "items" : [ {"a":1}, {"b":[{}]} ] }"#,
        ] {
            let (items, envelope) = read(text.as_bytes(), 7);
            assert_eq!(items, vec![json!({"a":1}), json!({"b":[{}]})]);
            assert_eq!(envelope.metadata.next.as_deref(), Some("x"));
        }
    }

    #[test]
    fn an_empty_or_null_list_has_no_items() {
        assert!(read(br#"{"kind":"L","items":[],"metadata":{}}"#, 3).0.is_empty());
        let (items, envelope) = read(br#"{"items":null,"kind":"L"}"#, 3);
        assert!(items.is_empty());
        assert_eq!(envelope.kind, "L");
    }

    #[test]
    fn a_list_that_ends_too_early_is_an_error() {
        let mut reader = ListReader::new();
        reader.feed::<Value>(br#"{"items":[{"a":1},{"#, &mut |_| {}).unwrap();
        assert!(reader.finish().is_err());
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<i32>().prop_map(Value::from), ".*".prop_map(Value::from), Just(Value::Null)];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("items|[a-z\"\\\\{\\[]*", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Whatever stands in the items and however the bytes are cut, the same items come out.
        #[test]
        fn cuts_do_not_matter(
            objects in prop::collection::vec(prop::collection::btree_map("items|[a-z]{1,3}", value(), 0..4), 0..6),
            chunk in 1_usize..40,
            pretty in any::<bool>(),
        ) {
            let items: Vec<Value> =
                objects.into_iter().map(|map| Value::Object(map.into_iter().collect())).collect();
            let list = json!({"kind": "L", "items": items, "metadata": {"continue": "n"}});
            let bytes = if pretty { serde_json::to_vec_pretty(&list) } else { serde_json::to_vec(&list) }.unwrap();
            let (read, envelope) = read(&bytes, chunk);
            prop_assert_eq!(read, items);
            prop_assert_eq!(envelope.metadata.next.as_deref(), Some("n"));
        }
    }
}
