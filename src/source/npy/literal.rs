//! The Python dictionary in an NPY header: one level of it, read in one pass.

/// A value of the dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'t> {
    /// A quoted string without escapes.
    Text(&'t str),
    /// `True` or `False`.
    Bool(bool),
    /// A tuple of whole numbers; Python 2 writes an `L` behind them.
    Shape(Vec<usize>),
    /// Anything else, as it stands.
    Other(&'t str),
}

/// Walks over the entries of a dictionary and hands each to `entry`.
///
/// Brackets inside a value are only counted, so the time is linear in the text and the depth is no matter.
///
/// # Errors
/// What is wrong with the text, or what `entry` says.
pub(super) fn entries<'t>(
    text: &'t str,
    mut entry: impl FnMut(&'t str, Value<'t>) -> Result<(), String>,
) -> Result<(), String> {
    const NONE: &str = "is not a Python dictionary";
    let mut rest = text.trim().strip_prefix('{').ok_or(NONE)?.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return if after.trim().is_empty() { Ok(()) } else { Err(NONE.into()) };
        }
        let key = extent(rest, ':').ok_or(NONE)?;
        let Value::Text(name) = value(rest[..key].trim()) else {
            return Err(format!("has the entry {}, which no version knows", rest[..key].trim()));
        };
        rest = &rest[key + 1..];
        let end = extent(rest, ',').ok_or(NONE)?;
        entry(name, value(rest[..end].trim()))?;
        rest = rest[end..].strip_prefix(',').unwrap_or(&rest[end..]).trim_start();
    }
}

/// How far an item goes: to `end` or the closing brace of the dictionary, whichever stands outside of quotes and brackets.
fn extent(text: &str, end: char) -> Option<usize> {
    let (mut depth, mut quote) = (0usize, None);
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, c) if depth == 0 && c == end => return Some(at),
            (None, '}') if depth == 0 => return (end == ',').then_some(at),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

fn value(text: &str) -> Value<'_> {
    match text {
        "True" => return Value::Bool(true),
        "False" => return Value::Bool(false),
        _ => {}
    }
    if let Some(string) = string(text) {
        return Value::Text(string);
    }
    shape(text).map_or(Value::Other(text), Value::Shape)
}

/// What a quoted string holds; the prefixes are Python 2's `u` and Python 3's `b`.
fn string(text: &str) -> Option<&str> {
    let text = text.strip_prefix(['u', 'b']).unwrap_or(text);
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.contains([quote, '\\'])).then_some(inner)
}

/// The lengths in `(3,)`, `(3, 4)` or `(3L, 4L)`.
fn shape(text: &str) -> Option<Vec<usize>> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?.trim();
    if inner.is_empty() {
        return Some(Vec::new());
    }
    // without a comma, brackets make no tuple
    let several = inner.contains(',');
    let inner = inner.strip_suffix(',').unwrap_or(inner);
    let axis = |text: &str| {
        let digits = text.trim();
        let digits = digits.strip_suffix('L').unwrap_or(digits);
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let axes = inner.split(',').map(axis).collect::<Option<Vec<_>>>()?;
    several.then_some(axes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<(&str, Value<'_>)>, String> {
        let mut found = Vec::new();
        entries(text, |key, value| {
            found.push((key, value));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn dictionaries() {
        use Value::*;
        let descr = ("descr", Text("<f4"));
        for (text, found) in [
            ("{}", vec![]),
            ("{'descr': '<f4'}", vec![descr.clone()]),
            (" {\"descr\":\"<f4\" ,} \n", vec![descr.clone()]),
            (
                "{'descr': u'<f4', 'o': True, 's': (2,),}",
                vec![descr, ("o", Bool(true)), ("s", Shape(vec![2]))],
            ),
            ("{'s': (10L, 4L)}", vec![("s", Shape(vec![10, 4]))]),
            ("{'s': ( 10L , )}", vec![("s", Shape(vec![10]))]),
            (
                "{'s': (), 't': (3), 'u': (3, -4)}",
                vec![("s", Shape(vec![])), ("t", Other("(3)")), ("u", Other("(3, -4)"))],
            ),
            (
                "{'d': [('a, }', '<f4')], 'o': {'x': {}}}",
                vec![("d", Other("[('a, }', '<f4')]")), ("o", Other("{'x': {}}"))],
            ),
            (
                "{'s': (3,,), 't': (3L L,), 'u': (99999999999999999999,)}",
                vec![("s", Other("(3,,)")), ("t", Other("(3L L,)")), ("u", Other("(99999999999999999999,)"))],
            ),
            (r"{'a\'}': 'b'}", vec![]),
        ] {
            match all(text) {
                Ok(entries) => assert_eq!(entries, found, "{text}"),
                Err(what) => assert_eq!(what, r"has the entry 'a\'}', which no version knows", "{text}"),
            }
        }
    }

    #[test]
    fn what_is_no_dictionary() {
        for text in
            ["", "{", "hello", "[]", "{'a'}", "{'a': 1", "{'a': 1} 2", "{'a': (1}", "{'a': 'b}", "{:", "{{"]
        {
            assert!(all(text).is_err(), "{text}");
        }
    }

    #[test]
    fn brackets_take_linear_time() {
        let start = std::time::Instant::now();
        for open in ["{", "(", "[", "{'a':", "{'a':{"] {
            assert!(all(&format!("{{'descr': {}", open.repeat(5000))).is_err());
        }
        let closed = format!("{{'descr': {}{}}}", "{".repeat(4000), "}".repeat(4000));
        assert!(matches!(all(&closed).as_deref(), Ok([("descr", Value::Other(_))])));
        assert!(start.elapsed().as_secs() < 5);
    }
}
