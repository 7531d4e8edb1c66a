//! Answers to multipart requests, in as many messages as they need.

use openflow::model::Refusal;
use openflow::msg::experimenter::ExperimenterRequest;
use openflow::msg::flow::{AggregateStats, FlowRequest};
use openflow::msg::group::{GroupDesc, GroupFeatures, GroupStats};
use openflow::msg::meter::MeterFeatures;
use openflow::msg::port::PortStats;
use openflow::multipart::{Desc, MultipartReply, MultipartReplyBody, MultipartRequestBody, TableStats};
use openflow::types::FixedStr;
use openflow::wire::{Reader, Wire, Writer};
use openflow::{GroupId, Message, MeterId, PortNo, TableId, Xid};

use super::filter::Filter;
use super::{Counts, N_TABLES, SessionId, Switch, monitor};

/// Bytes that the elements of one reply may have: a message has 65,535 with its headers.
pub(super) const MAX_REPLY: usize = 65_000;

/// The numbers of a multipart reply and of those of its kinds that are sent as the bytes they are kept as.
const MULTIPART_REPLY: u8 = 19;
const FLOW: u16 = 1;
const GROUP_DESC: u16 = 7;
const METER_CONFIG: u16 = 10;

impl Switch {
    pub(super) fn multipart(&mut self, id: SessionId, xid: Xid, body: &MultipartRequestBody) -> Result<(), Refusal> {
        let reply = match body {
            MultipartRequestBody::Flow(request) => return self.flow_stats(id, xid, request),
            MultipartRequestBody::GroupDesc => return self.group_descs(id, xid),
            MultipartRequestBody::MeterConfig(request) => return self.meter_configs(id, xid, request.meter_id),
            MultipartRequestBody::Experimenter(ExperimenterRequest::OnfstFlowMonitor(request)) => {
                let updates = monitor::initial(&self.state, &request.monitors);
                let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
                session.monitors.extend(request.monitors.iter().map(|monitor| (monitor.id, monitor.clone())));
                monitor::answer(session, xid, updates, &mut self.counts);
                return Ok(());
            }
            MultipartRequestBody::Desc => MultipartReplyBody::Desc(Box::new(desc())),
            MultipartRequestBody::Aggregate(request) => MultipartReplyBody::Aggregate(self.aggregate(request)),
            MultipartRequestBody::Table => MultipartReplyBody::Table(self.table_stats()),
            MultipartRequestBody::PortStats(request) => {
                let wanted = |port: &&u32| request.port_no == PortNo::ANY || request.port_no.0 == **port;
                MultipartReplyBody::PortStats(self.ports.keys().filter(wanted).map(|port| port_stats(*port)).collect())
            }
            MultipartRequestBody::PortDesc => MultipartReplyBody::PortDesc(self.ports.values().cloned().collect()),
            MultipartRequestBody::Queue(_) => MultipartReplyBody::Queue(Vec::new()),
            MultipartRequestBody::Group(request) => MultipartReplyBody::Group(self.group_stats(request.group_id)),
            MultipartRequestBody::GroupFeatures => MultipartReplyBody::GroupFeatures(GroupFeatures {
                types: 15,
                capabilities: 7,
                max_groups: [GroupId::MAX.0; 4],
                actions: [u32::MAX; 4],
            }),
            MultipartRequestBody::Meter(_) => MultipartReplyBody::Meter(Vec::new()),
            MultipartRequestBody::MeterFeatures => MultipartReplyBody::MeterFeatures(MeterFeatures {
                max_meter: MeterId::MAX.0,
                band_types: 2,
                capabilities: 15,
                max_bands: 1,
                max_color: 0,
            }),
            _ => return Err(Refusal::BAD_MULTIPART),
        };
        self.send(id, &Message::new(xid, MultipartReply::from(reply).body));
        Ok(())
    }

    fn flow_stats(&mut self, id: SessionId, xid: Xid, request: &FlowRequest) -> Result<(), Refusal> {
        self.counts.flow_dumps += 1;
        let filter = Filter::of_request(request);
        let parts = pack(self.state.select(&filter).map(|flow| flow.bytes()));
        self.send_parts(id, xid, FLOW, parts);
        Ok(())
    }

    fn group_descs(&mut self, id: SessionId, xid: Xid) -> Result<(), Refusal> {
        let parts = pack(self.state.groups.values().map(|desc| &**desc));
        self.send_parts(id, xid, GROUP_DESC, parts);
        Ok(())
    }

    fn meter_configs(&mut self, id: SessionId, xid: Xid, meter: MeterId) -> Result<(), Refusal> {
        let wanted = |(id, _): &(&MeterId, _)| meter == MeterId::ALL || **id == meter;
        let parts = pack(self.state.meters.iter().filter(wanted).map(|(_, config)| &**config));
        self.send_parts(id, xid, METER_CONFIG, parts);
        Ok(())
    }

    fn send_parts(&mut self, id: SessionId, xid: Xid, kind: u16, parts: Vec<Vec<u8>>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let counts: &mut Counts = &mut self.counts;
        let mut parts = parts.iter().peekable();
        while let Some(part) = parts.next() {
            let [high, low] = kind.to_be_bytes();
            let more = u8::from(parts.peek().is_some());
            session.send_raw(MULTIPART_REPLY, xid, &[&[high, low, 0, more, 0, 0, 0, 0], part], counts);
        }
    }

    fn aggregate(&self, request: &FlowRequest) -> AggregateStats {
        let flow_count = self.state.select(&Filter::of_request(request)).count();
        AggregateStats { packet_count: 0, byte_count: 0, flow_count: u32::try_from(flow_count).unwrap_or(u32::MAX) }
    }

    fn table_stats(&self) -> Vec<TableStats> {
        let counts = self.flows_by_table();
        let stats = |id: u8| {
            let flows = counts.get(&TableId(id)).copied().unwrap_or_default();
            let active_count = u32::try_from(flows).unwrap_or(u32::MAX);
            TableStats { table_id: TableId(id), active_count, lookup_count: 0, matched_count: 0 }
        };
        (0..N_TABLES).map(stats).collect()
    }

    fn group_stats(&self, wanted: GroupId) -> Vec<GroupStats> {
        let wanted = |(id, _): &(&GroupId, _)| wanted == GroupId::ALL || **id == wanted;
        let stats = |(id, desc): (&GroupId, &[u8])| {
            let desc = GroupDesc::read(&mut Reader::new(desc, "group"));
            let buckets = desc.map_or(0, |desc| desc.buckets.len());
            let none = openflow::msg::group::BucketStats { packet_count: 0, byte_count: 0 };
            GroupStats {
                group_id: *id,
                ref_count: 0,
                packet_count: 0,
                byte_count: 0,
                duration_sec: 0,
                duration_nsec: 0,
                bucket_stats: vec![none; buckets],
            }
        };
        self.state.groups.iter().filter(wanted).map(|(id, desc)| (id, &**desc)).map(stats).collect()
    }
}

/// Divides elements over messages; there is at least one.
fn pack<'a>(elements: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut writer = Writer::default();
    let mut parts = Vec::new();
    for element in elements {
        if writer.position() + element.len() > MAX_REPLY {
            parts.push(std::mem::take(&mut writer).into_parts().0);
        }
        writer.put(element);
    }
    parts.push(writer.into_parts().0);
    parts
}

fn desc() -> Desc {
    fn text<const N: usize>(text: &str) -> FixedStr<N> {
        FixedStr::new(text.as_bytes()).unwrap_or_default()
    }
    Desc {
        mfr_desc: text("sdn-load"),
        hw_desc: text("simulated"),
        sw_desc: text(env!("CARGO_PKG_VERSION")),
        serial_num: text("None"),
        dp_desc: text("None"),
    }
}

fn port_stats(port: u32) -> PortStats {
    PortStats {
        port_no: PortNo(port),
        rx_packets: 0,
        tx_packets: 0,
        rx_bytes: 0,
        tx_bytes: 0,
        rx_dropped: 0,
        tx_dropped: 0,
        rx_errors: 0,
        tx_errors: 0,
        rx_frame_err: 0,
        rx_over_err: 0,
        rx_crc_err: 0,
        collisions: 0,
        duration_sec: 0,
        duration_nsec: 0,
    }
}
