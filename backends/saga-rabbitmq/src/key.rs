//! Routing keys.

use saga::OutgoingEvent;

/// As many bytes the protocol has room for.
const LEN_MAX: usize = 255;

/// `{definition}.{type}`; `None` where the protocol has no room for it.
pub(crate) fn routing_key(event: &OutgoingEvent) -> Option<String> {
    let key = format!("{}.{}", word(&event.definition), event.event_type);
    (key.len() <= LEN_MAX).then_some(key)
}

/// A name as one word of a key: what separates words, or stands for any in a binding, becomes `_`.
fn word(name: &str) -> String {
    let is_bad =
        |letter: char| letter.is_whitespace() || letter.is_control() || matches!(letter, '.' | '*' | '#');
    let word: String = name.chars().map(|letter| if is_bad(letter) { '_' } else { letter }).collect();
    if word.is_empty() { "_".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_of_a_key() {
        assert_eq!(word("order-processing"), "order-processing");
        assert_eq!(word("a.b *#\nc"), "a_b____c");
        assert_eq!(word(""), "_");
        assert_eq!(word("注文"), "注文");
    }
}
