//! Strings in quotes, with Go's escapes.

/// Returns what stands between the quotes; `None` when an escape is none of Go's.
pub fn unquote(text: &str, quote: char) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == quote {
            return None;
        }
        if c != '\\' {
            push(&mut bytes, c);
            continue;
        }
        match rest.next()? {
            'a' => bytes.push(0x07),
            'b' => bytes.push(0x08),
            'f' => bytes.push(0x0c),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(0x0b),
            '\\' => bytes.push(b'\\'),
            c @ ('\'' | '"') if c == quote => push(&mut bytes, c),
            'x' => bytes.push(u8::try_from(digits(&mut rest, 2, 16, 0)?).ok()?),
            'u' => push(&mut bytes, char::from_u32(digits(&mut rest, 4, 16, 0)?)?),
            'U' => push(&mut bytes, char::from_u32(digits(&mut rest, 8, 16, 0)?)?),
            c @ '0'..='7' => bytes.push(u8::try_from(digits(&mut rest, 2, 8, c.to_digit(8)?)?).ok()?),
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn digits(rest: &mut std::str::Chars<'_>, count: usize, radix: u32, first: u32) -> Option<u32> {
    (0..count).try_fold(first, |value, _| value.checked_mul(radix)?.checked_add(rest.next()?.to_digit(radix)?))
}

#[cfg(test)]
mod tests {
    use super::unquote;

    #[test]
    fn escapes_are_gos() {
        assert_eq!(unquote(r"a\tb\n\x41\101\u00e4\\\'", '\'').unwrap(), "a\tb\nAAä\\'");
        for wrong in [r"\q", r"\x4", r"\400", "\\", r#"\""#] {
            assert_eq!(unquote(wrong, '\''), None, "{wrong}");
        }
    }
}
