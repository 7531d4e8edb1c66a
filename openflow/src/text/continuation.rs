//! What Open vSwitch keeps in a paused packet to go on with it. The format is its own and may
//! change: this is for readers.

use std::fmt::{self, Display, Formatter};

use super::action::Actions;
use super::matching::LongHex;
use crate::action::Action;
use crate::property::Property;
use crate::wire::{Reader, Wire};

const BRIDGE: u16 = 0x8000;
const STACK: u16 = 0x8001;
const MIRRORS: u16 = 0x8002;
const CONNTRACKED: u16 = 0x8003;
const TABLE_ID: u16 = 0x8004;
const COOKIE: u16 = 0x8005;
const ACTIONS: u16 = 0x8006;
const ACTION_SET: u16 = 0x8007;
const ODP_PORT: u16 = 0x8008;

/// Bytes before the properties, and before the actions in one.
const PADDING: usize = 4;

/// Writes a line for each part; nothing for what cannot be read.
pub(super) fn write(bytes: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    let properties = bytes.get(PADDING..).map(|b| Vec::<Property>::read(&mut Reader::new(b, "continuation")));
    let Some(Ok(properties)) = properties else { return Ok(()) };
    let of = |kind| properties.iter().filter(move |p| p.kind == kind);
    if let Some(bridge) = of(BRIDGE).next() {
        write!(f, "\n continuation.bridge={}", Uuid(&bridge.data))?;
    }
    if of(STACK).next().is_some() {
        f.write_str("\n continuation.stack=(top)")?;
        let mut stack: Vec<&Property> = of(STACK).collect();
        stack.reverse();
        stack.iter().try_for_each(|p| write!(f, " {}", LongHex(&p.data)))?;
        f.write_str(" (bottom)")?;
    }
    if let Some(mirrors) = of(MIRRORS).next() {
        write!(f, "\n continuation.mirrors=0x{:x}", number(mirrors))?;
    }
    if of(CONNTRACKED).next().is_some() {
        f.write_str("\n continuation.conntracked=true")?;
    }
    write_actions(&properties, f)?;
    if let Some(set) = of(ACTION_SET).next() {
        write!(f, "\n continuation.action_set={}", Actions(&actions(set)))?;
    }
    match of(ODP_PORT).next() {
        Some(port) => write!(f, "\n continuation.odp_port={}", number(port)),
        None => Ok(()),
    }
}

/// Actions come in runs, each with the table and cookie of its flow before it.
fn write_actions(properties: &[Property], f: &mut Formatter<'_>) -> fmt::Result {
    let (mut table, mut cookie) = (0, 0);
    let mut before = "\n continuation.actions=";
    for property in properties {
        match property.kind {
            TABLE_ID => table = number(property),
            COOKIE => cookie = number(property),
            ACTIONS => {
                write!(f, "{before}unroll_xlate(table={table}, cookie={cookie})")?;
                let actions = actions(property);
                if !actions.is_empty() {
                    write!(f, ",{}", Actions(&actions))?;
                }
                before = ",";
            }
            _ => {}
        }
    }
    Ok(())
}

fn actions(property: &Property) -> Vec<Action> {
    let bytes = property.data.get(PADDING..).unwrap_or_default();
    Vec::read(&mut Reader::new(bytes, "continuation actions")).unwrap_or_default()
}

fn number(property: &Property) -> u64 {
    property.data.iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

/// An identifier of 32-bit words, each with its lowest byte first.
struct Uuid<'a>(&'a [u8]);

impl Display for Uuid<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let words = self.0.chunks(4).flat_map(|word| word.iter().rev());
        for (i, byte) in words.enumerate() {
            write!(f, "{}{byte:02x}", if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" })?;
        }
        Ok(())
    }
}
