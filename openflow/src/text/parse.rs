//! Reads what `ovs-ofctl -O OpenFlow13 add-flow` takes.

mod action;
mod fields;
mod flow;
mod group;
mod item;
mod needs;
mod number;
mod subfield;
mod value;

use thiserror::Error;

use crate::action::Action;
use crate::msg::flow::FlowMod;
use crate::msg::group::GroupMod;
use crate::oxm::Match;

/// Why a text could not be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind} at byte {at}: \"{token}\"")]
pub struct ParseError {
    /// Bytes from the start of the text to the token.
    pub at: usize,
    /// The token that was wrong, or its beginning.
    pub token: String,
    /// What was wrong with it.
    pub kind: ParseErrorKind,
}

/// The ways in which a text can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseErrorKind {
    /// There is no such field.
    #[error("unknown field")]
    UnknownField,
    /// There is no such action.
    #[error("unknown action")]
    UnknownAction,
    /// There is no such part of an action.
    #[error("unknown argument")]
    UnknownArgument,
    /// Something else should stand here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A number does not fit its field.
    #[error("value out of range")]
    OutOfRange,
    /// The field cannot have a mask, or not this one.
    #[error("mask not allowed")]
    BadMask,
    /// The field needs another one, which is not there.
    #[error("needs {0}")]
    Needs(&'static str),
    /// A parenthesis is not closed, or not opened.
    #[error("unbalanced parentheses")]
    Unbalanced,
    /// Actions within actions within actions.
    #[error("nested too deeply")]
    TooDeep,
    /// Instructions in an order that OpenFlow does not have.
    #[error("instruction out of order")]
    Order,
}

use ParseErrorKind as Kind;

/// How deep actions may stand within actions.
const MAX_DEPTH: u8 = 8;
/// Bytes of a token that an error quotes.
const MAX_QUOTED: usize = 60;

/// An error at a token, which is a part of the text that is read.
#[derive(Clone, Copy, Debug)]
struct Fault<'a> {
    token: &'a str,
    kind: Kind,
}

type Result<'a, T> = std::result::Result<T, Fault<'a>>;

fn fault<T>(token: &str, kind: Kind) -> Result<'_, T> {
    Err(Fault { token, kind })
}

impl Fault<'_> {
    fn within(self, text: &str) -> ParseError {
        let at = (self.token.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len());
        let token = self.token.chars().take(MAX_QUOTED).collect();
        ParseError { at, token, kind: self.kind }
    }
}

/// Reads a flow, such as `table=7,priority=5,tcp,tp_dst=80,actions=output:2`, as a flow-mod that
/// adds it.
///
/// # Errors
/// If anything in it is not known, does not fit, or lacks what it needs.
pub fn parse_flow(text: &str) -> std::result::Result<FlowMod, ParseError> {
    flow::flow(text).map_err(|f| f.within(text))
}

/// Reads a match, such as `tcp,nw_dst=10.0.0.0/8`; an empty text matches everything.
///
/// # Errors
/// If anything in it is not known, does not fit, or lacks what it needs.
pub fn parse_match(text: &str) -> std::result::Result<Match, ParseError> {
    flow::matching(text).map_err(|f| f.within(text))
}

/// Reads a list of actions, such as `dec_ttl,output:2`; `drop` is an empty one. Instructions such
/// as `goto_table` are not actions.
///
/// # Errors
/// If anything in it is not known or does not fit.
pub fn parse_actions(text: &str) -> std::result::Result<Vec<Action>, ParseError> {
    flow::actions(text).map_err(|f| f.within(text))
}

/// Reads a group, such as `group_id=1,type=select,bucket=weight:5,actions=output:2`, as a group-mod
/// that adds it.
///
/// # Errors
/// If anything in it is not known or does not fit.
pub fn parse_group(text: &str) -> std::result::Result<GroupMod, ParseError> {
    group::group(text).map_err(|f| f.within(text))
}
