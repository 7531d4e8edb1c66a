//! Answers to multipart requests.

use super::refusal::Refusal;
use super::{N_TABLES, Switch};
use crate::msg::flow::{AggregateStats, FlowRequest};
use crate::multipart::{Desc, MultipartFlags, MultipartReply, MultipartReplyBody, MultipartRequestBody, TableStats};
use crate::types::{FixedStr, TableId};
use crate::wire::{Wire, Writer};

/// Bytes that the elements of one reply may have: a message has 65,535 with its headers.
const MAX_REPLY: usize = 65_000;

impl Switch {
    /// The answer to a request, in as many parts as it needs.
    pub(super) fn multipart(&self, request: &MultipartRequestBody) -> Result<Vec<MultipartReply>, Refusal> {
        Ok(match request {
            MultipartRequestBody::Desc => vec![MultipartReplyBody::Desc(Box::new(desc())).into()],
            MultipartRequestBody::Flow(request) => split(self.flows(request), MultipartReplyBody::Flow),
            MultipartRequestBody::Aggregate(request) => {
                vec![MultipartReplyBody::Aggregate(self.aggregate(request)).into()]
            }
            MultipartRequestBody::Table => split(self.table_stats(), MultipartReplyBody::Table),
            MultipartRequestBody::GroupDesc => split(self.groups().cloned().collect(), MultipartReplyBody::GroupDesc),
            MultipartRequestBody::PortDesc => split(self.ports().cloned().collect(), MultipartReplyBody::PortDesc),
            _ => return Err(Refusal::BAD_MULTIPART),
        })
    }

    /// The sum of the flows that a request asks for.
    pub fn aggregate(&self, request: &FlowRequest) -> AggregateStats {
        let none = AggregateStats { packet_count: 0, byte_count: 0, flow_count: 0 };
        self.state.select(request).fold(none, |sum, (_, entry)| AggregateStats {
            packet_count: sum.packet_count + entry.packets,
            byte_count: sum.byte_count + entry.bytes,
            flow_count: sum.flow_count + 1,
        })
    }

    fn table_stats(&self) -> Vec<TableStats> {
        let stats = |id: u8| {
            let table = self.state.tables.get(&id);
            TableStats {
                table_id: TableId(id),
                active_count: table.map_or(0, |t| t.flows.len() as u32),
                lookup_count: table.map_or(0, |t| t.lookups),
                matched_count: table.map_or(0, |t| t.matched),
            }
        };
        (0..N_TABLES).map(stats).collect()
    }
}

fn desc() -> Desc {
    let text = |text: &str| FixedStr::new(text.as_bytes()).unwrap_or_default();
    Desc {
        mfr_desc: text("openflow"),
        hw_desc: text("model"),
        sw_desc: text(env!("CARGO_PKG_VERSION")),
        serial_num: FixedStr::new(b"None").unwrap_or_default(),
        dp_desc: text("None"),
    }
}

/// Divides elements over replies; there is at least one.
fn split<T: Wire>(elements: Vec<T>, body: impl Fn(Vec<T>) -> MultipartReplyBody) -> Vec<MultipartReply> {
    let mut parts = vec![Vec::new()];
    let mut size = 0;
    for element in elements {
        let mut writer = Writer::default();
        element.write(&mut writer);
        size += writer.position();
        if size > MAX_REPLY {
            parts.push(Vec::new());
            size = writer.position();
        }
        if let Some(last) = parts.last_mut() {
            last.push(element);
        }
    }
    let last = parts.len() - 1;
    let flags = |i| if i < last { MultipartFlags::MORE } else { MultipartFlags::NONE };
    parts.into_iter().enumerate().map(|(i, part)| MultipartReply { flags: flags(i), body: body(part) }).collect()
}
