//! Cuts a list into its parts: `key`, `key=value`, `key:value`, `key(value)`, `key(value)->rest`.

use nom::bytes::complete::{tag, take_till, take_while};
use nom::character::complete::one_of;
use nom::combinator::opt;
use nom::{IResult, Parser};

use super::{Kind, Result, fault};

/// One part of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    /// What stands first.
    pub key: &'a str,
    /// What follows `=`, `:` or stands in parentheses; empty if nothing does.
    pub value: &'a str,
    /// Whether there is a value, even an empty one.
    pub has_value: bool,
    /// Whether the value is in parentheses.
    pub in_parens: bool,
    /// What follows `->` after the parentheses.
    pub arrow: Option<&'a str>,
}

fn separator(c: char) -> bool {
    matches!(c, ',' | ' ' | '\t' | '\r' | '\n')
}

fn separators(text: &str) -> IResult<&str, &str> {
    take_while(separator).parse(text)
}

/// Takes up to a separator that is in no parentheses.
fn outside_parens(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            c if depth == 0 && separator(c) => return text.split_at_checked(i).map(|(head, rest)| (rest, head)),
            _ => {}
        }
    }
    (depth == 0).then_some(("", text))
}

/// Takes what stands before the parenthesis that closes one opened before `text`.
fn inside_parens(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Some((text.get(i + 1..)?, text.get(..i)?)),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn key(text: &str) -> IResult<&str, &str> {
    take_till(|c| separator(c) || matches!(c, '(' | ')' | '{' | '}' | '=' | ':')).parse(text)
}

/// The next part and what follows it; `None` at the end.
pub(super) fn next(text: &str) -> Result<'_, Option<(&str, Item<'_>)>> {
    let unbalanced = |_: nom::Err<nom::error::Error<_>>| super::Fault { token: text, kind: Kind::Unbalanced };
    let (start, _) = separators(text).map_err(unbalanced)?;
    if start.is_empty() {
        return Ok(None);
    }
    let (rest, key) = key(start).map_err(unbalanced)?;
    let delimiter: IResult<&str, Option<char>> = opt(one_of("=:(){}")).parse(rest);
    let (rest, delimiter) = delimiter.map_err(unbalanced)?;
    let item = Item { key, value: "", has_value: false, in_parens: false, arrow: None };
    match delimiter {
        None => Ok(Some((rest, item))),
        Some('(') => {
            let Some((rest, value)) = inside_parens(rest) else { return fault(start, Kind::Unbalanced) };
            let arrow: IResult<&str, Option<&str>> = opt(tag("->")).parse(rest);
            let (rest, arrow) = arrow.map_err(unbalanced)?;
            let item = Item { value, has_value: true, in_parens: true, ..item };
            match arrow {
                None => Ok(Some((rest, item))),
                Some(_) => {
                    let Some((rest, target)) = outside_parens(rest) else { return fault(start, Kind::Unbalanced) };
                    Ok(Some((rest, Item { arrow: Some(target), ..item })))
                }
            }
        }
        Some('=' | ':') => {
            let Some((rest, value)) = outside_parens(rest) else { return fault(start, Kind::Unbalanced) };
            Ok(Some((rest, Item { value, has_value: true, ..item })))
        }
        Some(_) => fault(start, Kind::Unbalanced),
    }
}

/// Calls `f` with each part.
pub(super) fn each<'a>(mut text: &'a str, mut f: impl FnMut(Item<'a>) -> Result<'a, ()>) -> Result<'a, ()> {
    while let Some((rest, item)) = next(text)? {
        f(item)?;
        text = rest;
    }
    Ok(())
}

/// The parts of a list as they are, between commas outside of parentheses.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for (i, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text.get(start..i).unwrap_or_default().trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default().trim());
    parts
}
