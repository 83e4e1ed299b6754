//! Pictures and pages are well-formed, by a real parser of XML.

use roxmltree::{Document, Node};

/// Checks an SVG: it is XML with title and description, nothing comes from elsewhere, there are no scripts and no ids.
#[track_caller]
pub fn svg(text: &str) {
    let document = parsed(text);
    let root = document.root_element();
    assert_eq!(
        (root.tag_name().name(), root.tag_name().namespace()),
        ("svg", Some("http://www.w3.org/2000/svg"))
    );
    let children: Vec<&str> = root.children().filter(Node::is_element).map(|e| e.tag_name().name()).collect();
    assert_eq!(children[..3], ["title", "desc", "style"]);
    harmless(&document);
    assert!(text.ends_with("</svg>\n"));
}

/// Checks a page: the same of its elements. (Those that HTML leaves open are closed for the parser.)
#[track_caller]
pub fn html(text: &str) {
    let body = text.strip_prefix("<!DOCTYPE html>\n").unwrap_or_else(|| panic!("{text}"));
    assert!(body.starts_with("<html lang=\"en\">") && text.ends_with("</html>\n"), "{text}");
    let closed = closed(text);
    let document = parsed(&closed);
    harmless(&document);
}

/// A page as XML.
fn closed(page: &str) -> String {
    let page = page.trim_start_matches("<!DOCTYPE html>\n");
    let lines = page.lines().map(|line| match line.strip_prefix("<meta ") {
        Some(meta) => format!("<meta {}/>", meta.trim_end_matches('>')),
        None => line.to_string(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn parsed(text: &str) -> Document<'_> {
    Document::parse(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[track_caller]
fn harmless(document: &Document<'_>) {
    for element in document.descendants().filter(Node::is_element) {
        let name = element.tag_name().name();
        let known = [
            "svg", "title", "desc", "style", "text", "rect", "line", "path", "polyline", "circle", "html",
            "head", "meta", "body", "main", "h1", "footer", "figure", "div", "table", "caption", "thead",
            "tbody", "tr", "th", "td", "details", "summary", "p", "span",
        ];
        assert!(known.contains(&name), "<{name}> in {}", document.input_text());
        for attribute in element.attributes() {
            let name = attribute.name();
            assert!(name != "id" && name != "href" && name != "src" && !name.starts_with("on"), "{name}");
        }
        if name == "style" {
            let style = element.text().unwrap_or_default();
            assert!(!style.contains("url(") && !style.contains("@import"), "{style}");
        }
    }
}

/// What elements of some names hold, in their order: of a picture, or of a page.
#[track_caller]
pub fn texts(text: &str, names: &[&str]) -> Vec<String> {
    let closed = closed(text);
    let document = parsed(&closed);
    let elements = document.descendants().filter(|e| e.is_element() && names.contains(&e.tag_name().name()));
    elements.map(|e| e.text().unwrap_or_default().to_string()).collect()
}
