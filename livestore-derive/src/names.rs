//! Names made from names: variants from fields, methods from variants.

/// The name of a field as part of a variant's name: `foo_bar` → `FooBar`. Empty if it has no letters and digits.
pub(crate) fn camel_case(name: &str) -> String {
    let mut camel = String::new();
    for part in name.split('_') {
        let mut chars = part.chars();
        if let Some(first) = chars.next() {
            camel.extend(first.to_uppercase());
            camel.extend(chars);
        }
    }
    camel
}

/// The name of a method from that of its variant: `KickPlayer` → `kick_player`, `HTTPReset` → `http_reset`.
pub(crate) fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (i, &letter) in chars.iter().enumerate() {
        let after_lower = i > 0 && !chars[i - 1].is_uppercase() && chars[i - 1] != '_';
        let before_lower = chars.get(i + 1).is_some_and(|next| next.is_lowercase());
        let after_upper = i > 0 && chars[i - 1].is_uppercase();
        if letter.is_uppercase() && (after_lower || after_upper && before_lower) {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// Whether rustc's lint `non_camel_case_types` has nothing against the name.
pub(crate) fn is_camel_case(name: &str) -> bool {
    let name = name.trim_matches('_');
    let chars: Vec<char> = name.chars().collect();
    !chars.first().is_some_and(|first| first.is_lowercase())
        && !name.contains("__")
        && !chars
            .windows(3)
            .any(|three| three[1] == '_' && !(three[0].is_numeric() && three[2].is_numeric()))
}

/// Whether the name must be written `r#name` (or is not a name at all, as `self`).
pub(crate) fn is_keyword(name: &str) -> bool {
    // `gen` is one since the edition of 2024, which syn does not ask.
    name == "gen" || syn::parse_str::<syn::Ident>(name).is_err()
}

#[cfg(test)]
mod tests {
    use super::{camel_case, is_camel_case, is_keyword, snake_case};

    #[test]
    fn fields_become_camel_case() {
        for (field, noun) in [
            ("bar", "Bar"),
            ("player_1", "Player1"),
            ("_x", "X"),
            ("fooBar", "FooBar"),
            ("__", ""),
            ("ärger", "Ärger"),
        ] {
            assert_eq!(camel_case(field), noun);
        }
    }

    #[test]
    fn variants_become_snake_case() {
        for (variant, method) in [
            ("Kick", "kick"),
            ("KickPlayer", "kick_player"),
            ("HTTPReset", "http_reset"),
            ("Undo2", "undo2"),
            ("V2Reset", "v2_reset"),
            ("already_snake", "already_snake"),
        ] {
            assert_eq!(snake_case(variant), method);
        }
    }

    #[test]
    fn camel_case_is_told_from_others() {
        for name in ["Rename", "X", "V1_2", "HTTP", "_Hidden", "漢字"] {
            assert!(is_camel_case(name), "{name}");
        }
        for name in ["rename", "re_name", "Re_Name", "Re__Name"] {
            assert!(!is_camel_case(name), "{name}");
        }
    }

    #[test]
    fn keywords_are_known() {
        assert!(
            is_keyword("move")
                && is_keyword("self")
                && is_keyword("try")
                && is_keyword("gen")
                && !is_keyword("union")
        );
    }
}
