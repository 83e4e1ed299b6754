//! Pictures and pages are well-formed: a small parser of what XML allows.

/// Checks an SVG: every element is closed, nothing is unescaped, nothing comes from elsewhere, there are no ids.
#[track_caller]
pub fn svg(text: &str) {
    assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"), "{text}");
    assert!(text.contains("<title>") && text.contains("<desc>"));
    assert!(!text.contains(" id=") && !text.contains("<script"), "{text}");
    assert!(text.matches("http").count() == 1, "nothing but the name space: {text}");
    nested(text, &[]);
}

/// Checks a page: as a picture, with the elements that HTML leaves open.
#[track_caller]
pub fn html(text: &str) {
    assert!(text.starts_with("<!DOCTYPE html>\n<html lang=\"en\">") && text.ends_with("</html>\n"), "{text}");
    assert!(!text.contains("<script") && !text.contains(" id="), "{text}");
    nested(text.trim_start_matches("<!DOCTYPE html>\n"), &["meta"]);
}

/// Every tag that opens closes, in order; `void` ones don't open.
#[track_caller]
fn nested(text: &str, void: &[&str]) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let before = &rest[..at];
        assert!(!before.contains('>') || open.last() == Some(&"style"), "an unescaped > in {before:?}");
        assert!(!before.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{before:?}");
        if open.last() != Some(&"style") {
            for part in before.split('&').skip(1) {
                let entity = part.split(';').next().unwrap();
                assert!(["amp", "lt", "gt", "quot", "#39"].contains(&entity), "&{part}");
            }
        }
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if tag.ends_with('/') => {}
            None => {
                let name = tag.split([' ', '\n']).next().unwrap();
                if !void.contains(&name) {
                    open.push(name);
                }
            }
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
}
