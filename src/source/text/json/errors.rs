//! What is wrong with a JSON text, and where.

use jiter::{JiterError, JiterErrorType, JsonErrorType, Peek};

use super::Parser;
use crate::source::Layout;
use crate::{Error, Place, TokenId};

impl Parser<'_, '_> {
    /// The place of the row (and token) that is being read.
    pub(super) fn place(&self, token: Option<usize>) -> Place {
        let [outer, inner] = self.row;
        let place = match self.context.layout {
            _ if self.depth < 2 => Place { step: self.context.step, ..self.here() },
            Some(Layout::Bv) => Place::row(inner, 0),
            Some(Layout::Tbv) => Place::row(inner, outer),
            _ => Place::row(outer, inner),
        };
        Place { token: token.and_then(|t| TokenId::try_from(t).ok()), ..place }
    }

    /// Where the parser stands in the whole text.
    pub(super) fn index(&self) -> usize {
        self.start + self.json.current_index()
    }

    /// The line where the parser stands.
    pub(super) fn here(&self) -> Place {
        self.line_of(self.index())
    }

    pub(super) fn line_of(&self, index: usize) -> Place {
        let before = &self.text[..index.min(self.text.len())];
        Place::line(self.context.line + before.iter().filter(|b| **b == b'\n').count())
    }

    pub(super) fn bad(&self, place: Place, what: impl Into<String>) -> Error {
        Error::input(self.context.file, place, what)
    }

    pub(super) fn unexpected(&self, peek: Peek, wher: &str) -> Error {
        self.unexpected_at(self.here(), peek, wher)
    }

    pub(super) fn unexpected_at(&self, place: Place, peek: Peek, wher: &str) -> Error {
        let what = match peek {
            Peek::Null => "null".into(),
            Peek::True => "true".into(),
            Peek::False => "false".into(),
            Peek::String => "a string".into(),
            Peek::Array => "an array".into(),
            Peek::Object => "an object".into(),
            peek if peek.is_num() => "a number".into(),
            other => format!("{:?}", char::from(other.into_inner())),
        };
        self.bad(place, format!("{what} {wher}"))
    }

    pub(super) fn syntax(&mut self, e: JiterError) -> Error {
        self.syntax_at(e, None)
    }

    pub(super) fn syntax_at(&mut self, e: JiterError, token: Option<usize>) -> Error {
        use JsonErrorType as J;
        let mut place = self.line_of(self.start + e.index);
        if token.is_some() {
            place = Place { line: place.line, ..self.place(token) };
        }
        let what = match &e.error_type {
            JiterErrorType::JsonError(kind) => match kind {
                J::EofWhileParsingList
                | J::EofWhileParsingObject
                | J::EofWhileParsingString
                | J::EofWhileParsingValue => {
                    self.content.cut_off = true;
                    "truncated: the JSON text ends in the middle".into()
                }
                J::TrailingComma => "a comma with nothing after it".into(),
                J::TrailingCharacters => "text after the end of the JSON value".into(),
                kind => format!("not JSON: {kind}"),
            },
            wrong => format!("not JSON: {wrong}"),
        };
        self.bad(place, what)
    }
}
