//! Messages and multiparts of Nicira and ONF.

mod nicira;
mod onf;

use std::fmt::{self, Formatter};

use super::message::{Head, Upper};
use super::multipart::{More, unknown};
use super::number::HexDump;
use super::packet_io::NxPacketIn;
use crate::message::Message;
use crate::msg::experimenter::{Experimenter, ExperimenterReply, ExperimenterRequest};
use crate::multipart::MultipartFlags;
use crate::oxm::field::NICIRA;

/// A packet for the controller in a form older than packet-in 2; its body is kept as bytes.
const NXT_PACKET_IN: u32 = 17;

pub(super) fn message(message: &Message, body: &Experimenter, f: &mut Formatter<'_>) -> fmt::Result {
    use Experimenter as E;
    let (experimenter, exp_type, name) = body.kind();
    if let E::Other { experimenter: NICIRA, exp_type: NXT_PACKET_IN, data } = body
        && let Ok(packet) = NxPacketIn::read(data)
    {
        write!(f, "NXT_PACKET_IN{}", Head(message))?;
        return super::packet_io::nx_packet_in(&packet, f);
    }
    match name {
        None => {
            write!(f, "OFPT_EXPERIMENTER{} experimenter={experimenter:#x} exp_type={exp_type}", Head(message))?;
        }
        Some(name) => write!(f, "{}{}", Upper(name), Head(message))?,
    }
    match body {
        E::NxtRoleRequest(m) | E::NxtRoleReply(m) => nicira::role(m, f),
        E::NxtFlowModTableId(m) => f.write_str(if m.set == 0 { " disable" } else { " enable" }),
        E::NxtSetPacketInFormat(m) => nicira::packet_in_format(m.format, f),
        E::NxtSetAsyncConfig(m) => super::switch::async_config(m, f),
        E::NxtSetAsyncConfig2(m) => nicira::async_config2(m, f),
        E::NxtSetControllerId(m) => write!(f, " id={}", m.controller_id),
        E::NxtTlvTableMod(m) => nicira::tlv_table_mod(m, f),
        E::NxtTlvTableReply(m) => nicira::tlv_table_reply(m, f),
        E::NxtResume(m) | E::NxtPacketIn2(m) => super::packet_io::packet_in2(m, f),
        E::NxtCtFlushZone(m) => write!(f, " zone_id={}", m.zone_id),
        E::NxtCtFlush(m) => nicira::ct_flush(m, f),
        E::OnftFlowMonitorCancel(m) => write!(f, " id={}", m.id),
        E::OnftRoleStatus(m) => onf::role_status(m, f),
        E::OnftBundleControl(m) => onf::bundle_control(m, f),
        E::OnftBundleAddMessage(m) => onf::bundle_add(m, f),
        E::OnftRequestforward(m) => onf::request_forward(m, f),
        E::NxtTlvTableRequest(_) | E::OnftFlowMonitorPaused(_) | E::OnftFlowMonitorResumed(_) => Ok(()),
        E::Other { data, .. } if data.is_empty() => Ok(()),
        E::Other { data, .. } => write!(f, "\n{}", HexDump(data)),
    }
}

pub(super) fn request(
    message: &Message,
    flags: MultipartFlags,
    body: &ExperimenterRequest,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    let (experimenter, exp_type, name) = body.kind();
    match name {
        Some(name) => write!(f, "{} request{}{}", Upper(name), Head(message), More(flags))?,
        None => write!(
            f,
            "OFPST_EXPERIMENTER request{}{} experimenter={experimenter:#x} exp_type={exp_type}",
            Head(message),
            More(flags)
        )?,
    }
    match body {
        ExperimenterRequest::OnfstFlowMonitor(m) => m.monitors.iter().try_for_each(|m| onf::monitor(m, f)),
        ExperimenterRequest::Other { data, .. } => unknown(data, f),
        ExperimenterRequest::NxstIpfixBridge(_) | ExperimenterRequest::NxstIpfixFlow(_) => Ok(()),
    }
}

pub(super) fn reply(
    message: &Message,
    flags: MultipartFlags,
    body: &ExperimenterReply,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    let (experimenter, exp_type, name) = body.kind();
    match name {
        Some(name) => write!(f, "{} reply{}{}", Upper(name), Head(message), More(flags))?,
        None => write!(
            f,
            "OFPST_EXPERIMENTER reply{}{} experimenter={experimenter:#x} exp_type={exp_type}",
            Head(message),
            More(flags)
        )?,
    }
    match body {
        ExperimenterReply::OnfstFlowMonitor(m) => m.updates.iter().try_for_each(|u| onf::update(u, f)),
        ExperimenterReply::NxstIpfixBridge(m) => nicira::ipfix_bridge(&m.stats, f),
        ExperimenterReply::NxstIpfixFlow(m) => nicira::ipfix_flow(&m.stats, f),
        ExperimenterReply::Other { data, .. } => unknown(data, f),
    }
}
