//! Paths into JSON: `key.key`, `"key.with.dots"`, `key[0]`, `key[name=pathname]`, and `key[]` at the end.

/// A step of a path. The first is a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To the value of an object's key.
    Key(String),
    /// To an array's element by number.
    Index(usize),
    /// To the first element of an array whose `member` is the string `text`. An element before it that is no object
    /// ends the search.
    Element { member: String, text: String },
    /// To an array as a whole.
    Whole,
}

/// Returns the steps that a text spells, or what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Vec<Step>, String> {
    let fail = |reason: &str, rest: &str| Err(format!("path {text:?}: {reason} at {rest:?}"));
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        let key;
        (key, rest) = if let Some(quoted) = rest.strip_prefix('"') {
            match quoted.split_once('"') {
                Some(("", _)) | None => return fail("a key is missing", rest),
                Some((key, after)) => (key, after),
            }
        } else {
            rest.split_at(rest.find(|c: char| ".[]\"=".contains(c) || c.is_whitespace()).unwrap_or(rest.len()))
        };
        if key.is_empty() {
            return fail("a key is missing", rest);
        }
        steps.push(Step::Key(key.to_owned()));
        while let Some(inside) = rest.strip_prefix('[') {
            let Some((inside, after)) = inside.split_once(']') else { return fail("no closing bracket", rest) };
            steps.push(match inside.split_once('=') {
                _ if inside.is_empty() && !after.is_empty() => return fail("[] must end the path", rest),
                _ if inside.is_empty() => Step::Whole,
                Some((member, text)) if !member.is_empty() && !text.contains('[') => {
                    Step::Element { member: member.to_owned(), text: text.to_owned() }
                }
                None if inside.len() <= 9 && inside.bytes().all(|b| b.is_ascii_digit()) => {
                    Step::Index(inside.parse().unwrap_or(usize::MAX))
                }
                _ => return fail("expected [N], [member=text] or []", rest),
            });
            rest = after;
        }
        if rest.is_empty() {
            return Ok(steps);
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None => return fail("expected a dot or a bracket", rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Step::{Element, Index, Key, Whole},
        parse,
    };

    #[test]
    fn table() {
        let key = |key: &str| Key(key.to_owned());
        let element = Element { member: "name".to_owned(), text: "a.b".to_owned() };
        for (text, steps) in [
            ("a", vec![key("a")]),
            ("a.b-c.@d", vec![key("a"), key("b-c"), key("@d")]),
            (r#""a.b[2]".c"#, vec![key("a.b[2]"), key("c")]),
            ("a[0][12].b", vec![key("a"), Index(0), Index(12), key("b")]),
            ("a[name=a.b].c[]", vec![key("a"), element, key("c"), Whole]),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(&steps[..]), "{text}");
        }
        for text in
            ["", ".", "a.", "a..b", "a b", "[0]", "a[", "a[x]", "a[=x]", "a[].b", "a[0]b", r#""a"#, r#""""#, "a]"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
