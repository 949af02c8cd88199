//! How much memory a review takes once it is parsed.

/// An object's first tree node, of which most hold one or two fields.
const OBJECT: usize = 700;
/// A list's first allocation.
const LIST: usize = 150;
/// One more entry of an object or a list: its slot, its key and its text.
const ENTRY: usize = 200;

/// Estimates the memory of a parsed text, from above, without parsing it.
///
/// The text's length says little: seven bytes of an object with one field become several hundred.
pub fn weigh(text: &[u8]) -> usize {
    let mut weight = text.len();
    let (mut quoted, mut escaped) = (false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => weight += OBJECT,
            b'[' if !quoted => weight += LIST,
            b',' if !quoted => weight += ENTRY,
            _ => {}
        }
    }
    weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_weighs_its_length_and_structure_weighs_more() {
        assert_eq!(weigh(br#""a{[,]}\"{""#), 11);
        assert_eq!(weigh(br#"{"a":[1,{}]}"#), 12 + 2 * OBJECT + LIST + ENTRY);
        assert_eq!(weigh(b"{{{"), 3 + 3 * OBJECT);
    }
}
