//! Names and messages come from the cluster: control characters in them must not drive the terminal.

/// Returns the text with control characters made visible, and cut at its first line break.
pub fn cell(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    visible(first)
}

/// Returns the text with control characters (but line breaks) made visible: `\x1b` as `^[`.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if (c as u32) < 0x20 => {
                out.push('^');
                out.push(char::from(c as u8 + 0x40));
            }
            '\u{7f}'..='\u{9f}' => out.push_str(&c.escape_unicode().to_string()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_shown_not_obeyed() {
        assert_eq!(cell("a\x1b[31mred\r"), "a^[[31mred^M");
        assert_eq!(cell("first\nsecond"), "first");
        assert_eq!(visible("a\u{9b}31m"), "a\\u{9b}31m");
    }
}
