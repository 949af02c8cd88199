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
            // Deletions and C1 controls; marks that turn the direction of text, so that it reads as it is not.
            '\u{7f}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push_str(&c.escape_unicode().to_string());
            }
            c => out.push(c),
        }
    }
    out
}

/// Returns JSON with the controls escaped that JSON itself would let through to the terminal.
pub fn json(text: String) -> String {
    let raw = |c: char| ('\u{7f}'..='\u{9f}').contains(&c);
    if !text.contains(raw) {
        return text;
    }
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if raw(c) {
            out.push_str(&format!("\\u{:04x}", c as u32));
        } else {
            out.push(c);
        }
        out
    })
}

/// Returns the text for a message of several lines: control characters visible, and every line but the first indented,
/// so that no line of it can pass for one of ours.
pub fn message(text: &str) -> String {
    visible(text).replace('\n', "\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_shown_not_obeyed() {
        assert_eq!(cell("a\x1b[31mred\r"), "a^[[31mred^M");
        assert_eq!(cell("first\nsecond"), "first");
        assert_eq!(visible("a\u{9b}31m"), "a\\u{9b}31m");
        assert_eq!(visible("a\u{202e}b"), "a\\u{202e}b");
    }

    #[test]
    fn json_keeps_its_meaning_and_drives_no_terminal() {
        let text = serde_json::to_string("a\u{9b}31m\u{7f}").unwrap();
        let escaped = json(text);
        assert!(!escaped.contains(['\u{9b}', '\u{7f}']), "{escaped}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), "a\u{9b}31m\u{7f}");
    }

    #[test]
    fn no_line_of_a_message_passes_for_a_hint() {
        assert_eq!(message("broken\nhint: run this"), "broken\n  hint: run this");
    }
}
