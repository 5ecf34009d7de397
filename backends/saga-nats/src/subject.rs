//! The names of subjects.

/// A name as one part of a subject: what separates parts, stands for any part, or cannot be in one, becomes `_`.
pub(crate) fn token(name: &str) -> String {
    let is_bad =
        |letter: char| letter.is_whitespace() || letter.is_control() || matches!(letter, '.' | '*' | '>');
    let token: String = name.chars().map(|letter| if is_bad(letter) { '_' } else { letter }).collect();
    if token.is_empty() { "_".to_owned() } else { token }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_subject() {
        assert_eq!(token("order-processing"), "order-processing");
        assert_eq!(token("a.b *>\nc"), "a_b____c");
        assert_eq!(token(""), "_");
        assert_eq!(token("注文"), "注文");
    }
}
