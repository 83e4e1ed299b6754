//! Lists of ids and strings, and names of sequences.

use jiter::{NumberInt, Peek};
use serde_json::Value;

use super::{Named, Parser};
use crate::{Result, TokenId};

impl Parser<'_, '_> {
    pub(super) fn ids(&mut self, key: &'static str) -> Result<Vec<TokenId>> {
        let mut ids = Vec::new();
        let mut next = self.array(key)?;
        while let Some(peek) = next {
            if peek == Peek::String {
                let text = self.json.known_str().map(str::to_owned).map_err(|e| self.syntax(e))?;
                self.content.named.push(Named { key, at: ids.len(), text });
                ids.push(0);
                next = self.json.array_step().map_err(|e| self.syntax(e))?;
                continue;
            }
            let id = match peek.is_num().then(|| self.json.known_int(peek)) {
                Some(Ok(NumberInt::Int(id))) => TokenId::try_from(id).ok(),
                _ => None,
            };
            let Some(id) = id else {
                let what =
                    format!("entry {} of {key:?} is not a token id: ids are whole numbers from 0", ids.len());
                return Err(self.bad(self.here(), what));
            };
            ids.push(id);
            next = self.json.array_step().map_err(|e| self.syntax(e))?;
        }
        Ok(ids)
    }

    pub(super) fn strings(&mut self) -> Result<Vec<String>> {
        let mut strings = Vec::new();
        let mut next = self.array("vocab")?;
        while let Some(peek) = next {
            if peek != Peek::String {
                let what = format!("as entry {} of \"vocab\"; token strings are strings", strings.len());
                return Err(self.unexpected(peek, &what));
            }
            let string = self.json.known_str().map(str::to_owned);
            strings.push(string.map_err(|e| self.syntax(e))?);
            next = self.json.array_step().map_err(|e| self.syntax(e))?;
        }
        Ok(strings)
    }

    /// The token that was taken: an id, or a string.
    pub(super) fn taken(&mut self) -> Result<TokenId> {
        if self.json.peek().map_err(|e| self.syntax(e))? == Peek::String {
            let text = self.json.known_str().map(str::to_owned).map_err(|e| self.syntax(e))?;
            self.content.named.push(Named { key: "taken", at: 0, text });
            return Ok(0);
        }
        let id = self.whole()?.and_then(|id| TokenId::try_from(id).ok());
        id.ok_or_else(|| self.bad(self.here(), "\"taken\" is not a token id: ids are whole numbers from 0"))
    }

    pub(super) fn rank(&mut self) -> Result<usize> {
        let rank = self.whole()?.and_then(|rank| usize::try_from(rank).ok()).filter(|rank| *rank > 0);
        rank.ok_or_else(|| self.bad(self.here(), "\"rank\" is a whole number from 1"))
    }

    fn whole(&mut self) -> Result<Option<i64>> {
        let peek = self.json.peek().map_err(|e| self.syntax(e))?;
        Ok(match peek.is_num().then(|| self.json.known_int(peek)) {
            Some(Ok(NumberInt::Int(whole))) => Some(whole),
            _ => None,
        })
    }

    pub(super) fn name(&mut self) -> Result<Value> {
        let peek = self.json.peek().map_err(|e| self.syntax(e))?;
        if peek == Peek::String {
            let text = self.json.known_str().map(Value::from);
            return text.map_err(|e| self.syntax(e));
        }
        match peek.is_num().then(|| self.json.known_int(peek)) {
            Some(Ok(NumberInt::Int(number))) => Ok(Value::from(number)),
            _ => Err(self.bad(self.here(), "\"id\" is a string or a whole number")),
        }
    }

    pub(super) fn array(&mut self, key: &str) -> Result<Option<Peek>> {
        match self.json.peek().map_err(|e| self.syntax(e))? {
            Peek::Array => self.json.known_array().map_err(|e| self.syntax(e)),
            other => Err(self.unexpected(other, &format!("as {key:?}; it is an array"))),
        }
    }
}
